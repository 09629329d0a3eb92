"""`serve` as processes: the TLS listener, the ops listener beside it, and one that minds both."""

import logging
import os
import resource
import signal
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from webhook import log
from webhook.metrics import MULTIPROCESS
from webhook.ops import Check
from webhook.server.health import StatusFolder, checks
from webhook.server.parent import end_with_parent
from webhook.server.rundir import run_folder
from webhook.settings import Address, Settings
from webhook.store import LastGood

_ENDING = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP})
_SIGNALS = _ENDING | {signal.SIGCHLD, signal.SIGALRM}
_OPS_PATIENCE = 3.0
_RESTART_PAUSE = 1.0
_TELL_EVERY = 10.0

MOST_FILES = 16384
"""Open in one process."""

_log = logging.getLogger(__name__)


class ListenError(Exception):
    """An address cannot be listened on."""


def bind(address: Address) -> socket.socket:
    """Take an address; nobody is answered before somebody listens.

    Raises:
        ListenError: the address is taken, or not ours.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address.host, address.port))
    except OSError as error:
        raise ListenError(f"cannot listen on {address}: {error.strerror or error}") from None
    return listener


def run(
    settings: Settings,
    main: socket.socket,
    ops: socket.socket,
    announce: Callable[[], None],
    policies: Mapping[str, str],
) -> int:
    """Serve until told to end; return the exit status of the TLS listener.

    Args:
        settings: how to serve.
        main: the bound socket of the TLS listener.
        ops: the bound socket of the ops listener.
        announce: called once, as soon as every worker is ready.
        policies: the texts of the set that loaded; a worker begins with it, or with the last good
            one since, while the files are broken.
    """
    _allow_files()
    with run_folder() as run_dir:
        LastGood(run_dir).keep(policies)
        # The name is read when the metrics library is imported, which only the children do.
        os.environ[MULTIPROCESS] = str(run_dir)
        lines = log.configure(run_dir / "log.lock")
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            return _Supervisor(settings, main, ops, run_dir, lines).run(announce)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            lines.close()
            del os.environ[MULTIPROCESS]


class _Supervisor:
    def __init__(
        self,
        settings: Settings,
        main: socket.socket,
        ops: socket.socket,
        run_dir: Path,
        lines: log.Lines,
    ) -> None:
        self._settings = settings
        self._listeners = (main, ops)
        self._run_dir = run_dir
        self._lines = lines
        self._statuses = StatusFolder(run_dir)

    def run(self, announce: Callable[[], None]) -> int:
        self._listeners[1].listen()  # so that a probe waits while the ops listener is restarted
        main = self._fork(self._reviews)
        self._listeners[0].close()
        ops, ops_started = self._fork(self._ops), time.monotonic()
        announced = stopping = False
        tell_at = time.monotonic() + _TELL_EVERY
        while True:
            caught = _wait(1.0 if announced or stopping else 0.05)
            if caught in _ENDING:
                stopping = True
                # A hangup means the terminal is gone; gunicorn would take it for a reload.
                _signal(main, signal.SIGTERM if caught == signal.SIGHUP else caught)
            ended = _reap()
            if main in ended:
                break
            if ops in ended:
                ops = 0
            if not ops and not stopping and time.monotonic() - ops_started > _RESTART_PAUSE:
                _log.error("the ops listener ended; it is started again")
                ops, ops_started = self._fork(self._ops), time.monotonic()
            if not announced and not stopping:
                missing = [
                    check
                    for check in checks(self._statuses.read(), self._settings.workers)
                    if check.problem
                ]
                if not missing:
                    announced = True
                    announce()
                elif time.monotonic() > tell_at:
                    tell_at += _TELL_EVERY
                    _log.warning("not ready yet: %s", "; ".join(map(_told, missing)))
        if ops and ops not in ended:
            _end(ops)
        return ended[main]

    def _reviews(self) -> None:
        from webhook.server.gunicorn import serve_reviews

        self._listeners[1].close()
        serve_reviews(self._settings, self._listeners[0], self._run_dir, self._lines)

    def _ops(self) -> None:
        from webhook.server.gunicorn import serve_ops

        serve_ops(self._settings, self._listeners[1], self._run_dir)

    def _fork(self, target: Callable[[], None]) -> int:
        """Run `target` in a process of its own, from which nothing comes back here."""
        parent = os.getpid()
        pid = os.fork()
        if pid:
            return pid
        status = 1
        try:
            end_with_parent(parent)
            for caught in _SIGNALS:
                signal.signal(caught, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            target()
            status = 0
        except SystemExit as leave:
            status = leave.code if isinstance(leave.code, int) else int(leave.code is not None)
        except BaseException:  # noqa: BLE001 - the process ends here, whatever it is
            _log.exception("a server process failed")
        finally:
            self._lines.close()
            os._exit(status & 0xFF)


def _allow_files() -> None:
    """Take as many open files as we may: the usual 1024 are few where each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _told(check: Check) -> str:
    detail = f" ({check.detail})" if check.detail else ""
    return f"{check.name}: {check.problem}{detail}"


def _wait(seconds: float) -> signal.Signals:
    """Wait for a signal; SIGALRM says that the time is up (sigtimedwait is not everywhere)."""
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        return signal.Signals(signal.sigwait(_SIGNALS))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _reap() -> dict[int, int]:
    """Return the exit statuses of the children that have ended, as a shell would tell them."""
    ended: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if not pid:
            return ended
        code = os.waitstatus_to_exitcode(status)
        ended[pid] = code if code >= 0 else 128 - code


def _end(pid: int) -> None:
    """End a child, by force if it takes too long."""
    _signal(pid, signal.SIGTERM)
    end = time.monotonic() + _OPS_PATIENCE
    while time.monotonic() < end:
        _wait(0.1)
        if pid in _reap():
            return
    _signal(pid, signal.SIGKILL)


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
