"""A cluster of any number of tenants: their policies, their objects, and what they ask for.

Every tenant has ten namespaces, a file with grants of its own, host names, role bindings and service
accounts; every tenth has nodes and a wildcard host of its own. The same number gives the same cluster.
"""

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event
from typing import Any

import yaml

from benchmarks.bodies import pod
from webhook.core.model.request import Operation, Request, User
from webhook.store import SHIPPED

Object = dict[str, Any]

NAMESPACES = 10
ACCOUNTS = ("default", "web", "worker")
_PAGE = 500
_EVERYBODY = "system:authenticated"
_TENANT = """\
apiVersion: tenantgate.io/v1
kind: Tenant
metadata: {{name: {name}}}
spec:
  owners:
  - {{kind: Group, name: {name}-leads}}
  - {{kind: ServiceAccount, namespace: {name}-0, name: deployer}}
  members:
  - {{kind: Group, name: {name}-devs}}
  namespaces:
    prefix: {name}-
    quota: 20
    protect: true
    labels: {{allow: ["{name}.example.com/*", team], required: {{cost-centre: "cc-{name}-[0-9]+"}}}}
    nodeSelector: {pool}
  allow:
    serviceTypes: [ClusterIP, LoadBalancer]
    loadBalancers: {{sourceRanges: [203.0.113.0/24]}}
    ingressClasses: {{names: [nginx], default: nginx}}
    hostnames: ["{name}.example.com", "*.{name}.example.com"]
    wildcardHosts: true
    storageClasses: {{names: [fast, slow], default: slow}}
    registries: ["registry.example.com/{name}", docker.io/library]
    priorityClasses: {{names: [standard], default: standard}}
    tolerations: [dedicated-{name}]
    objectAnnotations: {{deny: ["internal.{name}.example.com/*"]}}
"""
_PLATFORM = """\
apiVersion: tenantgate.io/v1
kind: Platform
metadata: {name: platform}
spec:
  cluster: {podCIDRs: [10.244.0.0/16], serviceCIDRs: [10.96.0.0/12], nodeCIDRs: [10.0.0.0/20]}
  hostnames: {platform: ["*.apps.example.com"]}
"""


def tenant(number: int) -> str:
    """Return a tenant's name; all are of one length."""
    return f"t{number:05d}"


def policies(tenants: int) -> dict[str, str]:
    """Return policy files: the shipped SCCs and RBAC, a Platform, and one file a tenant."""
    texts = {str(path): path.read_text() for path in sorted(SHIPPED.glob("scc/*.yaml"))}
    texts["rbac.yaml"] = (SHIPPED / "rbac.yaml").read_text()
    texts["platform.yaml"] = _PLATFORM
    for number in range(tenants):
        name = tenant(number)
        pool = f"{{pool: {name}}}" if number % 10 == 0 else "{}"
        texts[f"tenants/{name}.yaml"] = _TENANT.format(name=name, pool=pool)
    return texts


class Population:
    """Stands in for the API server of the cluster: lists objects page by page, and tells no news.

    What is listed is made on the way, so that it takes no memory besides what the reader keeps.
    RBAC objects are held back until `rbac` is set.
    """

    host = "population"

    def __init__(self, tenants: int) -> None:
        self.tenants = tenants
        self.rbac = Event()
        group, net = "/apis/rbac.authorization.k8s.io/v1", "/apis/networking.k8s.io/v1"
        self._lists: Mapping[str, tuple[int, Callable[[int, int], Sequence[Object]]]] = {
            "/api/v1/namespaces": (NAMESPACES, lambda t, n: [_namespace(t, n)]),
            "/api/v1/serviceaccounts": (NAMESPACES, _accounts),
            "/api/v1/pods": (NAMESPACES, lambda t, n: [_managed_pod(t, n)]),
            f"{group}/rolebindings": (NAMESPACES, _bindings),
            f"{net}/ingresses": (NAMESPACES, lambda t, n: [_ingress(t, n)] if n < 5 else []),
        }
        shipped = yaml.safe_load_all((SHIPPED / "rbac.yaml").read_text())
        self._shipped = [
            {**item, "metadata": _metadata(item["metadata"]["name"])} for item in shipped
        ]

    def get(self, path: str, query: Mapping[str, str | int] = {}, *, timeout: float) -> Object:
        """Return a page of a list; of what a population does not have, an empty one."""
        if "rbac" in path:
            self.rbac.wait()
        start = int(query.get("continue", 0))
        selector = str(query.get("labelSelector", ""))
        if selector.startswith("tenantgate.io/tenant="):
            number = int(selector.rpartition("=t")[2])
            found = [_namespace(number, n) for n in range(NAMESPACES)]
            return {"items": found, "metadata": {"resourceVersion": "1"}}
        if selector and path != "/api/v1/pods":
            return {"items": [], "metadata": {"resourceVersion": "1"}}
        if path.endswith(("/clusterroles", "/clusterrolebindings")):
            kind = {"clusterroles": "ClusterRole"}.get(
                path.rpartition("/")[2], "ClusterRoleBinding"
            )
            found = [item for item in self._shipped if item["kind"] == kind]
            return {"items": found, "metadata": {"resourceVersion": "1"}}
        each, make = self._lists.get(path, (0, lambda t, n: []))
        end = min(start + _PAGE, each * self.tenants)
        items = [item for at in range(start, end) for item in make(*divmod(at, each))]
        more = {"continue": end} if end < each * self.tenants else {}
        return {"items": items, "metadata": {"resourceVersion": "1", **more}}

    def find(self, path: str, *, timeout: float) -> Object | None:
        """Return no object."""
        return None

    @contextmanager
    def stream(self, path: str, query: object, *, connect: float, silence: float) -> Iterator[Any]:
        """Open a watch of a cluster in which nothing happens."""
        yield _Silence()


class _Silence:
    """Lines that never come."""

    def __init__(self) -> None:
        self._ended = Event()

    def __iter__(self) -> Iterator[bytes]:
        self._ended.wait()
        return iter(())

    def end(self) -> None:
        self._ended.set()


def _metadata(name: str, namespace: str = "", **more: Any) -> Object:
    place = {"namespace": namespace} if namespace else {}
    return {"name": name, **place, "resourceVersion": "1", **more}


def _namespace(number: int, index: int) -> Object:
    name = tenant(number)
    first = 1_000_000_000 + (number * NAMESPACES + index) * 10_000
    labels = {
        "kubernetes.io/metadata.name": f"{name}-{index}",
        "tenantgate.io/tenant": name,
        "cost-centre": f"cc-{name}-{index}",
    }
    annotations = {
        "openshift.io/requester": f"lead-{number}",
        "openshift.io/sa.scc.uid-range": f"{first}/10000",
        "openshift.io/sa.scc.supplemental-groups": f"{first}/10000",
        "openshift.io/sa.scc.mcs": f"s0:c{number % 1024},c{index}",
    }
    return {"metadata": _metadata(f"{name}-{index}", labels=labels, annotations=annotations)}


def _accounts(number: int, index: int) -> list[Object]:
    namespace = f"{tenant(number)}-{index}"
    return [{"metadata": _metadata(name, namespace)} for name in ACCOUNTS]


def _managed_pod(number: int, index: int) -> Object:
    labels = {"tenantgate.io/managed": "true", "app": "log-shipper"}
    return {"metadata": _metadata("platform-logs", f"{tenant(number)}-{index}", labels=labels)}


def _bindings(number: int, index: int) -> list[Object]:
    name = tenant(number)
    return [
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": _metadata(f"platform-{role}", f"{name}-{index}"),
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": role,
            },
            "subjects": [
                {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": f"{name}-{who}"}
            ],
        }
        for role, who in (("admin", "leads"), ("edit", "devs"))
    ]


def _ingress(number: int, index: int) -> Object:
    name = tenant(number)
    host = "*" if number % 10 == 0 and not index else f"app-{index}"
    paths = [{"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "web"}}}]
    return {
        "metadata": _metadata("web", f"{name}-{index}"),
        "spec": {"rules": [{"host": f"{host}.{name}.example.com", "http": {"paths": paths}}]},
    }


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of request: whether it is due to be allowed, and how one is made for a tenant but 0."""

    allowed: bool
    make: Callable[[int, random.Random], Request]


def _request(
    operation: Operation,
    resource: str,
    value: Object,
    user: User,
    group: str = "",
    stored: Object | None = None,
) -> Request:
    name = value["metadata"].get("name", "")
    made = Request(
        operation,
        resource,
        value["kind"],
        user,
        group=group,
        namespace=value["metadata"].get("namespace", name),
        name=name,
        load=lambda: value,
        load_old=lambda: stored,
    )
    _ = made.object, made.old_object  # read from the review before anybody decides
    return made


def _object(version: str, kind: str, name: str, namespace: str = "", **more: Any) -> Object:
    place = {"namespace": namespace} if namespace else {}
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, **place}, **more}


def _account(namespace: str, name: str) -> User:
    found = User.service_account(namespace, name)
    return User(found.name, (*found.groups, _EVERYBODY))


def _member(number: int) -> User:
    return User(f"dev-{number}", ("staff", f"{tenant(number)}-devs", _EVERYBODY))


_POD = json.dumps(pod("4", 1))


def _pod_by_controller(number: int, rng: random.Random) -> Request:
    made: Object = json.loads(_POD)
    made["metadata"]["namespace"] = f"{tenant(number)}-{rng.randrange(NAMESPACES)}"
    made["spec"] |= {"priorityClassName": "standard", "serviceAccountName": "web"}
    for key in ("containers", "initContainers"):
        for container in made["spec"].get(key, ()):
            container["image"] = f"registry.example.com/{tenant(number)}/app:{rng.randrange(9)}"
    return _request("CREATE", "pods", made, _account("kube-system", "replicaset-controller"))


def _service_by_member(number: int, rng: random.Random) -> Request:
    namespace = f"{tenant(number)}-{rng.randrange(NAMESPACES)}"
    spec = {"type": "ClusterIP", "selector": {"app": "web"}, "ports": [{"port": 80}]}
    value = _object("v1", "Service", "web", namespace, spec=spec)
    return _request("CREATE", "services", value, _member(number))


def _namespace_by_owner(number: int, rng: random.Random) -> Request:
    name = tenant(number)
    value = _object("v1", "Namespace", f"{name}-new-{rng.randrange(1000)}")
    value["metadata"]["labels"] = {"cost-centre": f"cc-{name}-7", f"{name}.example.com/a": "b"}
    leads = ("staff", f"{name}-leads", _EVERYBODY)
    return _request("CREATE", "namespaces", value, User(f"lead-{number}", leads))


def _configmap_by_other(number: int, rng: random.Random) -> Request:
    namespace = f"{tenant(number)}-{rng.randrange(NAMESPACES)}"
    old = _object("v1", "ConfigMap", "settings", namespace, data={"a": "1", "b": "x" * 200})
    new = {**old, "data": {**old["data"], "a": "2"}}
    return _request("UPDATE", "configmaps", new, _account("flux-system", "flux"), stored=old)


def _ingress_by_member(number: int, rng: random.Random) -> Request:
    name = tenant(number)
    paths = [{"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "web"}}}]
    spec = {
        "ingressClassName": "nginx",
        "rules": [
            {"host": f"new-{rng.randrange(99)}.{name}.example.com", "http": {"paths": paths}}
        ],
    }
    namespace = f"{name}-{rng.randrange(NAMESPACES)}"
    value = _object("networking.k8s.io/v1", "Ingress", "new", namespace, spec=spec)
    return _request("CREATE", "ingresses", value, _member(number), "networking.k8s.io")


def _foreign_write(number: int, rng: random.Random) -> Request:
    namespace = f"{tenant(number)}-{rng.randrange(NAMESPACES)}"
    value = _object("v1", "ConfigMap", "settings", namespace, data={"a": "1"})
    return _request("CREATE", "configmaps", value, _member(number - 1))


KINDS: Mapping[str, Kind] = {
    "pod by a controller": Kind(True, _pod_by_controller),
    "service by a member": Kind(True, _service_by_member),
    "ingress by a member": Kind(True, _ingress_by_member),
    "namespace by an owner": Kind(True, _namespace_by_owner),
    "configmap update by other": Kind(True, _configmap_by_other),
    "write into a foreign namespace": Kind(False, _foreign_write),
}
"""The kinds of request that are measured, by what the report calls them."""
