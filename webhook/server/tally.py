"""What a decision counts as beyond the one request: by policy, by rule, by field.

A pod that is filled in counts six times or so, which would cost more than judging it. So decisions
of the same kind are only noted, and told to the metrics together, once a second.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Action, Decision
from webhook.core.model.request import Request
from webhook.metrics import Metrics

_RESULTS: Mapping[Action, str] = {"deny": "fail", "warn": "warn", "audit": "fail"}
_OPEN = frozenset({"annotations", "labels", "nodeSelector", "matchLabels"})
"""Maps whose keys are anybody's: what is below them counts as one field."""

_TENANCY = "tenancy"
_MOST_KINDS = 2048

_Kind = tuple[str, tuple[str, ...], tuple[tuple[FieldPath, str], ...]]
"""Of an admission: its SCC, the paths of its patch, what WorkloadDefaults filled in."""


class Tally:
    """Notes decisions, from any thread; `flush` tells the metrics."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._guard = threading.Lock()
        self._passed: dict[str, int] = {}
        self._filled: dict[_Kind, int] = {}

    def add(self, request: Request, decision: Decision) -> None:
        """Note one decision.

        Every request counts once: one that passes /mutate is judged again at /validate, so there
        its mutations count, and here what its policies say.
        """
        if decision.findings and (request.phase == "validate" or not decision.allowed):
            for labels in results(decision):
                self._metrics.count("tenantgate_policy_results_total", *labels, "admission")
        if not decision.allowed:
            return
        if request.phase == "validate":
            if decision.scc and not decision.findings:
                with self._guard:
                    self._passed[decision.scc] = self._passed.get(decision.scc, 0) + 1
        elif decision.patch:
            paths = tuple([operation["path"] for operation in decision.patch])
            filled = tuple([(each.path, each.policy) for each in decision.filled])
            kind = decision.scc, paths, filled
            with self._guard:
                self._filled[kind] = self._filled.get(kind, 0) + 1
            if len(self._filled) >= _MOST_KINDS:
                self.flush()

    def flush(self) -> None:
        """Tell the metrics what was noted since the last time."""
        with self._guard:
            passed, self._passed = self._passed, {}
            filled, self._filled = self._filled, {}
        for scc, number in passed.items():
            self._metrics.count(
                "tenantgate_policy_results_total", scc, "", "pass", "deny", "admission", by=number
            )
        together: dict[tuple[str, str], int] = {}
        for kind, number in filled.items():
            for labels in set(_mutations(*kind)):
                together[labels] = together.get(labels, 0) + number
        for labels, number in together.items():
            self._metrics.count("tenantgate_mutations_total", *labels, by=number)


def results(decision: Decision) -> Sequence[tuple[str, str, str, str]]:
    """Return policy, rule, result and action of what was found, each once."""
    return list(
        dict.fromkeys(
            (finding.policy, finding.rule, _RESULTS[finding.action], finding.action)
            for finding in decision.findings
        )
    )


def _mutations(
    scc: str, paths: Sequence[str], filled: Sequence[tuple[FieldPath, str]]
) -> Iterator[tuple[str, str]]:
    """Yield which policies filled in which fields.

    WorkloadDefaults say it themselves. Of the rest, SCCs fill in security contexts and their own
    annotations, and tenancy what is left.
    """
    lent = [path.pointer() for path, _ in filled]
    for pointer, (_, policy) in zip(lent, filled, strict=True):
        yield policy, _field(pointer)
    for pointer in paths:
        by_scc = bool(scc) and _is_of_scc(pointer)
        if by_scc or not any(_overlap(pointer, other) for other in lent):
            yield scc if by_scc else _TENANCY, _field(pointer)


def _is_of_scc(pointer: str) -> bool:
    return "/securityContext" in pointer or pointer.startswith("/metadata/annotations")


def _overlap(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")


@lru_cache(maxsize=4096)
def _field(pointer: str) -> str:
    """Return the field of a JSON Pointer, whichever item of a list and key of an open map it is in."""
    words: list[str] = []
    for step in pointer.split("/")[1:]:
        if step.isdigit() or step == "-":
            continue
        words.append(step.replace("~1", "/").replace("~0", "~"))
        if step in _OPEN:
            break
    return ".".join(words)
