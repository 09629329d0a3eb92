"""Where log lines go: a file, pipe or terminal that several processes write to, and that may be full."""

import fcntl
import os
import select
import stat
import sys
import termios
import time
from pathlib import Path
from select import PIPE_BUF

PATIENCE = 0.5
"""Seconds that a reader who does not read is waited for, once."""


class Outlet:
    """Writes lines to a descriptor, and never waits long.

    A lock file keeps apart what several processes write, as a pipe keeps only small writes whole.
    """

    def __init__(self, descriptor: int, lock: Path | None = None) -> None:
        self._descriptor = descriptor
        self._lock = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600) if lock else None
        mode = os.fstat(descriptor).st_mode
        self._never_blocks = stat.S_ISREG(mode) or (
            stat.S_ISCHR(mode) and not os.isatty(descriptor)
        )
        self._pipe = _capacity(descriptor) if stat.S_ISFIFO(mode) else 0
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)
        self._full = False
        self._cut = b""

    def put(self, lines: list[bytes]) -> list[bytes]:
        """Write lines; return those for which there was no room in time.

        Raises:
            OSError: they cannot be written at all, as the disk is full or the reader is gone.
        """
        if not lines:
            return []
        end = time.monotonic() + (0 if self._full else PATIENCE)
        self._full = True
        if not self._locked(end):
            return lines
        try:
            left = self._write_all(lines, end)
        finally:
            if self._lock is not None:
                fcntl.lockf(self._lock, fcntl.LOCK_UN)
        self._full = bool(left)
        return left

    def _write_all(self, lines: list[bytes], end: float) -> list[bytes]:
        """Write as many lines at once as there is room for, until there is none for the next."""
        at = 0
        while at < len(lines):
            room = self._room(end)
            if not room:
                return lines[at:]
            until, size = at + 1, len(self._cut) + len(lines[at])
            while until < len(lines) and size + len(lines[until]) <= room:
                size += len(lines[until])
                until += 1
            self._write(b"".join(lines[at:until]), room, end)
            at = until
        return []

    def _write(self, text: bytes, room: int, end: float) -> None:
        """Write a text for which there is room; a long line is cut where there is no more."""
        rest = memoryview(self._cut + text)
        while rest and room:
            rest = rest[os.write(self._descriptor, rest[:room]) :]
            self._cut = b"\n" if rest else b""  # the line is ended before the next one
            room = self._room(end) if rest else 0

    def _room(self, end: float) -> int:
        """Wait until something can be written without blocking, and return how many bytes.

        An empty pipe takes all that it holds; one that takes anything takes a page.
        """
        if self._never_blocks:
            return sys.maxsize
        if self._pipe and not _held(self._descriptor):
            return self._pipe
        return PIPE_BUF if self._poll.poll(max(0.0, end - time.monotonic()) * 1000) else 0

    def _locked(self, end: float) -> bool:
        """Keep other processes from writing, once none of them does any more."""
        while self._lock is not None:
            try:
                fcntl.lockf(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                if time.monotonic() >= end:
                    return False
                time.sleep(0.002)
            else:
                break
        return True


def _capacity(pipe: int) -> int:
    """Return how many bytes a pipe holds, 0 where that cannot be asked."""
    asked = getattr(fcntl, "F_GETPIPE_SZ", None)  # Linux alone
    return fcntl.fcntl(pipe, asked) if asked is not None else 0


def _held(pipe: int) -> int:
    """Return how many bytes wait in a pipe."""
    waiting = fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4)
    return int.from_bytes(waiting, sys.byteorder)
