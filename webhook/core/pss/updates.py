"""Which requests about pods the Pod Security Standards judge.

Equals `ValidatePod` of Kubernetes' own admission: what an update may change in a running pod that
matters is an image, and a new ephemeral container.
"""

from webhook.core.model.objects import Json
from webhook.core.model.request import Request
from webhook.core.model.shapes import ShapeError
from webhook.core.pss.pod import Container, shaped

_IGNORED = frozenset(
    {"attach", "binding", "eviction", "exec", "log", "portforward", "proxy", "status"}
)


def judges(request: Request) -> bool:
    """Tell whether a request writes a pod that is to be judged; one that cannot be read is."""
    if request.resource != "pods" or request.group or request.subresource in _IGNORED:
        return False
    if request.operation == "UPDATE":
        try:
            return is_significant(request.object, request.old_object)
        except ShapeError:
            return True
    return request.operation == "CREATE"


def is_significant(new: Json, old: Json) -> bool:
    """Tell whether an update brings an image or a container that was not there.

    Raises:
        ShapeError: one of them is no readable pod.
    """
    after, before = shaped(new).get("spec", {}), shaped(old).get("spec", {})
    if _images(after.get("containers", [])) != _images(before.get("containers", [])):
        return True
    if _images(after.get("initContainers", [])) != _images(before.get("initContainers", [])):
        return True
    known: dict[str, str] = {}
    for container in before.get("ephemeralContainers", ()):
        known.setdefault(container.get("name", ""), container.get("image", ""))
    return any(
        known.get(container.get("name", "")) != container.get("image", "")
        for container in after.get("ephemeralContainers", ())
    )


def _images(containers: list[Container]) -> list[str]:
    return [container.get("image", "") for container in containers]
