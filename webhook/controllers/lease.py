"""Who leads: a Lease of `coordination.k8s.io/v1`, taken, renewed and given back as client-go does it.

The holder writes a new `renewTime` every so often. Whoever stands by takes the lease when it has
seen no new one for the lease's duration on a clock of its own, so it does not matter whether the
machines' clocks agree. A leader that could not renew for the deadline, which is shorter, stops.
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

from webhook.cluster.client import Api, ApiError, ClusterError, path_of
from webhook.core.model.objects import Json, JsonObject

LOG = logging.getLogger(__name__)

LEASE = "tenantgate-controller"


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds: how long a lease holds, until when it must be renewed, how often that is tried.

    What a leader has in hand when it loses the lease has from `deadline` to `duration` to end.
    """

    duration: float = 10
    deadline: float = 7
    retry: float = 1.5


TIMING = Timing()


class Election:
    """One candidate for a lease.

    Args:
        api: the way to the API server.
        namespace: where the lease is.
        identity: the candidate's name, unlike that of every other.
        timing: how long things take.
        clock: the time in seconds, from anywhere.
        now: the time of day in UTC, which is written and never compared.
    """

    def __init__(
        self,
        api: Api,
        namespace: str,
        identity: str,
        *,
        timing: Timing = TIMING,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.identity = identity
        self._api = api
        self._collection = path_of(
            "apis", "coordination.k8s.io", "v1", "namespaces", namespace, "leases"
        )
        self._path = self._collection + path_of(LEASE)
        self._namespace = namespace
        self.timing = timing
        self._clock = clock
        self._now = now
        self._seen: JsonObject = {}
        self._seen_at = 0.0
        self._renewed_at = float("-inf")
        self.problem = "the lease has not been looked at yet"

    @property
    def holder(self) -> str:
        """Who leads, as last seen; nothing if nobody does."""
        return str(_spec(self._seen).get("holderIdentity") or "")

    @property
    def leading(self) -> bool:
        """Whether the lease is ours, and was renewed before the deadline."""
        return self.holder == self.identity and self._left() > 0

    def acquire(self, stopping: threading.Event) -> bool:
        """Stand by until the lease is ours; return whether it is, rather than `stopping` set."""
        told = ""
        while not stopping.is_set():
            if self.attempt():
                return True
            if self.holder and told != self.holder:
                told = self.holder
                LOG.info("standing by: %s leads", told)
            stopping.wait(self.pause())
        return False

    def hold(self, stopping: threading.Event) -> bool:
        """Renew the lease until `stopping`; return whether it is still ours then.

        Returns False as soon as somebody else has it, or the deadline has passed.
        """
        while not stopping.wait(max(0.0, min(self.timing.retry, self._left()))):
            if self.leading:
                self.attempt()
            if not self.leading:
                return False
        return self.leading

    def attempt(self) -> bool:
        """Take or renew the lease if it is free or ours; return whether it is ours now."""
        begun = self._clock()
        try:
            ours = self._renew() if self.leading else self._take()
        except ClusterError as error:
            if self.problem != str(error):
                LOG.warning("the lease %s could not be asked for: %s", LEASE, error)
            self.problem = str(error)
            return False
        self.problem = ""
        if ours:
            self._renewed_at = begun
        return ours

    def release(self) -> None:
        """Give the lease back, so that another takes it at once; only when all work has ended."""
        if not self.leading:
            return
        spec = {**_spec(self._seen), "leaseDurationSeconds": 1, "renewTime": self._time()}
        spec.pop("holderIdentity")  # so does client-go: an empty name would be no valid one
        try:
            self._note(self._put(spec))
        except ClusterError as error:
            LOG.warning("the lease %s was not given back, it runs out: %s", LEASE, error)

    def pause(self) -> float:
        """Return the seconds to wait for before the next attempt to take the lease."""
        pause = self.timing.retry * random.uniform(1, 1.2)  # noqa: S311 - it guards nothing
        return max(0.05, min(pause, self._free_at() - self._clock()) if self.holder else pause)

    def _left(self) -> float:
        """Return the seconds until the deadline."""
        return self._renewed_at + self.timing.deadline - self._clock()

    def _free_at(self) -> float:
        """Return when somebody else's lease will have run out."""
        held = _spec(self._seen).get("leaseDurationSeconds")
        return self._seen_at + (held if isinstance(held, int) else self.timing.duration)

    def _take(self) -> bool:
        found = self._api.find(self._path, timeout=self.timing.deadline / 2)
        if not isinstance(found, dict):
            return self._create()
        self._note(found)
        if self.holder not in ("", self.identity) and self._clock() < self._free_at():
            return False
        return self._renew()

    def _create(self) -> bool:
        self._seen = {}
        body = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": LEASE, "namespace": self._namespace},
            "spec": self._wanted(),
        }
        try:
            made = self._api.post(self._collection, body, timeout=self.timing.deadline / 2)
        except ApiError as error:
            if error.status == HTTPStatus.CONFLICT:
                return False
            raise
        self._note(made)
        return True

    def _renew(self) -> bool:
        """Write the lease as ours, if it is still as we saw it."""
        try:
            self._note(self._put(self._wanted()))
        except ApiError as error:
            if error.status != HTTPStatus.CONFLICT:
                raise
            # Somebody wrote it: perhaps ourselves, and the answer was lost.
            found = self._api.find(self._path, timeout=self.timing.deadline / 2)
            self._note(found if isinstance(found, dict) else {})
            return False
        return True

    def _wanted(self) -> JsonObject:
        spec = _spec(self._seen)
        renewing = self.holder == self.identity
        transitions = spec.get("leaseTransitions")
        number = transitions if isinstance(transitions, int) else 0
        return {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": max(1, round(self.timing.duration)),
            "acquireTime": spec.get("acquireTime") if renewing else self._time(),
            "renewTime": self._time(),
            "leaseTransitions": number if renewing or not self._seen else number + 1,
        }

    def _put(self, spec: JsonObject) -> Json:
        body = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": self._seen.get("metadata"),
            "spec": spec,
        }
        timeout = max(0.1, min(self.timing.deadline / 2, self._left()))
        return self._api.put(self._path, body, timeout=timeout if self.leading else 5)

    def _note(self, lease: JsonObject) -> None:
        """Remember the lease, and since when it has said what it says."""
        if _spec(lease) != _spec(self._seen) or not self._seen:
            self._seen_at = self._clock()
        self._seen = lease

    def _time(self) -> str:
        return self._now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _spec(lease: JsonObject) -> JsonObject:
    spec = lease.get("spec")
    return spec if isinstance(spec, dict) else {}
