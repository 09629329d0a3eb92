"""Follows one resource of the API server: a list, then a watch from where the list ended.

The `kubernetes` package has brought a `SharedInformer` since version 37. It is not used here: it
lists without pages, keeps every object whole and as models, asks for no bookmarks, reconnects
without waiting after an error, never times out on a connection that has silently died, cannot be
stopped while it waits for an event, and does not tell how old its state is. client-go's Reflector
is the example followed instead.
"""

import logging
import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Generic, Protocol, TypeVar

import orjson

from webhook.cluster.client import Api, ApiError, ClusterError, Lines, SilenceError
from webhook.core.model.objects import JsonObject

LOG = logging.getLogger(__name__)

T = TypeVar("T")

_PATIENCE = 3
"""After so many failed attempts to go on from the last version, the resource is listed anew."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often, how long and how much, in seconds and objects.

    After a failure the next attempt waits `first`, then twice as long each time up to `longest`,
    less a random part of up to a half. A watch lasts `watch` to twice that before the server ends
    it, and is opened anew when nothing was heard for `silence`. Every `relist` the resource is
    listed again, in case an event was lost. A page of a list has `page` objects and has to arrive
    in `answer`. A resource that is not installed is looked for again after `absent`.
    """

    first: float = 0.2
    longest: float = 10
    watch: int = 300
    silence: float = 90
    relist: float = 1800
    page: int = 500
    answer: float = 30
    absent: float = 60


PACE = Pace()


class Sink(Protocol[T]):
    """Where a resource's objects go, reduced to what is read of them."""

    def read(self, obj: JsonObject) -> T:
        """Reduce an object; a ValueError says why it cannot be read."""
        ...

    def replace(self, records: list[T]) -> None:
        """Take these objects for all that there are."""
        ...

    def put(self, record: T) -> None:
        """Take an object that is new or has changed."""
        ...

    def delete(self, namespace: str, name: str, version: int) -> None:
        """Forget an object that was deleted, or that can be read no longer."""
        ...


class Watcher(Generic[T]):
    """Keeps a sink in step with one resource, on a thread of its own.

    While the server is away the sink keeps the last known state. `problem` says what is wrong at
    the moment, `synced` whether the resource has been listed at least once.

    Args:
        api: the way to the API server.
        resource: what the resource is called in messages.
        path: its URL path.
        sink: where its objects go.
        pace: how often and how long to wait.
        selector: labels that narrow it, as a query writes them.
        optional: the resource may not be installed; it then counts as empty, and is looked for
            again after `pace.absent` seconds.
    """

    def __init__(
        self,
        api: Api,
        resource: str,
        path: str,
        sink: Sink[T],
        pace: Pace = PACE,
        *,
        selector: str = "",
        optional: bool = False,
    ) -> None:
        self.resource = resource
        self.synced = False
        self._narrowed: dict[str, str | int] = {"labelSelector": selector} if selector else {}
        self._optional = optional
        self._api = api
        self._path = path
        self._sink = sink
        self._pace = pace
        self._version = ""
        self._listed = 0.0
        self._heard: float | None = None
        self._failures = 0
        self._failure = "not listed yet"
        self._unreadable: dict[tuple[str, str], str] = {}
        self._lines: Lines | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"watch-{resource}", daemon=True)

    def start(self) -> None:
        """Start to follow; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Tell the thread to end; returns at once."""
        self._stopping.set()
        if lines := self._lines:
            lines.end()

    def join(self, patience: float) -> None:
        """Wait for the thread's end for `patience` seconds; it never keeps a process alive."""
        if self._thread.is_alive():
            self._thread.join(patience)

    @property
    def problem(self) -> str:
        """What is wrong: the server cannot be heard, or objects cannot be read; else nothing."""
        unreadable = list(self._unreadable.values())
        parts = [self._failure] if self._failure else []
        if unreadable:
            more = f" (and {len(unreadable) - 1} more objects)" if len(unreadable) > 1 else ""
            parts.append(f"counts as absent until it can be read: {unreadable[0]}{more}")
        return "; ".join(parts)

    @property
    def age(self) -> float:
        """Seconds since the server last told where the resource stands; infinite before that."""
        return float("inf") if self._heard is None else time.monotonic() - self._heard

    def _run(self) -> None:
        while not self._stopping.is_set():
            wait = 0.0
            try:
                if not self._version or time.monotonic() - self._listed > self._pace.relist:
                    self._list()
                self._watch()
            except SilenceError:
                continue
            except ClusterError as error:
                wait = self._failed(error)
            except Exception as error:
                # Whatever it is: without this thread the state would grow stale for ever.
                LOG.exception("%s: unexpected", self.resource)
                self._version = ""
                wait = self._failed(ClusterError(f"unexpected {type(error).__name__}: {error}"))
            if wait:
                self._stopping.wait(wait)

    def _list(self) -> None:
        records: list[T] = []
        unreadable: dict[tuple[str, str], str] = {}
        query: dict[str, str | int] = {"limit": self._pace.page, **self._narrowed}
        while True:
            page = _object(self._api.get(self._path, query, timeout=self._pace.answer), "a list")
            for item in page.get("items") or ():
                obj = _object(item, "an object")
                try:
                    records.append(self._sink.read(obj))
                except ValueError as error:
                    unreadable[_identity(obj)] = str(error)
            metadata = _object(page.get("metadata"), "metadata")
            more = metadata.get("continue")
            if not more or self._stopping.is_set():
                break
            query["continue"] = more
        if self._stopping.is_set():
            return
        self._sink.replace(records)
        self._unreadable = unreadable
        self._version = _version(metadata)
        self._listed = self._heard = time.monotonic()
        self.synced = True

    def _watch(self) -> None:
        query: dict[str, str | int] = {
            "watch": 1,
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": int(self._pace.watch * _between(1, 2)),
            **self._narrowed,
        }
        timeout = {"connect": self._pace.answer, "silence": self._pace.silence}
        with self._api.stream(self._path, query, **timeout) as self._lines:
            opened, events = time.monotonic(), 0
            self._hear()
            try:
                for line in self._lines if not self._stopping.is_set() else ():
                    self._take(line)
                    events += 1
                    self._failures = 0
                    self._hear()
            finally:
                self._lines = None
                lasted = time.monotonic() - opened
                if lasted > self._pace.longest:
                    self._failures = 0
        if not events and lasted < min(1, self._pace.longest) and not self._stopping.is_set():
            # Ended as soon as it was opened: to go on at once would be a busy loop.
            raise ClusterError(f"watch of {self.resource}: ended by the server at once")

    def _take(self, line: bytes) -> None:
        try:
            event = _object(orjson.loads(line), "an event")
        except orjson.JSONDecodeError as error:
            raise ClusterError(f"watch of {self.resource}: not JSON: {error}") from error
        kind, obj = event.get("type"), _object(event.get("object"), "an object")
        if kind == "ERROR":
            code = obj.get("code")
            raise ApiError(
                f"watch of {self.resource}: {obj.get('message')}",
                code if isinstance(code, int) else 500,
            )
        version = _version(_object(obj.get("metadata"), "metadata"))
        if kind in ("ADDED", "MODIFIED"):
            try:
                self._sink.put(self._sink.read(obj))
                self._unreadable.pop(_identity(obj), None)
            except ValueError as error:
                self._sink.delete(*_identity(obj), _number(version))
                self._unreadable[_identity(obj)] = str(error)
        elif kind == "DELETED":
            self._sink.delete(*_identity(obj), _number(version))
            self._unreadable.pop(_identity(obj), None)
        elif kind != "BOOKMARK":
            raise ClusterError(f"watch of {self.resource}: unknown event {kind!r}")
        self._version = version

    def _hear(self) -> None:
        """Note that the server told where the resource stands, and that the watch works."""
        self._heard = time.monotonic()
        if self._failure:
            LOG.info("%s: followed from version %s", self.resource, self._version)
            self._failure = ""

    def _failed(self, error: ClusterError) -> float:
        """Note a failure; return the seconds to wait before the next attempt."""
        if self._stopping.is_set():
            return 0
        if self._optional and isinstance(error, ApiError) and error.status == HTTPStatus.NOT_FOUND:
            self._sink.replace([])
            self._version, self._failure = "", ""
            self._heard = time.monotonic()
            self.synced = True
            return self._pace.absent
        self._failures += 1
        if isinstance(error, ApiError) and error.status == HTTPStatus.GONE:
            # No fault at first: what we know is older than what the server still remembers.
            self._version = ""
            if self._failures == 1:
                return 0
        if self._failures % _PATIENCE == 0:
            self._version = ""
        if self._failure != str(error):
            LOG.warning("%s: the last known state stays in use: %s", self.resource, error)
        self._failure = str(error)
        asked = error.retry_after if isinstance(error, ApiError) else 0
        return max(self._delay(), min(asked, 60))

    def _delay(self) -> float:
        delay = min(self._pace.longest, self._pace.first * 2.0 ** min(self._failures - 1, 20))
        return delay * _between(0.5, 1)


def _between(low: float, high: float) -> float:
    return random.uniform(low, high)  # noqa: S311 - it spreads load, and guards nothing


def _object(value: Any, what: str) -> JsonObject:
    if not isinstance(value, Mapping):
        raise ClusterError(f"the server sent {type(value).__name__} where {what} has to be")
    return value


def _identity(obj: JsonObject) -> tuple[str, str]:
    metadata = _object(obj.get("metadata"), "metadata")
    return str(metadata.get("namespace") or ""), str(metadata.get("name") or "")


def _version(metadata: JsonObject) -> str:
    version = metadata.get("resourceVersion")
    if not isinstance(version, str) or not version:
        raise ClusterError("the server sent no resourceVersion")
    return version


def _number(version: str) -> int:
    """Return a resource version as the number that orders it among others of its resource."""
    return int(version) if version.isascii() and version.isdigit() else 0
