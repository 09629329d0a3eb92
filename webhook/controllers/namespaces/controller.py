"""Every namespace is given its uid range and its tenant's stamp, and what its template wants in it.

A namespace is looked at whenever it or one of its provisioned objects changes, when policies do, and
every ten minutes. Each time everything is compared, and only what differs is written.
"""

import logging
import math
from collections import Counter
from collections.abc import Iterator
from http import HTTPStatus
from typing import Literal

from webhook.cluster.client import ApiError
from webhook.cluster.watch import Watcher
from webhook.controllers.fights import Fights
from webhook.controllers.following import Following
from webhook.controllers.loop import Context
from webhook.controllers.namespaces.homes import Homes, as_namespace
from webhook.controllers.namespaces.identity import Identity
from webhook.controllers.namespaces.managed import ManagedObjects
from webhook.controllers.namespaces.provisioning import Provisioner, ProvisioningError, is_conflict
from webhook.controllers.ranges.claims import OutdatedError, Ranges
from webhook.core.model.finding import listing
from webhook.core.model.marks import PROVISIONED
from webhook.core.model.objects import JsonObject
from webhook.core.model.world import annotations, is_terminating
from webhook.core.policyset import PolicySet
from webhook.core.provisioning.choice import is_served
from webhook.core.provisioning.reconciliation import inventory
from webhook.core.provisioning.wanted import wanted
from webhook.metrics import Reading

LOG = logging.getLogger(__name__)

State = Literal["provisioned", "pending", "failing", "unserved"]
"""How a namespace is: all there; about to be; not possible; no template serves it any more."""

STATES: tuple[State, ...] = ("provisioned", "pending", "failing", "unserved")
_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT})
_SHOWN = 10


class Namespaces(Following):
    """The reconciliation of namespaces.

    Args:
        context: what every controller works with.
        ranges: the ledger of uid ranges.
    """

    name = "namespaces"

    def __init__(self, context: Context, ranges: Ranges) -> None:
        super().__init__(context)
        self._homes = Homes(lambda name: self._enqueue(name))
        self._watcher = Watcher(context.api, "namespaces", "/api/v1/namespaces", self._homes)
        self._watchers = (self._watcher,)
        self._managed = ManagedObjects(context.api, self._object_changed)
        self._fights = Fights()
        self._identity = Identity(context, self._homes, ranges)
        self._provisioner = Provisioner(context, self._homes, self._managed, self._fights)
        self._states: dict[str, State] = {}
        self._told: dict[str, str] = {}

    def stop(self) -> None:
        """Stop following, and making objects."""
        super().stop()
        self._managed.stop()
        self._provisioner.stop()

    def resync(self) -> None:
        """Look at every namespace."""
        for name in self._homes.names():
            self._enqueue(name)

    def readings(self) -> Iterator[Reading]:
        """Return how many namespaces are how, and how fresh what we know is."""
        counts = Counter(dict(self._states).values())
        for state in STATES:
            yield "tenantgate_namespaces", {"state": state}, counts[state]
        yield "tenantgate_provisioning_conflicts", {}, self._fights.fighting()
        for resource, age in ((self._watcher.resource, self._watcher.age), *self._managed.ages()):
            if math.isfinite(age):
                yield "tenantgate_cache_age_seconds", {"resource": resource}, age

    def reconcile(self, key: str) -> float | None:
        """Give one namespace what it lacks."""
        home = self._homes.get(key)
        if home is None or is_terminating(home):
            self._forget(key)
            return None
        try:
            return self._reconcile(key, home, self._context.store.current)
        except OutdatedError as error:
            self._homes.fetch(self._context.api, key)
            raise ApiError(str(error), HTTPStatus.CONFLICT) from error
        except ApiError as error:
            if error.status in _GONE:
                self._homes.fetch(self._context.api, key)
            raise
        except ProvisioningError as error:
            if self._is_leaving(key):
                return None
            if is_conflict(error.failures):
                raise ApiError(str(error), HTTPStatus.CONFLICT) from error
            self._failed(home, error)
            raise

    def _reconcile(self, key: str, home: JsonObject, policies: PolicySet) -> float | None:
        settled = self._identity.settle(home, policies)
        wait = self._provision(key, settled.home, policies)
        if settled.error is not None:
            raise settled.error
        return wait

    def _provision(self, key: str, home: JsonObject, policies: PolicySet) -> float | None:
        namespace = as_namespace(home)
        everything = policies.platform, policies.registry, policies.templates
        served = is_served(namespace, *everything)
        content = wanted(namespace, *everything) if served else None
        if content is None:
            self._unserved(key, home, tell=not served)
            return None
        if policies.platform.enforcement != "deny":
            return None  # observe only: what is there stays, and nothing is added
        self._told.pop(key, None)
        if self._states.get(key) == "unserved":
            del self._states[key]
        if PROVISIONED not in namespace.annotations:
            self._states.setdefault(key, "pending")
        wait = self._provisioner.provision(home, content, policies.platform)
        self._states[key] = "provisioned"
        return wait

    def _unserved(self, key: str, home: JsonObject, *, tell: bool) -> None:
        """Leave what was provisioned where it is, and say so once."""
        items = sorted(inventory.read(annotations(home)))
        if not items and PROVISIONED not in annotations(home):
            self._states.pop(key, None)
            return
        self._states[key] = "unserved"
        text = (
            "no template serves the namespace any more. What it was given stays as it is, still "
            f"protected, and is no longer restored: {listing(items, _SHOWN) or 'nothing'}. Fix: bring the template "
            "back, or take the objects away by hand"
        )
        if tell and self._told.get(key) != text:
            self._told[key] = text
            LOG.warning("namespace %s: %s", key, text)
            self._context.events.emit(home, "Warning", "TemplateGone", text)

    def _failed(self, home: JsonObject, error: ProvisioningError) -> None:
        self._states[home["metadata"]["name"]] = "failing"
        for failure in error.failures:
            self._context.metrics.count("tenantgate_provisioning_failures_total", failure.reason)
            self._context.events.emit(home, "Warning", "ProvisioningFailed", str(failure))

    def _is_leaving(self, key: str) -> bool:
        """Tell whether a namespace is gone, or going, which explains every failure."""
        home = self._homes.fetch(self._context.api, key)
        return home is None or is_terminating(home)

    def _object_changed(self, namespace: str) -> None:
        if self._homes.get(namespace) is not None:
            self._enqueue(namespace)

    def _forget(self, key: str) -> None:
        self._states.pop(key, None)
        self._told.pop(key, None)
        self._managed.forget(key)
        self._fights.forget(key)
