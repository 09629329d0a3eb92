"""Every metric: its name, type, labels and meaning in one table, and the few places that count.

Counters are kept by each process and merged when they are read. What is a state rather than a
count (policies, certificates, caches) is told by the processes' status instead, so that a worker
that died takes its state with it.
"""

import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from webhook.core.model.finding import Decision
from webhook.core.model.request import Request
from webhook.counts import reserve, steady

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Counter
    from prometheus_client.core import Metric as Family

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that names the folder where the processes' counts are merged."""

BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
FINE_BUCKETS = (0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.01, 0.1)
"""Seconds, too: what judges a request is done in a fraction of what the whole request takes."""

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
    buckets: tuple[float, ...] = BUCKETS


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
        "tenantgate_policy_results_total",
        "counter",
        ("policy", "rule", "result", "action", "source"),
        "What policies said: each rule once a request that it objects to, each SCC once a pod that it admits.",
    ),
    Metric(
        "tenantgate_policy_duration_seconds",
        "histogram",
        ("policy",),
        "Time to judge by a family of policies; one request in sixteen is measured.",
        FINE_BUCKETS,
    ),
    Metric(
        "tenantgate_mutations_total",
        "counter",
        ("policy", "field"),
        "Requests in which a policy filled in a field.",
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
        "tenantgate_events_dropped_total",
        "counter",
        (),
        "Refusals of which no Event tells, as there were too many at once.",
    ),
    Metric(
        "tenantgate_malformed_requests_total",
        "counter",
        ("status",),
        "Requests that were no review, by the HTTP status that said so.",
    ),
    Metric("tenantgate_ready", "gauge", (), "1 while /readyz of the webhook says so."),
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
        "tenantgate_certificate_rotations_total",
        "counter",
        ("cert",),
        "Serving certificates (leaf) and authorities (ca) made by the controller.",
    ),
    Metric(
        "tenantgate_cache_age_seconds",
        "gauge",
        ("resource",),
        "Time since the cache of a resource was last in step with the API server.",
    ),
    Metric(
        "tenantgate_uid_blocks",
        "gauge",
        ("state",),
        "Blocks of ids for namespaces: free, or taken (until a repair also by deleted namespaces).",
    ),
    Metric(
        "tenantgate_controller_leader",
        "gauge",
        (),
        "1 while this replica of the controller leads.",
    ),
    Metric(
        "tenantgate_controller_queue_depth",
        "gauge",
        ("controller",),
        "Keys that wait for a controller.",
    ),
    Metric(
        "tenantgate_controller_reconcile_duration_seconds",
        "histogram",
        ("controller",),
        "Time that a controller took for one key.",
    ),
    Metric(
        "tenantgate_controller_errors_total",
        "counter",
        ("controller",),
        "Keys that failed, and are tried again.",
    ),
    Metric(
        "tenantgate_registration_in_force",
        "gauge",
        ("configuration",),
        "1 while a webhook configuration (mutating, validating) is registered as the policies ask for.",
    ),
    Metric(
        "tenantgate_registration_repairs_total",
        "counter",
        ("configuration",),
        "Times that somebody else's change of a webhook configuration was put right.",
    ),
    Metric(
        "tenantgate_namespaces",
        "gauge",
        ("state",),
        "Namespaces that templates serve, by how they are: provisioned, pending, failing, or unserved since.",
    ),
    Metric(
        "tenantgate_provisioning_repairs_total",
        "counter",
        ("kind",),
        "Provisioned objects that were restored after somebody had changed or deleted them.",
    ),
    Metric(
        "tenantgate_provisioning_conflicts",
        "gauge",
        (),
        "Provisioned objects that somebody keeps changing: restored more than five times in ten minutes.",
    ),
    Metric(
        "tenantgate_provisioning_failures_total",
        "counter",
        ("reason",),
        "Objects that could not be put in place, by why: forbidden, invalid, not_served and the like.",
    ),
    Metric(
        "tenantgate_orphaned_namespaces",
        "gauge",
        ("tenant",),
        "Namespaces with the stamp of a tenant that no policy file describes.",
    ),
    Metric(
        "tenantgate_pod_security_label_syncs_total",
        "counter",
        ("result",),
        "Namespaces whose Pod Security labels were to follow their SCCs: applied, conflict or error.",
    ),
)

_LOG = logging.getLogger(__name__)
_ROWS = {metric.name: metric for metric in TABLE}

Reading = tuple[str, Mapping[str, str], float]
"""One value of a gauge: the metric's name, its labels, the value."""


class Metrics:
    """The counters of one process."""

    def __init__(self, registry: "CollectorRegistry | None" = None) -> None:
        import prometheus_client as prometheus  # 40 ms that a command without a server saves

        folder = os.environ.get(MULTIPROCESS)
        if folder and not reserve(Path(folder), os.getpid()):
            _LOG.error(
                "no room in %s: what process %d counts will not be shown", folder, os.getpid()
            )
            prometheus.values.ValueClass = prometheus.values.MutexValue
        self.registry = registry or prometheus.CollectorRegistry()
        self._others: dict[str, _Bound] = {}
        self._making = threading.Lock()

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
                row.name, row.help, row.labels, buckets=row.buckets, registry=self.registry
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

    def count(self, name: str, *labels: str, by: float = 1) -> None:
        """Add to a counter of the table; `labels` are the values of its labels, in their order."""
        self._other(name)[labels].inc(by)

    def observe(self, name: str, value: float, *labels: str) -> None:
        """Note a value in a histogram of the table."""
        self._other(name)[labels].observe(value)

    def _other(self, name: str) -> "_Bound":
        """Return a metric that only some processes have; it shows from its first value on."""
        import prometheus_client as prometheus

        with self._making:
            if name not in self._others:
                row = _ROWS[name]
                if row.type == "histogram":
                    made: Any = prometheus.Histogram(
                        row.name, row.help, row.labels, buckets=row.buckets, registry=self.registry
                    )
                else:
                    made = prometheus.Counter(
                        row.name, row.help, row.labels, registry=self.registry
                    )
                self._others[name] = _Bound(made)
            return self._others[name]

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
    registry.register(_States(readings))
    if folder := os.environ.get(MULTIPROCESS):
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # registers itself
        with steady(Path(folder)):
            return prometheus.generate_latest(registry), prometheus.CONTENT_TYPE_LATEST
    if metrics is not None:
        registry.register(metrics.registry)
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
        child = self[values] = self._metric.labels(*values) if values else self._metric
        return child
