"""A pod as WorkloadDefaults see it, and one that is being filled in."""

from collections.abc import Mapping
from typing import Any, cast

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Filled
from webhook.core.model.objects import Json
from webhook.core.model.quantity import quantity
from webhook.core.model.shapes import (
    ShapeError,
    anything,
    boolean,
    integer,
    list_of,
    map_of,
    object_of,
    string,
)

KINDS = ("initContainers", "containers")
"""The containers that may have resources: init (sidecars among them) and ordinary ones."""


def _quantity(value: Any) -> Any:
    if quantity(value) is None:
        raise ShapeError("a quantity such as 500m, 2 or 64Mi", value)
    return value


_RESOURCES = object_of(limits=map_of(_quantity), requests=map_of(_quantity))
_CONTAINERS = list_of(
    object_of(name=string, image=string, imagePullPolicy=string, resources=_RESOURCES)
)
_SIZED = object_of(
    spec=object_of(containers=_CONTAINERS, initContainers=_CONTAINERS, resources=_RESOURCES)
)
_MOUNTING = list_of(object_of(volumeMounts=list_of(object_of(name=string))))
_PLACED = object_of(
    metadata=object_of(labels=map_of(string)),
    spec=object_of(
        automountServiceAccountToken=boolean,
        containers=_MOUNTING,
        initContainers=_MOUNTING,
        nodeSelector=map_of(string),
        priority=integer,
        priorityClassName=string,
        tolerations=list_of(object_of(key=string, operator=string, value=string, effect=string)),
        topologySpreadConstraints=list_of(object_of(topologyKey=string, whenUnsatisfiable=string)),
        volumes=list_of(object_of(name=string, projected=object_of(sources=list_of(anything)))),
    ),
)

Path = tuple[str | int, ...]


def shaped(value: Json, *, whole: bool) -> Mapping[str, Any]:
    """Return the value as a pod; what did not have to change is shared.

    Args:
        value: what was sent.
        whole: whether more is read than its containers and their resources.

    Raises:
        ShapeError: a field that is read here has another type, or the value is no object.
    """
    sized = _SIZED(value)
    return cast(Mapping[str, Any], _PLACED(sized) if whole else sized)


class Draft:
    """A pod on its way: `spec` and `metadata` are changed as copies, `filled` notes each change."""

    def __init__(self, pod: Mapping[str, Any]) -> None:
        self._pod = pod
        self.spec: Mapping[str, Any] = pod.get("spec") or {}
        self.metadata: Mapping[str, Any] = pod.get("metadata") or {}
        self.filled: list[Filled] = []

    @property
    def pod(self) -> Mapping[str, Any]:
        """The pod as it is now; the very same one as long as nothing has changed."""
        changed: dict[str, Any] = {}
        if self.spec is not self._pod.get("spec") and self.spec:
            changed["spec"] = self.spec
        if self.metadata is not self._pod.get("metadata") and self.metadata:
            changed["metadata"] = self.metadata
        return {**self._pod, **changed} if changed else self._pod

    def set(self, **fields: Any) -> None:
        """Set fields of the spec; None takes one away."""
        spec = {**self.spec, **fields}
        self.spec = {key: value for key, value in spec.items() if fields.get(key, ...) is not None}

    def note(self, path: Path, value: Any, policy: str) -> None:
        """Take down what was filled in, and by which policy."""
        self.filled.append(Filled(FieldPath(path), value, policy))
