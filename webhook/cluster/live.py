"""What isolation rules compare with, from a live cluster: indexes that hold only what is compared."""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from sys import intern
from typing import Any, Protocol

from webhook.cluster.client import Api, ApiError, ClusterError, path_of
from webhook.cluster.wildcards import Wildcards
from webhook.cluster.world import host_uses
from webhook.core.model.marks import TENANT
from webhook.core.model.objects import JsonObject
from webhook.core.model.world import HostUse, Namespace, Ref, labels

_Key = tuple[str, str]


class HostIndex:
    """Host names in use by Ingresses and routes."""

    def __init__(self) -> None:
        self._sinks: list[_Hosts] = []
        self._by_host: dict[str, dict[Ref, tuple[HostUse, ...]]] = {}
        self._wildcards = Wildcards()

    def sink(self, group: str, resource: str) -> "_Hosts":
        """Return where the objects of one resource go."""
        sink = _Hosts(self, group, resource)
        self._sinks.append(sink)
        return sink

    def __len__(self) -> int:
        """Return how many objects are known, with hosts or without."""
        return sum(len(sink) for sink in self._sinks)

    def of(self, host: str) -> Iterable[HostUse]:
        """Return every use of a host name by that very spelling."""
        return [use for uses in list(self._by_host.get(host, {}).values()) for use in uses]

    def wildcards(self, host: str) -> Iterable[HostUse]:
        """Return every use of a wildcard that covers a host name, or that a wildcard name covers."""
        return self._wildcards.of(host)

    def put(self, ref: Ref, uses: Sequence[HostUse]) -> None:
        """Take the uses of an object."""
        for host in {use.host for use in uses}:
            of_host = tuple(use for use in uses if use.host == host)
            if host.startswith("*"):
                self._wildcards.put(ref, host, of_host)
            else:
                self._by_host.setdefault(intern(host), {})[ref] = of_host

    def drop(self, ref: Ref, hosts: Iterable[str]) -> None:
        """Forget the uses of an object."""
        for host in hosts:
            if host.startswith("*"):
                self._wildcards.drop(ref, host)
                continue
            users = self._by_host.get(host, {})
            users.pop(ref, None)
            if not users:
                self._by_host.pop(host, None)


ROUTES = ("httproutes", "grpcroutes", "tlsroutes")
"""The routes of the Gateway API that name hosts."""

MOST_OBJECTS = 2000
"""With hosts, up to which all of them are listed anew where a host is taken."""

_HostRecord = tuple[Ref, tuple[HostUse, ...]]


class _Hosts:
    """The objects of one resource, on their way into the index of hosts."""

    def __init__(self, index: HostIndex, group: str, resource: str) -> None:
        self._index = index
        self._group = group
        self._resource = resource
        self._hosts: dict[Ref, frozenset[str]] = {}

    def __len__(self) -> int:
        return len(self._hosts)

    def read(self, obj: JsonObject) -> _HostRecord:
        metadata = obj.get("metadata")
        metadata = metadata if isinstance(metadata, Mapping) else {}
        ref = Ref(
            self._group,
            self._resource,
            intern(str(metadata.get("namespace", ""))),
            str(metadata.get("name", "")),
        )
        return ref, tuple(host_uses(obj, ref))

    def replace(self, records: list[_HostRecord]) -> None:
        known = {ref for ref, _ in records}
        for ref in list(self._hosts):
            if ref not in known:
                self._index.drop(ref, self._hosts.pop(ref))
        for record in records:
            self.put(record)

    def put(self, record: _HostRecord) -> None:
        ref, uses = record
        self._index.drop(ref, self._hosts.get(ref, ()))
        self._hosts[ref] = frozenset(use.host for use in uses)
        self._index.put(ref, uses)

    def delete(self, namespace: str, name: str, version: int) -> None:
        ref = Ref(self._group, self._resource, namespace, name)
        self._index.drop(ref, self._hosts.pop(ref, ()))


class Managed:
    """The labels of the platform's own objects of a kind, in every namespace."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._known: dict[str, dict[str, JsonObject]] = {}

    def of(self, namespace: str) -> Iterable[JsonObject]:
        """Return them as objects that hold their metadata only."""
        return list(self._known.get(namespace, {}).values())

    def read(self, obj: JsonObject) -> tuple[_Key, JsonObject]:
        """Reduce an object to its names and labels."""
        metadata = obj.get("metadata")
        metadata = metadata if isinstance(metadata, Mapping) else {}
        key = str(metadata.get("namespace", "")), str(metadata.get("name", ""))
        kept = {"namespace": key[0], "name": key[1], "labels": dict(labels(obj))}
        return key, {"apiVersion": "v1", "kind": self._kind, "metadata": kept}

    def replace(self, records: list[tuple[_Key, JsonObject]]) -> None:
        """Take these objects for all that there are."""
        known: dict[str, dict[str, JsonObject]] = {}
        for (namespace, name), kept in records:
            known.setdefault(namespace, {})[name] = kept
        self._known = known

    def put(self, record: tuple[_Key, JsonObject]) -> None:
        """Take an object that is new or has changed."""
        (namespace, name), kept = record
        self._known.setdefault(namespace, {})[name] = kept

    def delete(self, namespace: str, name: str, version: int) -> None:
        """Forget an object."""
        left = self._known.get(namespace, {})
        left.pop(name, None)
        if not left:
            self._known.pop(namespace, None)


class Objects:
    """Reads single objects live, of whatever resource."""

    def __init__(self, api: Api, timeout: float) -> None:
        self._api = api
        self._timeout = timeout
        self._versions: dict[str, str] = {}

    def read(self, ref: Ref) -> JsonObject | None:
        """Return an object, None when there is none or nobody serves its group."""
        version = self._version(ref.group)
        if not version or not ref.name:
            return None
        start = ("apis", ref.group) if ref.group else ("api",)
        inside = ("namespaces", ref.namespace) if ref.namespace else ()
        path = path_of(*start, version, *inside, ref.resource, ref.name)
        found = self._api.find(path, timeout=self._timeout)
        return found if isinstance(found, Mapping) else None

    def namespaces_of(self, tenant: str) -> Sequence[str]:
        """Return the namespaces that carry a tenant's stamp now."""
        query: dict[str, str | int] = {"labelSelector": f"{TENANT}={tenant}"}
        found: Any = self._api.get("/api/v1/namespaces", query, timeout=self._timeout)
        items = found.get("items") if isinstance(found, Mapping) else None
        if not isinstance(items, list):
            raise ClusterError("the server sent no list of namespaces")
        return sorted(str(item["metadata"]["name"]) for item in items)

    def hosts(self) -> HostIndex:
        """Return the hosts that Ingresses and routes use now; routes that are not served use none."""
        index = HostIndex()
        ingresses = ("networking.k8s.io", "v1", "ingresses")
        for group, version, resource in (
            ingresses,
            *(("gateway.networking.k8s.io", "v1", route) for route in ROUTES),
        ):
            sink = index.sink(group, resource)
            found: Any = self._api.find(
                path_of("apis", group, version, resource), timeout=self._timeout
            )
            listed = found.get("items") if isinstance(found, Mapping) else None
            if found is not None and not isinstance(listed, list):
                raise ClusterError(f"the server sent no list of {resource}")
            for item in listed or ():
                sink.put(sink.read(item))
        return index

    def _version(self, group: str) -> str:
        if not group:
            return "v1"
        known = self._versions.get(group)
        if known is None:
            try:
                served: Any = self._api.get(path_of("apis", group), timeout=self._timeout)
            except ApiError as error:
                if error.status != HTTPStatus.NOT_FOUND:
                    raise
                return ""
            preferred = served.get("preferredVersion") if isinstance(served, Mapping) else None
            known = str(preferred.get("version", "")) if isinstance(preferred, Mapping) else ""
            if known:
                self._versions[group] = known
        return known


class Namespaces(Protocol):
    """Namespaces as last known."""

    def get(self, name: str) -> Namespace | None:
        """Return a namespace, None when there is none."""
        ...

    def of_tenant(self, tenant: str) -> Sequence[str]:
        """Return the namespaces that carry a tenant's stamp."""
        ...


class LiveWorld:
    """The cluster as one request's decision sees it: indexes, and what was read for it."""

    def __init__(
        self,
        namespaces: Namespaces,
        hosts: HostIndex,
        managed: Mapping[str, Managed],
        fetched: Mapping[Ref, JsonObject | None],
        counts: Mapping[str, Sequence[str]],
    ) -> None:
        self._namespaces = namespaces
        self._hosts = hosts
        self._managed = managed
        self._fetched = fetched
        self._counts = counts

    def namespace(self, name: str) -> Namespace | None:
        """Return a namespace as last known."""
        return self._namespaces.get(name)

    def namespaces_of(self, tenant: str) -> Sequence[str]:
        """Return the namespaces of a tenant: as read for this request, else as last known."""
        return (
            self._counts[tenant] if tenant in self._counts else self._namespaces.of_tenant(tenant)
        )

    def host_uses(self, host: str) -> Iterable[HostUse]:
        """Return every use of a host name by that very spelling."""
        return self._hosts.of(host)

    def wildcard_uses(self, host: str) -> Iterable[HostUse]:
        """Return every use of a wildcard that covers a host name, or that a wildcard name covers."""
        return self._hosts.wildcards(host)

    def get(self, ref: Ref) -> JsonObject | None:
        """Return an object that was read for this request.

        Raises:
            LookupError: it was not; what was not asked is not known to be absent.
        """
        return self._fetched[ref]

    def managed(self, resource: str, namespace: str) -> Iterable[JsonObject]:
        """Return the platform's own objects, of the resources that are followed for this."""
        return self._managed[resource].of(namespace) if resource in self._managed else ()
