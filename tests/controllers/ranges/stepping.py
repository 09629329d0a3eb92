"""Threads that take turns: each stops before every request to the API server, until it is let on."""

import threading
from collections.abc import Callable

from tests.controllers.ranges.memory_api import MemoryApi
from webhook.cluster.client import ClusterError

_own = threading.local()


class Died(BaseException):
    """The process is gone: nothing of its own runs any more."""


class Running:
    """Work that has begun, and waits before its next request, whose verb is `next`."""

    def __init__(self, work: Callable[[], None]) -> None:
        self.over = False
        self.next = ""
        self._fault: BaseException | None = None
        self._late = False
        self._error: BaseException | None = None
        self._go, self._stopped = threading.Semaphore(0), threading.Semaphore(0)
        threading.Thread(target=self._run, args=(work,), daemon=True).start()
        self._stopped.acquire()
        self._tell()

    def step(self, fault: BaseException | None = None, *, late: bool = False) -> None:
        """Let the next request happen; a fault strikes before it is done, or `late`, after that."""
        self._fault, self._late = fault, late
        self._go.release()
        self._stopped.acquire()
        self._tell()

    def until(self, verb: str) -> None:
        """Let it go on at least once, until its next request is a such one, or to its end."""
        self.step()
        while not self.over and self.next != verb:
            self.step()

    def before(self, verb: str) -> None:
        self.next = verb
        self._stopped.release()
        self._go.acquire()
        if self._fault is not None and not self._late:
            raise self._fault

    def after(self) -> None:
        if self._fault is not None and self._late:
            raise self._fault

    def _run(self, work: Callable[[], None]) -> None:
        _own.running = self
        try:
            work()
        except (ClusterError, Died):
            pass
        except BaseException as error:  # noqa: BLE001 - the test's thread raises it
            self._error = error
        self.over = True
        self._stopped.release()

    def _tell(self) -> None:
        if self._error is not None:
            raise self._error


def taking_turns(api: MemoryApi) -> None:
    """Make the requests of `Running` work wait for their turn; all others go through at once."""

    def told(of: Callable[[Running], None]) -> None:
        if (running := getattr(_own, "running", None)) is not None:
            of(running)

    api.before = lambda verb, path: told(lambda running: running.before(verb))
    api.after = lambda verb, path: told(Running.after)
