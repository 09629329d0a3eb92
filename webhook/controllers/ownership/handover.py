"""The steps of a transfer, carried out: what is in a namespace, the swap of its stamp, the restart.

Each step can be repeated, so a controller that dies in between goes on where it was: the annotation
`tenantgate.io/transferring` says that pods are still to be restarted.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from webhook.cluster.client import Api, ApiError, ClusterError, namespace_path, path_of
from webhook.cluster.live import LiveWorld, Namespaces, Objects
from webhook.core.model.marks import ACCEPT_ROLE_BINDINGS, TRANSFERRING
from webhook.core.model.objects import JsonObject
from webhook.core.model.world import World, plural
from webhook.core.provisioning.ownership.restart import restart
from webhook.core.provisioning.ownership.transfer import Contents

TIMEOUT = 10.0
BATCH = 20
"""So many pods are evicted at a time."""

_PAGE = 500
_RBAC = "rbac.authorization.k8s.io/v1"
_HOSTS = (
    ("networking.k8s.io/v1", "Ingress"),
    ("gateway.networking.k8s.io/v1", "HTTPRoute"),
    ("gateway.networking.k8s.io/v1", "GRPCRoute"),
    ("gateway.networking.k8s.io/v1", "TLSRoute"),
)


@dataclass(frozen=True, slots=True)
class Round:
    """What came of one round of evictions.

    `left` are the pods that are still to go, of which `refused` may not yet. `bare` are those that
    nobody would make anew.
    """

    left: int
    refused: tuple[str, ...] = ()
    bare: tuple[str, ...] = ()


def contents(api: Api, namespace: str, others: Sequence[str]) -> Contents:
    """Read what a transfer looks at; `others` are the other namespaces of the giver.

    Raises:
        ClusterError: something could not be read, so nothing is known.
    """
    hosts = [item for version, kind in _HOSTS for item in _list(api, version, kind, namespace)]
    outside = [item for other in others for item in _list(api, _RBAC, "RoleBinding", other)]
    return Contents(hosts, list(_list(api, _RBAC, "RoleBinding", namespace)), outside)


def world(api: Api, namespaces: Namespaces, receiver: str) -> World:
    """Return the cluster as the plan of a transfer compares with it, read now.

    Raises:
        ClusterError: it could not be read.
    """
    live = Objects(api, TIMEOUT)
    counts = {receiver: live.namespaces_of(receiver)}
    return LiveWorld(namespaces, live.hosts(), {}, {}, counts)


class Restarts:
    """The pods that ran when their namespaces were handed over, until the last of them has gone.

    They are remembered by uid: what a controller makes in their place has started anew already. A
    process that takes over starts all pods anew that it finds, of which some may have been before.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._leaving: dict[str, frozenset[str]] = {}
        self._refused: dict[str, frozenset[str]] = {}

    def forget(self, namespace: str) -> None:
        """Begin anew with a namespace, or be done with it."""
        self._leaving.pop(namespace, None)
        self._refused.pop(namespace, None)

    def round(self, namespace: str) -> Round:
        """Evict some of the pods that are still there, as their disruption budgets allow.

        Raises:
            ClusterError: the API server refused for another reason, or gave no answer.
        """
        found = restart(_list(self._api, "v1", "Pod", namespace))
        before = self._leaving.setdefault(namespace, frozenset(found.leaving))
        waited = self._refused.get(namespace, frozenset())
        left = sorted((uid for uid in found.leaving if uid in before), key=waited.__contains__)
        tried = left[:BATCH]
        refused = [uid for uid in tried if not self._evict(namespace, found.leaving[uid], uid)]
        self._refused[namespace] = waited.difference(tried).union(refused)
        return Round(len(left), tuple(found.leaving[uid] for uid in refused), found.bare)

    def _evict(self, namespace: str, name: str, uid: str) -> bool:
        """Evict a pod; tell whether it may go."""
        path = namespace_path(namespace, "pods", name, "eviction")
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": name, "namespace": namespace},
            "deleteOptions": {"preconditions": {"uid": uid}},
        }
        try:
            self._api.post(path, body, timeout=TIMEOUT)
        except ApiError as error:
            if error.status == HTTPStatus.TOO_MANY_REQUESTS:
                return False
            if error.status not in (
                HTTPStatus.NOT_FOUND,
                HTTPStatus.CONFLICT,
            ):  # gone, or another pod of the same name by now
                raise
        return True


def finish(api: Api, namespace: str, uid: str) -> None:
    """Take off the marks of a transfer under way.

    Raises:
        ClusterError: they could not be taken off.
    """
    marks = {TRANSFERRING: None, ACCEPT_ROLE_BINDINGS: None}
    body = {"metadata": {"uid": uid, "annotations": marks}}
    api.merge(namespace_path(namespace), body, timeout=TIMEOUT)


def _list(api: Api, version: str, kind: str, namespace: str) -> Iterator[JsonObject]:
    """Yield the objects of a kind in a namespace, whole; none of a kind that is not served."""
    start = ("apis", *version.split("/")) if "/" in version else ("api", version)
    path = path_of(*start, "namespaces", namespace, plural(kind))
    query: dict[str, str | int] = {"limit": _PAGE}
    while True:
        try:
            page: Any = api.get(path, query, timeout=TIMEOUT)
        except ApiError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return
            raise
        if not isinstance(page, Mapping) or not isinstance(page.get("items"), list):
            raise ClusterError(f"the server sent no list of {plural(kind)}")
        for item in page["items"]:
            yield {"apiVersion": version, "kind": kind, **item}
        more = (page.get("metadata") or {}).get("continue")
        if not more:
            return
        query["continue"] = more
