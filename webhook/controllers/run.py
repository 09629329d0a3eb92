"""Runs all controllers while this process leads: queues, workers, policies, resync, an orderly end.

A leader that has lost the lease ends its process, as Kubernetes' own controllers do: whatever hangs
in it ends as well, before another may begin, and a fresh process stands by again.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus

from webhook.cluster.client import ApiError, ClusterError
from webhook.controllers.lease import Election
from webhook.controllers.loop import Context, Controller, Gauged
from webhook.controllers.queue import Queue
from webhook.metrics import Reading

LOG = logging.getLogger(__name__)

WORKERS = 4
"""Threads for each controller."""

RESYNC = 600.0
"""Seconds between two times that everything is looked at, changed or not."""

PATIENCE = 15.0
"""Seconds that a process which is told to end gives the work in hand."""

_LOST_PATIENCE = 2.0
_TICK = 1.0
_POLL = 0.02
_GLANCE = 0.2


class _Background(threading.local):
    """Whether what this thread enqueues can wait."""

    many = False


class Loop:
    """One controller, its queue and its threads."""

    def __init__(self, context: Context, controller: Controller, workers: int = WORKERS) -> None:
        self.controller = controller
        self.queue = Queue()
        self._context = context
        self._ending = threading.Event()
        self._background = _Background()
        self._threads = [
            threading.Thread(target=self._run, name=f"{controller.name}-{number}", daemon=True)
            for number in range(workers)
        ]

    def start(self) -> None:
        """Begin to follow the cluster, and to reconcile as soon as all of it was listed."""
        self.controller.start(self._add)
        for thread in self._threads:
            thread.start()

    def look_again(self, which: Callable[[], None]) -> None:
        """Have a controller enqueue many keys, which wait behind those of what has changed."""
        self._background.many = True
        try:
            which()
        except Exception:
            LOG.exception("%s: not everything was looked at anew", self.controller.name)
        finally:
            self._background.many = False

    def _add(self, key: str) -> None:
        (self.queue.add_idle if self._background.many else self.queue.add)(key)

    def end(self) -> None:
        """Take up no more keys; returns at once."""
        self._ending.set()
        self.queue.end()

    def join(self, end: float) -> bool:
        """Wait for the work in hand until the clock says `end`; return whether it has ended."""
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, end - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _run(self) -> None:
        while not self.controller.synced:
            if self._ending.wait(_POLL):
                return
        while (key := self.queue.get()) is not None:
            try:
                self._reconcile(key)
            finally:
                self.queue.done(key)

    def _reconcile(self, key: str) -> None:
        name, begun = self.controller.name, time.monotonic()
        try:
            again = self.controller.reconcile(key)
        except Exception as error:  # noqa: BLE001 - one key's failure must not stop the others
            self._failed(key, error)
        else:
            self.queue.forget(key)
            if again is not None:
                self.queue.add_after(key, again)
        self._context.metrics.observe(
            "tenantgate_controller_reconcile_duration_seconds", time.monotonic() - begun, name
        )

    def _failed(self, key: str, error: Exception) -> None:
        status = error.status if isinstance(error, ApiError) else 0
        asked = min(error.retry_after, 60) if isinstance(error, ApiError) else 0
        wait = self.queue.retry(key, asked)
        name = self.controller.name
        if status == HTTPStatus.CONFLICT:
            LOG.debug("%s %s: changed meanwhile, looked at again: %s", name, key, error)
            return
        self._context.metrics.count("tenantgate_controller_errors_total", name)
        told = "%s %s: %s; tried again in %.1f s"
        if isinstance(error, ClusterError):
            LOG.warning(told, name, key, error, wait)
        else:
            LOG.error(told, name, key, f"unexpected {type(error).__name__}", wait, exc_info=error)


class Runner:
    """All controllers of one process.

    Args:
        context: what they work with.
        election: the lease that decides whether they run.
        make: makes the controllers; called once, when this process leads.
    """

    def __init__(
        self,
        context: Context,
        election: Election,
        make: Callable[[Context], Iterable[Controller]],
    ) -> None:
        self._context = context
        self._election = election
        self._make = make
        self._loops: list[Loop] = []
        self._leads = False
        self._loaded = time.time()
        self.stopping = threading.Event()

    @property
    def leading(self) -> bool:
        """Whether this process leads."""
        return self._leads and self._election.leading

    def run(self) -> int:
        """Stand by, lead, and end when `stopping` is set; return the process's exit status.

        It is 1 when the lease was lost, the controllers could not be started, or work in hand would
        not end.
        """
        threading.Thread(target=self._keep_policies, name="policies", daemon=True).start()
        if not self._election.acquire(self.stopping):
            return 0
        LOG.info("leading as %s", self._election.identity)
        lost, released = threading.Event(), threading.Event()
        renewing = threading.Thread(
            target=self._renew, args=(released, lost), name="lease", daemon=True
        )
        renewing.start()
        failed = False
        try:
            self._lead(lost)
        except Exception:
            LOG.exception("the controllers could not be started")
            failed = True
        ended = self._end(_LOST_PATIENCE if lost.is_set() else PATIENCE)
        released.set()
        renewing.join(self._election.timing.deadline)
        if lost.is_set():
            LOG.error("the lease was lost: this process ends (%s)", self._election.problem)
            return 1
        if not ended:
            LOG.error("work in hand did not end in time: the lease is not given back")
            return 1
        self._election.release()
        return int(failed)

    def problems(self) -> Iterator[str]:
        """Return why this process neither leads nor stands by, if so."""
        if self._election.problem and not self._election.leading:
            yield self._election.problem
        for loop in self._loops:
            if not loop.controller.synced:
                yield f"{loop.controller.name} has not listed everything yet"

    def readings(self) -> Iterator[Reading]:
        """Return how things are, as gauges."""
        store = self._context.store
        yield "tenantgate_controller_leader", {}, int(self.leading)
        yield "tenantgate_policy_load_success", {}, int(not store.problem)
        yield "tenantgate_policy_load_timestamp_seconds", {}, self._loaded
        yield "tenantgate_policy_set_info", {"hash": store.current.hash}, 1
        for loop in self._loops:
            depth = len(loop.queue)
            yield "tenantgate_controller_queue_depth", {"controller": loop.controller.name}, depth
            if isinstance(loop.controller, Gauged):
                yield from loop.controller.readings()

    def _lead(self, lost: threading.Event) -> None:
        """Run the controllers until told to end, or until the lease is lost."""
        for controller in self._make(self._context):
            loop = Loop(self._context, controller)
            self._loops.append(loop)
            loop.start()
        self._leads = True
        resync = time.monotonic() + RESYNC
        while not self.stopping.wait(_GLANCE) and not lost.is_set():
            if time.monotonic() > resync:
                resync = time.monotonic() + RESYNC
                for loop in self._loops:
                    loop.look_again(loop.controller.resync)

    def _end(self, patience: float) -> bool:
        """End the controllers; return whether the work in hand has ended, too."""
        end = time.monotonic() + patience
        for loop in self._loops:
            loop.end()
        ended = [loop.join(end) for loop in self._loops]
        for loop in self._loops:
            _guarded(loop.controller.stop)
        return all(ended)

    def _renew(self, released: threading.Event, lost: threading.Event) -> None:
        try:
            held = self._election.hold(released)
        except Exception:
            LOG.exception("renewing the lease failed")
            held = False
        if not held:
            lost.set()

    def _keep_policies(self) -> None:
        """Take up changed policy files, and tell the controllers, for as long as the process lives."""
        told = self._context.store.current
        while not self.stopping.wait(_TICK):
            _guarded(self._refresh)
            if told is not self._context.store.current and self._leads:
                told = self._context.store.current
                for loop in self._loops:
                    loop.look_again(loop.controller.policies_changed)

    def _refresh(self) -> None:
        store = self._context.store
        before, problem = store.current, store.problem
        store.refresh()
        if store.current is not before:
            self._loaded = time.time()
            self._tell("info", "policies were reloaded", "policy_loaded")
        elif store.problem and store.problem != problem:
            text = f"the last good policies stay in use: {store.problem}"
            self._tell("error", text, "policy_rejected")
            if self.leading:
                name = self._context.namespace
                own = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
                self._context.events.emit(own, "Warning", "PolicyRejected", text)

    def _tell(self, level: str, text: str, event_type: str) -> None:
        name = self._context.store.current.hash
        self._context.lines.event(level, __name__, text, event_type, policy_set_hash=name)


def _guarded(call: Callable[[], None]) -> None:
    """Call, and log whatever goes wrong: the next time may be better."""
    try:
        call()
    except Exception:
        LOG.exception("%s failed", getattr(call, "__qualname__", call))
