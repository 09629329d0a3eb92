"""What is counted, and under which labels."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from webhook.core.model.finding import Decision
from webhook.core.model.request import Request, User
from webhook.metrics import MULTIPROCESS, TABLE, Metrics, exposition


def pod_request(**fields: Any) -> Request:
    return Request(
        **{
            "operation": "CREATE",
            "resource": "pods",
            "kind": "Pod",
            "user": User("alice"),
            "phase": "validate",
            **fields,
        }
    )


def samples(
    metrics: Metrics | None, readings: Any = ()
) -> dict[tuple[str, tuple[str, ...]], float]:
    text, content_type = exposition(metrics, lambda: readings)
    assert content_type.startswith("text/plain")
    return {
        (sample.name, tuple(sorted(sample.labels.values()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_names_follow_prometheus_rules():
    for metric in TABLE:
        assert metric.name.startswith("tenantgate_")
        assert metric.name.endswith("_total") == (metric.type == "counter")
        assert metric.help.endswith(".")


def test_requests_are_counted_by_what_they_were():
    metrics = Metrics()
    metrics.decided(pod_request(), Decision(True, scc="anyuid"), 0.002)
    metrics.decided(pod_request(phase="mutate"), Decision(True, scc="anyuid"), 0.002)
    metrics.decided(pod_request(operation="UPDATE", dry_run=True), Decision(False), 0.3)

    found = samples(metrics)
    requests = "tenantgate_admission_requests_total"
    assert {key: value for key, value in found.items() if key[0] == requests} == {
        (requests, ("CREATE", "Pod", "false", "true", "validate")): 1,
        (requests, ("CREATE", "Pod", "false", "mutate", "true")): 1,
        (requests, ("Pod", "UPDATE", "false", "true", "validate")): 1,
    }
    assert found["tenantgate_admission_duration_seconds_count", ("Pod", "validate")] == 2
    assert found["tenantgate_scc_admissions_total", ("anyuid",)] == 1


def test_kinds_that_strangers_think_of_count_as_other():
    metrics = Metrics()
    for number in range(100):
        metrics.decided(pod_request(kind=f"Kind{number}"), Decision(True), 0)

    found = samples(metrics)
    key = ("tenantgate_admission_requests_total", ("CREATE", "false", "other", "true", "validate"))
    assert found[key] == 100
    assert not [name for name in found if "Kind1" in str(name)]


def test_what_went_wrong_is_counted():
    metrics = Metrics()
    metrics.malformed(415)
    metrics.shed()
    metrics.not_evaluated("gather")

    found = samples(metrics)
    assert found["tenantgate_malformed_requests_total", ("415",)] == 1
    assert found["tenantgate_shed_requests_total", ()] == 1
    assert found["tenantgate_evaluation_errors_total", ("gather",)] == 1


def test_states_are_told_as_they_are():
    found = samples(
        None,
        [
            ("tenantgate_inflight_requests", {}, 3),
            ("tenantgate_certificate_expiry_timestamp_seconds", {"cert": "ca"}, 5.0),
            ("tenantgate_certificate_expiry_timestamp_seconds", {"cert": "leaf"}, 4.0),
        ],
    )

    assert found["tenantgate_inflight_requests", ()] == 3
    assert found["tenantgate_certificate_expiry_timestamp_seconds", ("ca",)] == 5
    assert found["tenantgate_certificate_expiry_timestamp_seconds", ("leaf",)] == 4


def test_the_counts_of_several_processes_are_merged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    count = (
        "from webhook.metrics import Metrics; metrics = Metrics(); metrics.shed(); "
        "metrics.malformed(400)"
    )
    environment = {**os.environ, MULTIPROCESS: str(tmp_path)}
    for _ in range(2):
        subprocess.run([sys.executable, "-c", count], env=environment, check=True)  # noqa: S603 - our own program
    monkeypatch.setenv(MULTIPROCESS, str(tmp_path))

    found = samples(None)
    assert found["tenantgate_shed_requests_total", ()] == 2
    assert found["tenantgate_malformed_requests_total", ("400",)] == 2
