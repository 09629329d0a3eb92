"""A Grafana dashboard: what matters by hand, and a panel for every other metric of the table."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from webhook.metrics import TABLE, Metric
from webhook.monitoring.alerts import OURS

_WIDTH, _HEIGHT, _ACROSS = 8, 7, 24
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_RATE = "$__rate_interval"
_NAME = re.compile(r"\btenantgate_[a-z0-9_]+")


class Panel(NamedTuple):
    """One picture: what it shows, as queries with the names of their lines, and in which unit."""

    title: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    kind: str = "timeseries"
    description: str = ""


def _rate(metric: str, by: str, **equal: str) -> str:
    labels = ", ".join(f'{name}="{value}"' for name, value in equal.items())
    chosen = f"{{{labels}}}" if labels else ""
    return f"sum by ({by}) (rate({metric}{chosen}[{_RATE}]))"


def _quantile(share: float, metric: str, by: str, chosen: str = "") -> str:
    return (
        f"histogram_quantile({share}, sum by (le, {by}) (rate({metric}_bucket{chosen}[{_RATE}])))"
    )


_REQUESTS = "tenantgate_admission_requests_total"
_DURATION = "tenantgate_admission_duration_seconds"
_CALLS = "apiserver_admission_webhook"

SECTIONS: tuple[tuple[str, tuple[Panel, ...]], ...] = (
    (
        "At a glance",
        (
            Panel("Replicas ready", (("sum(tenantgate_ready)", "ready"),), kind="stat"),
            Panel(
                "Policies loaded",
                (("min(tenantgate_policy_load_success)", "1: the files are in force"),),
                kind="stat",
            ),
            Panel(
                "Certificates expire in",
                (
                    (
                        "min by (cert) (tenantgate_certificate_expiry_timestamp_seconds) - time()",
                        "{{cert}}",
                    ),
                ),
                "s",
                "stat",
            ),
            Panel(
                "Requests",
                ((_rate(_REQUESTS, "webhook, allowed"), "{{webhook}}: {{allowed}}"),),
                "reqps",
            ),
            Panel(
                "Time to answer",
                (
                    (_quantile(0.5, _DURATION, "webhook"), "{{webhook}} p50"),
                    (_quantile(0.99, _DURATION, "webhook"), "{{webhook}} p99"),
                ),
                "s",
            ),
            Panel(
                "Refusals by rule",
                (
                    (
                        f"topk(10, {_rate('tenantgate_policy_results_total', 'policy, rule', result='fail')})",
                        "{{policy}}/{{rule}}",
                    ),
                ),
                "reqps",
            ),
        ),
    ),
    (
        "What the API server sees",
        (
            Panel(
                "Time of a call, p99",
                (
                    (
                        _quantile(
                            0.99, f"{_CALLS}_admission_duration_seconds", "name", f"{{{OURS}}}"
                        ),
                        "{{name}}",
                    ),
                ),
                "s",
            ),
            Panel(
                "Refused",
                (
                    (
                        f"sum by (name, error_type) (rate({_CALLS}_rejection_count{{{OURS}}}[{_RATE}]))",
                        "{{name}} {{error_type}}",
                    ),
                ),
                "reqps",
                description="error_type is calling_webhook_error where there was no answer.",
            ),
            Panel(
                "Passed without an answer",
                (
                    (
                        f"sum by (name) (rate({_CALLS}_fail_open_count{{{OURS}}}[{_RATE}]))",
                        "{{name}}",
                    ),
                ),
                "reqps",
            ),
        ),
    ),
    (
        "Decisions",
        (
            Panel(
                "Requests by kind",
                ((_rate(_REQUESTS, "kind, operation"), "{{operation}} {{kind}}"),),
                "reqps",
            ),
            Panel(
                "Pods by SCC",
                ((_rate("tenantgate_scc_admissions_total", "scc"), "{{scc}}"),),
                "reqps",
            ),
            Panel(
                "Warnings by rule",
                (
                    (
                        _rate("tenantgate_policy_results_total", "policy, rule", result="warn"),
                        "{{policy}}/{{rule}}",
                    ),
                ),
                "reqps",
            ),
            Panel(
                "Fields filled in",
                (
                    (
                        f"topk(20, {_rate('tenantgate_mutations_total', 'policy, field')})",
                        "{{policy}}: {{field}}",
                    ),
                ),
                "reqps",
            ),
            Panel(
                "Time of a family of policies, p99",
                ((_quantile(0.99, "tenantgate_policy_duration_seconds", "policy"), "{{policy}}"),),
                "s",
            ),
            Panel(
                "Not evaluated, turned away, malformed",
                (
                    (
                        _rate("tenantgate_evaluation_errors_total", "stage"),
                        "not evaluated: {{stage}}",
                    ),
                    (f"sum(rate(tenantgate_shed_requests_total[{_RATE}]))", "turned away"),
                    (
                        _rate("tenantgate_malformed_requests_total", "status"),
                        "malformed: {{status}}",
                    ),
                ),
                "reqps",
            ),
        ),
    ),
    (
        "Controller",
        (
            Panel(
                "Leader",
                (("sum by (pod) (tenantgate_controller_leader)", "{{pod}}"),),
                kind="stat",
            ),
            Panel(
                "Namespaces",
                (
                    ("max by (state) (tenantgate_namespaces)", "{{state}}"),
                    ("max by (tenant) (tenantgate_orphaned_namespaces)", "orphaned: {{tenant}}"),
                ),
            ),
            Panel(
                "Blocks of user ids",
                (("max by (state) (tenantgate_uid_blocks)", "{{state}}"),),
            ),
        ),
    ),
)

_UNITS = {"_seconds": "s", "_bytes": "bytes"}


def dashboard() -> dict[str, Any]:
    """Return the dashboard as Grafana imports it."""
    panels: list[dict[str, Any]] = []
    top = 0
    for title, section in (*SECTIONS, ("Everything else", tuple(_others()))):
        panels.append(_row(title, len(panels) + 1, top))
        top += 1
        for at, panel in enumerate(section):
            place = {
                "x": at * _WIDTH % _ACROSS,
                "y": top + at * _WIDTH // _ACROSS * _HEIGHT,
                "w": _WIDTH,
                "h": _HEIGHT,
            }
            panels.append(_drawn(panel, len(panels) + 1, place))
        top += -(-len(section) * _WIDTH // _ACROSS) * _HEIGHT
    return {
        "uid": "tenantgate",
        "title": "tenantgate",
        "tags": ["tenantgate", "kubernetes"],
        "schemaVersion": 39,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [
                {
                    "name": "datasource",
                    "label": "Data source",
                    "type": "datasource",
                    "query": "prometheus",
                }
            ]
        },
        "panels": panels,
    }


def text() -> str:
    """Return the dashboard as the text of a file."""
    return json.dumps(dashboard(), indent=2) + "\n"


def _others() -> Iterator[Panel]:
    """Yield a panel for each metric that no other one shows."""
    shown = {
        name
        for _, section in SECTIONS
        for panel in section
        for query, _ in panel.queries
        for name in _NAME.findall(query)
    }
    for row in TABLE:
        if not {row.name, f"{row.name}_bucket"} & shown:
            yield _plain(row)


def _plain(row: Metric) -> Panel:
    """Return the picture of any metric, by all of its labels."""
    labels: Sequence[str] = row.labels
    legend = " ".join(f"{{{{{label}}}}}" for label in labels) or row.name
    by = f" by ({', '.join(labels)})" if labels else ""
    title = (
        row.name.removeprefix("tenantgate_").removesuffix("_total").replace("_", " ").capitalize()
    )
    if row.type == "histogram":
        among = ", ".join(("le", *labels))
        rate = f"sum by ({among}) (rate({row.name}_bucket[{_RATE}]))"
        queries = ((f"histogram_quantile(0.99, {rate})", f"{legend} p99"),)
        return Panel(title, queries, "s", description=row.help)
    if row.type == "counter":
        return Panel(
            title, ((f"sum{by} (rate({row.name}[{_RATE}]))", legend),), "ops", description=row.help
        )
    if row.name.endswith("_timestamp_seconds"):
        query = f"time() - max{by} ({row.name})"
        return Panel(f"{title}: since", ((query, legend),), "s", description=row.help)
    unit = next((unit for end, unit in _UNITS.items() if row.name.endswith(end)), "short")
    return Panel(title, ((f"max{by} ({row.name})", legend),), unit, description=row.help)


def _row(title: str, number: int, top: int) -> dict[str, Any]:
    return {
        "id": number,
        "type": "row",
        "title": title,
        "collapsed": False,
        "gridPos": {"x": 0, "y": top, "w": _ACROSS, "h": 1},
        "panels": [],
    }


def _drawn(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {},
        "targets": [
            {
                "refId": chr(ord("A") + at),
                "datasource": _SOURCE,
                "expr": query,
                "legendFormat": legend,
                "range": True,
            }
            for at, (query, legend) in enumerate(panel.queries)
        ],
    }
