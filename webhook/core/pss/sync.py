"""The Pod Security level that the constraints usable in a namespace amount to.

Equals the mapping of OpenShift's pod-security label synchronisation: a namespace gets the strictest
label under which no pod is refused that one of its service accounts could run.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from webhook.core.model.objects import JsonObject
from webhook.core.model.ranges import uid_range
from webhook.core.model.request import Grants, User
from webhook.core.platform import LEVELS, Level
from webhook.core.pss.capabilities import RUNTIME_DEFAULT

_SAFE_SYSCTLS = frozenset(
    {
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_syncookies",
    }
)
_SE_LINUX_TYPES = frozenset({"", "container_t", "container_init_t", "container_kvm_t"})
_HOST = (
    "allowHostDirVolumePlugin",
    "allowHostIPC",
    "allowHostNetwork",
    "allowHostPID",
    "allowHostPorts",
    "allowPrivilegedContainer",
)
_VOLUMES: Mapping[str, Level] = {
    **dict.fromkeys(("*", "hostPath"), "privileged"),
    **dict.fromkeys(
        (
            "awsElasticBlockStore",
            "azureDisk",
            "azureFile",
            "cephFS",
            "cinder",
            "fc",
            "flexVolume",
            "flocker",
            "gcePersistentDisk",
            "gitRepo",
            "glusterfs",
            "iscsi",
            "nfs",
            "photonPersistentDisk",
            "portworxVolume",
            "quobyte",
            "rbd",
            "scaleIO",
            "storageOS",
            "vsphere",
        ),
        "baseline",
    ),
    **dict.fromkeys(
        (
            "configMap",
            "csi",
            "downwardAPI",
            "emptyDir",
            "ephemeral",
            "image",
            "none",
            "persistentVolumeClaim",
            "projected",
            "secret",
        ),
        "restricted",
    ),
}


class SyncError(ValueError):
    """A constraint amounts to no level; the text says why."""


def level_of(scc: JsonObject, annotations: Mapping[str, str]) -> Level:
    """Return the level that admits every pod which a constraint admits: the worst of its parts.

    Args:
        scc: a valid SecurityContextConstraints document with OpenShift's defaults filled in.
        annotations: the namespace's, whose uid range counts where the constraint names none.

    Raises:
        SyncError: the constraint allows a type of volume that nobody knows.
        RangeError: the namespace's uid range is needed and cannot be read.
    """
    parts = (
        "privileged" if any(scc.get(field) for field in _HOST) else "restricted",
        "restricted" if scc.get("allowPrivilegeEscalation") is False else "baseline",
        _capabilities(scc),
        "restricted"
        if _SAFE_SYSCTLS.issuperset(_list(scc, "allowedUnsafeSysctls"))
        else "privileged",
        *(_volume(name, scc) for name in _list(scc, "volumes")),
        _se_linux(scc.get("seLinuxContext") or {}),
        _seccomp(_list(scc, "seccompProfiles")),
        _run_as_user(scc.get("runAsUser") or {}, annotations),
    )
    return laxest(cast(Iterable[Level], parts))


def laxest(levels: Iterable[Level]) -> Level:
    """Return the least strict of some levels; `restricted` of none."""
    return min(levels, key=LEVELS.index, default="restricted")


def namespace_level(
    namespace: str,
    annotations: Mapping[str, str],
    accounts: Iterable[str],
    sccs: Iterable[JsonObject],
    grants: Callable[[User], Grants],
) -> Level | None:
    """Return the level of a namespace; None where none of its service accounts may use any SCC.

    What people may use does not count.

    Args:
        namespace: its name.
        annotations: its annotations.
        accounts: the names of its service accounts.
        sccs: every SecurityContextConstraints document, with its defaults.
        grants: the SCCs that a service account may use by roles that are bound to it by kind, or to
            one of its groups. Bindings of users do not count, whatever they are called.

    Raises:
        SyncError: as `level_of`.
        RangeError: as `level_of`.
    """
    users = [_identity(namespace, name) for name in accounts]
    found = {user.name: grants(user) for user in users}
    usable = [scc for scc in sccs if any(_may_use(user, scc, found[user.name]) for user in users)]
    return laxest(level_of(scc, annotations) for scc in usable) if usable else None


def _identity(namespace: str, name: str) -> User:
    account = User.service_account(namespace, name)
    return User(account.name, (*account.groups, "system:authenticated"))


def _may_use(user: User, scc: JsonObject, granted: Grants) -> bool:
    if user.name in _list(scc, "users") or not set(user.groups).isdisjoint(_list(scc, "groups")):
        return True
    return (scc.get("metadata") or {}).get("name") in granted


def _list(scc: JsonObject, field: str) -> list[Any]:
    return scc.get(field) or []


def _capabilities(scc: JsonObject) -> Level:
    allowed = _list(scc, "allowedCapabilities")
    if not RUNTIME_DEFAULT.issuperset(allowed):
        return "privileged"
    if "ALL" not in _list(scc, "requiredDropCapabilities"):
        return "baseline"
    return "restricted" if {"NET_BIND_SERVICE"}.issuperset(allowed) else "baseline"


def _volume(name: str, scc: JsonObject) -> Level:
    if (level := _VOLUMES.get(name)) is None:
        who = (scc.get("metadata") or {}).get("name")
        raise SyncError(f'SCC "{who}" allows volumes of type "{name}", which is of no known level')
    return level


def _se_linux(context: JsonObject) -> Level:
    options = context.get("seLinuxOptions") or {}
    if context.get("type") != "MustRunAs" or options.get("user") or options.get("role"):
        return "privileged"
    return "restricted" if (options.get("type") or "") in _SE_LINUX_TYPES else "privileged"


def _seccomp(profiles: list[str]) -> Level:
    if not profiles:
        return "baseline"
    good = all(
        profile in ("runtime/default", "docker/default") or profile.startswith("localhost/")
        for profile in profiles
    )
    return "restricted" if good else "privileged"


def _run_as_user(strategy: JsonObject, annotations: Mapping[str, str]) -> Level:
    match strategy.get("type"):
        case "MustRunAsNonRoot":
            return "restricted"
        case "MustRunAs":
            return "restricted" if strategy.get("uid") else "baseline"
        case "MustRunAsRange":
            first = strategy.get("uidRangeMin")
            if first is None or strategy.get("uidRangeMax") is None:
                first = uid_range(annotations).min
            return "restricted" if first else "baseline"
        case _:
            return "baseline"
