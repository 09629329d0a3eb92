"""Kubernetes Events: what happened to an object, where `kubectl events` shows it.

They are `events.k8s.io/v1`, in the namespace of what they are about; those about a Namespace are in
that very namespace, so that whoever works there sees them. What is told again within ten minutes is
counted in a series, and an object is told about only so often for one reason, as client-go does it.
Sending is a thread's own business: nobody waits for it, and nothing depends on it.
"""

import contextlib
import heapq
import itertools
import logging
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Literal

from webhook.cluster.client import Api, ApiError, ClusterError, path_of
from webhook.core.model.objects import JsonObject

EventType = Literal["Normal", "Warning"]

LOG = logging.getLogger(__name__)

SERIES = 600.0
"""Seconds of silence after which a repetition is news again."""

_REPEAT = 30.0
"""At most so often, in seconds, the count of a series is written."""

_BURST, _REFILL = 10, 60.0
"""An object's tokens for one reason, and the seconds until one comes back."""

_MOST = 4096
_ATTEMPTS = 4
_LONGEST_NOTE = 1024
_TIMEOUT = 5.0

_Key = tuple[str, ...]


@dataclass(slots=True)
class _Series:
    """One event and its repetitions."""

    regarding: JsonObject
    related: JsonObject | None
    type: EventType
    reason: str
    note: str
    first: datetime
    last: datetime
    heard: float
    next: float
    count: int = 1
    name: str = ""
    failures: int = 0
    waiting: bool = False


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Events:
    """Where a process tells what it did to objects, or could not do.

    Args:
        api: the way to the API server.
        component: who tells, the `reportingController`.
        instance: which of several; the component where it is not said.
        clock: the time in seconds, from anywhere.
    """

    def __init__(
        self,
        api: Api,
        component: str = "tenantgate",
        instance: str = "",
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._component = component
        self._instance = (instance or component)[:128]
        self._clock = clock
        self._series: OrderedDict[_Key, _Series] = OrderedDict()
        self._buckets: OrderedDict[_Key, _Bucket] = OrderedDict()
        self._waiting: list[tuple[float, int, _Series]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._ending = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start to send; what was told before is sent now."""
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self._thread.start()

    def stop(self, patience: float = 2) -> None:
        """Send what is due, for `patience` seconds at most, and end."""
        with self._changed:
            self._ending = True
            self._changed.notify()
        if self._thread:
            self._thread.join(patience)

    def emit(
        self,
        involved: JsonObject,
        type: EventType,  # noqa: A002 - Kubernetes' own name
        reason: str,
        message: str,
        *,
        related: JsonObject | None = None,
    ) -> None:
        """Tell what happened to an object. Never waits, and never raises.

        Args:
            involved: the object, with `apiVersion`, `kind` and `metadata`.
            type: whether it is as it should be.
            reason: one word in CamelCase.
            message: a sentence; beyond 1024 bytes it is cut.
            related: another object that has to do with it.
        """
        regarding = _reference(involved)
        about = tuple(str(regarding.get(key, "")) for key in ("kind", "namespace", "name", "uid"))
        note = _cut(message)
        now, clock = datetime.now(UTC), self._clock()
        with self._changed:
            if self._ending:
                return
            key = (*about, type, reason, note)
            series = self._series.get(key)
            if series and clock < series.heard + SERIES:
                series.count += 1
                series.last, series.heard = now, clock
            elif self._may(about, reason, clock):
                other = _reference(related) if related is not None else None
                series = self._series[key] = _Series(
                    regarding, other, type, reason, note, now, now, clock, clock
                )
            else:
                return
            self._series.move_to_end(key)
            if len(self._series) > _MOST:
                self._series.popitem(last=False)
            self._await(series, max(series.next, clock))

    def _may(self, about: _Key, reason: str, clock: float) -> bool:
        """Take a token of the object's for this reason, if it has one left."""
        buckets = self._buckets
        bucket = buckets.setdefault((*about, reason), _Bucket(_BURST, clock))
        buckets.move_to_end((*about, reason))
        if len(buckets) > _MOST:
            buckets.popitem(last=False)
        bucket.tokens = min(_BURST, bucket.tokens + (clock - bucket.at) / _REFILL)
        bucket.at = clock
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True

    def _await(self, series: _Series, due: float) -> None:
        """Have an event sent, or its count written, when that is due."""
        if series.waiting or len(self._waiting) > _MOST:
            return
        series.waiting = True
        heapq.heappush(self._waiting, (due, next(self._numbers), series))
        self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting or self._waiting[0][0] > self._clock():
                    if self._ending:
                        return
                    wait = self._waiting[0][0] - self._clock() if self._waiting else None
                    self._changed.wait(wait)
                series = heapq.heappop(self._waiting)[2]
                series.waiting = False
                count, last = series.count, series.last
            try:
                again = self._send(series, count, last)
            except Exception:
                LOG.exception("an event could not be sent")
                again = None
            with self._changed:
                series.next = self._clock() + _REPEAT
                if again is not None:
                    self._await(series, self._clock() + again)
                elif series.count > count:
                    self._await(series, series.next)

    def _send(self, series: _Series, count: int, last: datetime) -> float | None:
        """Send an event, or its count; return the seconds until the next attempt, if one is due."""
        try:
            if series.name:
                self._count(series, count, last)
            else:
                self._create(series, count, last)
        except ClusterError as error:
            series.failures += 1
            if isinstance(error, ApiError) and error.status == HTTPStatus.NOT_FOUND and series.name:
                series.name = ""  # it has expired: begin a new one
                return 0
            if series.failures < _ATTEMPTS and not _final(error):
                return 2.0**series.failures
            LOG.info("an event was not taken: %s", error)
        series.failures = 0
        return None

    def _create(self, series: _Series, count: int, last: datetime) -> None:
        namespace = str(series.regarding.get("namespace") or "default")
        name = f"{str(series.regarding.get('name') or 'unknown')[:230]}.{secrets.token_hex(8)}"
        body: dict[str, object] = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": namespace},
            "eventTime": _micro(series.first),
            "reportingController": self._component,
            "reportingInstance": self._instance,
            "action": series.reason,
            "reason": series.reason,
            "regarding": series.regarding,
            "note": series.note,
            "type": series.type,
        }
        if series.related is not None:
            body["related"] = series.related
        if count > 1:
            body["series"] = {"count": count, "lastObservedTime": _micro(last)}
        self._api.post(_events(namespace), body, timeout=_TIMEOUT)
        series.name = name

    def _count(self, series: _Series, count: int, last: datetime) -> None:
        namespace = str(series.regarding.get("namespace") or "default")
        body = {"series": {"count": count, "lastObservedTime": _micro(last)}}
        self._api.merge(_events(namespace) + path_of(series.name), body, timeout=_TIMEOUT)


def _events(namespace: str) -> str:
    return path_of("apis", "events.k8s.io", "v1", "namespaces", namespace, "events")


def _final(error: ClusterError) -> bool:
    """Tell whether asking again would get the same answer: refused, or the namespace is going."""
    return (
        isinstance(error, ApiError)
        and error.status < 500
        and error.status != HTTPStatus.TOO_MANY_REQUESTS
    )


def _reference(obj: JsonObject) -> JsonObject:
    """Return what points to an object. A Namespace counts as being in itself."""
    metadata = obj.get("metadata")
    found: Mapping[str, object] = metadata if isinstance(metadata, Mapping) else {}
    reference = {
        "apiVersion": obj.get("apiVersion"),
        "kind": obj.get("kind"),
        "namespace": found.get("name")
        if obj.get("kind") == "Namespace"
        else found.get("namespace"),
        "name": found.get("name"),
        "uid": found.get("uid"),
    }
    return {key: value for key, value in reference.items() if value}


def _cut(text: str) -> str:
    data = " ".join(text.split()).encode()
    if len(data) <= _LONGEST_NOTE:
        return data.decode()
    end = " …"
    with contextlib.suppress(UnicodeDecodeError):
        return data[: _LONGEST_NOTE - len(end.encode())].decode() + end
    return data[: _LONGEST_NOTE - len(end.encode())].decode(errors="ignore") + end


def _micro(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
