"""The objects of one resource as last known to a controller, which is told of every change."""

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from webhook.core.model.objects import JsonObject

T = TypeVar("T")


Changed = Callable[[str, str, T | None, T | None], None]
"""Hears of a change: the namespace and name of an object, what was known of it, and what is.

None stands for an object that was not there, or is not any more.
"""


class Known(Generic[T]):
    """Where a `Watcher` puts objects, each reduced to what one controller reads of it.

    What changes besides that is no news. Only the watcher's thread writes; any may read.

    Args:
        reduce: makes of an object what is kept; a ValueError says why it cannot be read.
        changed: hears of what is news, after it is known.
    """

    def __init__(self, reduce: Callable[[JsonObject], T], changed: Changed[T]) -> None:
        self._reduce = reduce
        self._changed = changed
        self._known: dict[str, dict[str, T]] = {}

    def get(self, namespace: str, name: str) -> T | None:
        """Return what is known of an object, None when there is none."""
        return self._known.get(namespace, {}).get(name)

    def of(self, namespace: str = "") -> Mapping[str, T]:
        """Return the objects of a namespace by name; those of no namespace, where it is empty."""
        return dict(self._known.get(namespace, {}))

    def read(self, obj: JsonObject) -> tuple[str, str, T]:
        """Reduce an object."""
        metadata = obj["metadata"]
        return str(metadata.get("namespace") or ""), str(metadata["name"]), self._reduce(obj)

    def replace(self, records: list[tuple[str, str, T]]) -> None:
        """Take these objects for all that there are."""
        there = {(namespace, name) for namespace, name, _ in records}
        gone = [
            (namespace, name)
            for namespace, objects in self._known.items()
            for name in objects
            if (namespace, name) not in there
        ]
        for namespace, name in gone:
            self.delete(namespace, name, 0)
        for record in records:
            self.put(record)

    def put(self, record: tuple[str, str, T]) -> None:
        """Take an object that is new or has changed."""
        namespace, name, after = record
        before = self.get(namespace, name)
        if before != after:
            self._known.setdefault(namespace, {})[name] = after
            self._changed(namespace, name, before, after)

    def delete(self, namespace: str, name: str, version: int) -> None:
        """Forget an object that was deleted, or that can be read no longer."""
        objects = self._known.get(namespace, {})
        before = objects.pop(name, None)
        if not objects:
            self._known.pop(namespace, None)
        if before is not None:
            self._changed(namespace, name, before, None)
