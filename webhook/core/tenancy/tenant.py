"""A Tenant: who a tenant is, which namespaces are its own, what it may use."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from webhook.core.model.pattern import any_glob
from webhook.core.model.selector import Selector, read_selector
from webhook.core.platform import Level
from webhook.core.tenancy.document import ports_in


@dataclass(frozen=True, slots=True)
class Subject:
    """A user, a group or a service account, as a policy or a binding names it."""

    kind: str
    name: str
    namespace: str = ""

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


@dataclass(frozen=True, slots=True)
class Classes:
    """Names that may be used, and the one that is filled in where none is given.

    `names` None means any; the default is always among them.
    """

    names: frozenset[str] | None
    default: str = ""

    def permits(self, name: str) -> bool:
        """Tell whether a class may be used."""
        return self.names is None or name in self.names


@dataclass(frozen=True, slots=True)
class Keys:
    """Which label or annotation keys may be written; `allow` None means any key."""

    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()
    required: Mapping[str, str] = field(default_factory=dict)

    def permits(self, key: str) -> bool:
        """Tell whether a key may be written."""
        if any_glob(self.deny, key):
            return False
        return self.allow is None or any_glob(self.allow, key)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a tenant may use. None means no restriction beyond the rule's own; empty means nothing."""

    service_types: tuple[str, ...] = ("ClusterIP",)
    node_ports: tuple[tuple[int, int], ...] | None = None
    load_balancer_classes: tuple[str, ...] = ()
    load_balancer_ranges: tuple[str, ...] | None = None
    load_balancer_ips: tuple[str, ...] = ()
    external_ips: tuple[str, ...] = ()
    external_names: tuple[str, ...] = ()
    endpoint_cidrs: tuple[str, ...] = ()
    ingress_classes: Classes | None = None
    hostnames: tuple[str, ...] | None = None
    wildcard_hosts: bool = False
    host_collision: str = "cluster"
    gateway_classes: Classes = Classes(frozenset())
    gateways: tuple[str, ...] = ()
    storage_classes: Classes | None = None
    csi_inline: tuple[str, ...] = ()
    priority_classes: Classes | None = None
    runtime_classes: Classes | None = None
    schedulers: tuple[str, ...] = ("default-scheduler",)
    device_classes: tuple[str, ...] | None = None
    registries: tuple[str, ...] | None = None
    pull_policies: tuple[str, ...] | None = None
    tolerations: tuple[str, ...] | None = None
    cluster_roles: tuple[str, ...] = ("view", "edit", "admin")
    subjects: tuple[Subject, ...] = ()
    token_audiences: tuple[str, ...] | None = None
    iam_roles: tuple[str, ...] = ()
    cluster_refs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    peers: tuple[str, ...] = ()
    object_labels: Keys | None = None
    object_annotations: Keys | None = None


_NONE = Classes(frozenset())
NOTHING = Allowance(
    node_ports=(),
    load_balancer_ranges=(),
    ingress_classes=_NONE,
    hostnames=(),
    storage_classes=_NONE,
    priority_classes=_NONE,
    runtime_classes=_NONE,
    device_classes=(),
    tolerations=(),
    cluster_roles=(),
    token_audiences=(),
)
"""What a namespace may use whose tenant no longer exists: plain ClusterIP workloads only."""


@dataclass(frozen=True, slots=True)
class NamespaceRules:
    """Which namespaces a tenant owns, and what their metadata may say."""

    prefix: str = ""
    prefix_overlap: bool = False
    names: frozenset[str] = frozenset()
    selector: Selector | None = None
    quota: int | None = None
    protect: bool = False
    labels: Keys = Keys()
    annotations: Keys = Keys()
    node_selector: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Tenant:
    """One tenant. `provision` is kept as written, for the controller.

    `pod_security` is the Pod Security level that its pods have to meet, besides the platform's.
    """

    name: str
    owners: tuple[Subject, ...] = ()
    members: tuple[Subject, ...] = ()
    allow_foreign_service_accounts: bool = False
    suspended: bool = False
    namespaces: NamespaceRules = NamespaceRules()
    allow: Allowance = Allowance()
    pod_security: Level = "privileged"
    provision: Mapping[str, Any] = field(default_factory=dict)
    known: bool = True

    @classmethod
    def from_object(cls, document: Mapping[str, Any]) -> "Tenant":
        """Build from a document that `mistakes` finds nothing wrong with."""
        spec = document["spec"]
        return cls(
            name=document["metadata"]["name"],
            owners=_subjects(spec.get("owners")),
            members=_subjects(spec.get("members")),
            allow_foreign_service_accounts=bool(spec.get("allowForeignServiceAccounts")),
            suspended=bool(spec.get("suspended")),
            namespaces=_namespaces(spec.get("namespaces") or {}),
            allow=_allowance(spec.get("allow") or {}),
            pod_security=(spec.get("podSecurity") or {}).get("require") or "privileged",
            provision=spec.get("provision") or {},
        )


def unknown(name: str) -> Tenant:
    """Return what a stamp stands for whose tenant no file describes: owned, with no allowance."""
    return Tenant(name=name, allow=NOTHING, known=False)


def _subjects(value: Any) -> tuple[Subject, ...]:
    return tuple(
        Subject(item["kind"], item["name"], item.get("namespace") or "") for item in value or ()
    )


def _namespaces(spec: Mapping[str, Any]) -> NamespaceRules:
    selector = spec.get("selector")
    return NamespaceRules(
        prefix=spec.get("prefix") or "",
        prefix_overlap=spec.get("prefixOverlap") == "accept",
        names=frozenset(spec.get("names") or ()),
        selector=None if selector is None else read_selector(selector),
        quota=spec.get("quota"),
        protect=bool(spec.get("protect")),
        labels=_keys(spec.get("labels")) or Keys(),
        annotations=_keys(spec.get("annotations")) or Keys(),
        node_selector=spec.get("nodeSelector") or {},
    )


def _keys(spec: Mapping[str, Any] | None) -> Keys | None:
    if spec is None:
        return None
    allow = spec.get("allow")
    return Keys(
        allow=None if allow is None else tuple(allow),
        deny=tuple(spec.get("deny") or ()),
        required=spec.get("required") or {},
    )


def _classes(spec: Mapping[str, Any] | None) -> Classes | None:
    if spec is None:
        return None
    names, default = spec.get("names"), spec.get("default") or ""
    return Classes(
        None if names is None else frozenset({*names, *filter(None, [default])}), default
    )


def _allowance(spec: Mapping[str, Any]) -> Allowance:
    def strings(key: str) -> tuple[str, ...] | None:
        value = spec.get(key)
        return None if value is None else tuple(value)

    plain = Allowance()
    balancers = spec.get("loadBalancers") or {}
    gateways = spec.get("gatewayClasses") or {}
    ports = spec.get("nodePorts")
    types, roles, schedulers = (
        strings(key) for key in ("serviceTypes", "clusterRoles", "schedulers")
    )
    ranges = balancers.get("sourceRanges")
    return Allowance(
        service_types=plain.service_types if types is None else types,
        node_ports=None
        if ports is None
        else tuple(cast(tuple[int, int], ports_in(port)) for port in ports),
        load_balancer_classes=tuple(balancers.get("classes") or ()),
        load_balancer_ranges=None if ranges is None else tuple(ranges),
        load_balancer_ips=tuple(balancers.get("ips") or ()),
        external_ips=strings("externalIPs") or (),
        external_names=strings("externalNames") or (),
        endpoint_cidrs=strings("endpointCIDRs") or (),
        ingress_classes=_classes(spec.get("ingressClasses")),
        hostnames=strings("hostnames"),
        wildcard_hosts=bool(spec.get("wildcardHosts")),
        host_collision=spec.get("hostCollision") or plain.host_collision,
        gateway_classes=_classes({**gateways, "names": gateways.get("names") or ()})
        or plain.gateway_classes,
        gateways=strings("gateways") or (),
        storage_classes=_classes(spec.get("storageClasses")),
        csi_inline=strings("csiInline") or (),
        priority_classes=_classes(spec.get("priorityClasses")),
        runtime_classes=_classes(spec.get("runtimeClasses")),
        schedulers=plain.schedulers if schedulers is None else schedulers,
        device_classes=strings("deviceClasses"),
        registries=strings("registries"),
        pull_policies=strings("pullPolicies"),
        tolerations=strings("tolerations"),
        cluster_roles=plain.cluster_roles if roles is None else roles,
        subjects=_subjects(spec.get("subjects")),
        token_audiences=strings("tokenAudiences"),
        iam_roles=strings("iamRoles") or (),
        cluster_refs={
            kind: tuple(names) for kind, names in (spec.get("clusterRefs") or {}).items()
        },
        peers=strings("peers") or (),
        object_labels=_keys(spec.get("objectLabels")),
        object_annotations=_keys(spec.get("objectAnnotations")),
    )
