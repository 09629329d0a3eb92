"""A tenant's ordinary day: nothing here is anybody else's business, so nothing of it is refused."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.cluster import ADMIN, Cluster, service_account
from tests.cluster.objects import deployment, pod
from tests.cluster.process import eventually
from tests.cluster.tenancy.api import Answer, Api
from tests.cluster.tenancy.attempts import Attempt, on_pod
from tests.cluster.tenancy.world import DEPLOYER, World, bound
from tests.cluster.tenantgate import IDENTITY

CORE, APPS, BATCH = (
    "/api/v1/namespaces/{}",
    "/apis/apps/v1/namespaces/{}",
    "/apis/batch/v1/namespaces/{}",
)
THINGS = "/apis/example.com/v1/namespaces/{}/things"
OPERATOR = service_account("acme-web", "default")

_TEMPLATE = deployment(pod())["spec"]["template"]
_JOB = {"template": {"spec": {**pod()["spec"], "restartPolicy": "Never"}}}
_SELECTED = {"selector": {"matchLabels": {"app": "web"}}, "template": _TEMPLATE}
_CLAIM = {
    "metadata": {"name": "data"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}
_TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
CREATED: dict[str, tuple[str, Any]] = {
    "pod": (f"{CORE}/pods", pod("day")),
    "deployment": (f"{APPS}/deployments", deployment(pod(), "day")),
    "stateful set": (
        f"{APPS}/statefulsets",
        {"spec": {**_SELECTED, "serviceName": "web", "volumeClaimTemplates": [_CLAIM]}},
    ),
    "daemon set": (f"{APPS}/daemonsets", {"spec": _SELECTED}),
    "job": (f"{BATCH}/jobs", {"spec": _JOB}),
    "cron job": (
        f"{BATCH}/cronjobs",
        {"spec": {"schedule": "0 3 * * *", "jobTemplate": {"spec": _JOB}}},
    ),
    "config map": (f"{CORE}/configmaps", {"data": {"a": "b"}}),
    "secret": (f"{CORE}/secrets", {"stringData": {"a": "b"}}),
    "release of helm's": (f"{CORE}/secrets", {"type": "helm.sh/release.v1"}),
    "service account": (f"{CORE}/serviceaccounts", {}),
    "service": (f"{CORE}/services", {"spec": {"ports": [{"port": 80}]}}),
    "claim": (f"{CORE}/persistentvolumeclaims", {"spec": _CLAIM["spec"]}),
    "autoscaler": (
        "/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers",
        {"spec": {"maxReplicas": 3, "scaleTargetRef": _TARGET}},
    ),
    "older autoscaler": (
        "/apis/autoscaling/v1/namespaces/{}/horizontalpodautoscalers",
        {"spec": {"maxReplicas": 3, "scaleTargetRef": _TARGET}},
    ),
    "disruption budget": (
        "/apis/policy/v1/namespaces/{}/poddisruptionbudgets",
        {"spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "web"}}}},
    ),
    "event": (
        f"{CORE}/events",
        {"involvedObject": {"kind": "Pod", "name": "web", "namespace": "acme-web"}, "reason": "Hi"},
    ),
    "lease": (
        "/apis/coordination.k8s.io/v1/namespaces/{}/leases",
        {"spec": {"holderIdentity": "x"}},
    ),
}


@pytest.fixture(scope="module", autouse=True)
def _kind(cluster: Cluster, world: World) -> Iterator[None]:
    """A kind of somebody's own, that tenants may write, and that tenantgate may read where they are."""
    cluster.create(
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
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
                        "schema": {
                            "openAPIV3Schema": {
                                "type": "object",
                                "x-kubernetes-preserve-unknown-fields": True,
                            }
                        },
                        "subresources": {
                            "status": {},
                            "scale": {
                                "specReplicasPath": ".spec.replicas",
                                "statusReplicasPath": ".status.replicas",
                            },
                        },
                    }
                ],
            },
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": "test:things"},
            "rules": [{"apiGroups": ["example.com"], "resources": ["*"], "verbs": ["*"]}],
        },
        bound("test:things", ["alice", "otto", OPERATOR]),
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "test:things", "namespace": world.web},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "test:things",
            },
            "subjects": [
                {"kind": "User", "name": IDENTITY, "apiGroup": "rbac.authorization.k8s.io"}
            ],
        },
    )
    api = Api(cluster)
    for namespace in (world.web, world.unowned):
        thing = {
            "apiVersion": "example.com/v1",
            "kind": "Thing",
            "metadata": {"name": "web"},
            "spec": {"replicas": 1},
        }
        path = THINGS.format(namespace)
        eventually(lambda: api(ADMIN, "POST", path, thing).status in (201, 409))  # noqa: B023 - asked before the loop goes on
    yield
    cluster.kubectl("delete", "crd", "things.example.com", user=ADMIN)


def passes(answer: Answer) -> Any:
    assert answer.status in (200, 201), answer.message
    return answer.body


@pytest.mark.parametrize("user", ["alice", "olga", DEPLOYER, OPERATOR])
@pytest.mark.parametrize("what", CREATED)
def test_what_she_makes(api, world, what, user):
    path, made = CREATED[what]
    body = {"metadata": {"name": "day"}, **made}

    passes(Attempt("POST", path, body).by(user, api, world.web))


@pytest.mark.parametrize("user", ["alice", OPERATOR])
@pytest.mark.parametrize(
    "how",
    [
        Attempt("PATCH", f"{APPS}/deployments/web/scale", {"spec": {"replicas": 3}}, "merge patch"),
        Attempt(
            "PATCH",
            f"{APPS}/deployments/web",
            {
                "spec": {
                    "template": {
                        "metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}
                    }
                }
            },
            "strategic merge patch",
        ),
        Attempt(
            "PATCH",
            f"{CORE}/configmaps/web",
            {"metadata": {"finalizers": ["acme.io/wait"]}},
            "merge patch",
        ),
        Attempt("DELETE", f"{CORE}/pods?labelSelector=app%3Dweb"),
        Attempt("DELETE", f"{CORE}/secrets/web"),
    ],
    ids=["scale", "restart", "finalizer", "delete pods", "delete a secret"],
)
def test_what_she_changes(api, world, how, user):
    passes(how.by(user, api, world.web))


@pytest.mark.parametrize("user", ["alice", OPERATOR])
def test_what_hangs_on_an_object_of_her_own(api, world, cluster, user):
    """As an operator's children do on the object that it serves."""
    for kind, version, namespaced in (
        ("configmap", "v1", "ConfigMap"),
        ("thing", "example.com/v1", "Thing"),
    ):
        found = cluster.get(kind, "web", world.web)["metadata"]
        owner = {
            "apiVersion": version,
            "kind": namespaced,
            "name": "web",
            "uid": found["uid"],
            "controller": True,
            "blockOwnerDeletion": True,
        }
        body = {"metadata": {"name": "child", "ownerReferences": [owner]}}

        passes(Attempt("POST", f"{CORE}/configmaps", body).by(user, api, world.web))


@pytest.mark.parametrize(
    ("user", "namespace"),
    [("alice", "acme-web"), (OPERATOR, "acme-web"), ("otto", "acme-web"), ("otto", "sandbox")],
)
@pytest.mark.parametrize(
    "how",
    [
        Attempt(
            "POST",
            THINGS,
            {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "day"}},
        ),
        Attempt("PATCH", f"{THINGS}/web", {"spec": {"size": 3}}, "merge patch"),
        Attempt("PATCH", f"{THINGS}/web/status", {"status": {"replicas": 1}}, "merge patch"),
        Attempt("PATCH", f"{THINGS}/web/scale", {"spec": {"replicas": 3}}, "merge patch"),
        Attempt("DELETE", f"{THINGS}/web"),
    ],
    ids=["create", "change", "status", "scale", "delete"],
)
def test_a_kind_that_was_installed_later(api, world, user, namespace, how):
    passes(how.by(user, api, namespace))


AUTOSCALER = service_account("kube-system", "cluster-autoscaler")
DESCHEDULER = service_account("ops", "descheduler")


@pytest.mark.parametrize("namespace", ["acme-web", "sandbox", "platform-system"])
@pytest.mark.parametrize("user", [AUTOSCALER, DESCHEDULER, "otto", "paula"])
@pytest.mark.parametrize("how", ["delete", "evict", "exec", "proxy"])
def test_pods_are_reached_by_who_tends_the_cluster(api, cluster, world, user, namespace, how):
    """Add-ons of the platform's among them, in `kube-system` or elsewhere."""
    cluster.apply(bound("cluster-admin", [AUTOSCALER, DESCHEDULER]))

    def answered() -> Answer | None:
        answer: Answer = on_pod("web")[how].by(user, api, namespace)
        return answer if "RBAC" not in answer.message and "cannot" not in answer.message else None

    assert "tenantgate.io" not in eventually(answered).message
