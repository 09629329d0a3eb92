"""Where log lines go: whole, in order, and never waited for long."""

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from webhook.outlet import PATIENCE, Outlet

LINE = b'{"msg":"something happened"}\n'


class Pipe:
    """A pipe with a reader that reads when it is told to."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)

    def fill(self) -> None:
        """Leave no room in it."""
        os.set_blocking(self.writer, False)
        try:
            while True:
                os.write(self.writer, b"x" * 4095 + b"\n")
        except BlockingIOError:
            os.set_blocking(self.writer, True)

    def read(self) -> bytes:
        """Return what is in it, without what only filled it."""
        text = b""
        try:
            while piece := os.read(self.reader, 1 << 16):
                text += piece
        except BlockingIOError:
            return text.replace(b"x" * 4095 + b"\n", b"")
        return text

    def close(self) -> None:
        os.close(self.reader)
        os.close(self.writer)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close()


def test_lines_arrive_whole_and_in_order(pipe: Pipe) -> None:
    lines = [b"%d %s\n" % (number, b"y" * (number % 300)) for number in range(200)]

    assert Outlet(pipe.writer).put(lines) == []
    assert pipe.read() == b"".join(lines)


def test_a_reader_that_does_not_read_gets_a_moment_once(pipe: Pipe) -> None:
    pipe.fill()
    outlet = Outlet(pipe.writer)
    started = time.monotonic()
    for _ in range(20):
        assert outlet.put([LINE, LINE]) == [LINE, LINE]
    assert time.monotonic() - started < 5 * PATIENCE

    pipe.read()
    assert outlet.put([LINE]) == []
    assert pipe.read() == LINE


def test_what_there_was_no_room_for_is_returned(pipe: Pipe) -> None:
    lines = [b"%06d %s\n" % (number, b"y" * 1000) for number in range(500)]
    outlet = Outlet(pipe.writer)

    left = outlet.put(lines)
    assert 0 < len(left) < 500
    written = pipe.read()
    while left:
        left = outlet.put(left)
        written += pipe.read()
    assert written == b"".join(lines)


def test_a_long_line_that_was_cut_spoils_no_other(pipe: Pipe) -> None:
    outlet = Outlet(pipe.writer)
    assert outlet.put([b"z" * 200_000 + b"\n"]) == []
    cut = pipe.read()
    assert outlet.put([LINE]) == []

    assert 4096 <= len(cut) < 200_000
    assert pipe.read() == b"\n" + LINE


def test_lines_of_several_processes_stay_apart(pipe: Pipe, tmp_path: Path) -> None:
    os.set_blocking(pipe.reader, True)
    heard: list[bytes] = []

    def listen() -> None:
        with open(pipe.reader, "rb", closefd=False) as file:
            heard.extend(file)

    listening = threading.Thread(target=listen)
    listening.start()
    children = []
    for name in range(3):
        pid = os.fork()
        if pid == 0:
            outlet = Outlet(pipe.writer, tmp_path / "lock")
            for number in range(50):
                text = json.dumps({"name": name, "number": number, "text": "y" * 9000})
                left = [text.encode() + b"\n"]
                while left:
                    left = outlet.put(left)
            os._exit(0)
        children.append(pid)
    for pid in children:
        os.waitpid(pid, 0)
    os.close(pipe.writer)
    listening.join()
    pipe.writer = os.dup(pipe.reader)

    found = [(record["name"], record["number"]) for record in map(json.loads, heard)]
    assert sorted(found) == [(name, number) for name in range(3) for number in range(50)]


def test_somebody_who_keeps_the_lock_is_not_waited_for(pipe: Pipe, tmp_path: Path) -> None:
    import fcntl

    (tmp_path / "lock").touch()
    ready, asked = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        with (tmp_path / "lock").open("r+") as file:
            fcntl.lockf(file, fcntl.LOCK_EX)
            os.write(ready[1], b"x")
            os.read(asked[0], 1)
            os._exit(0)
    os.read(ready[0], 1)
    outlet = Outlet(pipe.writer, tmp_path / "lock")
    assert outlet.put([LINE]) == [LINE]

    os.write(asked[1], b"x")
    os.waitpid(pid, 0)
    for end in (*ready, *asked):
        os.close(end)
    assert outlet.put([LINE]) == []


def test_a_full_disk_and_a_reader_that_is_gone_are_errors() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(OSError, match="No space"):
        Outlet(full).put([LINE])
    os.close(full)

    reader, writer = os.pipe()
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        Outlet(writer).put([LINE])
    os.close(writer)
