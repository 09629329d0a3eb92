"""Workloads as the pods that they become, and pods as admission sees them.

A Deployment is never judged by an SCC: its pods are, later, when their controller sends them. What
the controller sends, and as whom, is known from the template alone; so is what the API server and
its in-tree plugins fill in before any webhook is asked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import UNSET
from webhook.core.model.objects import Container, Json, JsonObject, Pod, Volume
from webhook.core.model.request import User
from webhook.core.model.shapes import ShapeError
from webhook.core.model.walk import map_containers

TOKEN_VOLUME: Final = "kube-api-access-"  # noqa: S105 - a name
"""How the name of the volume begins that holds a pod's service account token."""

TOKEN_PATH: Final = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - where it is mounted
_TOKEN_NAME = TOKEN_VOLUME + "00000"  # a real one ends in five random characters
_MIRROR = "kubernetes.io/config.mirror"


@dataclass(frozen=True, slots=True)
class Workload:
    """A kind whose objects carry a pod template: how it is served, and who makes its pods."""

    group: str
    version: str
    resource: str
    controller: str
    path: FieldPath = FieldPath(("spec", "template"))  # noqa: RUF009 - it never changes


_CRON = FieldPath(("spec", "jobTemplate", "spec", "template"))

KINDS: Final[Mapping[str, Workload]] = {
    "CronJob": Workload("batch", "v1", "cronjobs", "job-controller", _CRON),
    "DaemonSet": Workload("apps", "v1", "daemonsets", "daemon-set-controller"),
    "Deployment": Workload("apps", "v1", "deployments", "replicaset-controller"),
    "Job": Workload("batch", "v1", "jobs", "job-controller"),
    # Nothing makes pods from a bare PodTemplate; the controller of its own API group stands in.
    "PodTemplate": Workload(
        "", "v1", "podtemplates", "replication-controller", FieldPath(("template",))
    ),
    "ReplicaSet": Workload("apps", "v1", "replicasets", "replicaset-controller"),
    "ReplicationController": Workload("", "v1", "replicationcontrollers", "replication-controller"),
    "StatefulSet": Workload("apps", "v1", "statefulsets", "statefulset-controller"),
}
"""Every kind whose pods are judged before they exist."""

RESOURCES: Final = frozenset((kind.group, kind.resource) for kind in KINDS.values())
"""The same as (group, resource), as requests name them."""

_FORMER_GROUPS: Final[Mapping[str, frozenset[str]]] = {
    "extensions": frozenset({"DaemonSet", "Deployment", "ReplicaSet"})
}


@dataclass(frozen=True, slots=True)
class Template:
    """The pod that a workload's controller would send, and as whom.

    `pod` is what the template says, not checked and not defaulted. `path` leads to the template in
    the workload. `note` says what is odd about the workload's own apiVersion, or is empty.
    `volumes` are the places in the workload where the pod's volumes come from.
    """

    pod: JsonObject
    path: FieldPath
    creator: User
    note: str = ""
    volumes: tuple[FieldPath, ...] = ()

    def place(self, path: FieldPath) -> FieldPath:
        """Return where in the workload stands what stands at a path of the pod."""
        if not path:
            return path
        match path[:3]:
            case ("spec", "volumes", int(index)) if index < len(self.volumes):
                return FieldPath((*self.volumes[index], *path[3:]))
        return FieldPath((*self.path, *path))


def template_of(value: Json) -> Template | None:
    """Return the pod that a workload becomes; None when the value is no workload.

    A version that is not the current one, such as `extensions/v1beta1`, is read as the current one
    and noted: the templates never differed.

    Raises:
        ShapeError: the workload has no template, or one of its parts is of the wrong type.
    """
    if not isinstance(value, Mapping):
        return None
    kind = value.get("kind")
    workload = KINDS.get(kind) if isinstance(kind, str) else None
    if workload is None or not _is_served_by(value, workload):
        return None
    metadata = _part(value, FieldPath(("metadata",)), required=False)
    spec = _part(value, workload.path / "spec")
    inner = _part(value, workload.path / "metadata", required=False)
    sent: dict[str, Json] = {
        key: inner[key] for key in ("labels", "annotations") if inner.get(key) is not None
    }
    name = metadata.get("name") or metadata.get("generateName") or ""
    if isinstance(name, str) and name:
        sent["generateName"] = name if name.endswith("-") else name + "-"
        if kind == "StatefulSet":
            sent["name"] = sent["generateName"] + "0"
    if isinstance(namespace := metadata.get("namespace"), str) and namespace:
        sent["namespace"] = namespace
    volumes: tuple[FieldPath, ...] = ()
    if kind == "StatefulSet":
        spec, volumes = _with_claims(value, spec, workload.path)
    return Template(
        pod={"apiVersion": "v1", "kind": "Pod", "metadata": sent, "spec": spec},
        path=workload.path,
        creator=_controller(workload.controller),
        note=_note(value, kind, workload),
        volumes=volumes,
    )


def _is_served_by(value: JsonObject, workload: Workload) -> bool:
    group = str(value.get("apiVersion", "")).rpartition("/")[0]
    return group == workload.group or value.get("kind") in _FORMER_GROUPS.get(group, ())


def _note(value: JsonObject, kind: Any, workload: Workload) -> str:
    current = f"{workload.group}/{workload.version}".removeprefix("/")
    given = value.get("apiVersion")
    if given == current:
        return ""
    return f"{kind} in {given} is served by no current cluster: judged as {current}"


def _controller(name: str) -> User:
    """Return a controller of kube-controller-manager as the API server knows it."""
    account = User.service_account("kube-system", name)
    return User(account.name, (*account.groups, "system:authenticated"))


def _part(value: JsonObject, path: FieldPath, *, required: bool = True) -> dict[str, Json]:
    """Return the object at a path; an empty one where it may be absent."""
    part: Json = value
    for depth, step in enumerate(path):
        part = part.get(step) if isinstance(part, Mapping) else None
        last = depth == len(path) - 1
        if part is None and last and not required:
            return {}
        if not isinstance(part, dict):
            error = ShapeError("an object", UNSET if part is None else part)
            error.steps = list(reversed(path[: depth + 1]))
            raise error
    return cast(dict[str, Json], part)


def _list(value: Json, path: FieldPath) -> Sequence[Json]:
    if value is None:
        return ()
    if not isinstance(value, list):
        error = ShapeError("a list", value)
        error.steps = list(reversed(path))
        raise error
    return value


def _with_claims(
    value: JsonObject, spec: dict[str, Json], path: FieldPath
) -> tuple[dict[str, Json], tuple[FieldPath, ...]]:
    """Return a StatefulSet's pod spec with its claims as volumes, and where each volume is from.

    The claims come first and take the place of volumes of their name, as the controller has it.
    """
    ours = FieldPath(("spec", "volumeClaimTemplates"))
    theirs = path / "spec" / "volumes"
    own = value.get("spec", {}).get("volumeClaimTemplates")
    claims: dict[str, FieldPath] = {}
    for index, claim in enumerate(_list(own, ours)):
        try:
            metadata = _part({"claim": claim}, FieldPath(("claim",))).get("metadata")
        except ShapeError as error:
            error.steps = list(reversed(ours / index))
            raise
        name = metadata.get("name") if isinstance(metadata, Mapping) else None
        claims.setdefault(str(name or ""), ours / index)
    if not claims:
        return spec, ()
    owner = (value.get("metadata") or {}).get("name", "")
    volumes: list[Json] = [
        {"name": name, "persistentVolumeClaim": {"claimName": f"{name}-{owner}-0"}}
        for name in claims
    ]
    places = list(claims.values())
    for index, volume in enumerate(_list(spec.get("volumes"), theirs)):
        if not isinstance(volume, Mapping) or volume.get("name") not in claims:
            volumes.append(volume)
            places.append(theirs / index)
    return {**spec, "volumes": volumes}, tuple(places)


def defaulted(pod: Pod, automount: bool | None = None) -> Pod:
    """Return a pod as its creation reaches a webhook, in all that policies look at.

    The API server has set the defaults of `v1.Pod`, dropped empty lists, and run its ServiceAccount
    plugin, by then. Doing it twice changes nothing. The argument stays as it is.

    Args:
        pod: a pod that has the shape of one.
        automount: the service account's own `automountServiceAccountToken`.
    """
    spec: dict[str, Any] = dict(pod.get("spec", {}))
    spec["securityContext"] = _without_empty(spec.get("securityContext", {}), _POD_LISTS)
    for key in ("volumes", "initContainers", "ephemeralContainers"):
        if not spec.get(key):
            spec.pop(key, None)
    if volumes := spec.get("volumes"):
        spec["volumes"] = [_volume(volume) for volume in volumes]
    mirror = _MIRROR in pod.get("metadata", {}).get("annotations", {})
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if not isinstance(account, str) or not account:
        account = "" if mirror else "default"
    if account:
        spec["serviceAccountName"] = spec["serviceAccount"] = account
    result = cast(Pod, {**pod, "spec": spec})
    on_host = spec.get("hostNetwork") is True
    result = map_containers(result, lambda container: _container(container, on_host))
    own = spec.get("automountServiceAccountToken")
    wanted = own if isinstance(own, bool) else automount is not False
    return _with_token(result) if wanted and not mirror else result


_POD_LISTS = ("supplementalGroups", "sysctls")


def _without_empty(value: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    """Return an object without those lists that are empty, which the API's JSON does not carry."""
    return {key: item for key, item in value.items() if item != [] or key not in keys}


def _volume(volume: Volume) -> Volume:
    """A volume with no source is an emptyDir; a field reference is to v1 unless it says else."""
    if not any(value is not None for key, value in volume.items() if key != "name"):
        return {**volume, "emptyDir": {}}
    projected = volume.get("projected")
    if not isinstance(projected, Mapping) or not projected.get("sources"):
        return volume
    return {
        **volume,
        "projected": {
            **projected,
            "sources": [_projection(source) for source in projected["sources"]],
        },
    }


def _projection(source: Mapping[str, Any]) -> Mapping[str, Any]:
    downward = source.get("downwardAPI")
    if not downward or not downward.get("items"):
        return source
    items = [
        {**item, "fieldRef": {**item["fieldRef"], "apiVersion": "v1"}}
        if "fieldRef" in item and not item["fieldRef"].get("apiVersion")
        else item
        for item in downward["items"]
    ]
    return {**source, "downwardAPI": {**downward, "items": items}}


def _container(container: Container, on_host: bool) -> Container:
    """Return a container with ports and requests defaulted, and without lists that are empty."""
    changed: dict[str, Any] = {}
    if ports := container.get("ports"):
        changed["ports"] = [_port(port, on_host) for port in ports]
    resources: Any = container.get("resources")
    if isinstance(resources, Mapping) and isinstance(limits := resources.get("limits"), Mapping):
        changed |= _requests(resources, limits)
    security = container.get("securityContext", {})
    if [] in (capabilities := security.get("capabilities", {})).values():
        changed["securityContext"] = {
            **security,
            "capabilities": _without_empty(capabilities, ("add", "drop")),
        }
    return cast(Container, {**container, **changed}) if changed else container


def _requests(resources: Mapping[str, Any], limits: Mapping[str, Any]) -> dict[str, Any]:
    """A limit without a request is the request as well."""
    requests = resources.get("requests") or {}
    if not isinstance(requests, Mapping) or all(requests.get(name) is not None for name in limits):
        return {}
    own = {name: value for name, value in requests.items() if value is not None}
    return {"resources": {**resources, "requests": {**limits, **own}}}


def _port(port: Mapping[str, Any], on_host: bool) -> dict[str, Any]:
    result = {"protocol": "TCP", **port}
    if on_host and not port.get("hostPort") and "containerPort" in port:
        result["hostPort"] = port["containerPort"]
    return result


def _with_token(pod: Pod) -> Pod:
    """Return a pod with its token volume, mounted where nothing else is, as the plugin does it."""
    spec = cast(dict[str, Any], pod.get("spec", {}))
    volumes = spec.get("volumes", [])
    names = (str(volume.get("name", "")) for volume in volumes)
    present = next((name for name in names if name.startswith(TOKEN_VOLUME)), "")
    mount = {"name": present or _TOKEN_NAME, "readOnly": True, "mountPath": TOKEN_PATH}
    changed: dict[str, Any] = {}
    for kind in ("initContainers", "containers"):
        if any(not _is_mounted(container) for container in spec.get(kind, ())):
            changed[kind] = [
                container
                if _is_mounted(container)
                else {**container, "volumeMounts": [*_mounts(container), mount]}
                for container in spec[kind]
            ]
    if not changed:
        return pod
    if not present:
        changed["volumes"] = [*volumes, {"name": _TOKEN_NAME, "projected": _TOKEN_SOURCES}]
    return cast(Pod, {**pod, "spec": {**spec, **changed}})


def _mounts(container: Mapping[str, Any]) -> Sequence[Any]:
    mounts = container.get("volumeMounts")
    return mounts if isinstance(mounts, list) else ()


def _is_mounted(container: Mapping[str, Any]) -> bool:
    return any(
        isinstance(mount, Mapping) and mount.get("mountPath") == TOKEN_PATH
        for mount in _mounts(container)
    )


_TOKEN_SOURCES: Final[Mapping[str, Any]] = {
    "defaultMode": 0o644,
    "sources": [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {
            "downwardAPI": {
                "items": [
                    {
                        "path": "namespace",
                        "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"},
                    }
                ]
            }
        },
    ],
}
