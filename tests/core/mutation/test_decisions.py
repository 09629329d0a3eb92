"""WorkloadDefaults among the other policies: when they are asked, what they refuse, in which order."""

from dataclasses import replace
from typing import Any

import pytest

from tests.core.mutation.test_tables import loaded
from tests.core.samples import LAX, MCS, UID_RANGE, facts, may_use, pod, request, scc
from webhook.core.engine import decide, needs
from webhook.core.model.finding import Decision
from webhook.core.model.request import Facts, Namespace, NoAccess, Request, User
from webhook.core.platform import Platform
from webhook.core.policyset import PolicySet, parse_policies

STANDARD = {
    "standard": {"containers": {"defaultRequest": {"cpu": "10m"}, "max": {"memory": "1Gi"}}}
}
FILLING = {"standard": {"containers": {"defaultRequest": {"cpu": "10m"}}}}
LARGE = {"spec.containers[0].resources": {"limits": {"memory": "2Gi"}}}
NODE = User("system:node:node-1", ("system:nodes", "system:authenticated"))
SHOP = facts(NoAccess(), namespace=Namespace("shop"))


def in_namespace(name: str, **more: Any) -> Request:
    return request(pod(), namespace=name, **more)


def decided(asked: Request, policies: PolicySet, known: Facts = SHOP) -> Decision:
    return decide(asked, known, policies)


def test_the_refusal_says_what_where_and_how_to_mend_it() -> None:
    decision = decided(request(pod(LARGE)), loaded(STANDARD))

    assert (decision.allowed, decision.code, decision.reason) == (False, 403, "Forbidden")
    assert decision.message == (
        "1 bound of WorkloadDefaults is broken:\n"
        'WorkloadDefaults/standard: spec.containers[0].resources.limits.memory is "2Gi"; allowed: at '
        'most 1Gi. Fix: set the limit for memory of container "app" to 1Gi or less.'
    )


def test_at_most_ten_lines_are_told() -> None:
    many = [{"name": f"c{n}", "image": "x", "resources": LARGE["spec.containers[0].resources"]}
            for n in range(12)]  # fmt: skip

    decision = decided(request(pod({"spec.containers": many})), loaded(STANDARD))

    assert len(decision.findings) == 12
    assert len(decision.message.splitlines()) == 12
    assert decision.message.endswith("\n... and 2 more")


def test_the_audit_annotation_names_each_policy_with_what_it_filled_in() -> None:
    specs = {**FILLING, "web": {"pod": {"labels": {"tier": "web"}}}}

    decision = decided(request(pod()), loaded(specs))

    assert decision.audit["defaults"] == (
        "standard: spec.containers[0].resources.requests.cpu; web: metadata.labels.tier"
    )


def test_the_audit_annotation_has_an_end() -> None:
    many = [{"name": f"c{n}", "image": "x"} for n in range(40)]

    decision = decided(request(pod({"spec.containers": many})), loaded(FILLING))

    assert len(decision.audit["defaults"]) == 1024
    assert decision.audit["defaults"].endswith("...")


@pytest.mark.parametrize("name", ["kube-system", "kube-node-lease", "tenantgate-system"])
def test_what_a_repair_needs_is_left_alone(name: str) -> None:
    policies = loaded(STANDARD)

    decision = decided(in_namespace(name), policies)

    assert (decision.allowed, decision.patch) == (True, ())
    assert not needs(in_namespace(name), policies).labels


def test_a_namespace_without_sccs_has_its_defaults() -> None:
    policies = replace(loaded(FILLING), sccs=(scc("lax", **LAX),))

    decision = decided(in_namespace("default"), policies)

    assert decision.skipped
    assert [item.policy for item in decision.filled] == ["standard"]
    assert len(decision.patch) == 1
    assert needs(in_namespace("default"), policies).labels
    assert not needs(in_namespace("default"), policies).namespace


def test_an_scc_judges_what_was_filled_in_and_both_are_in_the_patch() -> None:
    policies = replace(loaded(FILLING), sccs=(scc("lax", **LAX),))
    known = facts(may_use("lax"))

    decision = decided(request(pod()), policies, known)

    assert decision.allowed
    assert decision.scc == "lax"
    assert {item["path"] for item in decision.patch} == {
        "/spec/containers/0/resources",
        "/metadata/annotations",
    }


def test_bounds_are_told_after_the_objections_of_sccs() -> None:
    policies = replace(loaded(STANDARD), sccs=(scc("plain"),))
    sent = pod({**LARGE, "spec.hostNetwork": True})

    decision = decided(request(sent), policies, facts(may_use("plain")))

    assert [finding.policy for finding in decision.findings][-1] == "WorkloadDefaults"
    assert len(decision.findings) > 1
    assert decision.message.index("hostNetwork") < decision.message.index("WorkloadDefaults")


def test_a_broken_bound_is_no_matter_of_time() -> None:
    policies = replace(loaded(STANDARD), sccs=(scc("plain"),))
    known = Facts(namespace=Namespace("shop"), access=may_use("plain"))

    assert decided(request(pod()), replace(policies, defaults=()), known).code == 429
    assert decided(request(pod(LARGE)), policies, known).code == 403


def test_a_namespace_that_is_not_known_is_waited_for() -> None:
    decision = decided(in_namespace("default"), loaded(FILLING), Facts())

    assert (decision.allowed, decision.code, decision.evaluated) == (False, 429, False)
    assert decision.message.startswith('not evaluated: namespace "default" is not known yet')


def test_what_is_no_pod_is_not_evaluated() -> None:
    decision = decided(request(pod({"spec.containers[0].resources": {"limits": {"cpu": "lots"}}})),
                       loaded(FILLING))  # fmt: skip

    assert (decision.allowed, decision.code) == (False, 422)
    assert 'spec.containers[0].resources.limits.cpu is "lots"' in decision.message
    assert "a quantity such as 500m" in decision.message


@pytest.mark.parametrize("enforcement", ["warn", "audit"])
def test_where_policies_only_observe_nothing_is_filled_in_or_refused(enforcement: Any) -> None:
    policies = replace(loaded(STANDARD), platform=Platform(enforcement=enforcement))
    sent = pod(LARGE)

    decision = decided(request(sent), policies)

    assert (decision.allowed, decision.patch, decision.object) == (True, (), sent)
    assert [finding.action for finding in decision.findings] == [enforcement]
    told = decision.warnings if enforcement == "warn" else [decision.audit["would-deny"]]
    assert "at most 1Gi" in "\n".join(told)


def test_where_policies_only_observe_a_gap_that_they_would_fill_is_no_violation() -> None:
    spec = {"containers": {"default": {"memory": "1Gi"}, "max": {"memory": "1Gi"}}}
    policies = replace(loaded({"standard": spec}), platform=Platform(enforcement="warn"))

    for phase in ("mutate", "validate"):
        decision = decided(replace(request(pod()), phase=phase), policies)
        assert (decision.findings, decision.warnings, decision.patch) == ((), (), ())


def test_an_update_is_left_alone() -> None:
    policies = loaded(STANDARD)
    asked = request(pod(LARGE), "UPDATE", old=pod())

    decision = decided(asked, policies)

    assert (decision.allowed, decision.patch) == (True, ())


def test_a_resize_is_held_to_what_it_breaks_anew() -> None:
    policies = loaded(STANDARD)
    resized = replace(request(pod(LARGE), "UPDATE", old=pod()), subresource="resize")
    unchanged = replace(request(pod(LARGE), "UPDATE", old=pod(LARGE)), subresource="resize")

    assert "at most 1Gi" in decided(resized, policies).message
    assert decided(unchanged, policies).allowed
    assert needs(resized, policies).labels


@pytest.mark.parametrize("change", [{"resource": "deployments", "group": "apps"},
                                    {"subresource": "binding"}, {"group": "metrics.k8s.io"},
                                    {"operation": "DELETE"}])  # fmt: skip
def test_other_requests_are_none_of_their_business(change: dict[str, Any]) -> None:
    policies = loaded(STANDARD)
    asked = replace(request(pod()), **change)

    assert decided(asked, policies).allowed
    assert needs(asked, policies) == needs(asked, replace(policies, defaults=()))


def test_a_mirror_pod_of_a_node_is_left_as_it_runs() -> None:
    sent = pod({"metadata.annotations": {"kubernetes.io/config.mirror": "1"}})

    assert decided(request(sent, user=NODE), loaded(STANDARD)).patch == ()
    assert decided(request(sent), loaded(STANDARD)).findings


def test_a_class_that_a_tenant_was_given_stays() -> None:
    """Tenancy goes first, so it is as if the pod had named what it fills in."""
    texts = {
        "tenant.yaml": """\
apiVersion: tenantgate.io/v1
kind: Tenant
metadata: {name: acme}
spec:
  owners: [{kind: Group, name: leads}]
  namespaces: {nodeSelector: {pool: acme}}
  allow: {priorityClasses: {names: [gold, low], default: gold}}
""",
        "defaults.yaml": """\
apiVersion: tenantgate.io/v1
kind: WorkloadDefaults
metadata: {name: standard}
spec: {match: {tenants: [acme]}, pod: {priorityClassName: low, nodeSelector: {pool: x, disk: ssd}}}
""",
    }
    here = Namespace("shop", {"tenantgate.io/tenant": "acme"}, {UID_RANGE: "1/3", MCS: "s0:c1,c0"})

    class World:
        def __getattr__(self, name: str) -> Any:
            return lambda *_: ()

        def namespace(self, name: str) -> Namespace:
            return here

        def get(self, ref: Any) -> None:
            return None

    known = Facts(namespace=here, world=World())

    decision = decided(request(pod()), parse_policies(texts), known)

    assert decision.allowed, decision.message
    assert decision.object["spec"]["priorityClassName"] == "gold"
    assert decision.object["spec"]["nodeSelector"] == {"pool": "acme", "disk": "ssd"}
    assert [str(item.path) for item in decision.filled] == ["spec.nodeSelector.disk"]
