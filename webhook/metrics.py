"""Every metric: its name, type, labels and meaning in one table, and the few places that count.

Counters are kept by each process and merged when they are read. What is a state rather than a
count (policies, certificates, caches) is told by the processes' status instead, so that a worker
that died takes its state with it.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from webhook.core.model.finding import Decision
from webhook.core.model.request import Request

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Counter
    from prometheus_client.core import Metric as Family

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that names the folder where the processes' counts are merged."""

BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

KINDS = frozenset(
    (
        *("Pod", "PodExecOptions", "PodAttachOptions", "PodPortForwardOptions", "Binding"),
        *("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "ReplicationController"),
        *("Job", "CronJob", "PodTemplate", "Namespace", "ServiceAccount"),
    )
)
"""Kinds that get a label value of their own; every other one counts as `other`."""


class Metric(NamedTuple):
    """One row of the table."""

    name: str
    type: Literal["counter", "histogram", "gauge"]
    labels: tuple[str, ...]
    help: str


TABLE = (
    Metric(
        "tenantgate_admission_requests_total",
        "counter",
        ("webhook", "operation", "kind", "allowed", "dry_run"),
        "Admission requests answered.",
    ),
    Metric(
        "tenantgate_admission_duration_seconds",
        "histogram",
        ("webhook", "kind"),
        "Time from the body read to the answer written.",
    ),
    Metric(
        "tenantgate_evaluation_errors_total",
        "counter",
        ("stage",),
        "Requests that could not be evaluated, and were refused for it.",
    ),
    Metric(
        "tenantgate_scc_admissions_total",
        "counter",
        ("scc",),
        "Pods admitted, by the SCC that admitted them; counted at /validate.",
    ),
    Metric(
        "tenantgate_shed_requests_total",
        "counter",
        (),
        "Requests turned away with 429, as too many were under way.",
    ),
    Metric(
        "tenantgate_malformed_requests_total",
        "counter",
        ("status",),
        "Requests that were no review, by the HTTP status that said so.",
    ),
    Metric("tenantgate_inflight_requests", "gauge", (), "Requests under way."),
    Metric(
        "tenantgate_policy_load_success",
        "gauge",
        (),
        "1 when the policy files on disk are the ones in use, 0 when they did not load.",
    ),
    Metric(
        "tenantgate_policy_load_timestamp_seconds",
        "gauge",
        (),
        "When the policies in use were loaded.",
    ),
    Metric("tenantgate_policy_set_info", "gauge", ("hash",), "The policy set in use."),
    Metric(
        "tenantgate_certificate_expiry_timestamp_seconds",
        "gauge",
        ("cert",),
        "When the serving certificate (leaf) and its authority (ca) expire.",
    ),
    Metric(
        "tenantgate_cache_age_seconds",
        "gauge",
        ("resource",),
        "Time since the cache of a resource was last in step with the API server.",
    ),
)

_ROWS = {metric.name: metric for metric in TABLE}

Reading = tuple[str, Mapping[str, str], float]
"""One value of a gauge: the metric's name, its labels, the value."""


class Metrics:
    """The counters of one process."""

    def __init__(self, registry: "CollectorRegistry | None" = None) -> None:
        import prometheus_client as prometheus  # 40 ms that a command without a server saves

        self.registry = registry or prometheus.CollectorRegistry()

        def counter(name: str) -> "Counter":
            row = _ROWS[name]
            return prometheus.Counter(row.name, row.help, row.labels, registry=self.registry)

        self._requests = _Bound(counter("tenantgate_admission_requests_total"))
        self._errors = _Bound(counter("tenantgate_evaluation_errors_total"))
        self._sccs = _Bound(counter("tenantgate_scc_admissions_total"))
        self._malformed = _Bound(counter("tenantgate_malformed_requests_total"))
        self._shed = counter("tenantgate_shed_requests_total")
        row = _ROWS["tenantgate_admission_duration_seconds"]
        self._durations = _Bound(
            prometheus.Histogram(
                row.name, row.help, row.labels, buckets=BUCKETS, registry=self.registry
            )
        )

    def decided(self, request: Request, decision: Decision, duration: float) -> None:
        """Count one request that was answered."""
        kind = request.kind if request.kind in KINDS else "other"
        self._requests[
            request.phase,
            request.operation,
            kind,
            "true" if decision.allowed else "false",
            "true" if request.dry_run else "false",
        ].inc()
        self._durations[request.phase, kind].observe(duration)
        if decision.allowed and decision.scc and request.phase == "validate":
            self._sccs[(decision.scc,)].inc()

    def not_evaluated(self, stage: str) -> None:
        """Count one request that could not be decided, by where that showed."""
        self._errors[(stage,)].inc()

    def malformed(self, status: int) -> None:
        """Count one request that was no review."""
        self._malformed[(str(status),)].inc()

    def shed(self) -> None:
        """Count one request that was turned away unread."""
        self._shed.inc()


def exposition(
    metrics: Metrics | None, readings: Callable[[], Iterable[Reading]]
) -> tuple[bytes, str]:
    """Return everything in Prometheus' text format, and its content type.

    Where several processes count, their counts are merged from the folder that `MULTIPROCESS`
    names; else `metrics` are the only ones there are.
    """
    import prometheus_client as prometheus
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = prometheus.CollectorRegistry()
    if os.environ.get(MULTIPROCESS):
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # registers itself
    elif metrics is not None:
        registry.register(metrics.registry)
    registry.register(_States(readings))
    return prometheus.generate_latest(registry), prometheus.CONTENT_TYPE_LATEST


class _States:
    """The gauges, made anew from what is the case whenever somebody asks."""

    def __init__(self, readings: Callable[[], Iterable[Reading]]) -> None:
        self._readings = readings

    def collect(self) -> "Iterator[Family]":
        from prometheus_client.core import GaugeMetricFamily

        families: dict[str, GaugeMetricFamily] = {}
        for name, labels, value in self._readings():
            row = _ROWS[name]
            family = families.get(name)
            if family is None:
                family = families[name] = GaugeMetricFamily(name, row.help, labels=row.labels)
            family.add_metric([labels[label] for label in row.labels], value)
        yield from families.values()


class _Bound(dict[tuple[str, ...], Any]):
    """The children of a metric by their label values, each looked up in the metric once."""

    def __init__(self, metric: Any) -> None:
        super().__init__()
        self._metric = metric

    def __missing__(self, values: tuple[str, ...]) -> Any:
        child = self[values] = self._metric.labels(*values)
        return child
