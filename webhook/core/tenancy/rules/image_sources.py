"""Image sources: a tenant's pods run images from the registries that are granted to it.

Every image counts: of containers of all kinds, of image volumes, of ephemeral containers, and one
that is changed in a running pod. Names are compared in full and up to the end of a path segment.
"""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.model.image import repository
from webhook.core.tenancy.images import is_from
from webhook.core.tenancy.pods import EPHEMERAL, containers, image_volumes, pod_in
from webhook.core.tenancy.rule import POD_BEARING, Case, Place, Rule, text


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse every image from elsewhere, once the tenant's registries are listed."""
    registries = case.tenant.allow.registries if case.tenant else None
    place = pod_in(value, case)
    if registries is None or place is None:
        return
    for path, image, user in _images(place):
        if image and not is_from(image, registries):
            full = repository(image)
            hint = f" (in full: {full})" if full and not image.startswith(full) else ""
            yield Finding(
                path=path,
                observed=image,
                allowed=(", ".join(registries) or "none") + hint,
                fix="use an image from there, or ask the platform team to grant its registry"
                if full
                else "write it as registry/path:tag or registry/path@sha256:digest",
                why="The image is not from an allowed registry"
                if full
                else "The image is no reference that can be read",
                element=f"{user}={image}",
            )


def _images(place: Place) -> Iterator[tuple[FieldPath, str, str]]:
    """Yield every image with its path and the container or volume that uses it.

    An empty one in a template is left to whoever completes the template.
    """
    for path, container in containers(place):
        yield path / "image", text(container.get("image")), text(container.get("name"))
    for index_path, source in image_volumes(place):
        yield index_path / "reference", text(source.get("reference")), "volume"


RULE = Rule(id="T-WL-6", family="namespace", intercepts=(*POD_BEARING, EPHEMERAL), check=check)
