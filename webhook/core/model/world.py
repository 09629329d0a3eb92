"""What tenancy rules may know of the cluster beyond the request: asked of indexes, never a search."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from webhook.core.model.marks import TENANT
from webhook.core.model.objects import JsonObject

_IRREGULAR = {"Endpoints": "endpoints"}


@dataclass(frozen=True, slots=True)
class Namespace:
    """What is known of a namespace. `terminating`: it is being deleted."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    terminating: bool = False


@dataclass(frozen=True, slots=True)
class Ref:
    """Names one object: its API group, its resource (plural), its namespace or "", its name."""

    group: str
    resource: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class HostUse:
    """A host name in use by an Ingress or a route, and under which path (an empty one is all)."""

    host: str
    path: str
    ref: Ref


class World(Protocol):
    """The cluster as a decision sees it."""

    def namespace(self, name: str) -> Namespace | None:
        """Return a namespace, None when there is none."""
        ...

    def namespaces_of(self, tenant: str) -> Sequence[str]:
        """Return the names of the namespaces that carry a tenant's stamp, sorted."""
        ...

    def host_uses(self, host: str) -> Iterable[HostUse]:
        """Return every use of a host name, lower case, by that very spelling."""
        ...

    def wildcard_uses(self, host: str) -> Iterable[HostUse]:
        """Return every use of a wildcard that covers a host name, or that a wildcard name covers."""
        ...

    def get(self, ref: Ref) -> JsonObject | None:
        """Return an object that a rule said it would read, None when there is none."""
        ...

    def managed(self, resource: str, namespace: str) -> Iterable[JsonObject]:
        """Return the platform-managed objects of a resource in a namespace."""
        ...


class NoWorld:
    """A cluster without anything in it."""

    def namespace(self, name: str) -> Namespace | None:
        """Return None."""
        return None

    def namespaces_of(self, tenant: str) -> Sequence[str]:
        """Return none."""
        return ()

    def host_uses(self, host: str) -> Iterable[HostUse]:
        """Return none."""
        return ()

    def wildcard_uses(self, host: str) -> Iterable[HostUse]:
        """Return none."""
        return ()

    def get(self, ref: Ref) -> JsonObject | None:
        """Return None."""
        return None

    def managed(self, resource: str, namespace: str) -> Iterable[JsonObject]:
        """Return none."""
        return ()


def tenant_of(world: World, namespace: str) -> str:
    """Return the tenant whose stamp a namespace carries, or ""."""
    found = world.namespace(namespace) if namespace else None
    return found.labels.get(TENANT, "") if found is not None else ""


def plural(kind: str) -> str:
    """Return the resource of a kind, as Kubernetes forms the plural: `NetworkPolicy`, `Ingress`."""
    if kind in _IRREGULAR:
        return _IRREGULAR[kind]
    word = kind.lower()
    if re.search(r"(s|x|ch|sh)$", word):
        return word + "es"
    return re.sub(r"y$", "ie", word) + "s" if re.search(r"[^aeiou]y$", word) else word + "s"


def labels(value: object) -> Mapping[str, str]:
    """Return an object's labels; {} for whatever has none that can be read."""
    return _metadata(value, "labels")


def annotations(value: object) -> Mapping[str, str]:
    """Return an object's annotations; {} for whatever has none that can be read."""
    return _metadata(value, "annotations")


def is_terminating(namespace: JsonObject) -> bool:
    """Tell whether a Namespace object is being deleted: by its mark, or by its phase."""
    metadata, status = namespace.get("metadata"), namespace.get("status")
    marked = isinstance(metadata, Mapping) and bool(metadata.get("deletionTimestamp"))
    return marked or (isinstance(status, Mapping) and status.get("phase") == "Terminating")


def _metadata(value: object, key: str) -> Mapping[str, str]:
    metadata = value.get("metadata") if isinstance(value, Mapping) else None
    found = metadata.get(key) if isinstance(metadata, Mapping) else None
    return found if isinstance(found, Mapping) else {}
