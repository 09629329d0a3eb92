"""What an SCC document means where it is silent.

Equals OpenShift's plugin `security.openshift.io/DefaultSecurityContextConstraints`.
"""

from collections.abc import Mapping
from typing import Any

VOLUME_TYPES = (
    "awsElasticBlockStore",
    "azureDisk",
    "azureFile",
    "cephFS",
    "cinder",
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "fc",
    "flexVolume",
    "flocker",
    "gcePersistentDisk",
    "gitRepo",
    "glusterfs",
    "hostPath",
    "image",
    "iscsi",
    "nfs",
    "persistentVolumeClaim",
    "photonPersistentDisk",
    "portworxVolume",
    "projected",
    "quobyte",
    "rbd",
    "scaleIO",
    "secret",
    "storageOS",
    "vsphere",
)
"""Every volume type that an SCC can name, in byte order."""

_ALWAYS_PRESENT: Mapping[str, Any] = {
    "priority": None,
    "allowPrivilegedContainer": False,
    "defaultAddCapabilities": None,
    "requiredDropCapabilities": None,
    "allowedCapabilities": None,
    "allowHostDirVolumePlugin": False,
    "allowHostNetwork": False,
    "allowHostPorts": False,
    "allowHostPID": False,
    "allowHostIPC": False,
    "readOnlyRootFilesystem": False,
}
_DROPPED_WHEN_EMPTY = (
    "allowedFlexVolumes",
    "allowedUnsafeSysctls",
    "forbiddenSysctls",
    "seccompProfiles",
)
_STRATEGIES = ("runAsUser", "seLinuxContext", "fsGroup", "supplementalGroups")


def default(scc: Mapping[str, Any]) -> dict[str, Any]:
    """Return the SCC object with its defaults written out, as OpenShift would store it.

    `allowHostDirVolumePlugin` is authoritative over `hostPath` in `volumes`; volumes come out
    distinct and sorted. Members that are null or empty and mean the same as absent ones are left
    out, a bound of 0 in a range among them.
    """
    out: dict[str, Any] = {**_ALWAYS_PRESENT, **{k: v for k, v in scc.items() if v is not None}}
    for name in _DROPPED_WHEN_EMPTY:
        if name in out and not out[name]:
            del out[name]
    for name in _STRATEGIES:
        out[name] = _without_empty(out.get(name) or {})
    if options := out["seLinuxContext"].get("seLinuxOptions"):
        out["seLinuxContext"]["seLinuxOptions"] = _without_empty(options)
    if "allowedFlexVolumes" in out:
        out["allowedFlexVolumes"] = [
            {**item, "driver": item.get("driver") or ""} for item in out["allowedFlexVolumes"]
        ]
    if "metadata" in out:
        metadata = _without_empty(out["metadata"])
        out["metadata"] = {key: value for key, value in metadata.items() if value != {}}
    for name in ("fsGroup", "supplementalGroups"):
        strategy = out[name]
        strategy.setdefault("type", "RunAsAny")
        if "ranges" in strategy:
            strategy["ranges"] = [
                {bound: value for bound, value in item.items() if value}
                for item in strategy["ranges"]
            ]
    for name in ("users", "groups"):
        out[name] = list(out.get(name) or ())
    out["volumes"] = _volumes(scc.get("volumes"), bool(scc.get("allowHostDirVolumePlugin")))
    out.setdefault("allowPrivilegeEscalation", True)
    if not out.get("userNamespaceLevel"):
        out["userNamespaceLevel"] = "AllowHostLevel"
    return out


def _without_empty(members: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in members.items() if value not in (None, "", [])}


def _volumes(volumes: list[str] | None, host_path: bool) -> list[str]:
    if volumes is None:
        wanted = {"*"} if host_path else set(VOLUME_TYPES) - {"hostPath"}
    elif not volumes:
        wanted = {"hostPath"} if host_path else {"none"}
    elif host_path:
        wanted = set(volumes) if "*" in volumes else {*volumes, "hostPath"}
    else:
        wanted = set(volumes) - {"*", "hostPath"}
        if "*" in volumes:
            wanted |= set(VOLUME_TYPES) - {"hostPath"}
    return sorted(wanted)
