"""Every way to change something in a namespace: verbs, subresources, kinds of patches."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.cluster.objects import deployment, pod
from tests.cluster.tenancy.api import PATCHES, Answer, Api

_LABEL = {"metadata": {"labels": {"touched": "yes"}}}
_CORE, _APPS = "/api/v1/namespaces/{}", "/apis/apps/v1/namespaces/{}"
_DEBUGGER = {"name": "shell", "image": "registry.example.com/shell:1"}


@dataclass(frozen=True)
class Attempt:
    """One request, on trial: the API server decides it and keeps nothing."""

    method: str
    path: str
    body: Any = None
    patch: str = ""

    def by(self, user: str, api: Api, namespace: str = "") -> Answer:
        """Make the attempt in a namespace."""
        path = self.path.format(namespace)
        if not self.connects:
            path += ("&" if "?" in path else "?") + "dryRun=All"
        return api(user, self.method, path, self.body, self.patch)

    @property
    def connects(self) -> bool:
        """Whether it goes through to a pod or a service, which cannot be tried only."""
        return self.method == "GET" or "/proxy" in self.path


def changes(path: str, put: Any, patch: Mapping[str, Any] = _LABEL) -> Mapping[str, Attempt]:
    """Return every way to change an object: replaced by `put`, or patched."""
    parts = [
        {"op": "add", "path": f"/{key}", "value": value} for key, value in _flat(patch).items()
    ]
    applied = {"apiVersion": put["apiVersion"], "kind": put["kind"], **patch}
    applied["metadata"] = {"name": put["metadata"]["name"], **patch.get("metadata", {})}
    bodies: Mapping[str, Any] = {
        "json patch": parts,
        "merge patch": patch,
        "strategic merge patch": patch,
        "server-side apply": applied,
    }
    forced = "?fieldManager=stranger&force=true"
    return {
        "replace": Attempt("PUT", path, put),
        **{
            kind: Attempt("PATCH", path + (forced if "apply" in kind else ""), bodies[kind], kind)
            for kind in PATCHES
        },
    }


def _flat(patch: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a patch as paths of a JSON Patch and what goes there; maps are added whole."""
    return {f"{part}/{key}": value for part, found in patch.items() for key, value in found.items()}


def _scale(name: str) -> Any:
    return {
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": {"name": name},
        "spec": {"replicas": 0},
    }


CREATE: Mapping[str, Attempt] = {
    "create a pod": Attempt("POST", f"{_CORE}/pods", pod("new")),
    "create a deployment": Attempt("POST", f"{_APPS}/deployments", deployment(pod("new"), "new")),
    "create a config map": Attempt("POST", f"{_CORE}/configmaps", {"metadata": {"name": "new"}}),
    "create a secret": Attempt("POST", f"{_CORE}/secrets", {"metadata": {"generateName": "new-"}}),
    "apply a config map that is not there": Attempt(
        "PATCH",
        f"{_CORE}/configmaps/new?fieldManager=stranger",
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "new"}},
        "server-side apply",
    ),
    "bind a role": Attempt(
        "POST",
        "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings",
        {
            "metadata": {"name": "new"},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "view",
            },
        },
    ),
}


def on_pod(name: str) -> Mapping[str, Attempt]:
    """Return every way to a pod."""
    path = f"{_CORE}/pods/{name}"
    debugged = {"spec": {"ephemeralContainers": [_DEBUGGER]}}
    more = {"spec": {"containers": [{"name": "app", "resources": {"requests": {"cpu": "1"}}}]}}
    evict = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
    return {
        "delete": Attempt("DELETE", path),
        "label": Attempt("PATCH", path, _LABEL, "merge patch"),
        "evict": Attempt("POST", f"{path}/eviction", evict),
        "debug": Attempt("PATCH", f"{path}/ephemeralcontainers", debugged, "strategic merge patch"),
        "resize": Attempt("PATCH", f"{path}/resize", more, "strategic merge patch"),
        "exec": Attempt("GET", f"{path}/exec?command=true&stdout=true"),
        "attach": Attempt("GET", f"{path}/attach?stdout=true"),
        "forward a port": Attempt("GET", f"{path}/portforward"),
        "proxy": Attempt("GET", f"{path}/proxy/"),
        "proxy to a port": Attempt("GET", f"{_CORE}/pods/https:{name}:8443/proxy/"),
        "post through the proxy": Attempt("POST", f"{path}/proxy/"),
    }


def pod_reports(name: str) -> Mapping[str, Attempt]:
    """Return what nobody but the control plane does to a pod."""
    path, node = f"{_CORE}/pods/{name}", {"apiVersion": "v1", "kind": "Node", "name": "node-1"}
    binding = {"metadata": {"name": name}, "target": node}
    return {
        "report its status": Attempt(
            "PATCH", f"{path}/status", {"status": {"podIP": "10.9.9.9"}}, "merge patch"
        ),
        "bind": Attempt("POST", f"{path}/binding", binding),
        "bind the other way": Attempt("POST", f"{_CORE}/bindings", binding),
    }


def on_deployment(name: str) -> Mapping[str, Attempt]:
    """Return every way to a Deployment."""
    path = f"{_APPS}/deployments/{name}"
    return {
        "delete": Attempt("DELETE", path),
        "set its image": Attempt(
            "PATCH",
            path,
            {"spec": {"template": {"metadata": {"labels": {"touched": "yes"}}}}},
            "strategic merge patch",
        ),
        "scale": Attempt("PUT", f"{path}/scale", _scale(name)),
        "scale by a patch": Attempt(
            "PATCH", f"{path}/scale", {"spec": {"replicas": 0}}, "merge patch"
        ),
        "report its status": Attempt(
            "PATCH", f"{path}/status", {"status": {"replicas": 3}}, "merge patch"
        ),
    }


def on_config_map(name: str) -> Mapping[str, Attempt]:
    """Return every way to an object without subresources."""
    path = f"{_CORE}/configmaps/{name}"
    put = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
    return {
        **changes(path, put),
        "delete": Attempt("DELETE", path),
        "delete a collection": Attempt(
            "DELETE", f"{_CORE}/configmaps?fieldSelector=metadata.name%3D{name}"
        ),
    }


def on_service(name: str) -> Mapping[str, Attempt]:
    """Return every way to a Service."""
    path = f"{_CORE}/services/{name}"
    return {
        "delete": Attempt("DELETE", path),
        "aim elsewhere": Attempt(
            "PATCH", path, {"spec": {"selector": {"app": "other"}}}, "merge patch"
        ),
        "report its status": Attempt(
            "PATCH", f"{path}/status", {"metadata": {"labels": {"a": "b"}}}, "merge patch"
        ),
        "proxy": Attempt("GET", f"{path}/proxy/"),
        "proxy to a port": Attempt("GET", f"{_CORE}/services/http:{name}:80/proxy/"),
    }


def token(account: str) -> Attempt:
    """Return the attempt to become a service account."""
    return Attempt("POST", f"{_CORE}/serviceaccounts/{account}/token", {"spec": {}})


def every(
    name: str = "web", account: str = "default", create: bool = True
) -> Mapping[str, Attempt]:
    """Return every attempt there is on objects of a name, by what it is."""
    kinds = {
        "pod": on_pod(name),
        "deployment": on_deployment(name),
        "config map": on_config_map(name),
        "service": on_service(name),
    }
    found = {
        f"{kind}: {what}": each for kind, group in kinds.items() for what, each in group.items()
    }
    return {**(CREATE if create else {}), **found, "mint a token": token(account)}
