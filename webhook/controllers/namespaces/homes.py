"""The namespaces of the cluster as last known, as whole as their reconciliation needs them."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from webhook.cluster.client import Api, ClusterError, namespace_path
from webhook.core.model.marks import FIELD_MANAGER, PROVISIONED
from webhook.core.model.objects import JsonObject
from webhook.core.model.world import Namespace, annotations, is_terminating, labels

TIMEOUT = 10.0


class Homes:
    """Where a `Watcher` puts namespaces, and where what was just written is put as well.

    Of two versions the newer one counts, so that nobody works on what he has changed himself.

    Args:
        changed: hears the name of each namespace that is new, has changed or is gone.
    """

    def __init__(self, changed: Callable[[str], None]) -> None:
        self._changed = changed
        self._known: dict[str, JsonObject] = {}
        self._writing = threading.Lock()

    def get(self, name: str) -> JsonObject | None:
        """Return a namespace: its `metadata`, of whose managedFields only ours are there."""
        return self._known.get(name)

    def names(self) -> list[str]:
        """Return all names; those that are still to be provisioned come first."""
        known = dict(self._known)
        return sorted(known, key=lambda name: PROVISIONED in annotations(known[name]))

    def fetch(self, api: Api, name: str) -> JsonObject | None:
        """Return a namespace as it is now, and remember it; None when there is none.

        Raises:
            ClusterError: the API server gave no answer.
        """
        found = api.find(namespace_path(name), timeout=TIMEOUT)
        if not isinstance(found, Mapping):
            with self._writing:
                self._known.pop(name, None)
            return None
        return self.take(found)

    def take(self, answer: Any) -> JsonObject:
        """Remember a namespace as the API server has just returned it, and return it."""
        if not isinstance(answer, Mapping):
            raise ClusterError("the server sent no namespace")
        record = self.read(answer)
        with self._writing:
            self._put(record)
        return record

    # As a sink

    def read(self, obj: JsonObject) -> JsonObject:
        """Reduce a namespace to what is read of it."""
        metadata = dict(obj["metadata"])
        entries = metadata.get("managedFields") or ()
        metadata["managedFields"] = [
            each for each in entries if each.get("manager") == FIELD_MANAGER
        ]
        return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}

    def replace(self, records: list[JsonObject]) -> None:
        """Take these namespaces for all that there are."""
        with self._writing:
            gone = self._known.keys() - {_name(record) for record in records}
            for name in gone:
                del self._known[name]
            for record in records:
                self._put(record)
        for name in (*self.names(), *gone):
            self._changed(name)

    def put(self, record: JsonObject) -> None:
        """Take a namespace that is new or has changed; what we wrote ourselves is no news."""
        with self._writing:
            known = self._known.get(_name(record))
            self._put(record)
        if known is None or _version(known) < _version(record):
            self._changed(_name(record))

    def delete(self, namespace: str, name: str, version: int) -> None:
        """Forget a namespace that was deleted."""
        with self._writing:
            known = self._known.get(name)
            if known is not None and _version(known) <= version:
                del self._known[name]
        self._changed(name)

    def _put(self, record: JsonObject) -> None:
        known = self._known.get(_name(record))
        if known is None or _version(known) <= _version(record):
            self._known[_name(record)] = record


def as_namespace(home: JsonObject) -> Namespace:
    """Return a namespace as policies see it."""
    return Namespace(
        name=_name(home),
        labels=dict(labels(home)),
        annotations=dict(annotations(home)),
        terminating=is_terminating(home),
    )


def path(home: JsonObject) -> str:
    """Return the URL path of a namespace."""
    return namespace_path(_name(home))


def _name(home: JsonObject) -> str:
    return str(home["metadata"]["name"])


def _version(home: JsonObject) -> int:
    version = str(home["metadata"].get("resourceVersion") or "")
    return int(version) if version.isdecimal() else 0
