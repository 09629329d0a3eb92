"""The rows of Kubernetes' multi-tenancy benchmark (sig-multitenancy), as tenants meet them.

https://github.com/kubernetes-sigs/multi-tenancy/tree/master/benchmarks: each row says what a tenant
must not be able to do in its namespace, or must be able to do by itself.
"""

import copy
from typing import Any

import pytest

from tests.cluster.cluster import ADMIN
from tests.cluster.objects import pod
from tests.cluster.process import eventually
from tests.cluster.tenancy.api import Answer
from tests.cluster.tenancy.attempts import Attempt, changes
from tests.cluster.tenancy.world import MANAGED

pytestmark = pytest.mark.usefixtures("world")

CORE, RBAC = "/api/v1/namespaces/{}", "/apis/rbac.authorization.k8s.io/v1"
NETWORK = "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies"
ROLE_GROUP = "rbac.authorization.k8s.io"


def refused(answer: Answer, rule: str) -> None:
    assert answer.status == 403, answer
    assert f"[{rule}]" in answer.message, answer.message


def passes(answer: Answer) -> None:
    assert answer.status in (200, 201), answer.message


CLUSTER_RESOURCES: dict[str, tuple[str, dict[str, Any]]] = {
    "a cluster role": (
        f"{RBAC}/clusterroles",
        {"metadata": {"name": "mine"}, "rules": []},
    ),
    "a cluster role binding": (
        f"{RBAC}/clusterrolebindings",
        {
            "metadata": {"name": "mine"},
            "roleRef": {"apiGroup": ROLE_GROUP, "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"apiGroup": ROLE_GROUP, "kind": "User", "name": "alice"}],
        },
    ),
    "a volume": (
        "/api/v1/persistentvolumes",
        {
            "metadata": {"name": "mine"},
            "spec": {
                "capacity": {"storage": "1Gi"},
                "accessModes": ["ReadWriteOnce"],
                "hostPath": {"path": "/"},
            },
        },
    ),
    "a node": ("/api/v1/nodes", {"metadata": {"name": "mine"}}),
    "a storage class": (
        "/apis/storage.k8s.io/v1/storageclasses",
        {"metadata": {"name": "mine"}, "provisioner": "example.com/mine"},
    ),
    "a priority class": (
        "/apis/scheduling.k8s.io/v1/priorityclasses",
        {"metadata": {"name": "mine"}, "value": 1000},
    ),
    "a runtime class": (
        "/apis/node.k8s.io/v1/runtimeclasses",
        {"metadata": {"name": "mine"}, "handler": "mine"},
    ),
    "an ingress class": (
        "/apis/networking.k8s.io/v1/ingressclasses",
        {"metadata": {"name": "mine"}, "spec": {"controller": "example.com/mine"}},
    ),
    "a kind": (
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        {
            "metadata": {"name": "things.example.com"},
            "spec": {
                "group": "example.com",
                "scope": "Namespaced",
                "names": {"plural": "things", "singular": "thing", "kind": "Thing"},
                "versions": [
                    {
                        "name": "v1",
                        "served": True,
                        "storage": True,
                        "schema": {"openAPIV3Schema": {"type": "object"}},
                    }
                ],
            },
        },
    ),
}


class TestClusterResources:
    """Block access to cluster resources."""

    @pytest.mark.parametrize("user", ["alice", "olga", "system:serviceaccount:acme-web:default"])
    @pytest.mark.parametrize("what", CLUSTER_RESOURCES)
    def test_none_is_created(self, api, what, user):
        refused(Attempt("POST", *CLUSTER_RESOURCES[what]).by(user, api), "T-BND-2")

    @pytest.mark.parametrize("what", CLUSTER_RESOURCES)
    def test_but_by_those_who_belong_to_no_tenant(self, api, what):
        answer = Attempt("POST", *CLUSTER_RESOURCES[what]).by("otto", api)

        assert "tenantgate.io" not in answer.message

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("DELETE", f"{RBAC}/clusterroles/view", None),
            ("DELETE", "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas/catch-all", None),
            ("PATCH", f"{RBAC}/clusterroles/view", {"metadata": {"labels": {"a": "b"}}}),
            ("DELETE", f"{RBAC}/clusterroles?labelSelector=nobody=has-it", None),
        ],
        ids=["delete", "delete another", "label", "delete a collection"],
    )
    def test_none_is_changed(self, api, method, path, body):
        answer = Attempt(method, path, body, "merge patch" if body else "").by("alice", api)

        if "labelSelector" in path:  # Each that it finds would be judged; there is none.
            assert answer.status == 200
        else:
            refused(answer, "T-BND-2")

    @pytest.mark.parametrize("what", ["selfsubjectaccessreviews", "selfsubjectrulesreviews"])
    def test_what_she_may_do_she_can_ask(self, api, what):
        spec: dict[str, Any] = {"namespace": "acme-web"}
        if what == "selfsubjectaccessreviews":
            spec = {"resourceAttributes": {"verb": "get", "resource": "pods"}}

        passes(api("alice", "POST", f"/apis/authorization.k8s.io/v1/{what}", {"spec": spec}))


class TestPlatformObjects:
    """Block modification of multi-tenant resources: those that the platform laid down."""

    @pytest.mark.parametrize("user", ["alice", "olga"])
    @pytest.mark.parametrize(
        "path",
        [
            f"{NETWORK}/platform-networkpolicy",
            f"{RBAC}/namespaces/{{}}/rolebindings/platform-rolebinding",
            f"{CORE}/serviceaccounts/platform-serviceaccount",
        ],
        ids=["network policy", "role binding", "service account"],
    )
    def test_they_stay_as_they_are(self, api, world, user, path):
        label = {"metadata": {"labels": {MANAGED: None}}}

        refused(Attempt("PATCH", path, label, "merge patch").by(user, api, world.web), "T-OBJ-1")
        refused(Attempt("DELETE", path).by(user, api, world.web), "T-OBJ-1")


QUOTA = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "platform-resourcequota"},
    "spec": {"hard": {"configmaps": "1000"}},
}
QUOTA_CHANGES = {
    "create": Attempt("POST", f"{CORE}/resourcequotas", {**QUOTA, "metadata": {"name": "more"}}),
    **changes(f"{CORE}/resourcequotas/platform-resourcequota", QUOTA, {"spec": QUOTA["spec"]}),
    "status": Attempt(
        "PATCH",
        f"{CORE}/resourcequotas/platform-resourcequota/status",
        {"status": {"used": {"configmaps": "0"}}},
        "merge patch",
    ),
    "delete": Attempt("DELETE", f"{CORE}/resourcequotas/platform-resourcequota"),
    "create a limit range": Attempt(
        "POST",
        f"{CORE}/limitranges",
        {"metadata": {"name": "mine"}, "spec": {"limits": [{"type": "Pod"}]}},
    ),
    "delete the limit range": Attempt("DELETE", f"{CORE}/limitranges/platform-limitrange"),
}


class TestQuota:
    """Block modification of resource quotas; configure namespace resource quotas."""

    @pytest.mark.parametrize("user", ["alice", "olga"])
    @pytest.mark.parametrize("how", QUOTA_CHANGES)
    def test_it_is_the_platforms(self, api, world, user, how):
        answer = QUOTA_CHANGES[how].by(user, api, world.web)

        refused(answer, "T-OBJ-3")

    def test_it_holds(self, api, world, cluster):
        """What the platform grants is counted by Kubernetes itself."""
        path = f"/api/v1/namespaces/{world.ci}"
        quota = {**QUOTA, "spec": {"hard": {"configmaps": "1"}}}
        passes(api(ADMIN, "POST", f"{path}/resourcequotas", quota))
        full = {"status": {"hard": {"configmaps": "1"}, "used": {"configmaps": "1"}}}
        status = f"{path}/resourcequotas/platform-resourcequota/status"
        passes(api(ADMIN, "PATCH", status, full, "merge patch"))

        one_more = {"metadata": {"name": "one-more"}}

        def refused_for_it() -> bool:
            # The API server takes a quota up in its own time.
            answer = api("alice", "POST", f"{path}/configmaps?dryRun=All", one_more)
            return answer.status == 403 and "exceeded quota" in answer.message

        eventually(refused_for_it)


class TestOtherTenants:
    """Block access to other tenants' resources."""

    @pytest.mark.parametrize("user", ["alice", "olga", "system:serviceaccount:acme-web:default"])
    def test_they_are_out_of_reach(self, api, world, user):
        attempt = Attempt("POST", f"{CORE}/configmaps", {"metadata": {"name": "mine"}})

        refused(attempt.by(user, api, world.app), "T-BND-1")
        passes(attempt.by("bob", api, world.app))


def role(*rules: dict[str, list[str]]) -> Attempt:
    body = {"metadata": {"name": "mine"}, "rules": list(rules)}
    return Attempt("POST", f"{RBAC}/namespaces/{{}}/roles", body)


def rule(verbs: str, resources: str, groups: str = "") -> dict[str, list[str]]:
    return {
        "apiGroups": groups.split(",") if groups else [""],
        "resources": resources.split(),
        "verbs": verbs.split(),
    }


def binding(name: str, subject: dict[str, str], kind: str = "ClusterRole") -> Attempt:
    body = {
        "metadata": {"name": "mine"},
        "roleRef": {"apiGroup": ROLE_GROUP, "kind": kind, "name": name},
        "subjects": [subject],
    }
    return Attempt("POST", f"{RBAC}/namespaces/{{}}/rolebindings", body)


MEMBERS = {"apiGroup": ROLE_GROUP, "kind": "Group", "name": "acme-devs"}


class TestEscalation:
    """Block privilege escalation by roles."""

    @pytest.mark.parametrize("name", ["cluster-admin", "system:node", "test:anything"])
    def test_no_role_is_bound_that_is_not_for_tenants(self, api, world, name):
        refused(binding(name, MEMBERS).by("olga", api, world.web), "T-RBAC-2")

    @pytest.mark.parametrize(
        "granted",
        [
            rule("impersonate", "users"),
            rule("bind", "roles", ROLE_GROUP),
            rule("escalate", "roles", ROLE_GROUP),
            rule("create", "resourcequotas"),
            rule("create", "pods/binding"),
        ],
        ids=lambda granted: f"{granted['verbs'][0]} {granted['resources'][0]}",
    )
    def test_no_role_is_made_that_leads_further(self, api, world, granted):
        refused(role(rule("get", "pods"), granted).by("olga", api, world.web), "T-RBAC-3")


class TestSelfService:
    """Self-service management of network policies, roles and role bindings: these must pass."""

    @pytest.mark.parametrize("user", ["alice", "olga"])
    def test_network_policies(self, api, world, user):
        body = {
            "metadata": {"name": "mine"},
            "spec": {
                "podSelector": {"matchLabels": {"app": "web"}},
                "ingress": [{"from": [{"podSelector": {}}], "ports": [{"port": 80}]}],
            },
        }

        passes(Attempt("POST", NETWORK, body).by(user, api, world.web))

    @pytest.mark.parametrize("user", ["alice", "olga"])
    def test_roles(self, api, world, user):
        passes(role(rule("get list watch create delete", "pods")).by(user, api, world.web))

    @pytest.mark.parametrize("kind", ["ClusterRole", "Role"])
    @pytest.mark.parametrize(
        "subject",
        [
            MEMBERS,
            {"kind": "ServiceAccount", "name": "default", "namespace": "acme-web"},
            {"kind": "ServiceAccount", "name": "deployer", "namespace": "acme-ci"},
        ],
        ids=["group", "own account", "account of the same tenant"],
    )
    def test_role_bindings(self, api, world, kind, subject):
        passes(binding("view", subject, kind).by("olga", api, world.web))


def service(**spec: Any) -> Attempt:
    body = {"metadata": {"name": "mine"}, "spec": {"ports": [{"port": 80}], **spec}}
    return Attempt("POST", f"{CORE}/services", body)


class TestNodePorts:
    """Block use of NodePort services."""

    @pytest.mark.parametrize("kind", ["NodePort", "LoadBalancer"])
    def test_a_type_that_was_not_granted(self, api, world, kind):
        refused(service(type=kind).by("alice", api, world.web), "T-SVC-1")

    def test_a_service_that_becomes_one(self, api, world):
        path = f"{CORE}/services/web"

        for how in ("merge patch", "strategic merge patch"):
            patch = {"spec": {"type": "NodePort"}}
            refused(Attempt("PATCH", path, patch, how).by("alice", api, world.web), "T-SVC-1")

    @pytest.mark.parametrize("spec", [{}, {"clusterIP": "None"}], ids=["plain", "headless"])
    def test_those_within_the_cluster_are_fine(self, api, world, spec):
        passes(service(**spec).by("alice", api, world.web))


def with_policy(policy: str) -> Any:
    made = copy.deepcopy(pod("mine"))
    made["spec"]["containers"][0]["imagePullPolicy"] = policy
    return made


class TestPullPolicy:
    """Require the pull policies that the platform grants."""

    def test_another_is_refused(self, api, world):
        refused(
            Attempt("POST", f"{CORE}/pods", with_policy("Never")).by("alice", api, world.web),
            "T-WL-7",
        )

    @pytest.mark.parametrize("policy", ["Always", "IfNotPresent"])
    def test_those_pass(self, api, world, policy):
        passes(Attempt("POST", f"{CORE}/pods", with_policy(policy)).by("alice", api, world.web))


HOST = {
    "privileged": pod(security={"privileged": True}),
    "escalation": pod(security={"allowPrivilegeEscalation": True}),
    "capabilities": pod(security={"capabilities": {"add": ["NET_ADMIN"]}}),
    "root": pod(security={"runAsUser": 0}),
    "host network": pod(hostNetwork=True),
    "host processes": pod(hostPID=True),
    "host IPC": pod(hostIPC=True),
    "host path": pod(volumes=[{"name": "node", "hostPath": {"path": "/"}}]),
}


class TestHosts:
    """Block privileged containers, escalation, added capabilities, host namespaces and bind mounts."""

    @pytest.mark.parametrize("what", HOST)
    @pytest.mark.parametrize("user", ["alice", "olga"])
    def test_nothing_of_the_node_is_reached(self, api, world, user, what):
        answer = Attempt("POST", f"{CORE}/pods", HOST[what]).by(user, api, world.web)

        assert answer.status == 403
        assert "no security context constraint (SCC) admits pod" in answer.message

    def test_a_plain_pod_does_not_run_as_root(self, api, world):
        answer = Attempt("POST", f"{CORE}/pods", pod("mine")).by("alice", api, world.web)

        passes(answer)
        context = answer.body["spec"]["containers"][0]["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}


class TestVolumes:
    """Block use of existing volumes that are another's."""

    def test_another_tenants_volume_is_not_grabbed(self, api, world):
        path, volume = CLUSTER_RESOURCES["a volume"]
        labelled = {"name": "theirs", "labels": {"tenantgate.io/tenant": "globex"}}
        passes(api(ADMIN, "POST", path, {**volume, "metadata": labelled}))
        claim = {
            "metadata": {"name": "mine"},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Gi"}},
                "volumeName": "theirs",
            },
        }
        attempt = Attempt("POST", f"{CORE}/persistentvolumeclaims", claim)

        refused(attempt.by("alice", api, world.web), "T-STO-2")
        assert "T-STO-2" not in attempt.by("bob", api, world.app).message
