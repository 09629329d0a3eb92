"""Pods and pod templates, as the workload rules walk them.

A template is judged for the sake of an early answer; the pod that a controller makes of it is judged
again when it arrives, whoever sends it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.tenancy.rule import POD_BEARING, Case, Intercept, Place, items, mapping, pod_place

MIRROR = "kubernetes.io/config.mirror"
EPHEMERAL = Intercept(("",), ("pods/ephemeralcontainers",), "U")
CREATED = tuple(Intercept(kind.groups, kind.resources, "C") for kind in POD_BEARING)
"""Pods and every kind that carries a pod template, CREATE only."""

_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")
_KINDS = {"pods": "Pod", "cronjobs": "CronJob", "podtemplates": "PodTemplate"}


def pod_in(value: Any, case: Case) -> Place | None:
    """Return the pod spec that a rule has to judge in an object of a request; None where there is none.

    A mirror pod that a node sends is none: it reports what runs already, from a file on that node,
    and comes with a node name and a toleration of everything.
    """
    place = pod_place(value, _KINDS.get(case.request.resource, ""))
    if place is not None and is_node(case) and MIRROR in mapping(place.metadata.get("annotations")):
        return None
    return place


def field(place: Place, *steps: str | int) -> FieldPath:
    """Return the path of a field of a pod spec in the object that holds it."""
    return FieldPath((*place.path, "spec", *steps))


def containers(place: Place) -> Iterator[tuple[FieldPath, Mapping[str, Any]]]:
    """Yield every container with its path: init, ordinary, ephemeral."""
    for kind in _CONTAINERS:
        for index, container in enumerate(items(place.spec.get(kind))):
            yield field(place, kind, index), mapping(container)


def image_volumes(place: Place) -> Iterator[tuple[FieldPath, Mapping[str, Any]]]:
    """Yield the `image` source of every volume that has one, with its path."""
    for index, volume in enumerate(items(place.spec.get("volumes"))):
        source = mapping(volume).get("image")
        if isinstance(source, Mapping):
            yield field(place, "volumes", index, "image"), source


def is_pod(case: Case) -> bool:
    """Tell whether the request is about a pod itself, and not about a template."""
    return case.request.resource == "pods" and not case.request.group


def is_node(case: Case) -> bool:
    """Tell whether a kubelet asks."""
    return case.requester.kind == "system" and case.request.user.name.startswith("system:node:")


def is_daemon_pod(value: Any, case: Case) -> bool:
    """Tell whether a pod is one that the DaemonSet controller sends.

    A controller manager that runs without an account for each controller sends it as itself.
    """
    if not is_pod(case):
        return False
    if case.requester.account == ("kube-system", "daemon-set-controller"):
        return True
    if case.request.user.name != "system:kube-controller-manager":
        return False
    owners = items(mapping(mapping(value).get("metadata")).get("ownerReferences"))
    return any(mapping(owner).get("kind") == "DaemonSet" for owner in owners)


def with_spec(pod: Any, changes: Mapping[str, Any], without: tuple[str, ...] = ()) -> Any:
    """Return a pod with fields of its spec set and others taken away."""
    kept = {key: value for key, value in pod["spec"].items() if key not in without}
    return {**pod, "spec": {**kept, **changes}}
