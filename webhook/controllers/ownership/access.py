"""Keeps what owners may do to their Namespace objects in step with whose those are.

A role per tenant lists its namespaces by name; it follows every stamp, and what somebody else
changes in it is changed back.
"""

import logging
from collections.abc import Sequence

from webhook.cluster.client import path_of
from webhook.cluster.watch import Watcher
from webhook.controllers.following import Following
from webhook.controllers.known import Known
from webhook.controllers.loop import Context
from webhook.core.model.marks import TENANT
from webhook.core.model.objects import JsonObject
from webhook.core.model.world import labels
from webhook.core.provisioning.ownership.access import GROUP, PREFIX, SELECTOR, binding, role

LOG = logging.getLogger(__name__)

_ROLES, _BINDINGS = "clusterroles", "clusterrolebindings"
_TIMEOUT = 10.0


class Access(Following):
    """Writes a ClusterRole and a ClusterRoleBinding for the owners of each tenant.

    Args:
        context: what every controller works with.
    """

    name = "access"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._stamps = Known(_stamp, self._stamp_changed)
        self._stamped: dict[str, set[str]] = {}
        self._written = {
            resource: Known(_content, self._written_changed) for resource in (_ROLES, _BINDINGS)
        }
        api = context.api
        self._watchers = [
            Watcher(api, "namespaces", "/api/v1/namespaces", self._stamps),
            *(
                Watcher(api, f"own {resource}", _path(resource), known, selector=SELECTOR)
                for resource, known in self._written.items()
            ),
        ]

    def resync(self) -> None:
        """Look at every tenant, those included that are gone."""
        names = {*self._context.store.current.registry.tenants, *dict(self._stamped)}
        for written in self._written.values():
            names |= {name.removeprefix(PREFIX) for name in written.of()}
        for name in names:
            self._enqueue(name)

    def reconcile(self, key: str) -> float | None:
        """Write what the owners of one tenant may do, or take it away."""
        policies = self._context.store.current
        if policies.platform.enforcement != "deny":
            return None  # observe only: what is there stays, and nothing is added
        tenant = policies.registry.get(key)
        namespaces = self._namespaces_of(key)
        if not tenant.known:
            # Nobody knows its owners any more: whoever is bound stays bound, to less.
            if namespaces and self._written[_ROLES].get("", PREFIX + key) is not None:
                self._write(_ROLES, role(tenant, namespaces))
            else:
                self._remove(_BINDINGS, key)
                self._remove(_ROLES, key)
            return None
        self._write(_ROLES, role(tenant, namespaces))
        wanted = binding(tenant)
        found = self._written[_BINDINGS].get("", PREFIX + key)
        if found is not None and found["roleRef"] != wanted["roleRef"]:
            self._remove(_BINDINGS, key)  # what a binding refers to cannot be changed
        self._write(_BINDINGS, wanted)
        return None

    def _namespaces_of(self, tenant: str) -> Sequence[str]:
        return sorted(self._stamped.get(tenant, set()).copy())

    def _write(self, resource: str, wanted: JsonObject) -> None:
        name = wanted["metadata"]["name"]
        if self._written[resource].get("", name) == _content(wanted):
            return
        self._context.api.apply(_path(resource, name), wanted, timeout=_TIMEOUT)
        LOG.info("%s %s: written", wanted["kind"], name)

    def _remove(self, resource: str, tenant: str) -> None:
        name = PREFIX + tenant
        if self._written[resource].get("", name) is not None:
            self._context.api.delete(_path(resource, name), timeout=_TIMEOUT)
            LOG.info("%s %s: removed", resource, name)

    def _stamp_changed(self, _: str, name: str, before: str | None, after: str | None, /) -> None:
        if before:
            self._stamped[before].discard(name)
            if not self._stamped[before]:
                del self._stamped[before]
            self._enqueue(before)
        if after:
            self._stamped.setdefault(after, set()).add(name)
            self._enqueue(after)

    def _written_changed(
        self, _: str, name: str, before: JsonObject | None, after: JsonObject | None, /
    ) -> None:
        self._enqueue(name.removeprefix(PREFIX))


def _path(resource: str, *name: str) -> str:
    return path_of("apis", GROUP, "v1", resource, *name)


def _stamp(obj: JsonObject) -> str:
    return labels(obj).get(TENANT) or ""


def _content(obj: JsonObject) -> JsonObject:
    """Return what is kept of a role or a binding: all that is written of it."""
    kept = {key: obj.get(key) for key in ("rules", "roleRef")}
    return {**kept, "subjects": obj.get("subjects") or [], "labels": dict(labels(obj))}
