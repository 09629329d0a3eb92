"""A cluster that is described by files: what they do not say is assumed, and listed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import cast

from webhook.cluster.world import OfflineWorld
from webhook.core.engine import awaited, needs
from webhook.core.model.marks import PROVISIONED, TENANT
from webhook.core.model.objects import Json, JsonObject, Pod
from webhook.core.model.request import Access, Facts, Namespace, Request
from webhook.core.policyset import PolicySet
from webhook.core.rbac import Rbac, is_rbac
from webhook.core.tenancy.registry import Registry

UID_RANGE = "openshift.io/sa.scc.uid-range"
GROUPS = "openshift.io/sa.scc.supplemental-groups"
MCS = "openshift.io/sa.scc.mcs"

ASSUMED_RANGE = "1000000000/10000"
"""The block of UIDs that a namespace is taken to have when no file gives it one."""

ASSUMED_MCS = "s0:c1,c0"
"""The SELinux level that a namespace is taken to have when no file gives it one."""

UNNAMED = "(unnamed)"
"""The namespace of what names none; no real one can be called that."""


class OfflineCluster:
    """Facts from documents instead of from an API server.

    It answers the same questions as the live cluster, always at once, and is always in step.
    `objects` are manifests of any kind (Namespaces, ServiceAccounts, Pods and RBAC are read, the
    others passed over); `rbac` are the RBAC documents of the policy folder.

    Raises:
        RbacError: RBAC documents that cannot be read; a problem's `index` counts the items of
            `rbac` and then of `objects`, a `List` being as many as it holds.
    """

    synced = True

    def __init__(self, objects: Iterable[JsonObject], rbac: Iterable[JsonObject] = ()) -> None:
        self._objects: dict[tuple[str, str, str], JsonObject] = {}
        self._known: dict[str, Namespace] = {}
        self._unbound = True
        items = [item for document in (*rbac, *objects) for item in _items(document)]
        for item in items:
            kind = str(item.get("kind"))
            if kind in ("Namespace", "ServiceAccount", "Pod") and _group(item) == "":
                name, namespace = _meta(item, "name"), _meta(item, "namespace")
                self._objects[kind, "" if kind == "Namespace" else namespace, name] = item
            elif kind.endswith("Binding") and is_rbac(item):
                self._unbound = False
        self.access: Access = Rbac.from_objects(items)
        self._world = OfflineWorld(items)

    def namespace(self, name: str) -> Namespace:
        """Return the namespace as its file and the assumptions have it; every name exists."""
        found = self._known.get(name)
        if found is None:
            found = self._namespace(name)[0]
            if ("Namespace", "", name) in self._objects:
                self._known[name] = found
        return found

    def namespaces(self) -> Iterable[str]:
        """Return the names of the namespaces that a file describes."""
        return [name for kind, _, name in self._objects if kind == "Namespace"]

    def read_namespace(self, name: str) -> Namespace:
        """Return what `namespace` does: there is nothing fresher than the files."""
        return self.namespace(name)

    def automount(self, namespace: str, service_account: str) -> bool | None:
        """Return a service account's own `automountServiceAccountToken`; None if it has none."""
        document = self._objects.get(("ServiceAccount", namespace, service_account), {})
        value = document.get("automountServiceAccountToken")
        return value if isinstance(value, bool) else None

    def pod(self, namespace: str, name: str) -> Pod | None:
        """Return the Pod document, or None when no file has it; its shape is yet to be checked."""
        return cast(Pod | None, self._objects.get(("Pod", namespace, name)))

    def facts(self, request: Request, policies: PolicySet) -> Facts:
        """Return what `decide` needs to know, with a sentence for everything taken for granted."""
        wanted = needs(request, policies)
        assumptions: list[str] = []
        namespace = pod = automount = None
        if wanted.namespace:
            namespace, assumed = self._namespace(request.namespace)
            assumptions += assumed
        elif wanted.labels:
            namespace = self.namespace(request.namespace)
            described = ("Namespace", "", request.namespace) in self._objects
            if not described and any(policy.match.selector for policy in policies.defaults):
                assumptions.append(
                    f'namespace "{request.namespace}" is not described: '
                    "taken to have no labels of its own"
                )
        if wanted.pod:
            pod = self.pod(request.namespace, request.name)
        if wanted.service_account:
            automount = self.automount(request.namespace, wanted.service_account)
            if ("ServiceAccount", request.namespace, wanted.service_account) not in self._objects:
                assumptions.append(
                    f'service account "{wanted.service_account}" is not described: '
                    "taken to mount its token, as by default"
                )
        if wanted.grants and self._unbound:
            assumptions.append(
                "no Role or ClusterRole is bound to anyone: by RBAC, "
                "only system:masters may use an SCC"
            )
        world = self.world(request, policies)
        if policies.registry and request.namespace:
            namespace, assumed = world.described(request.namespace)
            assumptions += [text for text in assumed if text not in assumptions]
        if world.provisioned is not None:
            assumptions.append(
                f'namespace "{request.namespace}" has no {PROVISIONED} yet: '
                "taken to hold all that it is to hold"
            )
        return Facts(
            namespace=namespace,
            access=self.access,
            pod=pod,
            automount=automount,
            world=world,
            assumptions=tuple(assumptions),
        )

    def world(self, request: Request, policies: PolicySet) -> "_AssumedWorld":
        """Return the described cluster as isolation rules see it, for one request."""
        home = _home(request, policies.registry)
        world = _AssumedWorld(self, self._world, policies.registry, home)
        if awaited(request, policies, world.namespace(request.namespace)):
            world.provision(request.namespace)
        return world

    def _namespace(self, name: str) -> tuple[Namespace, list[str]]:
        label = "the namespace, which nobody named," if name == UNNAMED else f'namespace "{name}"'
        document = self._objects.get(("Namespace", "", name))
        if document is None:
            ordinary = Namespace(name, {"kubernetes.io/metadata.name": name}, _assumed({}))
            return ordinary, [
                f"{label} is not described: taken to be an ordinary one with the UID range "
                f"{ASSUMED_RANGE} and the SELinux level {ASSUMED_MCS}"
            ]
        assumptions: list[str] = []
        labels = _strings(document, "labels", label, assumptions)
        annotations = _strings(document, "annotations", label, assumptions)
        if UID_RANGE not in annotations:
            annotations = _assumed(annotations)
            assumptions.append(
                f"{label} has no {UID_RANGE} yet: taken to get {ASSUMED_RANGE} "
                f"and the SELinux level {annotations[MCS]}"
            )
        return Namespace(name, {**labels, "kubernetes.io/metadata.name": name}, annotations), (
            assumptions
        )


class _AssumedWorld:
    """The described objects, and namespaces as the tenants' files claim them.

    A namespace without a stamp that a tenant claims by name or prefix is taken to have got it, and
    what names no namespace is taken to be in one of its sender's tenant.
    """

    def __init__(
        self, cluster: OfflineCluster, described: OfflineWorld, registry: Registry, home: str
    ) -> None:
        self._cluster = cluster
        self._described = described
        self._registry = registry
        self._home = home
        self.provisioned: Namespace | None = None
        self.host_uses = described.host_uses
        self.wildcard_uses = described.wildcard_uses
        self.get = described.get
        self.managed = described.managed

    def described(self, name: str) -> tuple[Namespace, list[str]]:
        """Return a namespace, and what was taken for granted about it."""
        found, assumptions = self._cluster._namespace(name)
        owner = self._home if name == UNNAMED else self._registry.claimed_by(name)
        if not owner or TENANT in found.labels:
            return found, assumptions
        label = "the namespace, which nobody named," if name == UNNAMED else f'namespace "{name}"'
        stamped = replace(found, labels={**found.labels, TENANT: owner})
        return stamped, [*assumptions, f"{label} is taken to belong to tenant {owner}"]

    def provision(self, name: str) -> None:
        """Take a namespace to hold all that it is to hold."""
        found = self.namespace(name)
        self.provisioned = replace(found, annotations={**found.annotations, PROVISIONED: ""})

    def namespace(self, name: str) -> Namespace:
        """Return a namespace; every name exists."""
        if self.provisioned is not None and self.provisioned.name == name:
            return self.provisioned
        return self.described(name)[0] if self._registry else self._cluster.namespace(name)

    def namespaces_of(self, tenant: str) -> Sequence[str]:
        """Return the described namespaces that carry a tenant's stamp, or would, sorted."""
        names = [name for name in self._cluster.namespaces() if self._owner(name) == tenant]
        return sorted(names)

    def _owner(self, name: str) -> str:
        return self.namespace(name).labels.get(TENANT, "")


def _home(request: Request, registry: Registry) -> str:
    """Return the tenant whose namespace a manifest without one goes to: the first of its sender's."""
    if not registry:
        return ""
    from webhook.core.tenancy.requester import service_account

    account = service_account(request.user)
    names = [name for name, _ in registry.memberships(request.user, account)]
    if account and (claimed := registry.claimed_by(account[0])):
        names.append(claimed)
    return names[0] if names else ""


def _assumed(annotations: Mapping[str, str]) -> dict[str, str]:
    """Return annotations as the allocator leaves them: it keeps an MCS label that is there."""
    return {MCS: ASSUMED_MCS, **annotations, UID_RANGE: ASSUMED_RANGE, GROUPS: ASSUMED_RANGE}


def _items(document: Json) -> Iterator[JsonObject]:
    """Return the objects of a document: a `List` counts as its items."""
    if not isinstance(document, Mapping):
        return
    items = document.get("items")
    if str(document.get("kind")).endswith("List") and isinstance(items, list):
        for item in items:
            yield from _items(item)
    else:
        yield document


def _group(item: JsonObject) -> str:
    return str(item.get("apiVersion", "")).rpartition("/")[0]


def _meta(item: JsonObject, key: str) -> str:
    metadata = item.get("metadata")
    value = metadata.get(key) if isinstance(metadata, Mapping) else None
    return value if isinstance(value, str) else ""


def _strings(item: JsonObject, key: str, label: str, assumptions: list[str]) -> dict[str, str]:
    """Return labels or annotations; one that is no string would not pass the API server."""
    metadata = item.get("metadata")
    values = (metadata.get(key) if isinstance(metadata, Mapping) else None) or {}
    if not isinstance(values, Mapping):
        assumptions.append(f"{label} has {key} that are no mapping: taken to have none")
        return {}
    strange = sorted(str(name) for name, value in values.items() if not isinstance(value, str))
    assumptions += [f"{label} has {key}[{name}] that is no string: left out" for name in strange]
    return {name: value for name, value in values.items() if isinstance(value, str)}
