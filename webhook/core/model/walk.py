"""The one walk over all three kinds of container."""

from collections.abc import Callable, Iterator
from typing import Literal, cast

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.objects import Container, Pod

Kind = Literal["initContainers", "containers", "ephemeralContainers"]
KINDS: tuple[Kind, ...] = ("initContainers", "containers", "ephemeralContainers")
"""The order in which OpenShift walks them."""

_PLACES: dict[str, FieldPath] = {kind: FieldPath(("spec", kind)) for kind in KINDS}


def containers(pod: Pod) -> Iterator[tuple[FieldPath, Container]]:
    """Yield every container with its place: init, ordinary, ephemeral, in their order."""
    spec = pod.get("spec", {})
    for kind in KINDS:
        for index, container in enumerate(spec.get(kind, ())):
            yield _PLACES[kind] / index, container


def map_containers(pod: Pod, change: Callable[[Container], Container]) -> Pod:
    """Return the pod with every container changed; the same pod if nothing did.

    Parts that did not change are shared with the argument.
    """
    spec = pod.get("spec", {})
    new_spec: dict[str, object] = {}
    for kind in KINDS:
        old = spec.get(kind)
        if not old:
            continue
        new = [change(container) for container in old]
        if any(a is not b for a, b in zip(old, new, strict=True)):
            new_spec[kind] = new
    if not new_spec:
        return pod
    return cast(Pod, {**pod, "spec": {**spec, **new_spec}})
