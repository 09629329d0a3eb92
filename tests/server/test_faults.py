"""What strangers, a full disk, or a log that nobody reads do to the webhook: it goes on serving."""

import json
import os
import resource
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.server.parts import ADMITTED, REFUSED
from tests.server.serving import Webhook, eventually, post, serving
from webhook.server.protocol import MOST_CONNECTIONS, MOST_REQUESTS
from webhook.server.supervisor import MOST_FILES

SMALL = ("unshare", "-m", "sh", "-c", 'mount -t tmpfs -o size={} tmpfs /dev/shm && exec "$@"', "sh")


def admits(webhook: Webhook, text: bytes = ADMITTED) -> bool:
    """Ask on a new connection."""
    with webhook.connect() as connection:
        status, _, answer = connection.ask(post(text))
    assert status == 200
    verdict: bool = json.loads(answer)["response"]["allowed"]
    return verdict


class TestStrangers:
    """Whoever reaches the port can keep nobody else from it."""

    @pytest.fixture(scope="class")
    @classmethod
    def webhook(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Webhook]:
        with serving(tmp_path_factory.mktemp("strangers"), "--workers=1") as webhook:
            yield webhook

    def test_connections_that_never_finish_their_heads(self, webhook: Webhook) -> None:
        with ExitStack() as held:
            for _ in range(MOST_CONNECTIONS + 50):
                slow = held.enter_context(webhook.connect())
                slow.send(b"POST /mutate HTTP/1.1\r\nx: ")
            assert admits(webhook)
            assert not admits(webhook, REFUSED)
        assert admits(webhook)

    def test_there_are_files_enough_for_all_of_them(self, webhook: Webhook) -> None:
        """As most systems allow 1024 by default, and more to those who ask."""
        soft, _ = resource.prlimit(webhook.workers()[0], resource.RLIMIT_NOFILE)
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

        assert soft >= min(hard, MOST_FILES)

    def test_connections_that_never_agree_on_tls(self, webhook: Webhook) -> None:
        with ExitStack() as held:
            for _ in range(2000):
                held.enter_context(socket.create_connection(("127.0.0.1", webhook.port)))
            assert admits(webhook)

    def test_bodies_that_never_end(self, webhook: Webhook) -> None:
        with ExitStack() as held:
            for _ in range(600):
                slow = held.enter_context(webhook.connect())
                slow.send(post(ADMITTED)[:-10])
            assert admits(webhook)


def test_in_a_burst_everybody_is_answered_by_a_verdict_or_told_to_come_back(
    tmp_path: Path,
) -> None:
    with serving(tmp_path, "--workers=1") as webhook, ExitStack() as held:
        crowd = [held.enter_context(webhook.connect()) for _ in range(2 * MOST_REQUESTS)]
        (worker,) = webhook.workers()
        os.kill(worker, signal.SIGSTOP)
        for connection in crowd:
            connection.send(post(REFUSED))
        os.kill(worker, signal.SIGCONT)
        answers = [connection.answer() for connection in crowd]

        verdicts = [json.loads(text) for status, _, text in answers if status == 200]
        turned_away = [headers for status, headers, _ in answers if status == 429]
        assert len(verdicts) + len(turned_away) == len(crowd)
        assert len(verdicts) >= MOST_REQUESTS
        assert turned_away
        assert not any(verdict["response"]["allowed"] for verdict in verdicts)
        assert {headers["retry-after"] for headers in turned_away} == {"1"}
        shed = f"tenantgate_shed_requests_total {float(len(turned_away))}"
        assert shed in webhook.ops("/metrics")[1]
        assert admits(webhook)


@pytest.fixture
def full_pipe() -> Iterator[int]:
    """A pipe that nobody reads, with no room left in it."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(writer, True)
    yield writer
    os.close(writer)
    os.close(reader)


class TestLog:
    """Nobody waits for whoever reads the log."""

    def test_a_reader_that_reads_no_more_is_not_waited_for(
        self, tmp_path: Path, full_pipe: int
    ) -> None:
        with serving(tmp_path, "--workers=1", stdout=full_pipe) as webhook:
            assert all(admits(webhook) for _ in range(50))
            (worker,) = webhook.workers()
            os.kill(worker, signal.SIGKILL)
            eventually(lambda: bool(webhook.workers()) and webhook.workers() != [worker])
            eventually(lambda: webhook.ops("/readyz")[0] == 200)
            assert admits(webhook)
            assert webhook.end() == 0

    def test_a_disk_that_is_full_is_no_reason_to_stop(self, tmp_path: Path) -> None:
        full = os.open("/dev/full", os.O_WRONLY)
        try:
            with serving(tmp_path, "--workers=1", stdout=full) as webhook:
                assert all(admits(webhook) for _ in range(50))
                assert webhook.end() == 0
        finally:
            os.close(full)


def _can_mount() -> bool:
    command = [*_small("100k"), "true"]
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0  # noqa: S603 - a command of this file
    except OSError:
        return False


def _small(size: str) -> Sequence[str]:
    return [word.format(size) for word in SMALL]


@pytest.mark.skipif(not _can_mount(), reason="only root may mount a small file system")
class TestNoRoomForTheRunFolder:
    """The processes tell each other how they are, and count, in a folder that may be full."""

    def test_what_is_there_goes_on(self, tmp_path: Path) -> None:
        with serving(tmp_path, "--workers=1", within=_small("2m")) as webhook:
            assert admits(webhook)
            _fill(webhook)
            before = webhook.workers()
            for value in (ADMITTED, REFUSED) * 20:
                assert admits(webhook, value) is (value is ADMITTED)
            for _ in range(8):
                assert webhook.ops("/readyz")[0] == 200
                eventually(lambda: webhook.ops("/metrics")[0] == 200)
                signal.sigtimedwait([], 1)
            assert webhook.workers() == before
            os.kill(before[0], signal.SIGKILL)
            eventually(lambda: bool(webhook.workers()) and webhook.workers() != before)
            eventually(lambda: webhook.ops("/readyz")[0] == 200)
            assert admits(webhook)
            assert webhook.ops("/metrics")[0] == 200
            assert webhook.end() == 0


def _fill(webhook: Webhook) -> None:
    """Fill the file system that the webhook sees at /dev/shm."""
    # Linux shows a process's own view of the files under its id: no place of this machine.
    seen = Path("/proc") / str(webhook.workers()[0]) / "root"
    filler = os.open(seen / "dev" / "shm" / "filler", os.O_WRONLY | os.O_CREAT)
    with suppress(OSError):
        while True:
            os.write(filler, b"x" * 4096)
    os.close(filler)
