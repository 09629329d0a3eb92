"""What the API server and its in-tree plugins fill into a pod before any webhook is asked."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from webhook.core.model.objects import Container, Pod, Volume
from webhook.core.model.walk import map_containers

TOKEN_VOLUME: Final = "kube-api-access-"  # noqa: S105 - a name
"""How the name of the volume begins that holds a pod's service account token."""

TOKEN_PATH: Final = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - where it is mounted
_TOKEN_NAME = TOKEN_VOLUME + "00000"  # a real one ends in five random characters
_MIRROR = "kubernetes.io/config.mirror"


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
