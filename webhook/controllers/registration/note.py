"""What was registered, noted where whoever leads next finds it.

A configuration that is noted and not there was deleted by hand. The note belongs to the Service in
front of the webhook, so that it goes where tenantgate is uninstalled and a later installation begins
anew.
"""

from collections.abc import Mapping

from webhook.cluster.client import Api, namespace_path
from webhook.core.model.objects import JsonObject
from webhook.core.registration import LABELS, Service, Target

NAME = "tenantgate-registration"
"""The ConfigMap. To delete it is to have registered again what was deleted."""

_ABOUT = (
    "What was registered. A webhook configuration that is listed here and is not there was deleted by "
    "hand, and stays deleted. Delete this ConfigMap to have it registered again."
)
_TIMEOUT = 10.0


class Note:
    """The note of one installation."""

    def __init__(self, api: Api, namespace: str, target: Target) -> None:
        self._api, self._namespace, self._target = api, namespace, target
        self._path = namespace_path(namespace, "configmaps", NAME)

    def read(self) -> frozenset[str]:
        """Return the kinds that were registered.

        Raises:
            ClusterError: nobody can tell.
        """
        note = self._api.find(self._path, timeout=_TIMEOUT)
        data = note.get("data") if isinstance(note, Mapping) else None
        text = data.get("registered") if isinstance(data, Mapping) else None
        return frozenset(str(text or "").split())

    def write(self, kinds: frozenset[str]) -> None:
        """Replace what was noted.

        Raises:
            ClusterError: it cannot be written.
        """
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": NAME,
                "namespace": self._namespace,
                "labels": dict(LABELS),
                **self._owner(),
            },
            "data": {"registered": "\n".join(sorted(kinds)), "about": _ABOUT},
        }
        self._api.apply(self._path, body, timeout=_TIMEOUT)

    def _owner(self) -> JsonObject:
        target = self._target
        if not isinstance(target, Service) or target.namespace != self._namespace:
            return {}
        path = namespace_path(target.namespace, "services", target.name)
        return owner(self._api.find(path, timeout=_TIMEOUT), "v1", "Service")


def owner(found: object, version: str, kind: str) -> JsonObject:
    """Return the metadata that makes an object belong to another one; none where that is not there."""
    if not isinstance(found, Mapping):
        return {}
    metadata = found["metadata"]
    reference = {
        "apiVersion": version,
        "kind": kind,
        "name": metadata["name"],
        "uid": metadata["uid"],
    }
    return {"ownerReferences": [reference]}
