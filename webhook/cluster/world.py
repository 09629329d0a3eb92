"""The cluster as tenancy rules see it, from files: everything is indexed when it is read."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from webhook.cluster.wildcards import Wildcards
from webhook.core.model.loose import items, mapping
from webhook.core.model.marks import MANAGED, TENANT
from webhook.core.model.objects import Json, JsonObject
from webhook.core.model.world import (
    HostUse,
    Namespace,
    Ref,
    annotations,
    is_terminating,
    labels,
    plural,
)

_ROUTES = frozenset({"httproutes", "grpcroutes", "tlsroutes"})


def host_uses(value: JsonObject, ref: Ref) -> Iterator[HostUse]:
    """Yield the hosts that an Ingress or a route answers for, lower case, each with its paths."""
    spec = value.get("spec")
    if not isinstance(spec, Mapping):
        return
    if ref.resource == "ingresses":
        for rule in items(spec.get("rules")):
            http = rule.get("http") if isinstance(rule, Mapping) else None
            found = items(http.get("paths")) if isinstance(http, Mapping) else ()
            paths = [str(item.get("path") or "/") for item in found if isinstance(item, Mapping)]
            for path in paths or [""]:
                yield HostUse(_host(rule.get("host")), path, ref)
        for tls in items(spec.get("tls")):
            for name in items(tls.get("hosts") if isinstance(tls, Mapping) else None):
                yield HostUse(_host(name), "", ref)
    elif ref.resource in _ROUTES:
        for name in items(spec.get("hostnames")):
            yield HostUse(_host(name), "", ref)


def _host(value: Any) -> str:
    return str(value or "").lower().rstrip(".")


class OfflineWorld:
    """A cluster that documents describe; what they do not say does not exist."""

    def __init__(self, objects: Iterable[Json] = ()) -> None:
        self._objects: dict[Ref, JsonObject] = {}
        self._namespaces: dict[str, Namespace] = {}
        self._tenants: dict[str, list[str]] = {}
        self._hosts: dict[str, list[HostUse]] = {}
        self._wildcards = Wildcards()
        self._managed: dict[tuple[str, str], list[JsonObject]] = {}
        for value in objects:
            if isinstance(value, Mapping):
                self._add(value)

    def _add(self, value: JsonObject) -> None:
        metadata = mapping(value.get("metadata"))
        group = str(value.get("apiVersion", "")).rpartition("/")[0]
        name, namespace = str(metadata.get("name", "")), str(metadata.get("namespace", ""))
        ref = Ref(group, plural(str(value.get("kind", ""))), namespace, name)
        self._objects[ref] = value
        if ref.resource == "namespaces" and not group:
            self._add_namespace(name, value)
        if labels(value).get(MANAGED) == "true":
            self._managed.setdefault((ref.resource, namespace), []).append(value)
        uses = list(host_uses(value, ref))
        for host in dict.fromkeys(use.host for use in uses):
            of_host = [use for use in uses if use.host == host]
            if host.startswith("*"):
                self._wildcards.put(ref, host, of_host)
            else:
                self._hosts.setdefault(host, []).extend(of_host)

    def _add_namespace(self, name: str, value: JsonObject) -> None:
        found = Namespace(
            name,
            {**labels(value), "kubernetes.io/metadata.name": name},
            annotations(value),
            is_terminating(value),
        )
        self._namespaces[name] = found
        if tenant := found.labels.get(TENANT):
            self._tenants.setdefault(tenant, []).append(name)

    def namespace(self, name: str) -> Namespace | None:
        """Return a namespace, None when no document describes it."""
        return self._namespaces.get(name)

    def namespaces_of(self, tenant: str) -> Sequence[str]:
        """Return the names of the namespaces that carry a tenant's stamp, sorted."""
        return sorted(self._tenants.get(tenant, ()))

    def host_uses(self, host: str) -> Iterable[HostUse]:
        """Return every use of a host name by that very spelling."""
        return self._hosts.get(host, ())

    def wildcard_uses(self, host: str) -> Iterable[HostUse]:
        """Return every use of a wildcard that covers a host name, or that a wildcard name covers."""
        return self._wildcards.of(host)

    def get(self, ref: Ref) -> JsonObject | None:
        """Return an object, None when no document describes it."""
        return self._objects.get(ref)

    def managed(self, resource: str, namespace: str) -> Iterable[JsonObject]:
        """Return the platform-managed objects of a resource in a namespace."""
        return self._managed.get((resource, namespace), ())
