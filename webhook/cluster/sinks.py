"""Where the watches of the cache put objects: what decisions read of them, and no more."""

import threading
from collections.abc import Sequence
from sys import intern

from webhook.core.model.loose import mapping
from webhook.core.model.marks import TENANT
from webhook.core.model.objects import JsonObject
from webhook.core.model.world import Namespace
from webhook.core.rbac import Binding, Kind, RbacIndex, Role, read_rbac

_ANNOTATIONS = (
    "openshift.io/",
    "security.openshift.io/",
    "tenantgate.io/",
    "scheduler.alpha.kubernetes.io/",
)

NamespaceRecord = tuple[int, Namespace]


class NamespaceSink:
    """Namespaces by name. A live read may come between events, so the newer version wins."""

    def __init__(self) -> None:
        self._known: dict[str, NamespaceRecord] = {}
        self._stamped: dict[str, tuple[str, ...]] = {}
        self._writing = threading.Lock()

    def get(self, name: str) -> Namespace | None:
        """Return a namespace as last known."""
        record = self._known.get(name)
        return record[1] if record else None

    def read(self, obj: JsonObject) -> NamespaceRecord:
        """Reduce an object to its version and what is kept of it."""
        metadata = mapping(obj.get("metadata"))
        annotations = mapping(metadata.get("annotations"))
        version = str(metadata.get("resourceVersion") or "")
        return int(version) if version.isdecimal() else 0, Namespace(
            name=intern(str(metadata.get("name"))),
            labels=dict(mapping(metadata.get("labels"))),
            annotations={
                key: value for key, value in annotations.items() if key.startswith(_ANNOTATIONS)
            },
            terminating=bool(metadata.get("deletionTimestamp")),
        )

    def of_tenant(self, tenant: str) -> Sequence[str]:
        """Return the names of the namespaces that carry a tenant's stamp, sorted."""
        return self._stamped.get(tenant, ())

    def _stamp(self, record: NamespaceRecord | None, *, gone: bool = False) -> None:
        tenant = record[1].labels.get(TENANT) if record else None
        if record is None or not tenant:
            return
        names = {*self._stamped.get(tenant, ())} - {record[1].name}
        if not gone:
            names.add(record[1].name)
        if names:
            self._stamped[tenant] = tuple(sorted(names))
        else:
            self._stamped.pop(tenant, None)

    def replace(self, records: list[NamespaceRecord]) -> None:
        """Take these namespaces for all that there are."""
        stamped: dict[str, set[str]] = {}
        for _, namespace in records:
            if tenant := namespace.labels.get(TENANT):
                stamped.setdefault(tenant, set()).add(namespace.name)
        with self._writing:
            self._known = {record[1].name: record for record in records}
            self._stamped = {tenant: tuple(sorted(names)) for tenant, names in stamped.items()}

    def put(self, record: NamespaceRecord) -> None:
        """Take a namespace that is new or has changed, unless a newer version is known."""
        with self._writing:
            known = self._known.get(record[1].name)
            if not known or known[0] <= record[0]:
                self._stamp(known, gone=True)
                self._known[record[1].name] = record
                self._stamp(record)

    def delete(self, namespace: str, name: str, version: int) -> None:
        """Forget a namespace, unless it was made anew meanwhile."""
        with self._writing:
            known = self._known.get(name)
            if known and known[0] <= version:
                self._stamp(known, gone=True)
                del self._known[name]


AccountRecord = tuple[str, str, bool | None]


class AccountSink:
    """Whether service accounts mount their token, by namespace and name."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, bool | None]] = {}

    def get(self, namespace: str, name: str) -> bool | None:
        """Return whether an account says that its token is mounted; None if it says nothing."""
        return self._known.get(namespace, {}).get(name)

    def read(self, obj: JsonObject) -> AccountRecord:
        """Reduce an object to its place and what it says."""
        metadata = mapping(obj.get("metadata"))
        mount = obj.get("automountServiceAccountToken")
        return (
            intern(str(metadata.get("namespace"))),
            intern(str(metadata.get("name"))),
            mount if isinstance(mount, bool) else None,
        )

    def replace(self, records: list[AccountRecord]) -> None:
        """Take these accounts for all that there are."""
        known: dict[str, dict[str, bool | None]] = {}
        for namespace, name, mount in records:
            known.setdefault(namespace, {})[name] = mount
        self._known = known

    def put(self, record: AccountRecord) -> None:
        """Take an account that is new or has changed."""
        namespace, name, mount = record
        self._known.setdefault(namespace, {})[name] = mount

    def delete(self, namespace: str, name: str, version: int) -> None:
        """Forget an account."""
        accounts = self._known.get(namespace, {})
        accounts.pop(name, None)
        if not accounts:
            self._known.pop(namespace, None)


class RbacSink:
    """The RBAC objects of one kind, on their way into the index."""

    def __init__(self, kind: Kind, index: RbacIndex) -> None:
        self._kind = kind
        self._index = index

    def read(self, obj: JsonObject) -> Role | Binding:
        """Read an object of this kind."""
        return read_rbac(obj, self._kind)

    def replace(self, records: list[Role | Binding]) -> None:
        """Take these objects for all that there are of this kind."""
        self._index.replace(self._kind, records)

    def put(self, record: Role | Binding) -> None:
        """Take an object that is new or has changed."""
        self._index.put(record)

    def delete(self, namespace: str, name: str, version: int) -> None:
        """Forget an object."""
        self._index.delete(self._kind, namespace, name)
