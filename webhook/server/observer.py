"""Takes note of every answer: metrics, the log, Events."""

from time import perf_counter

from webhook.core.engine import Lap, unmeasured
from webhook.core.model.finding import Decision
from webhook.core.model.request import Request
from webhook.log import DecisionLog
from webhook.metrics import Metrics
from webhook.server.refusals import Refusals
from webhook.server.tally import Tally

_ONE_IN = 16
"""Of all requests, one is measured family by family: it shows the same, and costs next to nothing."""


class Observer:
    """Counts and logs what was decided, and has Events tell of refusals."""

    def __init__(
        self, metrics: Metrics, decisions: DecisionLog, refusals: Refusals | None = None
    ) -> None:
        self.metrics = metrics
        self._refusals = refusals
        self._decisions = decisions
        self._tally = Tally(metrics)
        self._number = 0

    def decided(
        self, request: Request, decision: Decision, policy_hash: str, duration: float
    ) -> None:
        """Take note of one answer."""
        self.metrics.decided(request, decision, duration)
        self._tally.add(request, decision)
        self._decisions.record(request, decision, policy_hash, duration)
        if self._refusals is not None:
            self._refusals.tell(request, decision)

    def watch(self) -> Lap:
        """Return what measures how long the families take over the next request, if it is due."""
        self._number += 1
        return unmeasured if self._number % _ONE_IN else _stopwatch(self.metrics)

    def flush(self) -> None:
        """Tell the metrics what is only told now and then."""
        self._tally.flush()


def _stopwatch(metrics: Metrics) -> Lap:
    """Return what notes the time since it was asked last."""
    last = perf_counter()

    def lap(family: str) -> None:
        nonlocal last
        now = perf_counter()
        metrics.observe("tenantgate_policy_duration_seconds", now - last, family)
        last = perf_counter()

    return lap
