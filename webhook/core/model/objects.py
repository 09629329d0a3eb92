"""The fields that rules read, spelt as Kubernetes spells them.

JSON stays JSON: an object is a dict, and these TypedDicts only let mypy catch a
misspelt key. Values have been through `shapes.py`, so their types hold at run time.
"""

from collections.abc import Mapping
from typing import Any, TypedDict

Json = Any
"""A decoded JSON value of no particular shape."""

JsonObject = Mapping[str, Any]
"""A decoded JSON object of no particular shape."""


class ObjectMeta(TypedDict, total=False):
    """The part of `metadata` that is read."""

    name: str
    generateName: str
    namespace: str
    labels: dict[str, str]
    annotations: dict[str, str]


class SELinuxOptions(TypedDict, total=False):
    """An SELinux label."""

    user: str
    role: str
    type: str
    level: str


class SeccompProfile(TypedDict, total=False):
    """A seccomp profile as a field (the older form is an annotation)."""

    type: str
    localhostProfile: str


class Capabilities(TypedDict, total=False):
    """What a container adds to and drops from the runtime's default set."""

    add: list[str]
    drop: list[str]


class SecurityContext(TypedDict, total=False):
    """A container's `securityContext`."""

    allowPrivilegeEscalation: bool
    capabilities: Capabilities
    privileged: bool
    procMount: str
    readOnlyRootFilesystem: bool
    runAsGroup: int
    runAsNonRoot: bool
    runAsUser: int
    seLinuxOptions: SELinuxOptions
    seccompProfile: SeccompProfile


class Sysctl(TypedDict, total=False):
    """One kernel parameter of a pod."""

    name: str
    value: str


class PodSecurityContext(TypedDict, total=False):
    """A pod's `spec.securityContext`."""

    fsGroup: int
    runAsGroup: int
    runAsNonRoot: bool
    runAsUser: int
    seLinuxOptions: SELinuxOptions
    seccompProfile: SeccompProfile
    supplementalGroups: list[int]
    sysctls: list[Sysctl]


class ContainerPort(TypedDict, total=False):
    """One declared port."""

    containerPort: int
    hostPort: int


class Container(TypedDict, total=False):
    """A container of any kind: init, ordinary or ephemeral."""

    name: str
    image: str
    ports: list[ContainerPort]
    securityContext: SecurityContext


class PodOS(TypedDict, total=False):
    """The operating system a pod declares."""

    name: str


Volume = dict[str, Any]
"""A volume: a name and one source, whose key is the volume's type."""


class PodSpec(TypedDict, total=False):
    """The part of a pod's spec that is read."""

    automountServiceAccountToken: bool
    containers: list[Container]
    ephemeralContainers: list[Container]
    hostIPC: bool
    hostNetwork: bool
    hostPID: bool
    hostUsers: bool
    initContainers: list[Container]
    nodeName: str
    os: PodOS
    schedulingGates: list[dict[str, Any]]
    securityContext: PodSecurityContext
    serviceAccountName: str
    volumes: list[Volume]


class Pod(TypedDict, total=False):
    """A pod."""

    apiVersion: str
    kind: str
    metadata: ObjectMeta
    spec: PodSpec
