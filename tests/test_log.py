"""JSON lines: what is in them, and that none is lost."""

import json
import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from webhook import log
from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Decision, Filled, Finding
from webhook.core.model.request import Request, User
from webhook.log import DecisionLog, JsonHandler, Lines, groups_hash


class Sink:
    """A file that lines are written to, and read from as they come."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a+b")
        self._reader = path.open("rb")
        self.writer = self._file.fileno()

    def records(self) -> list[dict[str, Any]]:
        """Return what was written since the last time."""
        return [json.loads(line) for line in self._reader.read().splitlines()]

    def close(self) -> None:
        self._file.close()
        self._reader.close()


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    made = Sink(tmp_path / "sink")
    yield made
    made.close()


@pytest.fixture
def lines(sink: Sink) -> Lines:
    return Lines(sink.writer)


def pod_request(**fields: Any) -> Request:
    return Request(
        **{
            "operation": "CREATE",
            "resource": "pods",
            "kind": "Pod",
            "user": User("alice", ("b", "a")),
            "namespace": "shop",
            "uid": "705ab4f5",
            "load": lambda: {
                "metadata": {"generateName": "web-"},
                "spec": {
                    "serviceAccountName": "builder",
                    "containers": [{"env": [{"value": "hunter2"}]}],
                },
            },
            **fields,
        }
    )


def test_a_decision_record_has_the_agreed_fields(sink: Sink, lines: Lines):
    request = pod_request(dry_run=True, subresource="ephemeralcontainers")
    _ = request.object
    finding = Finding(FieldPath.parse("spec.hostPID"), True, "false", "drop it", "r", "restricted")
    decision = Decision(
        False,
        "no pod for you\nmore",
        403,
        "Forbidden",
        findings=(finding,),
        filled=(Filled(FieldPath.parse("spec.priorityClassName"), "low", "standard"),),
    )

    DecisionLog(lines).record(request, decision, "sha256:1", 0.0123456)

    (record,) = sink.records()
    assert record.pop("ts").endswith("Z")
    assert record == {
        "level": "info",
        "logger": "webhook.decision",
        "msg": "denied: no pod for you",
        "event_type": "admission_decision",
        "request_uid": "705ab4f5",
        "webhook": "mutate",
        "operation": "CREATE",
        "subresource": "ephemeralcontainers",
        "dry_run": True,
        "user": "alice",
        "groups_hash": groups_hash(("a", "b")),
        "service_account": "builder",
        "kind_group": "",
        "kind_version": "v1",
        "kind": "Pod",
        "namespace": "shop",
        "name": "web-",
        "requester_class": "",
        "tenants": [],
        "allowed": False,
        "mutated": False,
        "scc": "",
        "scc_subject_type": "",
        "policy_set_hash": "sha256:1",
        "findings": [
            {
                "policy": "restricted",
                "rule": "r",
                "action": "deny",
                "path": "/spec/hostPID",
                "message": "restricted/r: spec.hostPID is true; allowed: false. Fix: drop it.",
            }
        ],
        "filled": [{"policy": "standard", "path": "/spec/priorityClassName"}],
        "duration_ms": 12.346,
    }


def test_a_record_says_whose_request_it_was_where_tenancy_had_a_say(sink: Sink, lines: Lines):
    decision = Decision(True, requester="tenant", tenants=("acme",))

    DecisionLog(lines).record(pod_request(), decision, "sha256:1", 0.001)

    (record,) = sink.records()
    assert (record["requester_class"], record["tenants"]) == ("tenant", ["acme"])


def test_no_object_and_no_secret_is_in_a_record(sink: Sink, lines: Lines):
    request = pod_request()
    _ = request.object
    DecisionLog(lines).record(request, Decision(True, object=request.object), "h", 0)

    assert "hunter2" not in json.dumps(sink.records())


def test_an_object_that_no_rule_looked_at_is_not_decoded_for_the_log(sink: Sink, lines: Lines):
    def load() -> None:
        raise AssertionError

    DecisionLog(lines).record(pod_request(load=load), Decision(True), "h", 0)

    assert sink.records()[0]["service_account"] == ""


def test_an_engine_fault_is_an_error(sink: Sink, lines: Lines):
    DecisionLog(lines).record(
        pod_request(), Decision(False, "not evaluated: x", 500, evaluated=False), "h", 0
    )

    assert sink.records()[0]["level"] == "error"


def test_admissions_are_logged_as_often_as_asked(sink: Sink, lines: Lines):
    def logged(rate: float, allowed: bool) -> int:
        decisions = DecisionLog(lines, rate)
        for number in range(1000):
            decisions.record(pod_request(uid=f"uid-{number}"), Decision(allowed), "h", 0)
        return len(sink.records())

    assert logged(1, True) == 1000
    assert logged(0, True) == 0
    assert 150 < logged(0.2, True) < 250
    assert logged(0, False) == 1000


def test_the_order_of_groups_makes_no_difference():
    assert groups_hash(("a", "b")) == groups_hash(("b", "a")) != groups_hash(("a", "c"))


def test_what_the_standard_library_logs_has_the_same_shape(sink: Sink, lines: Lines):
    logger = logging.getLogger("test.shape")
    logger.propagate = False
    logger.addHandler(JsonHandler(lines))
    logger.warning("%s is odd", "this")
    try:
        raise KeyError("x")
    except KeyError:
        logger.exception("failed", extra={"event_type": "odd"})

    first, second = sink.records()
    assert (first["level"], first["logger"], first["msg"]) == (
        "warning",
        "test.shape",
        "this is odd",
    )
    assert first["event_type"] == "server"
    assert second["event_type"] == "odd"
    assert "KeyError" in second["exception"]


def test_gathered_lines_are_written_by_themselves_and_at_the_end(sink: Sink, lines: Lines):
    lines.gather()
    lines.event("info", "x", "first", "y")
    written = threading.Event()
    for _ in range(200):
        if sink_has := sink.records():
            written.set()
            break
        threading.Event().wait(0.02)
    assert written.is_set()
    assert sink_has[0]["msg"] == "first"

    lines.event("info", "x", "last", "y")
    lines.close()
    assert [record["msg"] for record in sink.records()] == ["last"]
    lines.event("info", "x", "afterwards", "y")
    assert [record["msg"] for record in sink.records()] == ["afterwards"]


def test_nothing_is_lost_between_threads(sink: Sink, lines: Lines):
    lines.gather()

    def write(name: int) -> None:
        for number in range(100):
            lines.event("info", "x", f"{name}/{number}", "y")

    threads = [threading.Thread(target=write, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines.close()

    assert len({record["msg"] for record in sink.records()}) == 400


def test_what_nobody_reads_is_counted_and_dropped(
    sink: Sink, lines: Lines, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(log, "MOST_BYTES", 2000)
    lines.gather()
    with lines._writing:  # as if the reader had stopped in the middle of a batch
        for number in range(100):
            lines.event("info", "x", f"line {number}", "y")
    lines.close()

    *kept, last = sink.records()
    assert 0 < len(kept) < 100
    assert last["event_type"] == "log_dropped"
    assert last["msg"].startswith(f"{100 - len(kept)} log lines")


def test_a_reader_that_comes_back_gets_what_was_kept_for_it():
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    size = 0
    try:
        while True:
            size += os.write(writer, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(writer, True)
    lines = Lines(writer)
    lines.gather()
    for number in range(3):
        lines.event("info", "x", f"line {number}", "y")
    lines.flush()

    os.read(reader, size)
    lines.close()
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        told = [json.loads(line)["msg"] for line in file.read().splitlines()]
    assert told == ["line 0", "line 1", "line 2"]


def test_a_reader_that_does_not_come_back_is_told_of_what_it_missed(sink: Sink, tmp_path: Path):
    full = os.open("/dev/full", os.O_WRONLY)
    lines = Lines(full)
    for number in range(3):
        lines.event("info", "x", f"line {number}", "y")
    os.dup2(sink.writer, full)  # there is room on the disk again
    lines.event("info", "x", "at last", "y")
    lines.close()
    os.close(full)

    first, second = sink.records()
    assert first["msg"] == "at last"
    assert second["msg"].startswith("3 log lines were dropped")


def test_a_child_process_does_not_repeat_its_parents_lines(tmp_path: Path):
    path = tmp_path / "log"
    with path.open("wb") as file:
        lines = Lines(file.fileno(), tmp_path / "lock")
        lines.gather()
        with lines._writing:
            lines.event("info", "x", "parent", "y")
            pid = os.fork()
            if pid == 0:
                lines.event("info", "x", "child", "y")
                os._exit(0)
            os.waitpid(pid, 0)
        lines.close()

    written = [json.loads(line)["msg"] for line in path.read_text().splitlines()]
    assert sorted(written) == ["child", "parent"]


def test_a_reader_that_went_away_is_no_reason_to_fail(sink: Sink):
    reader, writer = os.pipe()
    os.close(reader)
    lines = Lines(writer)

    lines.event("info", "x", "nobody hears this", "y")
    lines.close()

    os.close(writer)
