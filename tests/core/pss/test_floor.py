"""The level that is required of tenants' pods, decided together with everything else."""

from dataclasses import replace
from typing import Any

import pytest

from tests.core.samples import (
    ALICE,
    ANNOTATIONS,
    FROM_NAMESPACE,
    LAX,
    changed,
    may_use,
    pod,
    request,
    scc,
)
from webhook.core.engine import decide
from webhook.core.model.finding import Decision
from webhook.core.model.marks import TENANT
from webhook.core.model.request import Facts, Namespace, Request, User
from webhook.core.model.world import NoWorld
from webhook.core.platform import Enforcement, Level, Platform, PodSecurity
from webhook.core.policyset import PolicySet
from webhook.core.scc.order import in_order
from webhook.core.tenancy.registry import Registry
from webhook.core.tenancy.tenant import Subject, Tenant

LAX_SCC = scc(**LAX)
FILLING = scc(
    **{
        **FROM_NAMESPACE,
        "allowPrivilegeEscalation": False,
        "requiredDropCapabilities": ["ALL"],
        "seccompProfiles": ["runtime/default"],
    }
)
UNMASKED = {"spec.containers[0].securityContext.procMount": "Unmasked"}
PATH = "spec.containers[0].securityContext.procMount"
ADMIN = User("root", ("system:masters", "system:authenticated"))


class Stamped(NoWorld):
    """A cluster whose namespace belongs to a tenant."""

    def __init__(self, tenant: str) -> None:
        labels = {TENANT: tenant} if tenant else {}
        self.found = Namespace("shop", labels, ANNOTATIONS)

    def namespace(self, name: str) -> Namespace | None:
        return self.found if name == "shop" else None


def decided(
    asked: Request,
    *,
    required: Level = "baseline",
    own: Level = "privileged",
    version: str = "latest",
    sccs: Any = (LAX_SCC,),
    enforcement: Enforcement = "deny",
    tenant: str = "acme",
) -> Decision:
    """Decide in the namespace of a tenant who has Alice among its members."""
    acme = Tenant(
        name="acme",
        owners=(Subject("Group", "acme-leads"),),
        members=(Subject("User", "alice"),),
        pod_security=own,
    )
    world = Stamped(tenant)
    policies = PolicySet(
        sccs=in_order(list(sccs)),
        platform=Platform(
            enforcement=enforcement,
            pod_security=PodSecurity(require=required, version=version),
        ),
        registry=Registry.of([acme]),
    )
    known = Facts(namespace=world.found, access=may_use(*sccs), world=world)
    return decide(asked, known, policies)


def paths(decision: Decision) -> list[str]:
    return [str(item.path) for item in decision.findings if item.policy == "PodSecurity"]


@pytest.mark.parametrize("phase", ["mutate", "validate"])
@pytest.mark.parametrize("user", [ALICE, ADMIN], ids=lambda user: user.name)
def test_what_sccs_know_nothing_of_is_refused_whoever_sends_it(phase: Any, user: User) -> None:
    decision = decided(request(pod(UNMASKED), phase=phase, user=user))

    assert (decision.allowed, decision.code, decision.reason) == (False, 403, "Forbidden")
    assert decision.patch == ()
    assert paths(decision) == [PATH]
    assert decision.message == (
        "1 field breaks Pod Security:\n"
        f'PodSecurity/procMount: {PATH} is "Unmasked"; allowed: "Default" or not set. '
        "Fix: remove procMount.\n"
        'Pods of tenant acme have to meet Pod Security "baseline:latest".'
    )


def test_nothing_is_required_where_no_tenant_is() -> None:
    assert decided(request(pod(UNMASKED), user=ADMIN), tenant="").allowed


def test_a_namespace_of_a_tenant_that_no_file_describes_is_held_to_the_platforms_level() -> None:
    assert paths(decided(request(pod(UNMASKED), user=ADMIN), tenant="gone")) == [PATH]


@pytest.mark.parametrize(
    ("required", "own", "allowed"),
    [
        ("privileged", "privileged", True),
        ("privileged", "baseline", False),
        ("baseline", "privileged", False),
        ("restricted", "baseline", False),
    ],
)
def test_a_tenant_may_only_raise_what_the_platform_requires(
    required: Level, own: Level, allowed: bool
) -> None:
    assert decided(request(pod(UNMASKED)), required=required, own=own).allowed == allowed


def test_the_version_is_the_platforms() -> None:
    probing = {"spec.containers[0].livenessProbe": {"httpGet": {"host": "h", "port": 80}}}

    assert decided(request(pod(probing)), version="v1.33").allowed
    assert not decided(request(pod(probing)), version="v1.34").allowed


def test_a_pod_is_judged_as_policies_fill_it_in() -> None:
    plain = decided(request(pod()), required="restricted", sccs=(FILLING,))

    assert plain.allowed
    assert plain.patch
    assert not decided(request(pod()), required="restricted", sccs=(LAX_SCC,)).allowed


def test_of_a_pod_that_no_scc_admits_only_what_is_written_in_it_is_told() -> None:
    decision = decided(
        request(pod({**UNMASKED, "spec.hostPID": True})), required="restricted", sccs=(FILLING,)
    )

    assert paths(decision) == ["spec.hostPID", PATH]
    assert [item.policy for item in decision.findings] == ["from-namespace", *["PodSecurity"] * 2]
    assert decision.message.splitlines()[-4:-2] == [
        "2 fields break Pod Security:",
        "PodSecurity/hostNamespaces: spec.hostPID is true; allowed: false or not set. "
        "Fix: remove hostPID.",
    ]


def test_a_refusal_that_time_alone_would_mend_is_final_where_a_field_is_wrong() -> None:
    bare = Namespace("shop", {TENANT: "acme"}, {})
    world = Stamped("acme")
    world.found = bare
    policies = PolicySet(
        sccs=(LAX_SCC,), platform=Platform(pod_security=PodSecurity(require="baseline"))
    )
    known = Facts(namespace=bare, access=may_use(LAX_SCC), world=world)

    assert decide(request(pod(), user=ADMIN), known, policies).code == 429
    refused = decide(request(pod(UNMASKED), user=ADMIN), known, policies)
    assert (refused.code, refused.retry_after, refused.evaluated) == (403, 0, True)


def test_an_update_that_changes_no_image_passes() -> None:
    old = pod(UNMASKED)
    labelled = changed(old, {"metadata.labels": {"a": "b"}})
    newer = changed(old, {"spec.containers[0].image": "registry.example.com/app:2"})

    assert decided(request(labelled, "UPDATE", old=old)).allowed
    assert paths(decided(request(newer, "UPDATE", old=old))) == [PATH]


def test_an_ephemeral_container_is_judged() -> None:
    old = pod()
    more = {"name": "e", "image": "e:1", "securityContext": {"procMount": "Unmasked"}}
    new = changed(old, {"spec.ephemeralContainers": [more]})

    decision = decided(request(new, "UPDATE", old=old, subresource="ephemeralcontainers"))

    assert paths(decision) == ["spec.ephemeralContainers[0].securityContext.procMount"]


@pytest.mark.parametrize("phase", ["mutate", "validate"])
def test_while_observing_it_is_told_and_not_refused(phase: Any) -> None:
    decision = decided(
        request(pod(UNMASKED), phase=phase),
        enforcement="warn",
        required="restricted",
        sccs=(FILLING,),
    )

    assert decision.allowed
    assert paths(decision) == [PATH]
    assert {item.action for item in decision.findings} == {"warn"}


def test_many_findings_are_cut_to_what_fits() -> None:
    ports = [{"containerPort": port, "hostPort": port} for port in range(1, 60)]

    decision = decided(request(pod({"spec.containers[0].ports": ports})))

    assert len(paths(decision)) == 59
    assert len(decision.message.encode()) < 2400
    assert decision.message.splitlines()[0] == "59 fields break Pod Security:"
    assert decision.message.splitlines()[-2].startswith("... and ")


# workloads


def deployment(changes: Any) -> Any:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": pod(changes)["spec"]}
    metadata = {"name": "web", "namespace": "shop"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {"template": template},
    }


def applied(value: Any, **more: Any) -> Decision:
    asked = request(value, group="apps", resource="deployments", kind="Deployment")
    return decided(replace(asked, phase="validate"), required="restricted", **more)


def test_a_workload_is_admitted_with_a_warning_of_what_is_written_in_its_template() -> None:
    decision = applied(deployment(UNMASKED))

    assert decision.allowed
    assert paths(decision) == [f"spec.template.{PATH}"]
    assert {item.action for item in decision.findings} == {"warn"}
    assert decision.warnings[-1] == (
        'Pods of tenant acme have to meet Pod Security "restricted:latest".'
    )
    assert paths(applied(deployment({}))) == []


def test_a_workload_is_not_judged_twice_and_no_other_object_is() -> None:
    asked = request(deployment(UNMASKED), group="apps", resource="deployments", kind="Deployment")

    assert paths(decided(asked)) == []
    other = request({"spec": {}}, resource="configmaps", kind="ConfigMap", phase="validate")
    assert paths(decided(other)) == []


@pytest.mark.parametrize(
    ("value", "more"),
    [
        (deployment(UNMASKED), {"operation": "DELETE"}),
        (deployment(UNMASKED), {"subresource": "scale", "operation": "UPDATE"}),
        ({**deployment({}), "apiVersion": "example.com/v1"}, {}),
        ({**deployment({}), "spec": {}}, {"sccs": ()}),
    ],
    ids=["deleted", "scaled", "another kind", "without template"],
)
def test_what_is_no_new_template_is_not_warned_of(value: Any, more: dict[str, Any]) -> None:
    sccs = more.pop("sccs", (LAX_SCC,))
    asked = request(value, group="apps", resource="deployments", kind="Deployment")

    decision = decided(replace(asked, phase="validate", user=ADMIN, **more), sccs=sccs)

    assert decision.allowed
    assert paths(decision) == []


def test_a_pod_that_cannot_be_read_is_told_to_be_so_once() -> None:
    unreadable = decided(request(pod({"spec.hostPID": "yes"}), user=ADMIN))
    probing = pod({"spec.containers[0].livenessProbe": {"httpGet": {"host": 5}}})

    assert (unreadable.code, paths(unreadable)) == (422, [])
    assert paths(decided(request(probing))) == ["spec.containers[0].livenessProbe.httpGet.host"]
