"""A review in, an answer out: the one function that every carrier brings bytes to."""

import logging
import re
import traceback
from functools import lru_cache
from time import perf_counter
from typing import Protocol

import orjson

from webhook.cluster.access import AccessReviews
from webhook.cluster.client import ApiError, ClusterError
from webhook.core.engine import decide, not_evaluated, observed
from webhook.core.model.finding import Decision
from webhook.core.model.request import Request
from webhook.core.model.review import NotAReview, UnreadableObject, answer, read_review
from webhook.core.policyset import PolicySet
from webhook.server.gather import Cluster, NotSynced, WouldBlock, gather
from webhook.server.observer import Observer
from webhook.server.tracing import Trace
from webhook.settings import MAX_BODY

JSON = "application/json"

DEFAULT_DEADLINE = 4.0
"""Seconds that a request may take when its caller does not say how long it waits."""

SHARE = 0.8
"""Of the time that the caller waits: the rest is for the answer to arrive."""

_TIMEOUT = re.compile(rb"(?:^|&)timeout=(?:(\d{1,4})m)?(?:(\d{1,6}(?:\.\d{1,9})?)(ms|s))?(?:&|$)")
LINGER_SECONDS = 2.0
LINGER_BYTES = 4 * MAX_BODY
"""How long, and how much of, a body is still taken in after it was refused."""

_FRAMES = 20
"""Of a fault's traceback that are logged: the innermost ones."""

_log = logging.getLogger(__name__)


class Store(Protocol):
    """Where the policies in use are found."""

    @property
    def current(self) -> PolicySet:
        """The set that loaded last."""
        ...


class Handler:
    """Decides reviews: `handle` for those who may wait, its parts for those who may not.

    `cluster` is where facts come from; it may be replaced as a whole at any time.
    """

    def __init__(
        self,
        store: Store,
        cluster: Cluster,
        observer: Observer,
        reviews: AccessReviews | None = None,
    ) -> None:
        self.cluster = cluster
        self._store = store
        self._observer = observer
        self._reviews = reviews

    def handle(self, path: str, body: bytes, trace: Trace | None = None) -> tuple[int, bytes]:
        """Return the HTTP status and the body of the answer."""
        started = perf_counter()
        try:
            request = read_review(path, body)
        except NotAReview as error:
            return self.rejected(error, trace)
        return 200, self.finish(request, self.decide(request, trace=trace), started, trace)

    def decide(
        self, request: Request, *, wait: bool = True, trace: Trace | None = None
    ) -> Decision:
        """Return what is decided; whatever cannot be decided is refused.

        Raises:
            WouldBlock: not without waiting, and `wait` forbids that.
        """
        stage = "gather"
        try:
            policies = self._store.current
            if trace is not None:
                trace.stage("gather")
            facts = gather(request, policies, self.cluster, wait=wait, reviews=self._reviews)
            stage = "decide"
            if trace is not None:
                trace.stage("decide")
            return decide(request, facts, policies, self._observer.watch())
        except WouldBlock:
            raise
        except NotSynced:
            why = "this replica has not read the cluster's namespaces and grants yet"
            return self.undecided("gather", why, retry=True)
        except ClusterError as error:
            lacks_right = isinstance(error, ApiError) and error.status == 403
            return self.undecided("gather", str(error), retry=not lacks_right)
        except UnreadableObject as error:
            return self.undecided("read", str(error))
        except RecursionError:
            return self.undecided("read", "the object is nested too deeply to be judged")
        except Exception as error:  # noqa: BLE001 - what fails here must deny
            return self.undecided(stage, _fault(stage, error))

    def undecided(self, stage: str, why: str, *, retry: bool = False) -> Decision:
        """Return the refusal of a request that could not be evaluated, and count it.

        Where policies only observe, it is told instead, like every other refusal.
        """
        self._observer.metrics.not_evaluated(stage)
        decision = not_evaluated(why, retry=retry)
        enforcement = self._store.current.platform.enforcement
        return decision if enforcement == "deny" else observed(decision, enforcement)

    def finish(
        self, request: Request, decision: Decision, started: float, trace: Trace | None = None
    ) -> bytes:
        """Return the answer, once it is counted and logged."""
        try:
            body = answer(request, decision)
        except Exception as error:  # noqa: BLE001 - what fails here must deny
            decision = self.undecided("answer", _fault("answer", error))
            body = answer(request, decision)
        try:
            duration = perf_counter() - started
            self._observer.decided(request, decision, self._store.current.hash, duration)
            if trace is not None:
                trace.end(200, request, decision, self._store.current.hash)
        except Exception as error:  # noqa: BLE001 - the decision stands, told or not
            _fault("observe", error)
        return body

    def rejected(self, error: NotAReview, trace: Trace | None = None) -> tuple[int, bytes]:
        """Return the answer to a request that is no review, once it is counted."""
        self._observer.metrics.malformed(error.status)
        if trace is not None:
            trace.end(error.status)
        return error.status, orjson.dumps({"error": error.message})

    def shed(self, trace: Trace | None = None) -> tuple[int, bytes]:
        """Return the answer to a request that is turned away, once it is counted."""
        self._observer.metrics.shed()
        if trace is not None:
            trace.end(429)
        return 429, orjson.dumps({"error": "too many requests are under way; try again"})


def check_head(path: str, method: str, content_type: str, length: int | None) -> None:
    """Refuse by its head what cannot be a review, before any of its body is read.

    Raises:
        NotAReview: with the status that says so.
    """
    if path not in ("/mutate", "/validate"):
        raise NotAReview(404, "reviews are posted to /mutate and /validate; nothing else is here")
    if method != "POST":
        raise NotAReview(405, f"a review is posted; {method} does nothing here")
    if content_type != JSON and content_type.partition(";")[0].strip().lower() != JSON:
        raise NotAReview(415, f'the content type is "{content_type[:100]}", not {JSON}')
    if length is not None and length > MAX_BODY:
        raise too_large()


def too_large() -> NotAReview:
    """Return the refusal of a body that is too big to be a review."""
    return NotAReview(413, f"the body is larger than {MAX_BODY} bytes, which no review is")


def late(deadline: float) -> NotAReview:
    """Return the refusal of a body that was not there in time."""
    return NotAReview(408, f"the body did not arrive within {deadline:g} s")


@lru_cache(maxsize=256)
def deadline_of(query: bytes) -> float:
    """Return the seconds to answer in; the API server says `timeout=5s`, as Go writes a span."""
    found = _TIMEOUT.search(query)
    if not found:
        return DEFAULT_DEADLINE
    minutes, amount, unit = found.groups()
    seconds = float(amount or 0) / (1000 if unit == b"ms" else 1) + 60 * int(minutes or 0)
    return min(seconds, 30) * SHARE or DEFAULT_DEADLINE


def _fault(stage: str, error: Exception) -> str:
    """Log where an error came from; its own text may quote the object, so it stays out."""
    place = "".join(traceback.format_tb(error.__traceback__, limit=-_FRAMES))
    _log.error("%s failed: %s\n%s", stage, type(error).__name__, place)
    return f"internal error ({type(error).__name__}) in {stage}; the webhook's log says where"
