"""What would lock a cluster up or lead past the webhook is found, and nothing else is."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from webhook.core.doctor import Diagnosis, Scene, examine
from webhook.core.doctor.scene import Replica, Trust
from webhook.core.policyset import parse_policies
from webhook.core.registration import Service, Url, registration
from webhook.store import load

NOW = datetime(2026, 11, 22, tzinfo=UTC)
OWN = "tenantgate-system"
TEXT = """
apiVersion: tenantgate.io/v1
kind: Tenant
metadata: {name: acme}
spec: {owners: [{kind: Group, name: acme-leads}, {kind: ServiceAccount, namespace: acme-ci, name: deployer}]}
---
apiVersion: tenantgate.io/v1
kind: Platform
metadata: {name: platform}
spec:
  admins: {groups: [platform-admins], users: [root], serviceAccounts: [flux-system/flux]}
  namespaces: [kube-system, default, monitoring, flux-system]
"""
POLICIES = parse_policies(
    {
        "tenant.yaml": TEXT,
        **{name: text for name, text in load().texts.items() if "/scc/" in name},
    }
)
CA = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"
MADE = registration(POLICIES, Service(OWN, "tenantgate"), CA)
WORKLOADS = "workloads.validate.tenantgate.io"
LABELS = {"app": "tenantgate"}


def deployment(replicas: int = 3, **pod: Any) -> dict[str, Any]:
    spec = {
        "priorityClassName": "system-cluster-critical",
        "topologySpreadConstraints": [{"topologyKey": "kubernetes.io/hostname"}],
        **pod,
    }
    return {
        "kind": "Deployment",
        "metadata": {"name": "tenantgate", "namespace": OWN},
        "spec": {"replicas": replicas, "template": {"metadata": {"labels": LABELS}, "spec": spec}},
    }


def budget(**spec: Any) -> dict[str, Any]:
    return {
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "tenantgate", "namespace": OWN},
        "spec": {"selector": {"matchLabels": LABELS}, **(spec or {"maxUnavailable": 1})},
    }


def slice_of(*ready: bool) -> dict[str, Any]:
    return {"endpoints": [{"conditions": {"ready": each}} for each in ready]}


SERVICE = {
    "kind": "Service",
    "metadata": {"name": "tenantgate", "namespace": OWN},
    "spec": {"selector": LABELS},
}
WELL = Scene(
    policies=POLICIES,
    configurations=MADE,
    now=NOW,
    live=True,
    services=(SERVICE,),
    deployments=(deployment(),),
    budgets=(budget(),),
    slices=(slice_of(True, True, True),),
    rbac=(),
    trusts=(
        Trust("every entry", "Secret", "", NOW + timedelta(days=60), (NOW + timedelta(days=900),)),
    ),
    replicas=(Replica("a", (POLICIES.hash,)),),
)


def bad(scene: Scene) -> list[Diagnosis]:
    return [found for found in examine(scene) if found.level != "ok"]


def edited(name: str, edit: Callable[[Any], Any]) -> Scene:
    """Return a scene in which an entry of ours was edited."""
    made = copy.deepcopy(MADE)
    for configuration in made:
        for entry in list(configuration["webhooks"]):
            if entry["name"] == name and edit(entry) == "remove":
                configuration["webhooks"].remove(entry)
    return replace(WELL, configurations=made)


def rule(operation: str, resource: str, group: str = "", scope: str = "*") -> dict[str, Any]:
    return {
        "apiGroups": [group],
        "apiVersions": ["*"],
        "operations": [operation],
        "resources": [resource],
        "scope": scope,
    }


def other(name: str, kind: str = "Validating", configuration: str = "", **entry: Any) -> Scene:
    """Return a scene in which somebody else registered a webhook as well."""
    made = {
        "kind": f"{kind}WebhookConfiguration",
        "metadata": {"name": configuration or name},
        "webhooks": [{"name": name, "rules": [rule("CREATE", "pods")], **entry}],
    }
    return replace(WELL, configurations=(*MADE, made))


def test_where_all_is_well_nothing_is_found() -> None:
    found = examine(WELL)

    assert bad(WELL) == []
    assert {each.check for each in found} == {
        *("coverage", "selectors", "conditions", "lock-out", "availability", "certificates"),
        *("timeouts", "neighbours", "policies", "rights"),
    }


def test_of_what_nobody_knows_nothing_is_said() -> None:
    alone = Scene(policies=POLICIES, configurations=MADE, now=NOW)

    assert bad(alone) == []


def test_what_could_not_be_read_is_unknown() -> None:
    (found,) = bad(replace(WELL, lacking=("GET /api: no",)))

    assert (found.level, str(found)) == ("unknown", "the cluster: GET /api: no")


NOT_EVERYWHERE = {"key": "kubernetes.io/metadata.name", "operator": "NotIn"}
EDITS: Mapping[str, tuple[str, Callable[[Any], Any], str, str]] = {
    "entry gone": (WORKLOADS, lambda entry: "remove", "fail", "not registered"),
    "subresource gone": (
        WORKLOADS,
        lambda entry: entry["rules"][1]["resources"].remove("pods/ephemeralcontainers"),
        "fail",
        "is not sent UPDATE pods/ephemeralcontainers",
    ),
    "exec gone": (
        "connect.validate.tenantgate.io",
        lambda entry: entry["rules"][0]["resources"].remove("pods/exec"),
        "fail",
        "is not sent CONNECT pods/exec",
    ),
    "wildcard without subresources": (
        "objects.validate.tenantgate.io",
        lambda entry: entry["rules"][0].update(resources=["*"]),
        "fail",
        "is not sent CREATE */*",
    ),
    "one version only": (
        "objects.validate.tenantgate.io",
        lambda entry: entry["rules"][0].update(apiVersions=["v1"]),
        "fail",
        "is not sent CREATE */*",
    ),
    "operation gone": (
        WORKLOADS,
        lambda entry: entry["rules"][0].update(operations=["CREATE", "DELETE"]),
        "fail",
        "is not sent UPDATE pods",
    ),
    "other scope": (
        "cluster.validate.tenantgate.io",
        lambda entry: entry["rules"][0].update(scope="Namespaced"),
        "fail",
        "is not sent CREATE */*",
    ),
    "more than is judged": (
        "connect.validate.tenantgate.io",
        lambda entry: entry["rules"].append(rule("UPDATE", "leases", "coordination.k8s.io")),
        "warn",
        "is sent UPDATE leases.coordination.k8s.io, which the policies do not judge",
    ),
    "fails open": (
        WORKLOADS,
        lambda entry: entry.update(failurePolicy="Ignore"),
        "fail",
        "failurePolicy is Ignore",
    ),
    "fails closed": (
        "policies.validate.tenantgate.io",
        lambda entry: entry.update(failurePolicy="Fail"),
        "fail",
        "failurePolicy is Fail",
    ),
    "exact": (WORKLOADS, lambda entry: entry.update(matchPolicy="Exact"), "fail", "is Exact"),
    "side effects": (
        WORKLOADS,
        lambda entry: entry.update(sideEffects="Unknown"),
        "warn",
        "dry runs are refused",
    ),
    "review version": (
        WORKLOADS,
        lambda entry: entry.update(admissionReviewVersions=["v1beta1"]),
        "fail",
        "lacks v1",
    ),
    "never again": (
        "workloads.mutate.tenantgate.io",
        lambda entry: entry.update(reinvocationPolicy="Never"),
        "warn",
        "reinvocationPolicy is Never",
    ),
    "too short": (
        WORKLOADS,
        lambda entry: entry.update(timeoutSeconds=1),
        "warn",
        "timeoutSeconds is 1",
    ),
    "other endpoint": (
        WORKLOADS,
        lambda entry: entry["clientConfig"]["service"].update(path="/mutate"),
        "fail",
        "calls /mutate",
    ),
    "label of objects": (
        WORKLOADS,
        lambda entry: entry.update(objectSelector={"matchLabels": {"judge": "me"}}),
        "fail",
        "objectSelector asks for judge",
    ),
    "label of namespaces": (
        WORKLOADS,
        lambda entry: entry["namespaceSelector"].update(matchLabels={"judge": "me"}),
        "fail",
        "asks for judge: who may label a namespace can take it out",
    ),
    "protected label": (
        WORKLOADS,
        lambda entry: entry["namespaceSelector"].update(
            matchLabels={"tenantgate.io/tenant": "acme"}
        ),
        "warn",
        "tenantgate.io/tenant, which others than tenants may write",
    ),
    "selector where Namespaces are sent": (
        "namespaces.validate.tenantgate.io",
        lambda entry: entry.update(namespaceSelector={"matchLabels": {"a": "b"}}),
        "fail",
        "held against the labels that a new",
    ),
    "namespace out": (
        WORKLOADS,
        lambda entry: entry["namespaceSelector"]["matchExpressions"][0]["values"].append("shop"),
        "fail",
        "nothing is judged in shop",
    ),
    "platform namespace out": (
        WORKLOADS,
        lambda entry: entry["namespaceSelector"]["matchExpressions"][0]["values"].append(
            "monitoring"
        ),
        "warn",
        "nothing is judged in monitoring",
    ),
    "own namespace in": (
        WORKLOADS,
        lambda entry: entry["namespaceSelector"]["matchExpressions"][0]["values"].remove(OWN),
        "fail",
        f"what happens in {OWN} waits for it",
    ),
    "few namespaces only": (
        WORKLOADS,
        lambda entry: entry["namespaceSelector"]["matchExpressions"][0].update(operator="In"),
        "fail",
        "namespaceSelector is kubernetes.io/metadata.name In",
    ),
    "prefix of a name": (
        WORKLOADS,
        lambda entry: entry["matchConditions"].append(
            {"name": "x", "expression": '!request.userInfo.username.startsWith("system:")'}
        ),
        "fail",
        "tells people by a part of their name",
    ),
    "everybody": (
        WORKLOADS,
        lambda entry: entry["matchConditions"].append(
            {"name": "x", "expression": '!("system:authenticated" in request.userInfo.groups)'}
        ),
        "fail",
        "lets off system:authenticated",
    ),
    "what is written": (
        WORKLOADS,
        lambda entry: entry["matchConditions"].append(
            {"name": "x", "expression": '!("skip" in object.metadata.labels)'}
        ),
        "fail",
        "reads what the requester writes",
    ),
    "never": (
        WORKLOADS,
        lambda entry: entry["matchConditions"].append({"name": "x", "expression": "false"}),
        "fail",
        "nothing at all is judged",
    ),
    "some condition": (
        WORKLOADS,
        lambda entry: entry["matchConditions"].append(
            {"name": "x", "expression": 'request.name != "x"'}
        ),
        "warn",
        "lets off requests that the policies judge",
    ),
    "condition gone": (
        WORKLOADS,
        lambda entry: entry["matchConditions"].pop(0),
        "fail",
        '"not-system-masters" is missing',
    ),
    "no bundle": (
        WORKLOADS,
        lambda entry: entry["clientConfig"].pop("caBundle"),
        "fail",
        "no caBundle",
    ),
}


@pytest.mark.parametrize("case", EDITS)
def test_an_edit_of_an_entry_is_found(case: str) -> None:
    name, edit, level, says = EDITS[case]

    found = bad(edited(name, edit))

    assert [(each.level, says in str(each)) for each in found][:1] == [(level, True)], found
    assert all(each.fix and each.allowed for each in found)


def test_where_nothing_is_registered_nothing_is_judged() -> None:
    (found, *_) = bad(replace(WELL, configurations=()))
    assert (found.level, found.check) == ("fail", "coverage")

    kinds = frozenset(str(each["kind"]) for each in MADE)
    (found, *_) = bad(replace(WELL, configurations=(), noted=kinds))
    assert "deleted by hand" in found.seen
    assert "delete configmap tenantgate-registration" in found.fix


class TestControlPlane:
    @pytest.mark.parametrize(
        ("rules", "level"),
        [
            ([rule("UPDATE", "leases", "coordination.k8s.io")], "fail"),
            ([rule("*", "*/*", "*")], "fail"),
            ([rule("UPDATE", "nodes/*")], "fail"),
            ([rule("CREATE", "tokenreviews", "authentication.k8s.io", "Cluster")], "fail"),
            ([rule("CREATE", "pods", "", "Cluster")], ""),
            ([rule("DELETE", "nodes")], ""),
            ([rule("UPDATE", "nodes")], ""),
            ([rule("UPDATE", "deployments", "apps")], ""),
        ],
    )
    def test_what_it_needs_reaches_no_entry_that_fails_closed(
        self, rules: list[Any], level: str
    ) -> None:
        found = bad(other("x.example.com", rules=rules, namespaceSelector=ELSEWHERE))

        assert [each.level for each in found if each.check == "lock-out"] == [level][: bool(level)]

    def test_an_entry_that_fails_open_or_leaves_it_out_is_no_danger(self) -> None:
        everything = [rule("*", "*/*", "*")]

        assert bad(other("x.example.com", rules=everything, failurePolicy="Ignore")) == []
        pods: Any = {"rules": [rule("*", "pods")], "namespaceSelector": REPAIRED}
        assert bad(other("x.example.com", **pods)) == []

    def test_what_match_conditions_may_let_off_is_a_warning(self) -> None:
        scene = other(
            "x.example.com",
            rules=[rule("UPDATE", "nodes/status")],
            matchConditions=[{"name": "a", "expression": "true"}],
        )

        (found,) = bad(scene)
        assert (found.level, found.check) == ("warn", "lock-out")


ELSEWHERE = {"matchExpressions": [{**NOT_EVERYWHERE, "values": [OWN]}]}
REPAIRED = {"matchExpressions": [{**NOT_EVERYWHERE, "values": ["kube-system", OWN]}]}


class TestNeighbours:
    def test_who_may_keep_our_pods_from_coming_back_is_told(self) -> None:
        out = {"matchExpressions": [{**NOT_EVERYWHERE, "values": ["kube-system"]}]}
        service = {"service": {"namespace": "kyverno", "name": "kyverno-svc"}}

        (found,) = bad(other("x.example.com", namespaceSelector=out, clientConfig=service))
        assert found.level == "fail"
        assert "once both are down, neither comes back" in found.seen

        service = {"service": {"namespace": "kube-system", "name": "x"}}
        (found,) = bad(other("x.example.com", namespaceSelector=out, clientConfig=service))
        assert found.level == "warn"
        assert f"is sent the pods in {OWN}" in found.seen

    def test_a_label_of_our_namespace_may_leave_it_out(self) -> None:
        out = {"matchExpressions": [{**NOT_EVERYWHERE, "values": ["kube-system"]}]}
        out["matchExpressions"].append({"key": "skip", "operator": "DoesNotExist"})
        labelled = {"metadata": {"name": OWN, "labels": {"skip": "yes"}}}

        assert bad(other("x.example.com", namespaceSelector=out)) != []
        scene = other("x.example.com", namespaceSelector=out)
        assert bad(replace(scene, namespaces=(labelled,))) == []

    @pytest.mark.parametrize(("name", "after"), [("zoo", True), ("aardvark", False)])
    def test_who_changes_pods_after_us_is_named(self, name: str, after: bool) -> None:
        scene = other("x.example.com", "Mutating", name, namespaceSelector=REPAIRED)

        told = [each for each in examine(scene) if "after tenantgate has filled" in each.seen]
        assert [each.level for each in told] == (["ok"] if after else [])

    def test_what_nobody_judges_afterwards_is_a_way_past(self) -> None:
        scene = other("x.example.com", "Mutating", "zoo", namespaceSelector=REPAIRED)
        loose = edited(WORKLOADS, lambda entry: "remove")
        scene = replace(scene, configurations=(*loose.configurations, scene.configurations[-1]))
        made = copy.deepcopy(scene.configurations)
        for entry in made[1]["webhooks"]:
            entry["failurePolicy"] = "Ignore"

        found = bad(replace(scene, configurations=made))
        assert any("nothing judges them afterwards" in each.seen for each in found)


def test_timeouts_of_mutating_webhooks_add_up() -> None:
    slow: Any = {"timeoutSeconds": 10, "namespaceSelector": REPAIRED, "failurePolicy": "Ignore"}
    one = other("a.example.com", "Mutating", **slow)
    (found,) = bad(other("a.example.com", "Mutating", reinvocationPolicy="IfNeeded", **slow))
    assert bad(one) == []
    assert (found.level, found.check) == ("warn", "timeouts")
    assert "may wait 35 s for 4 webhooks: 2 one after the other, and 2 at once" in found.seen

    many = tuple(
        other(f"{number}.example.com", "Mutating", **slow).configurations[-1] for number in range(5)
    )
    (found,) = bad(replace(WELL, configurations=(*MADE, *many)))
    assert found.level == "fail"


class TestAvailability:
    @pytest.mark.parametrize(
        ("known", "level", "says"),
        [
            ({"slices": ()}, "fail", "no endpoint is ready"),
            ({"slices": (slice_of(False, False),)}, "fail", "no endpoint is ready"),
            ({"slices": (slice_of(True, False),)}, "warn", "one endpoint is ready"),
            ({"deployments": (deployment(0),)}, "fail", "replicas is 0"),
            ({"deployments": (deployment(1),)}, "warn", "replicas is 1"),
            ({"deployments": ()}, "fail", "selects the pods of no Deployment"),
            ({"services": ()}, "fail", "does not exist"),
            ({"deployments": (deployment(priorityClassName="low"),)}, "warn", "priorityClassName"),
            (
                {"deployments": (deployment(topologySpreadConstraints=None),)},
                "warn",
                "nothing keeps its pods apart",
            ),
            ({"budgets": ()}, "warn", "no PodDisruptionBudget"),
            ({"budgets": (budget(maxUnavailable="100%"),)}, "warn", "take all pods at once"),
            ({"budgets": (budget(minAvailable=0),)}, "warn", "take all pods at once"),
            ({"budgets": (budget(maxUnavailable=0),)}, "warn", "never ends"),
            ({"budgets": (budget(minAvailable="90%"),)}, "warn", "never ends"),
        ],
    )
    def test_too_few_who_answer_are_told(self, known: Any, level: str, says: str) -> None:
        (found,) = bad(replace(WELL, **known))

        assert (found.check, found.level) == ("availability", level)
        assert says in found.seen

    @pytest.mark.parametrize("spec", [{"maxUnavailable": "34%"}, {"minAvailable": 2}])
    def test_budgets_are_read_as_kubernetes_does(self, spec: Any) -> None:
        assert bad(replace(WELL, budgets=(budget(**spec),))) == []

    def test_where_only_observing_nobody_has_to_answer(self) -> None:
        loose = copy.deepcopy(MADE)
        for configuration in loose:
            for entry in configuration["webhooks"]:
                entry["failurePolicy"] = "Ignore"
        scene = replace(WELL, configurations=loose, slices=())

        assert not [each for each in bad(scene) if each.check == "availability"]

    def test_a_webhook_outside_the_cluster_has_no_service(self) -> None:
        scene = replace(
            WELL,
            configurations=registration(POLICIES, Url("https://127.0.0.1:8443"), CA),
            services=(),
        )

        assert bad(scene) == []


class TestCertificates:
    @pytest.mark.parametrize(
        ("trust", "level", "says"),
        [
            (Trust("all", "Secret", "it is for localhost"), "fail", "would be refused: it is for"),
            (Trust("all", "Secret", "", NOW + timedelta(days=10)), "warn", "expires on 2026-12-02"),
            (
                Trust("all", "Secret", "", NOW + timedelta(hours=10)),
                "fail",
                "expires on 2026-11-22",
            ),
            (
                Trust("all", "Secret", "", None, (NOW + timedelta(days=20),)),
                "warn",
                "authority that is trusted last expires on 2026-12-12",
            ),
        ],
    )
    def test_what_is_wrong_or_about_to_be(self, trust: Trust, level: str, says: str) -> None:
        (found,) = bad(replace(WELL, trusts=(trust,)))

        assert (found.check, found.level) == ("certificates", level)
        assert says in found.seen

    def test_of_several_authorities_the_last_counts(self) -> None:
        known = (NOW + timedelta(days=2), NOW + timedelta(days=400))

        assert bad(replace(WELL, trusts=(Trust("all", "", authorities=known),))) == []


class TestPolicies:
    def test_replicas_that_decide_by_other_policies_are_named(self) -> None:
        replicas = (Replica("a", (POLICIES.hash,)), Replica("b", ("sha256:1",)))

        (found,) = bad(replace(WELL, replicas=replicas))
        assert (found.level, found.where, found.allowed) == ("warn", "replica b", POLICIES.hash)

    def test_so_are_those_that_are_not_ready(self) -> None:
        (found,) = bad(replace(WELL, replicas=(Replica("a", problem="is not ready: caches"),)))

        assert (found.level, found.seen) == ("fail", "is not ready: caches")


def binding(kind: str, name: str, namespace: str = "", role: str = "editor") -> dict[str, Any]:
    group = "rbac.authorization.k8s.io"
    subject = {"kind": kind, "name": name}
    subject |= {"namespace": namespace} if namespace else {"apiGroup": group}
    return {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": f"{name}-{role}"},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
        "subjects": [subject],
    }


def role(name: str, resources: list[str], verbs: list[str], names: list[str]) -> dict[str, Any]:
    group = "admissionregistration.k8s.io"
    rules = [{"apiGroups": [group], "resources": resources, "verbs": verbs}]
    if names:
        rules[0]["resourceNames"] = names
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": rules,
    }


ROLES = (
    role("editor", ["*"], ["*"], []),
    role("viewer", ["*"], ["get", "list", "watch"], []),
    role("patcher", ["validatingwebhookconfigurations"], ["patch"], ["tenantgate"]),
    role("another", ["validatingwebhookconfigurations"], ["delete"], ["cert-manager"]),
)


class TestRights:
    @pytest.mark.parametrize(
        ("made", "level"),
        [
            (binding("User", "mallory"), "warn"),
            (binding("User", "mallory", role="patcher"), "warn"),
            (binding("Group", "acme-leads"), "fail"),
            (binding("ServiceAccount", "deployer", "acme-ci"), "fail"),
            (binding("ServiceAccount", "default", "acme-web"), "fail"),
            (binding("Group", "system:authenticated"), "fail"),
            (binding("Group", "system:serviceaccounts"), "fail"),
            (binding("Group", "system:serviceaccounts:acme-web"), "fail"),
            (binding("User", "mallory", role="viewer"), ""),
            (binding("User", "mallory", role="another"), ""),
            (binding("User", "mallory", role="gone"), ""),
            (binding("User", "root"), ""),
            (binding("Group", "platform-admins"), ""),
            (binding("Group", "system:masters"), ""),
            (binding("User", "system:kube-controller-manager"), ""),
            (binding("ServiceAccount", "tenantgate-controller", OWN), ""),
            (binding("ServiceAccount", "flux", "flux-system"), ""),
            (binding("ServiceAccount", "generic-garbage-collector", "kube-system"), ""),
        ],
        ids=lambda value: value["metadata"]["name"] if isinstance(value, dict) else None,
    )
    def test_who_may_switch_it_off_is_told(self, made: Any, level: str) -> None:
        stamped = {"metadata": {"name": "acme-web", "labels": {"tenantgate.io/tenant": "acme"}}}

        found = bad(replace(WELL, rbac=(*ROLES, made), namespaces=(stamped,)))

        assert [each.level for each in found] == [level][: bool(level)]
        assert {each.check for each in found} <= {"rights"}
