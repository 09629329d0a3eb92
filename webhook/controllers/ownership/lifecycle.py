"""The life of a tenant's namespace after its creation: claims, transfers, tenants that are gone.

Adoption itself is the work of whoever provisions namespaces, which writes the stamp with the rest.
Suspension is enforced by the webhook alone: what runs keeps running, and is not scaled down.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from webhook.cluster.client import namespace_path
from webhook.cluster.events import EventType
from webhook.cluster.watch import Watcher
from webhook.controllers.following import Following
from webhook.controllers.known import Known
from webhook.controllers.loop import Context
from webhook.controllers.ownership.handover import TIMEOUT, Restarts, contents, finish, world
from webhook.core.model.finding import listing
from webhook.core.model.marks import DOMAIN, TENANT, TRANSFERRING
from webhook.core.model.objects import JsonObject
from webhook.core.model.world import Namespace, annotations, is_terminating, labels
from webhook.core.provisioning.choice import is_served
from webhook.core.provisioning.ownership.stamps import complaint, receiver
from webhook.core.provisioning.ownership.transfer import Contents, is_settled, plan, remains
from webhook.core.provisioning.wanted import wanted
from webhook.metrics import Reading

LOG = logging.getLogger(__name__)

_BLOCKED = 30.0
"""Seconds after which a transfer that something stands in the way of is looked at again."""

_ROUND, _REFUSED = 2.0, 10.0
"""Seconds between two rounds of evictions, and after one in which none was allowed."""

_SHOWN = 10
_ANNOTATIONS = (f"{DOMAIN}/", "openshift.io/")
"""What the annotations begin with that anybody reads here; templates read the latter."""


@dataclass(frozen=True, slots=True)
class _Record:
    namespace: Namespace
    uid: str
    created: str


class Lifecycle(Following):
    """Hands namespaces over, and says what is wrong with the ownership of others.

    Args:
        context: what every controller works with.
    """

    name = "lifecycle"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._namespaces = Known(_reduced, self._changed)
        self._watchers = [
            Watcher(context.api, "namespaces", "/api/v1/namespaces", self._namespaces)
        ]
        self._stamped: dict[str, dict[str, str]] = {}
        self._restarts = Restarts(context.api)
        self._told: dict[str, str] = {}

    def resync(self) -> None:
        """Look at every namespace."""
        for name in self._namespaces.of():
            self._enqueue(name)

    def readings(self) -> Iterable[Reading]:
        """Return how many namespaces carry the stamp of a tenant that no file describes."""
        known = self._context.store.current.registry.tenants
        for tenant, namespaces in sorted(dict(self._stamped).items()):
            if tenant not in known:
                yield "tenantgate_orphaned_namespaces", {"tenant": tenant}, len(namespaces)

    def reconcile(self, key: str) -> float | None:
        """Look at one namespace: hand it over, go on with that, or say what is wrong with it."""
        record = self._namespaces.get("", key)
        if record is None or record.namespace.terminating:
            self._restarts.forget(key)
            self._told.pop(key, None)
            return None
        policies = self._context.store.current
        acts = policies.platform.enforcement == "deny"  # else it is only observed
        if acts and receiver(record.namespace, policies.registry):
            return self._transfer(key)
        self._tell_claims(record)
        namespace = record.namespace
        if acts and TRANSFERRING in namespace.annotations and namespace.labels.get(TENANT):
            return self._restart(record)
        return None

    # What namespaces are followed for

    def get(self, name: str) -> Namespace | None:
        """Return a namespace as last known."""
        record = self._namespaces.get("", name)
        return record.namespace if record else None

    def of_tenant(self, tenant: str) -> Sequence[str]:
        """Return the namespaces that carry a tenant's stamp, the oldest first."""
        found = dict(self._stamped.get(tenant, {}))
        return sorted(found, key=lambda name: (found[name], name))

    def _changed(self, _: str, name: str, before: _Record | None, after: _Record | None, /) -> None:
        for record in (before, after):
            tenant = record.namespace.labels.get(TENANT) if record else None
            if record is None or not tenant:
                continue
            if record is after:
                self._stamped.setdefault(tenant, {})[name] = record.created
            else:
                self._stamped[tenant].pop(name, None)
                if not self._stamped[tenant]:
                    del self._stamped[tenant]
        self._enqueue(name)

    # Claims

    def _tell_claims(self, record: _Record) -> None:
        """Say what is wrong with whose a namespace is, once for as long as it lasts."""
        policies, namespace = self._context.store.current, record.namespace
        siblings = self.of_tenant(namespace.labels.get(TENANT, ""))
        reason, text = complaint(namespace, policies.registry, policies.platform, siblings)
        if not reason:
            self._told.pop(namespace.name, None)
        elif self._is_news(record, reason, text):
            self._context.events.emit(_object(record), "Warning", reason, text)

    def _is_news(self, record: _Record, reason: str, text: str) -> bool:
        """Tell whether something is said of a namespace for the first time, and log it then."""
        name = record.namespace.name
        if self._told.get(name) == f"{reason} {text}":
            return False
        self._told[name] = f"{reason} {text}"
        LOG.warning("namespace %s: %s: %s", name, reason, text)
        return True

    # Transfer

    def _transfer(self, name: str) -> float | None:
        """Hand a namespace over as it is now, if nothing stands in the way."""
        api, policies = self._context.api, self._context.store.current
        path = namespace_path(name)
        live = api.find(path, timeout=TIMEOUT)
        if not isinstance(live, dict):
            return None
        record = _reduced(live)
        to = receiver(record.namespace, policies.registry)
        if not to:
            return None
        giver = record.namespace.labels[TENANT]
        found = plan(
            record.namespace,
            self._contents(name, giver),
            world(api, self, to),
            policies.platform,
            policies.registry,
            policies.templates,
        )
        if found is None:
            return None
        if found.obstacles:
            text = f"it stays with tenant {giver} and does not go to {to}: " + ". ".join(
                found.obstacles
            )
            self._is_news(record, "TransferBlocked", text)
            self._context.events.emit(_object(record), "Warning", "TransferBlocked", text)
            return _BLOCKED
        api.merge(path, found.swap(live["metadata"]["resourceVersion"]), timeout=TIMEOUT)
        self._restarts.forget(name)
        self._told.pop(name, None)
        text = f"tenant {to} takes over from {giver}; pods are restarted once all is provisioned"
        self._context.events.emit(_object(record), "Normal", "TransferStarted", text)
        LOG.info("namespace %s: %s", name, text)
        return None

    def _restart(self, record: _Record) -> float | None:
        """Have the pods of a namespace that was handed over start anew, once it is provisioned."""
        policies, namespace = self._context.store.current, record.namespace
        everything = policies.platform, policies.registry, policies.templates
        content = wanted(namespace, *everything) if is_served(namespace, *everything) else None
        if content is not None and not is_settled(namespace, content):
            return _BLOCKED  # its annotations will be heard of
        done = self._restarts.round(namespace.name)
        if done.left:
            if done.refused:
                text = (
                    f"{len(done.refused)} pods are still to be restarted after the transfer, but "
                    f"their disruption budgets do not allow it: {listing(done.refused, _SHOWN)}; change "
                    "the budgets, or delete the pods"
                )
                self._context.events.emit(_object(record), "Warning", "TransferWaiting", text)
            return _REFUSED if len(done.refused) == done.left else _ROUND
        api, giver = self._context.api, namespace.annotations[TRANSFERRING]
        late = remains(
            namespace,
            self._contents(namespace.name, giver),
            world(api, self, namespace.labels.get(TENANT, "")),
            policies.platform,
            policies.registry,
        )
        if late:
            text = f"it has been handed over, but not all of it is clear: {'; '.join(late)}"
            self._is_news(record, "TransferWaiting", text)
            self._context.events.emit(_object(record), "Warning", "TransferWaiting", text)
            return _BLOCKED
        finish(api, namespace.name, record.uid)
        self._restarts.forget(namespace.name)
        text = f"tenant {namespace.labels.get(TENANT)} has taken over from {giver}"
        if done.bare:
            text += (
                f"; {len(done.bare)} pods run on as they were, as no controller would make them "
                f"anew: {listing(done.bare, _SHOWN)}; delete them"
            )
        told: EventType = "Warning" if done.bare else "Normal"
        self._context.events.emit(_object(record), told, "Transferred", text)
        LOG.info("namespace %s: %s", namespace.name, text)
        return None

    def _contents(self, name: str, giver: str) -> Contents:
        return contents(self._context.api, name, [x for x in self.of_tenant(giver) if x != name])


def _reduced(obj: JsonObject) -> _Record:
    metadata: Any = obj["metadata"]
    namespace = Namespace(
        name=str(metadata["name"]),
        labels=dict(labels(obj)),
        annotations={
            key: value for key, value in annotations(obj).items() if key.startswith(_ANNOTATIONS)
        },
        terminating=is_terminating(obj),
    )
    return _Record(namespace, str(metadata["uid"]), str(metadata.get("creationTimestamp") or ""))


def _object(record: _Record) -> JsonObject:
    metadata = {"name": record.namespace.name, "uid": record.uid}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
