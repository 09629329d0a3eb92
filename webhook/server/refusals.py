"""Events about refusals, where those look whose workload does not come up.

Who sends a request has the refusal in hand; a controller's is seen by nobody. So a refused object
is told of at the controller that wanted it, as `Warning PolicyViolation`. A change is told of at
the object itself. What nobody owns does not exist once it is refused, and is told of at its
namespace. Dry runs, what could not be evaluated and what belongs to no namespace are not told of.
"""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from queue import SimpleQueue
from time import monotonic
from typing import Any, Literal, NamedTuple, Protocol

from webhook.core.model.finding import Decision
from webhook.core.model.objects import JsonObject
from webhook.core.model.request import Operation, Request
from webhook.metrics import Metrics

REASON = "PolicyViolation"

MOST_WAITING = 1000
BURST, REFILL = 50, 5.0
"""Of Events in one namespace: so many at once, then one in so many seconds. Owners are named by
whoever sends a request, so that a limit for each of them would be none."""

_MOST_NAMESPACES = 4096
_MOST_TEXT = 2000
_WHOLE = frozenset({"", "ephemeralcontainers", "resize", "status"})
"""Subresources that are sent as the object itself."""

_DONE: Mapping[Operation, str] = {
    "CREATE": "create",
    "UPDATE": "update",
    "DELETE": "delete",
    "CONNECT": "connect to",
}

_log = logging.getLogger(__name__)


class Teller(Protocol):
    """What sends Events, in its own time."""

    def start(self) -> None:
        """Begin to send."""
        ...

    def stop(self) -> None:
        """Send what is due, and end."""
        ...

    def emit(
        self,
        involved: JsonObject,
        type: Literal["Normal", "Warning"],  # noqa: A002 - Kubernetes' own name
        reason: str,
        message: str,
    ) -> None:
        """Tell what happened to an object; never waits."""
        ...


class _Told(NamedTuple):
    namespace: str
    involved: JsonObject
    text: str


class Refusals:
    """Has Events tell of refusals, in a thread of its own from `start` to `stop`.

    What there is no room for is dropped, and counted.
    """

    def __init__(
        self, events: Teller, metrics: Metrics, *, clock: Callable[[], float] = monotonic
    ) -> None:
        self._events = events
        self._metrics = metrics
        self._clock = clock
        self._waiting: SimpleQueue[_Told | None] = SimpleQueue()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to tell."""
        self._events.start()
        self._thread = threading.Thread(target=self._run, name="refusals", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Tell what is waiting, and end; it takes no more than a few seconds."""
        self._waiting.put(None)
        if self._thread:
            self._thread.join(1)
        self._events.stop()

    def tell(self, request: Request, decision: Decision) -> None:
        """Take note of a decision, and return at once."""
        if decision.allowed or request.dry_run or decision.code != 403 or not request.namespace:
            return
        if self._waiting.qsize() >= MOST_WAITING:
            self._drop()
        elif (involved := about(request)) is not None:
            what = f"{_DONE[request.operation]} {_kind(request)} {_name(request)}".rstrip()
            text = f"refused to {what}: {decision.message[:_MOST_TEXT]}"
            self._waiting.put(_Told(request.namespace, involved, text))

    def _run(self) -> None:
        while (item := self._waiting.get()) is not None:
            try:
                if self._may(item.namespace):
                    self._events.emit(item.involved, "Warning", REASON, item.text)
                else:
                    self._drop()
            except Exception:  # noqa: BLE001 - an Event is never worth more than a log line
                _log.exception("a refusal could not be told by an Event")

    def _may(self, namespace: str) -> bool:
        """Take a token of the namespace's, if it has one left."""
        now = self._clock()
        tokens, at = self._buckets.get(namespace, (float(BURST), now))
        tokens = min(BURST, tokens + (now - at) / REFILL)
        self._buckets[namespace] = (tokens - 1 if tokens >= 1 else tokens, now)
        self._buckets.move_to_end(namespace)
        if len(self._buckets) > _MOST_NAMESPACES:
            self._buckets.popitem(last=False)
        return tokens >= 1

    def _drop(self) -> None:
        self._metrics.count("tenantgate_events_dropped_total")


def about(request: Request) -> JsonObject | None:
    """Return the object that an Event about a refused request belongs to, None where there is none."""
    namespace = request.namespace
    itself = request.resource == "namespaces" and not request.group
    if itself and request.operation == "CREATE":
        return None
    if request.operation == "CREATE" and not request.subresource:
        if owner := _controller(request.object):
            return {**owner, "metadata": {**owner["metadata"], "namespace": namespace}}
    elif not itself and (kind := _kind(request)) and request.name:
        stored = request.old_object if request.operation == "DELETE" else request.object
        uid = _metadata(stored).get("uid")
        return {
            "apiVersion": "/".join(part for part in (request.group, request.version) if part),
            "kind": kind,
            "metadata": {"name": request.name, "namespace": namespace, "uid": uid},
        }
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}


def _controller(obj: Any) -> dict[str, Any] | None:
    """Return the owner that controls an object, as its ownerReferences name it."""
    owners = _metadata(obj).get("ownerReferences")
    for owner in owners if isinstance(owners, list) else ():
        if not isinstance(owner, dict) or owner.get("controller") is not True:
            continue
        words = {key: owner.get(key) for key in ("apiVersion", "kind", "name", "uid")}
        if all(isinstance(word, str) and word for word in words.values()):
            return {
                "apiVersion": words["apiVersion"],
                "kind": words["kind"],
                "metadata": {"name": words["name"], "uid": words["uid"]},
            }
    return None


def _kind(request: Request) -> str:
    """Return the kind of the object that a request is about; "" where its body does not tell."""
    if request.subresource in _WHOLE:
        return request.kind
    return "Pod" if request.resource == "pods" and not request.group else ""


def _name(request: Request) -> str:
    name = request.name or _metadata(request.object).get("generateName")
    return name if isinstance(name, str) else ""


def _metadata(obj: Any) -> Mapping[str, Any]:
    metadata = obj.get("metadata") if isinstance(obj, dict) else None
    return metadata if isinstance(metadata, dict) else {}
