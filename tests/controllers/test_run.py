"""The frame in which controllers run: retries, resync, policies, an orderly end."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.process import eventually
from webhook.cluster.client import ApiError, ClusterError
from webhook.controllers import run
from webhook.controllers.loop import Context, Enqueue
from webhook.controllers.run import Loop, Runner
from webhook.log import Lines
from webhook.metrics import Metrics
from webhook.store import PolicyStore

PLATFORM = "apiVersion: tenantgate.io/v1\nkind: Platform\nmetadata: {name: p}\nspec: {}\n"


class Told:
    """Takes Events."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def emit(self, involved: Any, type: str, reason: str, message: str, **_: Any) -> None:  # noqa: A002 - as the method is called there
        self.reasons.append(reason)


class Recorder:
    """A controller that notes what it is asked, and fails as often as `failing` says."""

    name = "recorder"

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.failing: list[Exception] = []
        self.again: float | None = None
        self.synced = True
        self.ended = False
        self.policies = 0
        self.gate = threading.Event()
        self.gate.set()
        self.enqueue: Enqueue = lambda key: None

    def start(self, enqueue: Enqueue) -> None:
        self.enqueue = enqueue

    def stop(self) -> None:
        self.ended = True

    def policies_changed(self) -> None:
        self.policies += 1

    def resync(self) -> None:
        self.enqueue("everything")

    def reconcile(self, key: str) -> float | None:
        self.seen.append(key)
        self.gate.wait(10)
        if self.failing:
            raise self.failing.pop(0)
        again, self.again = self.again, None
        return again


class Lease:
    """An election that goes as the test says."""

    identity = "me"
    problem = ""

    class timing:
        deadline = 1.0

    def __init__(self) -> None:
        self.leading = False
        self.free = threading.Event()
        self.free.set()
        self.lost = threading.Event()
        self.released = False

    def acquire(self, stopping: threading.Event) -> bool:
        while not self.free.wait(0.01):
            if stopping.is_set():
                return False
        self.leading = True
        return True

    def hold(self, stopping: threading.Event) -> bool:
        while not stopping.wait(0.01):
            if self.lost.is_set():
                self.leading = False
                return False
        return True

    def release(self) -> None:
        self.leading, self.released = False, True


@pytest.fixture
def controller() -> Recorder:
    return Recorder()


@pytest.fixture
def lease() -> Lease:
    return Lease()


@pytest.fixture
def events() -> Told:
    return Told()


@pytest.fixture
def context(tmp_path: Path, events: Told) -> Iterator[Context]:
    (tmp_path / "policies.yaml").write_text(PLATFORM)
    with Path(os.devnull).open("wb") as nowhere:
        yield Context(
            api=None,  # type: ignore[arg-type]  # a stand-in with what is called here
            store=PolicyStore([tmp_path]),
            events=events,  # type: ignore[arg-type]  # a stand-in with what is called here
            lines=Lines(nowhere.fileno()),
            metrics=Metrics(),
            namespace="tenantgate-system",
            identity="me",
        )


class Running:
    """A runner on a thread of its own."""

    def __init__(self, context: Context, lease: Lease, controller: Recorder) -> None:
        self.runner = Runner(context, lease, lambda context: [controller])  # type: ignore[arg-type]  # a stand-in with what is called here
        self.status: list[int] = []
        self._thread = threading.Thread(target=lambda: self.status.append(self.runner.run()))

    def start(self) -> None:
        self._thread.start()

    def end(self) -> int:
        self.runner.stopping.set()
        self._thread.join(10)
        return self.status[0]


@pytest.fixture
def running(context: Context, lease: Lease, controller: Recorder) -> Iterator[Running]:
    made = Running(context, lease, controller)
    yield made
    controller.gate.set()
    if made._thread.is_alive():
        made.end()


@pytest.fixture
def leading(running: Running) -> Running:
    running.start()
    eventually(lambda: running.runner.leading)
    return running


def test_keys_are_reconciled(leading, controller):
    controller.enqueue("a")

    eventually(lambda: controller.seen == ["a"])


def test_nothing_is_reconciled_before_everything_is_listed(running, controller):
    controller.synced = False
    running.start()
    eventually(lambda: running.runner.leading)
    controller.enqueue("a")
    assert [*running.runner.problems()] == ["recorder has not listed everything yet"]
    assert controller.seen == []

    controller.synced = True
    eventually(lambda: controller.seen == ["a"])
    assert [*running.runner.problems()] == []


@pytest.mark.parametrize(
    "error", [ClusterError("no answer"), ApiError("conflict", 409), ValueError("a mistake of ours")]
)
def test_what_failed_is_tried_again_and_stops_nothing_else(leading, controller, error):
    controller.failing = [error]
    controller.enqueue("a")

    eventually(lambda: controller.seen == ["a", "a"])
    controller.enqueue("b")
    eventually(lambda: controller.seen == ["a", "a", "b"])


def test_errors_are_counted_but_not_conflicts(leading, controller, context):
    controller.failing = [ApiError("conflict", 409), ClusterError("no answer")]
    controller.enqueue("a")
    eventually(lambda: controller.seen == ["a", "a", "a"])

    name = "tenantgate_controller_errors_total"
    value = context.metrics.registry.get_sample_value(name, {"controller": "recorder"})
    assert value == 1


def test_a_key_that_is_due_again_comes_again(leading, controller):
    controller.again = 0.05
    controller.enqueue("a")

    eventually(lambda: controller.seen == ["a", "a"])


def test_everything_is_looked_at_now_and_then(running, controller, monkeypatch):
    monkeypatch.setattr(run, "RESYNC", 0.2)
    running.start()

    eventually(lambda: "everything" in controller.seen)


def test_changed_policies_are_told(leading, controller, context, tmp_path):
    before = context.store.current
    (tmp_path / "policies.yaml").write_text(PLATFORM.replace("{}", "{otherSubjects: deny}"))

    eventually(lambda: controller.policies == 1)
    assert context.store.current is not before


def test_broken_policies_change_nothing_and_are_told(
    leading, controller, context, tmp_path, events
):
    before = context.store.current
    (tmp_path / "policies.yaml").write_text("nonsense: {")

    eventually(lambda: "PolicyRejected" in events.reasons)
    assert context.store.current is before
    assert controller.policies == 0
    assert ("tenantgate_policy_load_success", {}, 0) in [*leading.runner.readings()]


def test_what_waits_without_need_waits_behind_what_changed(context, controller):
    loop = Loop(context, controller, workers=1)
    controller.gate.clear()
    loop.start()
    controller.enqueue("in hand")
    eventually(lambda: controller.seen == ["in hand"])
    loop.look_again(controller.resync)
    controller.enqueue("new")
    controller.gate.set()

    eventually(lambda: controller.seen == ["in hand", "new", "everything"])
    loop.end()
    assert loop.join(eventually_at())


def eventually_at() -> float:
    import time

    return time.monotonic() + 5


def test_told_to_end_it_finishes_what_is_in_hand_and_gives_the_lease_back(
    leading, controller, lease
):
    controller.gate.clear()
    controller.enqueue("a")
    eventually(lambda: controller.seen == ["a"])
    controller.enqueue("b")
    threading.Timer(0.3, controller.gate.set).start()

    assert leading.end() == 0
    assert controller.ended
    assert lease.released
    assert controller.seen in (["a"], ["a", "b"])


def test_told_to_end_while_standing_by_it_ends(running, controller, lease):
    lease.free.clear()
    running.start()

    assert running.end() == 0
    assert not lease.released
    assert controller.seen == []


def test_without_the_lease_it_ends_with_an_error(leading, controller, lease):
    lease.lost.set()

    eventually(lambda: leading.status == [1])
    assert controller.ended
    assert not lease.released


def test_work_that_does_not_end_keeps_the_lease(leading, controller, lease, monkeypatch):
    monkeypatch.setattr(run, "PATIENCE", 0.2)
    controller.gate.clear()
    controller.enqueue("a")
    eventually(lambda: controller.seen == ["a"])

    assert leading.end() == 1
    assert not lease.released


def test_a_controller_that_cannot_be_started_ends_the_process(running, controller, lease):
    def failing(enqueue: Enqueue) -> None:
        raise ClusterError("no such thing")

    controller.start = failing
    running.start()

    eventually(lambda: running.status == [1])
    assert lease.released
