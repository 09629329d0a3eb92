"""Volume claims, wherever one stands: on its own, in a StatefulSet, in a pod's ephemeral volume.

The claim that a controller makes of a template is judged again when it arrives; the template is
judged for the sake of an early answer.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from webhook.core.tenancy.pods import pod_in
from webhook.core.tenancy.rule import (
    POD_BEARING,
    Case,
    Intercept,
    Place,
    items,
    mapping,
    text,
)

CLAIMS = Intercept(("",), ("persistentvolumeclaims",))
CLAIM_BEARING = (CLAIMS, *POD_BEARING)
"""Claims and every kind that carries a claim's template, CREATE and UPDATE."""

BETA_CLASS = "volume.beta.kubernetes.io/storage-class"
"""The annotation that, where it is set, goes before `spec.storageClassName`."""


def claims(value: Any, case: Case) -> Iterator[Place]:
    """Yield every claim in an object, with its own metadata and spec."""
    request = case.request
    if request.resource == "persistentvolumeclaims":
        yield _claim(value, ())
        return
    if request.resource == "statefulsets":
        templates = mapping(mapping(value).get("spec")).get("volumeClaimTemplates")
        for index, template in enumerate(items(templates)):
            yield _claim(template, ("spec", "volumeClaimTemplates", index))
    place = pod_in(value, case)
    if place is None:
        return
    for index, volume in enumerate(items(place.spec.get("volumes"))):
        template = mapping(mapping(volume).get("ephemeral")).get("volumeClaimTemplate")
        if isinstance(template, Mapping):
            at = (*place.path, "spec", "volumes", index, "ephemeral", "volumeClaimTemplate")
            yield _claim(template, at)


def _claim(value: Any, path: tuple[str | int, ...]) -> Place:
    return Place(path, mapping(mapping(value).get("metadata")), mapping(mapping(value).get("spec")))


def class_of(claim: Place) -> str | None:
    """Return a claim's storage class as Kubernetes reads it; None where the claim names none.

    The empty class is a class: it asks for a volume that somebody has made beforehand.
    """
    former = mapping(claim.metadata.get("annotations")).get(BETA_CLASS)
    if former is not None:
        return text(former)
    name = claim.spec.get("storageClassName")
    return None if name is None else text(name)
