"""A SecurityContextConstraints document as frozen data, and completed for a namespace."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, TypeVar

from webhook.core.model.objects import SELinuxOptions
from webhook.core.model.ranges import (
    MCS,
    SUPPLEMENTAL_GROUPS,
    UID_RANGE,
    Range,
    RangeError,
    group_ranges,
    mcs_label,
    uid_range,
)

T = TypeVar("T")

RUN_AS_USER_TYPES = ("MustRunAs", "MustRunAsNonRoot", "MustRunAsRange", "RunAsAny")
CONTEXT_TYPES = ("MustRunAs", "RunAsAny")


@dataclass(frozen=True, slots=True)
class RunAsUser:
    """The `runAsUser` strategy; `range` is unset where the namespace gives it."""

    type: str
    uid: int | None = None
    range: Range | None = None


@dataclass(frozen=True, slots=True)
class SELinux:
    """The `seLinuxContext` strategy; an empty `level` comes from the namespace."""

    type: str
    user: str = ""
    role: str = ""
    kind: str = ""
    level: str = ""

    def options(self) -> SELinuxOptions:
        """Return what is written into a pod: the members that are not empty."""
        options: SELinuxOptions = {}
        if self.user:
            options["user"] = self.user
        if self.role:
            options["role"] = self.role
        if self.kind:
            options["type"] = self.kind
        if self.level:
            options["level"] = self.level
        return options


@dataclass(frozen=True, slots=True)
class Groups:
    """An `fsGroup` or `supplementalGroups` strategy; no ranges: the namespace gives them."""

    type: str
    ranges: tuple[Range, ...] = ()

    @property
    def must_run_as(self) -> bool:
        """Whether groups have to lie in the ranges."""
        return self.type == "MustRunAs"

    def __contains__(self, group: int) -> bool:
        return any(group in allowed for allowed in self.ranges)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Constraint:
    """One SCC. Names follow the API's fields; an absent list is empty.

    Instances are compared and hashed by identity: a set of policies builds each once.
    """

    name: str
    priority: int
    allow_privileged_container: bool
    allow_host_network: bool
    allow_host_ports: bool
    allow_host_pid: bool
    allow_host_ipc: bool
    require_user_namespace: bool
    allow_privilege_escalation: bool
    default_allow_privilege_escalation: bool | None
    read_only_root_filesystem: bool
    default_add_capabilities: tuple[str, ...]
    required_drop_capabilities: tuple[str, ...]
    allowed_capabilities: tuple[str, ...]
    volumes: frozenset[str]
    allowed_flex_volumes: frozenset[str]
    run_as_user: RunAsUser
    se_linux: SELinux
    fs_group: Groups
    supplemental_groups: Groups
    seccomp_profiles: tuple[str, ...]
    allowed_unsafe_sysctls: tuple[str, ...]
    forbidden_sysctls: tuple[str, ...]
    users: frozenset[str]
    groups: frozenset[str]

    @classmethod
    def from_object(cls, scc: Mapping[str, Any]) -> "Constraint":
        """Build a constraint from an SCC object that is defaulted and valid."""
        user = scc.get("runAsUser") or {}
        low, high = user.get("uidRangeMin"), user.get("uidRangeMax")
        context = scc.get("seLinuxContext") or {}
        label = context.get("seLinuxOptions") or {}
        return cls(
            name=scc["metadata"]["name"],
            priority=scc.get("priority") or 0,
            allow_privileged_container=bool(scc.get("allowPrivilegedContainer")),
            allow_host_network=bool(scc.get("allowHostNetwork")),
            allow_host_ports=bool(scc.get("allowHostPorts")),
            allow_host_pid=bool(scc.get("allowHostPID")),
            allow_host_ipc=bool(scc.get("allowHostIPC")),
            require_user_namespace=scc.get("userNamespaceLevel") == "RequirePodLevel",
            allow_privilege_escalation=scc.get("allowPrivilegeEscalation") is not False,
            default_allow_privilege_escalation=scc.get("defaultAllowPrivilegeEscalation"),
            read_only_root_filesystem=bool(scc.get("readOnlyRootFilesystem")),
            default_add_capabilities=_strings(scc, "defaultAddCapabilities"),
            required_drop_capabilities=_strings(scc, "requiredDropCapabilities"),
            allowed_capabilities=_strings(scc, "allowedCapabilities"),
            volumes=frozenset(_strings(scc, "volumes")),
            allowed_flex_volumes=frozenset(
                flex.get("driver", "") for flex in scc.get("allowedFlexVolumes") or ()
            ),
            run_as_user=RunAsUser(
                type=user.get("type", ""),
                uid=user.get("uid"),
                range=None if low is None or high is None else Range(low, high),
            ),
            se_linux=SELinux(
                type=context.get("type", ""),
                user=label.get("user") or "",
                role=label.get("role") or "",
                kind=label.get("type") or "",
                level=label.get("level") or "",
            ),
            fs_group=_groups(scc, "fsGroup"),
            supplemental_groups=_groups(scc, "supplementalGroups"),
            seccomp_profiles=_strings(scc, "seccompProfiles"),
            allowed_unsafe_sysctls=_strings(scc, "allowedUnsafeSysctls"),
            forbidden_sysctls=_strings(scc, "forbiddenSysctls"),
            users=frozenset(_strings(scc, "users")),
            groups=frozenset(_strings(scc, "groups")),
        )

    @property
    def any_seccomp(self) -> bool:
        """Whether every seccomp profile is allowed."""
        return "*" in self.seccomp_profiles

    @property
    def named_seccomp(self) -> tuple[str, ...]:
        """The allowed seccomp profiles by name; the first is the default."""
        return tuple(profile for profile in self.seccomp_profiles if profile != "*")


def _strings(scc: Mapping[str, Any], field: str) -> tuple[str, ...]:
    return tuple(scc.get(field) or ())


def _groups(scc: Mapping[str, Any], field: str) -> Groups:
    strategy = scc.get(field) or {}
    ranges = tuple(
        Range(item.get("min") or 0, item.get("max") or 0) for item in strategy.get("ranges") or ()
    )
    return Groups(type=strategy.get("type", ""), ranges=ranges)


@dataclass(frozen=True, slots=True, eq=False)
class NamespaceValues:
    """What a namespace's annotations give to SCCs, each value or the reason why there is none."""

    uids: Range | RangeError
    groups: tuple[Range, ...] | RangeError
    level: str | RangeError

    @property
    def errors(self) -> bool:
        """Whether one of them is missing."""
        return any(isinstance(item, RangeError) for item in (self.uids, self.groups, self.level))


@lru_cache(maxsize=8192)
def _values(uids: str | None, groups: str | None, mcs: str | None) -> NamespaceValues:
    texts = {UID_RANGE: uids, SUPPLEMENTAL_GROUPS: groups, MCS: mcs}
    annotations = {key: text for key, text in texts.items() if text is not None}
    return NamespaceValues(
        uids=_or_error(uid_range, annotations),
        groups=_or_error(group_ranges, annotations),
        level=_or_error(mcs_label, annotations),
    )


def namespace_values(annotations: Mapping[str, str]) -> NamespaceValues:
    """Return what a namespace gives to SCCs; read once for each set of annotations."""
    return _values(
        annotations.get(UID_RANGE), annotations.get(SUPPLEMENTAL_GROUPS), annotations.get(MCS)
    )


@lru_cache(maxsize=8192)
def complete(scc: Constraint, values: NamespaceValues) -> Constraint:
    """Return the constraint with the namespace's values filled in where it has none of its own.

    Equals OpenShift's `CreateProviderFromConstraint`: an fsGroup from the namespace allows the
    start of the first block only, supplemental groups whole blocks.

    Raises:
        RangeError: the namespace does not give a value that this SCC needs.
    """
    changes: dict[str, Any] = {}
    if scc.run_as_user.type == "MustRunAsRange" and scc.run_as_user.range is None:
        changes["run_as_user"] = replace(scc.run_as_user, range=_known(values.uids))
    if scc.se_linux.type == "MustRunAs" and not scc.se_linux.level:
        changes["se_linux"] = replace(scc.se_linux, level=_known(values.level))
    if scc.fs_group.must_run_as and not scc.fs_group.ranges:
        first = _known(values.groups)[0].min
        changes["fs_group"] = replace(scc.fs_group, ranges=(Range(first, first),))
    if scc.supplemental_groups.must_run_as and not scc.supplemental_groups.ranges:
        changes["supplemental_groups"] = replace(
            scc.supplemental_groups, ranges=_known(values.groups)
        )
    return replace(scc, **changes) if changes else scc


def _known(value: T | RangeError) -> T:
    if isinstance(value, RangeError):
        raise value
    return value


def _or_error(
    read: Callable[[Mapping[str, str]], T], annotations: Mapping[str, str]
) -> T | RangeError:
    try:
        return read(annotations)
    except RangeError as error:
        return error
