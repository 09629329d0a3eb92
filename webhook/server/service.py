"""What one worker process holds: policies, the cluster, the handler, and who looks after them."""

import gc
import logging
import math
import os
import threading
import time
from collections.abc import Callable, Mapping
from socket import gethostname
from typing import Protocol

from webhook.certs.serving import ServingCertificate
from webhook.cluster.access import AccessReviews
from webhook.cluster.cache import ClusterCache
from webhook.cluster.client import connect
from webhook.cluster.events import Events
from webhook.cluster.offline import OfflineCluster
from webhook.log import DecisionLog, Lines
from webhook.metrics import Metrics
from webhook.server.context import read_context
from webhook.server.gather import Cluster
from webhook.server.handle import Handler
from webhook.server.health import Status, StatusFolder
from webhook.server.observer import Observer
from webhook.server.refusals import Refusals
from webhook.server.tracing import Tracing
from webhook.settings import Settings
from webhook.store import LastGood, PolicyStore

_ALLOCATIONS = 50_000
"""Between two collections: a request's objects form no cycles, so hardly anything is found."""

_log = logging.getLogger(__name__)


class _Followed(Cluster, Protocol):
    """A cluster that is followed from `start` to `stop`."""

    def start(self) -> None: ...

    def follow_tenancy(self) -> None: ...

    def stop(self) -> None: ...

    def ages(self) -> Mapping[str, float]: ...

    def problems(self) -> Mapping[str, str]: ...


class Service:
    """A worker's state, from its start to its end.

    `tick` and `refresh` are called every second by whoever runs the worker: `tick` must not wait
    and belongs on the event loop where there is one, `refresh` reads files and may take a while.
    """

    def __init__(
        self,
        settings: Settings,
        lines: Lines,
        *,
        folder: StatusFolder | None = None,
        certificate: ServingCertificate | None = None,
        is_draining: Callable[[], bool] = lambda: False,
        last_good: LastGood | None = None,
    ) -> None:
        self.inflight = 0
        self.metrics = Metrics()
        self.tracing = Tracing() if settings.tracing else None
        self._settings = settings
        self._lines = lines
        self._store = PolicyStore(settings.policies, last_good)
        self._loaded = time.time()
        self._certificate = certificate
        self._is_draining = is_draining
        self._folder = folder
        self._cluster, self._reviews = cluster(settings, self._store)
        self._frozen = False
        self._failing: set[str] = set()
        self._refusals = _refusals(settings, self.metrics)
        decisions = DecisionLog(lines, settings.log_allowed)
        self._observer = Observer(self.metrics, decisions, self._refusals)
        self.handler = Handler(self._store, self._cluster, self._observer, self._reviews)

    @property
    def draining(self) -> bool:
        """Whether the worker is about to end."""
        return self._is_draining()

    def start(self) -> None:
        """Have the caches fill themselves, and say how this worker is."""
        self._lines.gather()
        if self._refusals:
            self._refusals.start()
        self._cluster.start()
        self._follow_tenancy()
        if self._store.problem:
            self._tell_rejected()
        self.tick()

    @property
    def synced(self) -> bool:
        """Whether the caches were filled once."""
        return self._cluster.synced

    def attend(self) -> None:
        """Do all that is due each second."""
        self.refresh()
        self.tick()

    def tick(self) -> None:
        """Take up a changed certificate and tell the ops listener how this worker is; never fails."""
        if self._certificate:
            self._do("to read the certificate", self._certificate.refresh)
        self._do("to say how this worker is", self._tell_status)

    def refresh(self) -> None:
        """Bring the metrics up to date, and take up changed policy files; never fails."""
        self._do("to count", self._observer.flush)
        self._do("to look after the policies", self._take_up)

    def _do(self, what: str, chore: Callable[[], object]) -> None:
        """Do a part of the housekeeping; one that fails keeps none of the others from being done."""
        try:
            chore()
        except Exception:  # noqa: BLE001 - whatever it is, the next second may be better
            if what not in self._failing:
                self._failing.add(what)
                _log.exception("it failed %s; it is tried again every second", what)
        else:
            self._failing.discard(what)

    def _take_up(self) -> None:
        """Take up changed policy files; a set that does not load leaves the old one in use."""
        if self._cluster.synced and not self._frozen:
            self._frozen = True
            gc.freeze()  # policies and caches stay: no collection need look at them again
            gc.set_threshold(_ALLOCATIONS)
        before, problem = self._store.current, self._store.problem
        self._store.refresh()
        self._follow_tenancy()
        if self._store.current is not before:
            self._loaded = time.time()
            if not self._settings.live:  # the folder's own RBAC documents are facts there
                self._cluster, _ = cluster(self._settings, self._store)
                self.handler.cluster = self._cluster
            self._lines.event(
                "info",
                __name__,
                "policies were reloaded",
                "policy_loaded",
                policy_set_hash=self._store.current.hash,
            )
        elif self._store.problem and self._store.problem != problem:
            self._tell_rejected()

    def _tell_rejected(self) -> None:
        self._lines.event(
            "error",
            __name__,
            f"the last good policies stay in use: {self._store.problem}",
            "policy_rejected",
            policy_set_hash=self._store.current.hash,
        )

    def _follow_tenancy(self) -> None:
        """Follow what isolation rules compare with, once there are tenants."""
        if self._store.current.registry:
            self._cluster.follow_tenancy()

    def stop(self) -> None:
        """End the watches, and write out what is still to be counted, told and logged."""
        self._cluster.stop()
        self._do("to count", self._observer.flush)
        if self._refusals:
            self._refusals.stop()
        if self.tracing:
            self._do("to send spans", self.tracing.stop)
        if self._reviews:
            self._reviews.close()
        if self._folder:
            self._folder.remove(os.getpid())
        self._lines.close()

    def _tell_status(self) -> None:
        if self._folder:
            self._folder.write(self.status())

    def status(self) -> Status:
        """Return how this worker is, now."""
        expiry = self._certificate.validity if self._certificate else None
        return Status(
            pid=os.getpid(),
            beat=time.monotonic(),
            policies=self._store.current.hash,
            policies_loaded=self._loaded,
            policy_problem=self._store.problem,
            synced=self._cluster.synced,
            cache_problem="; ".join(sorted(set(self._cluster.problems().values()))),
            leaf_expiry=expiry.leaf.timestamp() if expiry else 0,
            ca_expiry=expiry.ca.timestamp() if expiry and expiry.ca else 0,
            inflight=self.inflight,
            draining=self.draining,
            cache_ages={
                resource: age
                for resource, age in self._cluster.ages().items()
                if math.isfinite(age)
            },
        )


def _refusals(settings: Settings, metrics: Metrics) -> Refusals | None:
    """Return what has Events tell of refusals, where it was asked for and there is a cluster."""
    if not (settings.events and settings.live):
        return None
    api = connect(settings.kubeconfig, settings.kube_context)
    return Refusals(Events(api, "tenantgate", gethostname()), metrics)


class _Files(OfflineCluster):
    """Files do not move, so there is nothing to follow."""

    def start(self) -> None: ...

    def follow_tenancy(self) -> None: ...

    def stop(self) -> None: ...

    def ages(self) -> Mapping[str, float]:
        return {}

    def problems(self) -> Mapping[str, str]:
        return {}


def cluster(settings: Settings, store: PolicyStore) -> tuple[_Followed, AccessReviews | None]:
    """Return where facts come from: a live cluster, or files; nothing is followed yet.

    With it come the access reviews, where grants are to be asked of the API server.

    Raises:
        ContextError: a `--context` file cannot be read.
        RbacError: the RBAC documents in them cannot.
        ConfigurationError: nobody can tell where the API server is.
    """
    if not settings.live:
        return _Files(read_context(settings.context), store.current.rbac), None
    api = connect(settings.kubeconfig, settings.kube_context)
    if settings.access == "sar":
        return ClusterCache(api, rbac=False), AccessReviews(api)
    return ClusterCache(api), None


def keep(service: Service) -> None:
    """Look after a worker that has no event loop, from a thread that ends with it."""

    def run() -> None:
        while True:
            service.attend()
            time.sleep(1)

    threading.Thread(target=run, name="keeper", daemon=True).start()
