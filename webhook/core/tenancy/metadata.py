"""Every place in an object where metadata of an object stands: its own, and those of its templates."""

from collections.abc import Iterator, Mapping
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.tenancy.claims import claims
from webhook.core.tenancy.places import places
from webhook.core.tenancy.pods import pod_in
from webhook.core.tenancy.rule import Case, mapping

Metadata = tuple[FieldPath, Mapping[str, Any]]
_OTHERS = {
    "CronJob": "spec.jobTemplate.metadata",
    "ResourceClaimTemplate": "spec.metadata",
}


def own(value: Any) -> Metadata:
    """Return an object's own metadata, and where it stands."""
    return FieldPath(("metadata",)), mapping(mapping(value).get("metadata"))


def of_pods(value: Any, case: Case) -> Iterator[Metadata]:
    """Yield the metadata of the pods that an object makes; a custom resource may have a template too."""
    place = pod_in(value, case)
    if place is not None and place.path:
        yield FieldPath((*place.path, "metadata")), place.metadata


def of_templates(value: Any, case: Case) -> Iterator[Metadata]:
    """Yield the metadata of whatever an object makes: pods, jobs, claims of volumes and devices."""
    yield from of_pods(value, case)
    if (pattern := _OTHERS.get(case.request.kind)) is not None:
        yield from ((path, mapping(found)) for path, found in places(value, pattern))
    for claim in claims(value, case):
        if claim.path:
            yield FieldPath((*claim.path, "metadata")), claim.metadata
