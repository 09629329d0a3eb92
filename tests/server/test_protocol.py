"""The bounds on connections that gunicorn's own protocol lacks."""

from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.workers import gasgi

from webhook.server import protocol
from webhook.server.asgi import ANSWERED
from webhook.server.protocol import (
    BACKLOG,
    FIRST_SECONDS,
    HANDSHAKE_SECONDS,
    MOST_REQUESTS,
    QUIET_SECONDS,
    SHUTDOWN_SECONDS,
    BoundedProtocol,
    close_quiet,
    install,
    is_crowded,
)


class Transport:
    """A connection that only says whether it was cut."""

    aborted = closed = False

    def get_extra_info(self, name: str) -> Any:
        return ("127.0.0.1", 1) if name == "peername" else None

    def set_write_buffer_limits(self, high: int) -> None:
        pass

    def can_write_eof(self) -> bool:
        return False

    def abort(self) -> None:
        self.aborted = True

    def close(self) -> None:
        self.closed = True


class Loop:
    """A loop whose timers run when they are told to."""

    now = 100.0

    def __init__(self) -> None:
        self.timers: list[Any] = []

    def create_task(self, coroutine: Any) -> SimpleNamespace:
        coroutine.close()
        return SimpleNamespace(done=lambda: True)

    def time(self) -> float:
        return self.now

    def create_server(self, **options: Any) -> Any:
        return options

    def call_later(self, seconds: float, callback: Any, *args: Any) -> SimpleNamespace:
        timer = SimpleNamespace(seconds=seconds, run=partial(callback, *args), cancelled=False)
        timer.cancel = lambda: setattr(timer, "cancelled", True)
        self.timers.append(timer)
        return timer


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Any:
    log = SimpleNamespace(error_log=None, debug=lambda *a: None)
    made = SimpleNamespace(cfg=Config(), log=log, asgi=None, nr_conns=0, loop=Loop())
    with monkeypatch.context() as patched:
        patched.setattr(gasgi, "ASGIProtocol", gasgi.ASGIProtocol)
        install(made)
    return made


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


class TestThereAreOnlySoMany:
    """Strangers cannot keep the API server out by connections that say nothing."""

    @pytest.fixture(autouse=True)
    def three(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(protocol, "MOST_CONNECTIONS", 3)

    def test_the_oldest_that_has_asked_for_nothing_yet_goes_first(self, worker: Any):
        used, transport = connect(worker)
        used.req_count, used._awaiting_request = 2, True
        others = [connect(worker)[1] for _ in range(4)]

        assert not transport.aborted
        assert [other.aborted for other in others] == [True, True, False, False]

    def test_then_the_one_that_idles_longest(self, worker: Any):
        made = [connect(worker) for _ in range(3)]
        for seconds, (connection, _) in zip((30, 10, 20), made, strict=True):
            connection.req_count, connection._awaiting_request = 2, True
            connection._heard = worker.loop.now - seconds
        fourth, _ = connect(worker)
        fourth.req_count = 2
        connect(worker)

        assert [transport.aborted for _, transport in made] == [True, False, True]

    def test_no_request_that_is_under_way_is_lost_for_another(self, worker: Any):
        made = [connect(worker) for _ in range(3)]
        for connection, _ in made:
            connection.req_count, connection._awaiting_request = 2, False
        _, late = connect(worker)

        assert late.aborted
        assert not any(transport.aborted for _, transport in made)


class TestClosingWhatIsQuiet:
    """A worker that is to end waits for nobody who says nothing, and cuts off nobody who does."""

    @pytest.fixture
    def quiet(self, worker: Any) -> tuple[BoundedProtocol, Transport]:
        made, transport = connect(worker)
        made.req_count, made._awaiting_request = 2, True
        made._arm_keepalive_timer()
        worker.loop.now += QUIET_SECONDS
        return made, transport

    def test_an_idle_connection_is_closed(self, worker: Any, quiet: Any):
        close_quiet(worker)

        assert quiet[1].closed

    def test_a_request_of_which_a_part_is_here_is_waited_for(self, worker: Any, quiet: Any):
        quiet[0].data_received(b"POST /mutate HTTP/1.1\r\n")
        worker.loop.now += 10
        close_quiet(worker)

        assert not quiet[1].closed

    def test_so_is_one_that_is_being_answered(self, worker: Any, quiet: Any):
        quiet[0]._awaiting_request = False
        close_quiet(worker)

        assert not quiet[1].closed

    def test_and_one_that_was_answered_only_just_now(self, worker: Any, quiet: Any):
        quiet[0]._arm_keepalive_timer()
        close_quiet(worker)
        assert not quiet[1].closed

        worker.loop.now += QUIET_SECONDS
        worker.loop.timers[-1].run()
        assert quiet[1].closed


def test_tls_is_waited_for_only_so_long(worker: Any):
    assert worker.loop.create_server(sock=1) == {
        "sock": 1,
        "backlog": BACKLOG,
        "ssl_handshake_timeout": HANDSHAKE_SECONDS,
        "ssl_shutdown_timeout": SHUTDOWN_SECONDS,
    }


def test_the_asgi_worker_makes_its_protocol_by_the_name_that_is_replaced(
    worker: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(gasgi, "ASGIProtocol", gasgi.ASGIProtocol)
    protocol.install(worker)

    assert gasgi.ASGIProtocol is BoundedProtocol
    assert "ASGIProtocol" in gasgi.ASGIWorker._serve.__code__.co_names + tuple(
        name
        for constant in gasgi.ASGIWorker._serve.__code__.co_consts
        if hasattr(constant, "co_names")
        for name in constant.co_names
    )


class TestCrowd:
    """What has arrived whole and waits for its answer counts; what is on its way does not."""

    def test_a_request_counts_from_its_last_byte_to_its_answer(self, worker: Any):
        made, _ = connect(worker)
        made.data_received(b"POST /mutate HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{")
        assert worker.asked == 0
        made.data_received(b"}")
        assert worker.asked == 1

        request, address = made._current_request, ("127.0.0.1", 1)
        made._build_http_scope(request, address, address)[ANSWERED]()
        assert worker.asked == 0
        made._arm_keepalive_timer()
        assert worker.asked == 0

    def test_a_request_whose_connection_is_lost_counts_no_more(self, worker: Any):
        made, _ = connect(worker)
        made.data_received(b"POST /mutate HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n")
        made.connection_lost(None)
        made.connection_lost(None)

        assert worker.asked == 0

    def test_there_is_a_crowd_when_too_many_wait(self, worker: Any):
        worker.asked = MOST_REQUESTS
        assert not is_crowded(worker)
        worker.asked += 1
        assert is_crowded(worker)
