"""When the webhook is ready, and what it says while it is not."""

import errno
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from webhook.metrics import TABLE
from webhook.ops import report
from webhook.server.health import STALE_SECONDS, Status, StatusFolder, checks, readings


def good(pid: int = 1) -> Status:
    return Status(
        pid=pid,
        beat=time.monotonic(),
        policies="sha256:1",
        policies_loaded=1000.0,
        synced=True,
        leaf_expiry=time.time() + 1000,
        ca_expiry=time.time() + 5000,
        cache_ages={"namespaces": 1.5},
    )


def problems(*statuses: Status, workers: int = 1) -> dict[str, str]:
    return {check.name: check.problem for check in checks(statuses, workers) if check.problem}


def test_a_worker_in_order_is_ready():
    assert problems(good()) == {}
    assert problems(good(1), good(2), workers=2) == {}


@pytest.mark.parametrize(
    ("changes", "name", "says"),
    [
        ({"policies": ""}, "policies", "not loaded"),
        ({"synced": False}, "caches", "not filled"),
        ({"leaf_expiry": 1.0}, "certificate", "expired"),
        ({"draining": True}, "workers", "shutting down"),
        ({"beat": time.monotonic() - STALE_SECONDS - 1}, "workers", "worker 1"),
    ],
)
def test_a_worker_that_is_not_in_order_is_not(changes: dict[str, Any], name: str, says: str):
    status = replace(good(), **changes)

    assert says in problems(status)[name]
    assert says in problems(good(2), replace(status, pid=1), workers=2)[name]


def test_a_worker_that_has_not_started_is_missed():
    assert problems(good(), workers=2) == {"workers": "1 of 2 workers have started"}
    assert set(problems()) == {"workers", "policies", "caches", "certificate"}


def test_policies_that_do_not_load_are_told_while_the_last_good_ones_serve():
    found = checks([replace(good(), policy_problem="a.yaml:1:1: no")], 1)

    assert not any(check.problem for check in found)
    assert "[+]policies ok (sha256:1, the last good set, is in use" in report(found)
    assert "a.yaml:1:1: no" in report(found)


def test_what_keeps_caches_from_filling_is_told():
    silent = replace(good(), synced=False, cache_problem="GET /api/v1/namespaces: no answer")

    assert "[-]caches failed: not filled yet (GET /api/v1/namespaces: no answer)" in report(
        checks([silent], 1)
    )
    stale = replace(silent, synced=True)
    assert "[+]caches ok (GET /api/v1/namespaces: no answer)" in report(checks([stale], 1))


def test_the_report_reads_like_kubernetes_own():
    assert report(checks([good()], 1)) == (
        "[+]workers ok\n[+]policies ok (sha256:1)\n[+]caches ok\n[+]certificate ok\nreadyz check passed\n"
    )
    told = report(checks([replace(good(), synced=False)], 1))
    assert "[-]caches failed: not filled yet\n" in told
    assert told.endswith("readyz check failed\n")


def test_statuses_go_through_the_folder(tmp_path: Path):
    folder = StatusFolder(tmp_path)
    one, two = good(11), good(12)
    folder.write(one)
    folder.write(two)
    assert folder.read() == [one, two]

    newer = replace(one, inflight=3)
    folder.write(newer)
    folder.remove(12)
    folder.remove(12)
    assert folder.read() == [newer]


def test_a_status_that_cannot_be_replaced_is_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """As where the folder is full: a worker that lives must not pass for one that hangs."""
    folder = StatusFolder(tmp_path)
    folder.write(replace(good(), policy_problem="a long story" * 10))

    def full(self: Path, target: Path) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    folder.write(good())
    assert folder.read()[0].policy_problem == ""
    with pytest.raises(OSError, match="No such file"):
        folder.write(good(2))


def test_a_broken_status_counts_as_none(tmp_path: Path):
    (tmp_path / "7.json").write_text("{")

    assert StatusFolder(tmp_path).read() == []


def test_the_gauges_are_of_the_worker_to_worry_about():
    worse = replace(
        good(2),
        inflight=2,
        policy_problem="broken",
        leaf_expiry=500.0,
        ca_expiry=0,
        cache_ages={"namespaces": 9.0, "roles": 1.0},
    )
    found = {
        (name, *labels.values()): value for name, labels, value in readings([good(), worse], 2)
    }

    assert found["tenantgate_inflight_requests",] == 2
    assert found["tenantgate_policy_load_success",] == 0
    assert found["tenantgate_policy_load_timestamp_seconds",] == 1000
    assert found["tenantgate_policy_set_info", "sha256:1"] == 1
    assert found["tenantgate_certificate_expiry_timestamp_seconds", "leaf"] == 500
    assert found["tenantgate_certificate_expiry_timestamp_seconds", "ca"] > 500
    assert found["tenantgate_cache_age_seconds", "namespaces"] == 9
    assert found["tenantgate_cache_age_seconds", "roles"] == 1
    assert {key[0] for key in found} <= {metric.name for metric in TABLE}
    assert list(readings([], 1)) == [("tenantgate_ready", {}, 0)]
