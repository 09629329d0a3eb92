"""All tenants, indexed by who belongs to them, so that a look-up costs the same for ten thousand."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from webhook.core.model.fieldpath import ROOT
from webhook.core.model.marks import PROTECTED_NAMESPACE_KEYS
from webhook.core.model.pattern import any_glob
from webhook.core.model.request import User
from webhook.core.model.schema import Mistake
from webhook.core.platform import Platform
from webhook.core.tenancy.host_index import HostIndex
from webhook.core.tenancy.selector_index import SelectorIndex

if TYPE_CHECKING:  # a set without Tenants does not need the module that reads them
    from webhook.core.tenancy.tenant import Subject, Tenant

Role = Literal["owner", "member"]
Membership = tuple[str, Role]
_COMMON_NODE_LABELS = (
    "kubernetes.io/arch",
    "kubernetes.io/os",
    "beta.kubernetes.io/*",
    "node.kubernetes.io/instance-type",
    "topology.kubernetes.io/*",
    "failure-domain.beta.kubernetes.io/*",
)


@dataclass(frozen=True, slots=True, eq=False)
class Registry:
    """The tenants of a policy set. `by_subject` maps `kind:name` to (tenant, role) pairs.

    `pools` are the labels, by key and value, that mark the nodes of one tenant or of some. Labels
    which every node has, such as its zone, mark none. `hosts` are the host names they are granted,
    `selectors` those by which they claim namespaces.
    """

    tenants: "Mapping[str, Tenant]" = field(default_factory=dict)
    by_subject: Mapping[str, tuple[Membership, ...]] = field(default_factory=dict)
    prefixes: Mapping[str, str] = field(default_factory=dict)
    listed: Mapping[str, str] = field(default_factory=dict)
    pools: Mapping[str, Mapping[str, frozenset[str]]] = field(default_factory=dict)
    hosts: HostIndex = field(default_factory=HostIndex)
    selectors: SelectorIndex = field(default_factory=SelectorIndex)

    @classmethod
    def of(cls, tenants: "Iterable[Tenant]") -> "Registry":
        """Build the indexes."""
        known = {tenant.name: tenant for tenant in tenants}
        members: dict[str, list[Membership]] = {}
        for tenant in known.values():
            for subject in tenant.owners:
                members.setdefault(_key(subject), []).append((tenant.name, "owner"))
            for subject in tenant.members:
                members.setdefault(_key(subject), []).append((tenant.name, "member"))
        return cls(
            tenants=known,
            by_subject={key: tuple(found) for key, found in members.items()},
            prefixes={
                tenant.namespaces.prefix: tenant.name
                for tenant in known.values()
                if tenant.namespaces.prefix
            },
            listed={
                name: tenant.name for tenant in known.values() for name in tenant.namespaces.names
            },
            pools=_pools(known.values()),
            hosts=HostIndex.of(
                (pattern, tenant.name)
                for tenant in known.values()
                for pattern in tenant.allow.hostnames or ()
            ),
            selectors=SelectorIndex.of(
                (tenant.namespaces.selector, tenant.name)
                for tenant in known.values()
                if tenant.namespaces.selector is not None
            ),
        )

    def __bool__(self) -> bool:
        return bool(self.tenants)

    def get(self, name: str) -> "Tenant":
        """Return a tenant; for a name that no file describes, one without any allowance."""
        if (known := self.tenants.get(name)) is not None:
            return known
        from webhook.core.tenancy.tenant import unknown

        return unknown(name)

    def memberships(self, user: User, account: tuple[str, str] | None) -> Iterator[Membership]:
        """Yield the tenants whose files list a user, and as what.

        `account` is the namespace and name of what the user was found to be a service account of.
        A user whose name merely looks like one matches as a user only.
        """
        if account is not None:
            yield from self.by_subject.get(f"ServiceAccount:{account[0]}/{account[1]}", ())
        else:
            yield from self.by_subject.get(f"User:{user.name}", ())
        for group in user.groups:
            yield from self.by_subject.get(f"Group:{group}", ())

    def prefix_owner(self, name: str) -> str:
        """Return the tenant with the longest prefix that a namespace's name begins with, or ""."""
        for end in range(len(name), 0, -1):
            if owner := self.prefixes.get(name[:end]):
                return owner
        return ""

    def claimed_by(self, namespace: str) -> str:
        """Return the tenant whose file claims a namespace by its name or its prefix, or ""."""
        return self.listed.get(namespace) or self.prefix_owner(namespace)


def _pools(tenants: "Iterable[Tenant]") -> Mapping[str, Mapping[str, frozenset[str]]]:
    pools: dict[str, dict[str, set[str]]] = {}
    for tenant in tenants:
        for key, label in tenant.namespaces.node_selector.items():
            if not any_glob(_COMMON_NODE_LABELS, key):
                pools.setdefault(key, {}).setdefault(label, set()).add(tenant.name)
    return {
        key: {label: frozenset(names) for label, names in labels.items()}
        for key, labels in pools.items()
    }


def _key(subject: "Subject") -> str:
    return f"{subject.kind}:{subject}"


def conflicts(registry: Registry, platform: Platform) -> Iterator[tuple[str, Mistake]]:
    """Yield what is wrong among tenants, and between them and the platform: (tenant, mistake)."""
    yield from _prefix_conflicts(registry)
    yield from _name_conflicts(registry, platform)
    spec = ROOT / "spec"
    for tenant in registry.tenants.values():
        for index, peer in enumerate(tenant.allow.peers):
            if peer not in registry.tenants:
                at = spec / "allow" / "peers" / index
                yield tenant.name, Mistake(at, f'{at} is "{peer}"; allowed: the name of a Tenant')
        yield from _foreign_accounts(tenant, registry)
        yield from _open_selector(tenant, registry, platform)
    yield from _platform_accounts(registry, platform)


def _prefix_conflicts(registry: Registry) -> Iterator[tuple[str, Mistake]]:
    at = ROOT / "spec" / "namespaces" / "prefix"
    by_prefix: dict[str, str] = {}
    for tenant in registry.tenants.values():
        prefix = tenant.namespaces.prefix
        if not prefix:
            continue
        if prefix in by_prefix:
            yield (
                tenant.name,
                Mistake(at, f'{at} is "{prefix}", which tenant {by_prefix[prefix]} has'),
            )
            continue
        by_prefix[prefix] = tenant.name
    for prefix, name in by_prefix.items():
        if registry.tenants[name].namespaces.prefix_overlap:
            continue
        for end in range(1, len(prefix)):
            if shorter := by_prefix.get(prefix[:end]):
                yield (
                    name,
                    Mistake(
                        at,
                        f'{at} is "{prefix}", which lies inside prefix "{prefix[:end]}" of tenant '
                        f"{shorter}. Fix: choose another, or set prefixOverlap: accept here.",
                    ),
                )


def _name_conflicts(registry: Registry, platform: Platform) -> Iterator[tuple[str, Mistake]]:
    at = ROOT / "spec" / "namespaces" / "names"
    seen: dict[str, str] = {}
    reserved = platform.namespaces | {platform.engine_namespace}
    for tenant in registry.tenants.values():
        for name in sorted(tenant.namespaces.names):
            if name in reserved:
                yield tenant.name, Mistake(at, f'{at}: "{name}" is a namespace of the platform')
            if name in seen:
                yield (
                    tenant.name,
                    Mistake(at, f'{at}: "{name}" is listed by tenant {seen[name]} too'),
                )
            seen.setdefault(name, tenant.name)


def _foreign_accounts(tenant: "Tenant", registry: Registry) -> Iterator[tuple[str, Mistake]]:
    if tenant.allow_foreign_service_accounts:
        return
    for index, subject in enumerate(tenant.owners):
        namespace = subject.namespace or _namespace_of_group(subject)
        home = registry.claimed_by(namespace) if namespace else ""
        if home and home != tenant.name:
            at = ROOT / "spec" / "owners" / index
            told = "service account" if subject.kind == "ServiceAccount" else "group"
            yield (
                tenant.name,
                Mistake(
                    at,
                    f'{at} is {told} "{subject}", of a namespace of tenant {home}, who can mint '
                    "tokens for it. Fix: list one of your own, or set "
                    "allowForeignServiceAccounts: true.",
                ),
            )


def _namespace_of_group(subject: "Subject") -> str:
    """Return the namespace whose service accounts a group stands for, or ""."""
    prefix = "system:serviceaccounts:"
    if subject.kind == "Group" and subject.name.startswith(prefix):
        return subject.name.removeprefix(prefix)
    return ""


def _platform_accounts(registry: Registry, platform: Platform) -> Iterator[tuple[str, Mistake]]:
    for entry in sorted(platform.admins.service_accounts):
        namespace = entry.partition("/")[0]
        if namespace not in platform.namespaces and (home := registry.claimed_by(namespace)):
            at = ROOT / "spec" / "namespaces"
            yield (
                home,
                Mistake(
                    at,
                    f'service account "{entry}" of Platform spec.admins lives in namespace '
                    f'"{namespace}" of tenant {home}, who can mint tokens for it. Fix: move it to a '
                    "namespace of the platform.",
                ),
            )


def _open_selector(
    tenant: "Tenant", registry: Registry, platform: Platform
) -> Iterator[tuple[str, Mistake]]:
    selector = tenant.namespaces.selector
    if selector is None:
        return
    protected = (*PROTECTED_NAMESPACE_KEYS, *platform.protected_labels)
    for item in selector.requirements:
        if any_glob(protected, item.key):
            continue
        everyone = registry.tenants.values()
        writers = (other.name for other in everyone if other.namespaces.labels.permits(item.key))
        if writer := next(writers, ""):
            at = ROOT / "spec" / "namespaces" / "selector"
            yield (
                tenant.name,
                Mistake(
                    at,
                    f'{at} reads label "{item.key}", which tenant {writer} may write itself. '
                    "Fix: add it to Platform spec.labels.protected.",
                ),
            )
