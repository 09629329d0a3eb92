"""Where log lines go: a file, pipe or terminal that several processes write to, and that may be full."""

import fcntl
import os
import select
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from select import PIPE_BUF

PATIENCE = 0.5
"""Seconds that a reader who does not read is waited for, once."""


class Outlet:
    """Writes lines to a descriptor, and never waits long.

    A pipe takes a page without blocking once it says that it takes anything, so no more is written
    at once. A lock file keeps apart what several processes write, as a pipe keeps only small
    writes whole.
    """

    def __init__(self, descriptor: int, lock: Path | None = None) -> None:
        self._descriptor = descriptor
        self._lock = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600) if lock else None
        self._is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
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
        done = 0
        try:
            for batch in self._batches(lines):
                if not self._write(b"".join(batch), end):
                    return lines[done:]
                done += len(batch)
            self._full = False
        finally:
            if self._lock is not None:
                fcntl.lockf(self._lock, fcntl.LOCK_UN)
        return []

    def _batches(self, lines: list[bytes]) -> Iterator[list[bytes]]:
        """Yield the lines that are written at once: to a pipe a page, or one line if that is longer."""
        if self._is_file:
            yield lines
            return
        batch: list[bytes] = []
        size = 0
        for text in lines:
            if batch and size + len(text) > PIPE_BUF:
                yield batch
                batch, size = [], 0
            batch.append(text)
            size += len(text)
        yield batch

    def _write(self, text: bytes, end: float) -> bool:
        """Write a batch and return True, or return False when there is no room for any of it.

        A long line that had to be cut is ended before the next one.
        """
        rest = memoryview(self._cut + text)
        begun = False
        while rest:
            if not self._is_file and not self._room(end):
                return begun
            rest = rest[os.write(self._descriptor, rest if self._is_file else rest[:PIPE_BUF]) :]
            begun = True
            self._cut = b"\n" if rest else b""
        return True

    def _room(self, end: float) -> bool:
        return bool(self._poll.poll(max(0.0, end - time.monotonic()) * 1000))

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
