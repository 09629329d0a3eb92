"""One namespace that a template serves is given what it is to hold, and rid of what it is not.

The order is what makes it safe to be killed anywhere. First the namespace notes what it is going to
hold, then the objects are made, and last it notes that they are all there: until then its pods wait.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus

from webhook.cluster.client import ApiError, ClusterError
from webhook.controllers.fights import Fights
from webhook.controllers.loop import Context
from webhook.controllers.namespaces.applying import TIMEOUT, Applied, put_in_place
from webhook.controllers.namespaces.homes import Homes, path
from webhook.controllers.namespaces.managed import ManagedObjects, NotListedError, NotServedError
from webhook.controllers.namespaces.removing import dispose
from webhook.core.model.marks import PROVISIONED
from webhook.core.model.objects import JsonObject
from webhook.core.model.world import annotations
from webhook.core.platform import Platform
from webhook.core.provisioning.reconciliation import inventory
from webhook.core.provisioning.reconciliation.inventory import Item
from webhook.core.provisioning.reconciliation.plan import Notes, is_sealed
from webhook.core.provisioning.wanted import Wanted

LOG = logging.getLogger(__name__)

THREADS = 16
"""Objects that are made at the same time, of all namespaces together."""

_REASONS: Mapping[int, str] = {
    400: "invalid",
    403: "forbidden",
    404: "not_served",
    409: "conflict",
    422: "invalid",
}


class ProvisioningError(ClusterError):
    """Not everything could be put in its place; `failures` say what and why."""

    def __init__(self, failures: "Iterable[Failure]") -> None:
        self.failures = tuple(failures)
        super().__init__("; ".join(str(failure) for failure in self.failures))


@dataclass(frozen=True, slots=True)
class Failure:
    """An object that is not as it should be, and why not."""

    item: Item
    error: ClusterError

    def __str__(self) -> str:
        words = self.error.words if isinstance(self.error, ApiError) else str(self.error)
        return f"{self.item}: {words}"

    @property
    def reason(self) -> str:
        """One word for it, of few."""
        if isinstance(self.error, NotServedError):
            return "not_served"
        if isinstance(self.error, NotListedError):
            return "not_listed"
        if isinstance(self.error, ApiError):
            return _REASONS.get(self.error.status, "unavailable")
        return "unavailable"


@dataclass(slots=True)
class _Round:
    """What one look at a namespace came to."""

    failures: list[Failure] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Task:
    """One object of one namespace. `repairing`: it was as it should be before."""

    home: JsonObject
    item: Item
    wanted: JsonObject
    sealed: bool
    repairing: bool

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What the object is known by in the whole cluster."""
        return self.home["metadata"]["name"], self.item.group, self.item.kind, self.item.name


class Provisioner:
    """Puts objects in their places and keeps them there; threads share it."""

    def __init__(
        self, context: Context, homes: Homes, managed: ManagedObjects, fights: Fights
    ) -> None:
        self._context = context
        self._homes = homes
        self._managed = managed
        self._fights = fights
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="objects")

    def stop(self) -> None:
        """Take up nothing new."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def provision(self, home: JsonObject, wanted: Wanted, platform: Platform) -> float | None:
        """Give a namespace what it is to hold.

        Returns:
            Seconds after which to look again at what is fought over, None where nothing is.

        Raises:
            ProvisioningError: some of it is not there; everything else is.
            ApiError: with status 409, the namespace has changed meanwhile.
            ClusterError: the API server gave no answer.
        """
        items = {Item.of(value): value for value in wanted.objects}
        before = inventory.read(annotations(home))
        listed = inventory.union(items, before)
        provisioned = annotations(home).get(PROVISIONED, "")
        home = self._note(home, Notes.of(wanted, listed, provisioned))
        tasks = [
            _Task(home, item, value, is_sealed(item, platform), provisioned == wanted.hash)
            for item, value in items.items()
        ]
        done = _Round()
        # Who may come in comes last, when what binds him is there.
        for last in (False, True):
            self._put([task for task in tasks if (task.item.kind == "RoleBinding") is last], done)
        complete = wanted.hash if not done.failures else provisioned
        gone = set(self._pruned(home, before - items.keys(), done))
        self._note(home, Notes.of(wanted, listed - gone, complete))
        if done.failures:
            raise ProvisioningError(done.failures)
        if complete != provisioned:
            self._tell(home, wanted, len(items), new=not provisioned)
        return min(done.waits, default=None)

    def _note(self, home: JsonObject, notes: Notes) -> JsonObject:
        """Write notes on a namespace, unless they stand there; only on this very version of it."""
        if notes.stand_at(home):
            return home
        answer = self._context.api.apply(path(home), notes.body(home), timeout=TIMEOUT)
        return self._homes.take(answer)

    def _put(self, tasks: list[_Task], done: _Round) -> None:
        """Put those objects in place that are not, at the same time where they are several."""
        due: list[_Task] = []
        for task in tasks:
            try:
                if self._is_due(task, done):
                    due.append(task)
            except ClusterError as error:
                done.failures.append(Failure(task.item, error))
        run = map if len(due) < 2 else self._pool.map
        done.failures.extend(filter(None, run(self._apply, due)))

    def _is_due(self, task: _Task, done: _Round) -> bool:
        place = self._managed.place(task.key[0], task.item)
        if place.is_in_place(task.wanted, sealed=task.sealed):
            return False
        if (live := place.live) is not None and live.terminating:
            raise ClusterError("it is being deleted, and a finalizer holds that up")
        if wait := self._fights.wait(task.key):
            done.waits.append(wait)
            return False
        return True

    def _apply(self, task: _Task) -> Failure | None:
        try:
            place = self._managed.place(task.key[0], task.item)
            applied = put_in_place(self._context.api, place, task.wanted, sealed=task.sealed)
        except ClusterError as error:
            return Failure(task.item, error)
        if applied.changed and task.repairing:
            self._repaired(task, applied)
        return None

    def _repaired(self, task: _Task, applied: Applied) -> None:
        """Count a repair, and say who makes it necessary."""
        context, others = self._context, applied.others
        context.metrics.count("tenantgate_provisioning_repairs_total", task.item.kind)
        what = "was deleted" if applied.made else "was edited"
        by = f" by {', '.join(others)}" if others else ""
        text = f"{task.item} {what}{by}, and is again as its template wants it"
        LOG.info("namespace %s: %s", task.key[0], text)
        context.events.emit(task.home, "Normal", "ProvisionedObjectRestored", text)
        if self._fights.repaired(task.key):
            who = f"field manager {', '.join(others)}" if others else "somebody"
            text = (
                f"{task.item} was restored more than five times in ten minutes: {who} keeps "
                "changing or deleting it. It is restored less often until that ends. Fix: change "
                "it in its template, or leave it to tenantgate"
            )
            LOG.warning("namespace %s: %s", task.key[0], text)
            context.events.emit(task.home, "Warning", "ProvisioningConflict", text)

    def _pruned(self, home: JsonObject, items: Iterable[Item], done: _Round) -> Iterator[Item]:
        """Dispose of what is no longer wanted; yield what need not be listed any more."""
        for item in sorted(items):
            try:
                text = dispose(self._context.api, self._managed.discovery, home, item)
            except ClusterError as error:
                done.failures.append(Failure(item, error))
                continue
            yield item
            if text:
                LOG.info("namespace %s: %s", home["metadata"]["name"], text)
                self._context.events.emit(home, "Normal", "ProvisionedObjectRemoved", text)

    def _tell(self, home: JsonObject, wanted: Wanted, count: int, *, new: bool) -> None:
        source = f"template {wanted.template}" if wanted.template else "its tenant's file"
        text = f"{count} objects are as {source} wants them"
        LOG.info("namespace %s: %s", home["metadata"]["name"], text)
        if new:
            self._context.events.emit(home, "Normal", "Provisioned", text)


def is_conflict(failures: Iterable[Failure]) -> bool:
    """Tell whether all of these failed only because something changed in the same moment."""
    return all(
        isinstance(failure.error, ApiError) and failure.error.status == HTTPStatus.CONFLICT
        for failure in failures
    )
