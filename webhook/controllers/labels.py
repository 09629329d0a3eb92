"""Keeps Pod Security labels at the level that the SCCs usable in each namespace amount to.

Works while `spec.podSecurity.labelSync` of the Platform is true. RBAC is followed once more for it:
what people may use does not count here, not even by the name of a service account, and the index
that answers requests cannot tell the two apart.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any

from webhook.cluster.client import ApiError, namespace_path
from webhook.cluster.watch import Watcher
from webhook.controllers.known import Known
from webhook.controllers.loop import Context, Enqueue
from webhook.core.model.marks import LABEL_SYNC, MINIMUM_STANDARD
from webhook.core.model.objects import JsonObject
from webhook.core.model.ranges import UID_RANGE, RangeError
from webhook.core.model.request import EVERYTHING
from webhook.core.model.world import Namespace, annotations, is_terminating, labels
from webhook.core.platform import Platform
from webhook.core.policyset import PolicySet
from webhook.core.provisioning.label_sync import (
    LABELS,
    MANAGER,
    Owners,
    is_synced,
    owners,
    plan,
)
from webhook.core.pss.sync import SyncError, namespace_level
from webhook.core.rbac import Binding, Kind, Rbac, RbacIndex, Role, read_rbac
from webhook.core.scc import document as scc_document
from webhook.core.scc.defaulting import default

LOG = logging.getLogger(__name__)

_RBAC: Mapping[str, Kind] = {
    "roles": "Role",
    "clusterroles": "ClusterRole",
    "rolebindings": "RoleBinding",
    "clusterrolebindings": "ClusterRoleBinding",
}
_READ_LABELS = (*LABELS, LABEL_SYNC)
_READ_ANNOTATIONS = (MINIMUM_STANDARD, UID_RANGE)
_TIMEOUT = 10.0
_LISTING = 0.2
"""Seconds until it is asked again whether everything was listed."""


@dataclass(frozen=True, slots=True)
class _Record:
    namespace: Namespace
    uid: str
    owners: Owners


class LabelSync:
    """Writes the labels of namespaces, as OpenShift's controller of that name does.

    Args:
        context: what every controller works with.
    """

    name = "labels"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._enqueue: Enqueue = lambda key: None
        self._namespaces = Known(_reduced, self._namespace_changed)
        self._accounts = Known(lambda _: True, self._inside_changed)
        self._index = RbacIndex()
        self._rbac = Rbac(self._index, superusers=frozenset())
        self._sccs: tuple[PolicySet | None, Sequence[JsonObject]] = (None, ())
        api, group = context.api, "/apis/rbac.authorization.k8s.io/v1"
        self._watchers: list[Watcher[Any]] = [
            Watcher(api, "namespaces", "/api/v1/namespaces", self._namespaces),
            Watcher(api, "serviceaccounts", "/api/v1/serviceaccounts", self._accounts),
            *(
                Watcher(
                    api,
                    resource,
                    f"{group}/{resource}",
                    Known(partial(_without_people, kind), partial(self._rbac_changed, kind)),
                )
                for resource, kind in _RBAC.items()
            ),
        ]
        self._following = False

    def start(self, enqueue: Enqueue) -> None:
        """Follow the cluster from now on, if the labels are to be synchronised."""
        self._enqueue = enqueue
        self._follow()

    def stop(self) -> None:
        """Stop following."""
        for watcher in self._watchers if self._following else ():
            watcher.stop()

    @property
    def synced(self) -> bool:
        """Whether everything is known that is to be followed."""
        return not self._following or all(watcher.synced for watcher in self._watchers)

    def policies_changed(self) -> None:
        """Look at every namespace: the SCCs may be others."""
        self._follow()
        self.resync()

    def resync(self) -> None:
        """Look at every namespace."""
        for name in self._namespaces.of():
            self._enqueue(name)

    def reconcile(self, key: str) -> float | None:
        """Write the labels of one namespace, if they are not as they should be."""
        policies = self._context.store.current
        record = self._namespaces.get("", key)
        if not _is_wanted(policies.platform) or record is None:
            return None
        if not self.synced:
            return _LISTING
        accounts = self._accounts.of(key)
        if not accounts or not is_synced(record.namespace, record.owners, policies.platform):
            return None
        try:
            level = namespace_level(
                key,
                record.namespace.annotations,
                accounts,
                self._documents(policies),
                lambda user: self._rbac.grants(user, key),
            )
        except (SyncError, RangeError) as error:
            self._failed(key, str(error))
            return None
        if level is None:
            self._failed(key, "none of its service accounts may use any SCC")
            return None
        if (sync := plan(record.namespace, record.owners, level)) is None:
            return None
        path = namespace_path(key)
        body = sync.body(key, record.uid)
        try:
            self._context.api.apply(path, body, timeout=_TIMEOUT, force=sync.force, manager=MANAGER)
        except ApiError as error:
            if error.status != HTTPStatus.CONFLICT:
                raise
            self._count("conflict")
            LOG.warning("namespace %s: its Pod Security labels stay as they are: %s", key, error)
            return None
        self._count("applied")
        LOG.info("namespace %s: Pod Security labels are set to %s", key, level)
        return None

    def _follow(self) -> None:
        if self._following or not _is_wanted(self._context.store.current.platform):
            return
        self._following = True
        for watcher in self._watchers:
            watcher.start()

    def _documents(self, policies: PolicySet) -> Sequence[JsonObject]:
        """Return the SCCs of a policy set as documents, with OpenShift's defaults."""
        known, found = self._sccs
        if known is not policies:
            found = [
                default(item.value) for item in policies.documents if item.kind == scc_document.KIND
            ]
            self._sccs = policies, found
        return found

    def _failed(self, namespace: str, why: str) -> None:
        self._count("error")
        LOG.warning(
            "namespace %s: no Pod Security level can be told, so its labels stay: %s",
            namespace,
            why,
        )

    def _count(self, result: str) -> None:
        self._context.metrics.count("tenantgate_pod_security_label_syncs_total", result)

    # What changes

    def _namespace_changed(
        self, _: str, name: str, before: _Record | None, after: _Record | None, /
    ) -> None:
        if after is not None:
            self._enqueue(name)

    def _inside_changed(
        self, namespace: str, _: str, before: bool | None, after: bool | None, /
    ) -> None:
        self._enqueue(namespace)

    def _rbac_changed(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        before: Role | Binding | None,
        after: Role | Binding | None,
        /,
    ) -> None:
        concerned = self._concerns_sccs(before) or self._concerns_sccs(after)
        if after is None:
            self._index.delete(kind, namespace, name)
        else:
            self._index.put(after)
        if namespace:
            self._enqueue(namespace)
        elif concerned:
            self.resync()

    def _concerns_sccs(self, record: Role | Binding | None) -> bool:
        """Tell whether what counts in every namespace gives anybody an SCC.

        A role that comes after its binding tells so itself.
        """
        if record is None:
            return False
        found = self._index.role(record.role) if isinstance(record, Binding) else record.permissions
        return found is not None and (found.sccs is EVERYTHING or bool(found.sccs))


def _is_wanted(platform: Platform) -> bool:
    """Tell whether labels are to be written; by one that enforces, the API server would refuse pods."""
    return platform.pod_security.label_sync and platform.enforcement == "deny"


def _reduced(obj: JsonObject) -> _Record:
    metadata: Any = obj["metadata"]
    found, notes = labels(obj), annotations(obj)
    namespace = Namespace(
        name=str(metadata["name"]),
        labels={key: found[key] for key in _READ_LABELS if key in found},
        annotations={key: notes[key] for key in _READ_ANNOTATIONS if key in notes},
        terminating=is_terminating(obj),
    )
    return _Record(namespace, str(metadata["uid"]), owners(obj))


def _without_people(kind: Kind, obj: JsonObject) -> Role | Binding:
    """Read an RBAC object; a subject of kind User gives nothing to a service account here."""
    subjects = obj.get("subjects")
    if isinstance(subjects, list):
        kept = [subject for subject in subjects if subject.get("kind") != "User"]
        obj = {**obj, "subjects": kept}
    return read_rbac(obj, kind)
