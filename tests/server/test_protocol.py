"""The bounds on connections that gunicorn's own protocol lacks."""

from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.workers import gasgi

from webhook.server import protocol
from webhook.server.protocol import FIRST_SECONDS, BoundedProtocol


class Transport:
    """A connection that only says whether it was cut."""

    aborted = False

    def get_extra_info(self, name: str) -> Any:
        return ("127.0.0.1", 1) if name == "peername" else None

    def set_write_buffer_limits(self, high: int) -> None:
        pass

    def abort(self) -> None:
        self.aborted = True


class Loop:
    """A loop whose timers run when they are told to."""

    def __init__(self) -> None:
        self.timers: list[Any] = []

    def create_task(self, coroutine: Any) -> SimpleNamespace:
        coroutine.close()
        return SimpleNamespace(done=lambda: True)

    def call_later(self, seconds: float, callback: Any) -> SimpleNamespace:
        timer = SimpleNamespace(seconds=seconds, run=callback, cancelled=False)
        timer.cancel = lambda: setattr(timer, "cancelled", True)
        self.timers.append(timer)
        return timer


@pytest.fixture
def worker() -> Any:
    log = SimpleNamespace(error_log=None, debug=lambda *a: None)
    return SimpleNamespace(cfg=Config(), log=log, asgi=None, nr_conns=0, loop=Loop())


def connect(worker: Any) -> tuple[BoundedProtocol, Transport]:
    made, transport = BoundedProtocol(worker), Transport()
    made.connection_made(transport)
    return made, transport


def test_a_connection_that_says_nothing_is_cut(worker: Any):
    made, transport = connect(worker)
    (timer,) = worker.loop.timers

    assert timer.seconds == FIRST_SECONDS
    made.req_count = 1  # waiting for its first request
    timer.run()
    assert transport.aborted


def test_a_connection_that_was_used_stays(worker: Any):
    made, transport = connect(worker)
    made.req_count = 2  # its first request is done
    worker.loop.timers[0].run()

    assert not transport.aborted


def test_a_lost_connection_needs_no_timer(worker: Any):
    made, _ = connect(worker)
    made.connection_lost(None)

    assert worker.loop.timers[0].cancelled
    assert worker.nr_conns == 0


def test_there_are_only_so_many(worker: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(protocol, "MOST_CONNECTIONS", 2)
    transports = [connect(worker)[1] for _ in range(3)]

    assert [transport.aborted for transport in transports] == [False, False, True]


def test_the_asgi_worker_makes_its_protocol_by_the_name_that_is_replaced(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(gasgi, "ASGIProtocol", gasgi.ASGIProtocol)
    protocol.install()

    assert gasgi.ASGIProtocol is BoundedProtocol
    assert "ASGIProtocol" in gasgi.ASGIWorker._serve.__code__.co_names + tuple(
        name
        for constant in gasgi.ASGIWorker._serve.__code__.co_consts
        if hasattr(constant, "co_names")
        for name in constant.co_names
    )
