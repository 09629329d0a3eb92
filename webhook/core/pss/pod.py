"""The parts of a pod that the Pod Security Standards read, and the walks over them.

Untrusted JSON goes in through `shaped`; what comes out has the types below, and no nulls.
"""

from collections.abc import Iterator
from typing import Any, TypedDict, cast

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.objects import (
    Capabilities,
    Json,
    ObjectMeta,
    PodOS,
    SeccompProfile,
    SELinuxOptions,
    Sysctl,
)
from webhook.core.model.shapes import (
    SE_LINUX,
    SECCOMP,
    anything,
    boolean,
    integer,
    list_of,
    map_of,
    object_of,
    string,
)
from webhook.core.model.walk import KINDS


class AppArmorProfile(TypedDict, total=False):
    """An AppArmor profile as a field (the older form is an annotation)."""

    type: str


class WindowsOptions(TypedDict, total=False):
    """What a container on a Windows node may do."""

    hostProcess: bool


class Context(TypedDict, total=False):
    """A `securityContext`, the pod's or a container's: some fields exist in one of them only."""

    allowPrivilegeEscalation: bool
    appArmorProfile: AppArmorProfile
    capabilities: Capabilities
    privileged: bool
    procMount: str
    runAsNonRoot: bool
    runAsUser: int
    seLinuxOptions: SELinuxOptions
    seccompProfile: SeccompProfile
    sysctls: list[Sysctl]
    windowsOptions: WindowsOptions


class Target(TypedDict, total=False):
    """Where a probe or a hook connects to."""

    host: str


class Handler(TypedDict, total=False):
    """A probe, or a hook of a container's life."""

    httpGet: Target
    tcpSocket: Target


class Lifecycle(TypedDict, total=False):
    """The hooks of a container's life."""

    postStart: Handler
    preStop: Handler


class Port(TypedDict, total=False):
    """A declared port."""

    hostPort: int


class Container(TypedDict, total=False):
    """A container of any kind."""

    name: str
    image: str
    lifecycle: Lifecycle
    livenessProbe: Handler
    ports: list[Port]
    readinessProbe: Handler
    securityContext: Context
    startupProbe: Handler


class Spec(TypedDict, total=False):
    """The part of a pod's spec that is read."""

    containers: list[Container]
    ephemeralContainers: list[Container]
    hostIPC: bool
    hostNetwork: bool
    hostPID: bool
    hostUsers: bool
    initContainers: list[Container]
    os: PodOS
    runtimeClassName: str
    securityContext: Context
    volumes: list[dict[str, Any]]


class Pod(TypedDict, total=False):
    """A pod, or a pod template."""

    metadata: ObjectMeta
    spec: Spec


_TARGET = object_of(host=string)
_HANDLER = object_of(httpGet=_TARGET, tcpSocket=_TARGET)
_CONTEXT = {
    "appArmorProfile": object_of(type=string),
    "runAsNonRoot": boolean,
    "runAsUser": integer,
    "seLinuxOptions": SE_LINUX,
    "seccompProfile": SECCOMP,
    "windowsOptions": object_of(hostProcess=boolean),
}
_CONTAINERS = list_of(
    object_of(
        name=string,
        image=string,
        lifecycle=object_of(postStart=_HANDLER, preStop=_HANDLER),
        livenessProbe=_HANDLER,
        ports=list_of(object_of(hostPort=integer)),
        readinessProbe=_HANDLER,
        securityContext=object_of(
            allowPrivilegeEscalation=boolean,
            capabilities=object_of(add=list_of(string), drop=list_of(string)),
            privileged=boolean,
            procMount=string,
            **_CONTEXT,
        ),
        startupProbe=_HANDLER,
    )
)
_POD = object_of(
    metadata=object_of(annotations=map_of(string)),
    spec=object_of(
        containers=_CONTAINERS,
        ephemeralContainers=_CONTAINERS,
        hostIPC=boolean,
        hostNetwork=boolean,
        hostPID=boolean,
        hostUsers=boolean,
        initContainers=_CONTAINERS,
        os=object_of(name=string),
        runtimeClassName=string,
        securityContext=object_of(sysctls=list_of(object_of(name=string)), **_CONTEXT),
        volumes=list_of(map_of(anything)),
    ),
)

_CONTAINER_PLACES = {kind: FieldPath(("spec", kind)) for kind in KINDS}
_POD_CONTEXT = FieldPath(("spec", "securityContext"))


def shaped(value: Json) -> Pod:
    """Return the value as a pod.

    Raises:
        ShapeError: a field that is read has another type, or the value is no object.
    """
    return cast(Pod, _POD(value))


def containers(pod: Pod) -> Iterator[tuple[FieldPath, Container]]:
    """Yield every container with its place: init, ordinary, ephemeral, in their order."""
    spec = pod.get("spec", {})
    for kind in KINDS:
        for index, container in enumerate(spec.get(kind, ())):
            yield _CONTAINER_PLACES[kind] / index, container


def container_contexts(pod: Pod) -> Iterator[tuple[FieldPath, Context]]:
    """Yield every container's security context with its place; an empty one where it has none."""
    for place, container in containers(pod):
        yield place / "securityContext", container.get("securityContext", {})


def contexts(pod: Pod) -> Iterator[tuple[FieldPath, Context]]:
    """Yield every security context with its place: the pod's, then each container's."""
    yield _POD_CONTEXT, pod_context(pod)
    yield from container_contexts(pod)


def pod_context(pod: Pod) -> Context:
    """Return the pod's own security context; an empty one where it has none."""
    return pod.get("spec", {}).get("securityContext", {})


def annotations(pod: Pod) -> dict[str, str]:
    """Return the pod's annotations."""
    return pod.get("metadata", {}).get("annotations", {})


def is_windows(pod: Pod) -> bool:
    """Tell whether a pod is for Windows nodes, where some fields may not even be set."""
    return pod.get("spec", {}).get("os", {}).get("name") == "windows"


def has_own_users(pod: Pod) -> bool:
    """Tell whether a pod runs in a user namespace: its root is nobody on the node."""
    return pod.get("spec", {}).get("hostUsers") is False
