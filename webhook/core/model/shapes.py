"""Untrusted JSON in; an object of known types, or a ShapeError, out.

A shape names the fields that rules read and their types. Fields it does not name pass through
untouched; a null among the named is dropped, as Kubernetes drops it. What is returned shares everything with
the input that did not have to change.
"""

from collections.abc import Callable
from typing import Any, cast

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import shown
from webhook.core.model.objects import Json, Pod

Shape = Callable[[Any], Any]


class ShapeError(ValueError):
    """A value is of another type than its field.

    `steps` leads to the value, outermost step last while the error travels up.
    """

    def __init__(self, expected: str, seen: Json) -> None:
        super().__init__(expected)
        self.expected = expected
        self.seen = seen
        self.steps: list[str | int] = []

    @property
    def path(self) -> FieldPath:
        """Where the value stands."""
        return FieldPath(reversed(self.steps))

    def __str__(self) -> str:
        where = str(self.path) or "the object"
        return f"{where} is {shown(self.seen)}; allowed: {self.expected}"


def string(value: Any) -> Any:
    """Accept a string."""
    if type(value) is not str:
        raise ShapeError("a string", value)
    return value


def boolean(value: Any) -> Any:
    """Accept true or false, and no word or number for them."""
    if type(value) is not bool:
        raise ShapeError("true or false", value)
    return value


def integer(value: Any) -> Any:
    """Accept a 64-bit integer."""
    if type(value) is not int or not -(2**63) <= value < 2**63:
        raise ShapeError("an integer of 64 bits", value)
    return value


def anything(value: Any) -> Any:
    """Accept any value."""
    return value


def list_of(item: Shape) -> Shape:
    """Return the shape of a list whose items have one shape."""

    def read(value: Any) -> Any:
        if type(value) is not list:
            raise ShapeError("a list", value)
        changed: list[Any] | None = None
        for index, old in enumerate(value):
            try:
                new = item(old)
            except ShapeError as error:
                error.steps.append(index)
                raise
            if new is not old:
                changed = changed if changed is not None else list(value)
                changed[index] = new
        return value if changed is None else changed

    return read


def map_of(item: Shape) -> Shape:
    """Return the shape of a map with free keys whose values have one shape; null reads as absent."""

    def read(value: Any) -> Any:
        if type(value) is not dict:
            raise ShapeError("an object", value)
        changed: dict[str, Any] | None = None
        for key, old in value.items():
            try:
                new = None if old is None else item(old)
            except ShapeError as error:
                error.steps.append(key)
                raise
            if new is None or new is not old:
                changed = changed if changed is not None else dict(value)
                if new is None:
                    del changed[key]
                else:
                    changed[key] = new
        return value if changed is None else changed

    return read


def object_of(**fields: Shape) -> Shape:
    """Return the shape of an object; fields that are not named may hold anything."""
    named = tuple(fields.items())

    def read(value: Any) -> Any:
        if type(value) is not dict:
            raise ShapeError("an object", value)
        changed: dict[str, Any] | None = None
        for key, shape in named:
            if key not in value:
                continue
            old = value[key]
            if old is None:
                changed = changed if changed is not None else dict(value)
                del changed[key]
                continue
            try:
                new = shape(old)
            except ShapeError as error:
                error.steps.append(key)
                raise
            if new is not old:
                changed = changed if changed is not None else dict(value)
                changed[key] = new
        return value if changed is None else changed

    return read


SE_LINUX = object_of(user=string, role=string, type=string, level=string)
SECCOMP = object_of(type=string, localhostProfile=string)
CONTAINER = object_of(
    name=string,
    ports=list_of(object_of(containerPort=integer, hostPort=integer)),
    securityContext=object_of(
        allowPrivilegeEscalation=boolean,
        capabilities=object_of(add=list_of(string), drop=list_of(string)),
        privileged=boolean,
        readOnlyRootFilesystem=boolean,
        runAsGroup=integer,
        runAsNonRoot=boolean,
        runAsUser=integer,
        seLinuxOptions=SE_LINUX,
        seccompProfile=SECCOMP,
    ),
)
PROJECTED = object_of(
    sources=list_of(
        object_of(
            serviceAccountToken=object_of(path=string, audience=string),
            configMap=object_of(name=string, items=list_of(object_of(key=string, path=string))),
            downwardAPI=object_of(
                items=list_of(
                    object_of(path=string, fieldRef=object_of(apiVersion=string, fieldPath=string))
                )
            ),
            secret=object_of(),
        )
    )
)
METADATA = object_of(
    name=string,
    generateName=string,
    namespace=string,
    labels=map_of(string),
    annotations=map_of(string),
)
POD = object_of(
    metadata=METADATA,
    spec=object_of(
        automountServiceAccountToken=boolean,
        containers=list_of(CONTAINER),
        ephemeralContainers=list_of(CONTAINER),
        hostIPC=boolean,
        hostNetwork=boolean,
        hostPID=boolean,
        hostUsers=boolean,
        initContainers=list_of(CONTAINER),
        nodeName=string,
        os=object_of(name=string),
        schedulingGates=list_of(object_of(name=string)),
        securityContext=object_of(
            fsGroup=integer,
            runAsGroup=integer,
            runAsNonRoot=boolean,
            runAsUser=integer,
            seLinuxOptions=SE_LINUX,
            seccompProfile=SECCOMP,
            supplementalGroups=list_of(integer),
            sysctls=list_of(object_of(name=string, value=string)),
        ),
        serviceAccountName=string,
        volumes=list_of(
            object_of(name=string, flexVolume=object_of(driver=string), projected=PROJECTED)
        ),
    ),
)


def pod(value: Json) -> Pod:
    """Return the value as a pod.

    Raises:
        ShapeError: a field that rules read has another type, or the value is no object.
    """
    return cast(Pod, POD(value))
