"""Provisioned objects as they were last seen, or written: all of one kind."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b

import orjson

from webhook.cluster.discovery import Resource
from webhook.core.model.marks import HASH
from webhook.core.model.objects import JsonObject
from webhook.core.model.world import annotations
from webhook.core.provisioning.reconciliation.drift import covers
from webhook.core.provisioning.reconciliation.fields import intruders, others

_VOLATILE = frozenset(
    {"managedFields", "resourceVersion", "generation", "creationTimestamp", "uid"}
)

Key = tuple[str, str]
"""An object's namespace and name."""

Record = tuple[str, str, "Live"]


@dataclass(frozen=True, slots=True)
class Live:
    """An object as it was last seen. `content` is its JSON; `digest` changes when that does.

    `others` are the managers who have written to it besides us, `intruders` those of them who own
    content that we do not. `hash` names what we last wanted of it.
    """

    version: int = field(compare=False)
    content: bytes = field(repr=False)
    digest: bytes = field(repr=False)
    hash: str = ""
    others: tuple[str, ...] = ()
    intruders: tuple[str, ...] = ()
    terminating: bool = False

    @classmethod
    def of(cls, obj: JsonObject) -> "Live":
        """Reduce an object."""
        metadata = obj["metadata"]
        version = str(metadata.get("resourceVersion") or "")
        kept = {key: value for key, value in metadata.items() if key not in _VOLATILE}
        rest = {key: value for key, value in obj.items() if key not in ("metadata", "status")}
        content = orjson.dumps({**rest, "metadata": kept}, option=orjson.OPT_SORT_KEYS)
        return cls(
            version=int(version) if version.isdecimal() else 0,
            content=content,
            digest=blake2b(content, digest_size=16).digest(),
            hash=annotations(obj).get(HASH, ""),
            others=others(obj),
            intruders=intruders(obj),
            terminating=bool(metadata.get("deletionTimestamp")),
        )

    def is_as(self, wanted: JsonObject) -> bool:
        """Tell whether every field that is wanted is there."""
        return covers(orjson.loads(self.content), wanted)


class LiveObjects:
    """The managed objects of one kind; what we have written counts until the watch is past it."""

    def __init__(self, resource: Resource, changed: Callable[[str], None]) -> None:
        self.resource = resource
        self._changed = changed
        self._live: dict[Key, Live] = {}
        self._written: dict[Key, Live] = {}
        self._settled: dict[Key, tuple[str, bytes]] = {}
        self._seen = 0
        self._writing = threading.Lock()

    def get(self, key: Key) -> Live | None:
        """Return an object as far as is known."""
        return self._written.get(key) or self._live.get(key)

    def wrote(self, key: Key, live: Live) -> None:
        """Remember an object as the API server returned it when we had applied what is wanted."""
        with self._writing:
            if live.version > self._seen:
                self._written[key] = live
            self._settled[key] = (live.hash, live.digest)

    def is_settled(self, key: Key, live: Live, wanted_hash: str) -> bool:
        """Tell whether an object is as we last left it when the same was wanted."""
        return self._settled.get(key) == (wanted_hash, live.digest)

    def forget(self, namespace: str) -> None:
        """Forget what was written in a namespace that is gone."""
        with self._writing:
            self._written = {
                key: each for key, each in self._written.items() if key[0] != namespace
            }
            self._settled = {
                key: each for key, each in self._settled.items() if key[0] != namespace
            }

    # As a sink

    def read(self, obj: JsonObject) -> Record:
        """Reduce an object."""
        # The items of a list do not say what they are.
        whole = {"apiVersion": self.resource.api_version, "kind": self.resource.kind, **obj}
        metadata = obj["metadata"]
        return str(metadata.get("namespace") or ""), str(metadata["name"]), Live.of(whole)

    def replace(self, records: list[Record]) -> None:
        """Take these objects for all that there are."""
        with self._writing:
            before, self._live = self._live, {record[:2]: record[2] for record in records}
            self._written.clear()
            self._seen = max((live.version for _, _, live in records), default=self._seen)
            after = self._live
        changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
        for namespace in {namespace for namespace, _ in changed}:
            self._changed(namespace)

    def put(self, record: Record) -> None:
        """Take an object that is new or has changed."""
        namespace, name, live = record
        with self._writing:
            before = self.get((namespace, name))
            self._live[namespace, name] = live
            self._see((namespace, name), live.version)
        if before != live:
            self._changed(namespace)

    def delete(self, namespace: str, name: str, version: int) -> None:
        """Forget an object that was deleted, or has lost our marker."""
        with self._writing:
            self._live.pop((namespace, name), None)
            self._settled.pop((namespace, name), None)
            self._see((namespace, name), version)
        self._changed(namespace)

    def _see(self, key: Key, version: int) -> None:
        self._seen = max(self._seen, version)
        written = self._written.get(key)
        if written is not None and written.version <= version:
            del self._written[key]
