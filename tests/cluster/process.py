"""Child processes of the tests: started, waited for, and always ended again, by their own id."""

import contextlib
import ctypes
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_PR_SET_PDEATHSIG = 1


class Process:
    """One server process with its log file, which `start` and `stop` may take up and down.

    It leads a session and a group of processes of its own, so that Ctrl-C reaches the tests alone
    and they take it down in order. On Linux the kernel ends it, too, when the tests are killed.
    """

    def __init__(
        self, command: Sequence[str | Path], log: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self.command = [str(word) for word in command]
        self.log = log
        self.env = env
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.log.stem

    @property
    def pid(self) -> int:
        """The id of the running process."""
        assert self._child, f"{self.name} is not running"
        return self._child.pid

    def start(self) -> None:
        """Start it; what it prints is added to its log."""
        assert self._child is None, f"{self.name} is running already"
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(  # noqa: S603 - the tests' own binaries
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.env,
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )

    def stop(self, patience: float = 20) -> int | None:
        """End it with SIGTERM, or with SIGKILL when it has not gone after `patience` seconds.

        Return its exit status; None if it was not running, or had to be killed.
        """
        if self._child is None:
            return None
        status = None
        self._child.terminate()
        try:
            status = self._child.wait(patience)
        except subprocess.TimeoutExpired:
            self.kill()
        self._child = None
        return status

    def kill(self) -> None:
        """End it and its own children, as a crash of the machine would."""
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait()
            self._child = None

    def workers(self) -> list[int]:
        """Return the ids of the processes that it has started, of those that start no more."""
        rows = subprocess.run(
            ["ps", "-eo", "pid=,ppid=,pgid="],  # noqa: S607 - every system's own
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        table = [tuple(int(word) for word in row.split()) for row in rows]
        own = [(pid, parent) for pid, parent, group in table if group == self.pid]
        parents = {parent for _, parent in own}
        return [pid for pid, _ in own if pid not in parents]

    def running(self) -> bool:
        """Tell whether it is up: it was started, and has not ended by itself."""
        return self._child is not None and self._child.poll() is None

    def tail(self, lines: int = 25) -> str:
        """Return the end of the log, for a message."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return f"the end of {self.log}:\n" + "\n".join(text.splitlines()[-lines:])

    def wait_for(self, url: str, ca: Path | None = None, timeout: float = 60) -> None:
        """Wait until `url` answers 200."""

        def answers() -> bool:
            assert self.running(), f"{self.name} has ended"
            return get(url, ca) == 200

        try:
            eventually(answers, timeout=timeout)
        except AssertionError as error:
            raise AssertionError(f"{url} does not answer 200: {error}; {self.tail()}") from error


def eventually(question: Callable[[], T | None], timeout: float = 10, every: float = 0.05) -> T:
    """Ask until the answer is true, and return it: for what a cluster does in its own time.

    Raises:
        AssertionError: no true answer in `timeout` seconds; it shows the last one.
    """
    end = time.monotonic() + timeout
    while not (answer := question()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout:g} s; the last answer was {answer!r}")
        time.sleep(every)
    return answer


def get(url: str, ca: Path | None = None) -> int:
    """Return the HTTP status that a GET is answered with, 0 when nobody answers."""
    context = ssl.create_default_context(cafile=ca) if ca else None
    try:
        with urllib.request.urlopen(url, timeout=5, context=context) as answer:  # noqa: S310 - a loopback address of the test's
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return 0


def read(url: str) -> str:
    """Return what a GET is answered with."""
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - a loopback address of the test's
        text: str = answer.read().decode()
    return text


def free_port() -> int:
    """Return a loopback port that nobody listens on at the moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
