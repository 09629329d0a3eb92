"""The Tenant document: who a tenant is, which namespaces are its own, what it may use."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from webhook.core.model.fieldpath import ROOT, FieldPath
from webhook.core.model.pattern import any_glob, network
from webhook.core.model.schema import (
    ANYTHING,
    BOOLEAN,
    INTEGER,
    METADATA,
    STRING,
    STRING_OR_INTEGER,
    STRINGS,
    ListOf,
    MapOf,
    Mistake,
    Object,
    Scalar,
)
from webhook.core.model.selector import Selector, SelectorError, read_selector
from webhook.core.platform import LEVELS, Level

API_VERSION = "tenantgate.io/v1"
KIND = "Tenant"

_SUBJECTS = ListOf(
    Object(
        {
            "kind": Scalar(str, ("User", "Group", "ServiceAccount")),
            "name": STRING,
            "namespace": STRING,
            "apiGroup": STRING,
        },
        required=("kind", "name"),
    )
)
_CLASSES = Object({"names": STRINGS, "default": STRING})
_KEYS = Object({"allow": STRINGS, "deny": STRINGS, "required": MapOf(STRING)})
_ALLOW = Object(
    {
        "serviceTypes": ListOf(
            Scalar(str, ("ClusterIP", "NodePort", "LoadBalancer", "ExternalName"))
        ),
        "nodePorts": ListOf(STRING_OR_INTEGER),
        "loadBalancers": Object({"classes": STRINGS, "sourceRanges": STRINGS, "ips": STRINGS}),
        "externalIPs": STRINGS,
        "externalNames": STRINGS,
        "endpointCIDRs": STRINGS,
        "ingressClasses": _CLASSES,
        "hostnames": STRINGS,
        "wildcardHosts": BOOLEAN,
        "hostCollision": Scalar(str, ("cluster", "tenant", "namespace", "off")),
        "gatewayClasses": _CLASSES,
        "gateways": STRINGS,
        "storageClasses": _CLASSES,
        "csiInline": STRINGS,
        "priorityClasses": _CLASSES,
        "runtimeClasses": _CLASSES,
        "schedulers": STRINGS,
        "deviceClasses": STRINGS,
        "registries": STRINGS,
        "pullPolicies": ListOf(Scalar(str, ("Always", "IfNotPresent", "Never"))),
        "tolerations": STRINGS,
        "clusterRoles": STRINGS,
        "subjects": _SUBJECTS,
        "tokenAudiences": STRINGS,
        "iamRoles": STRINGS,
        "clusterRefs": MapOf(STRINGS),
        "peers": STRINGS,
        "objectLabels": _KEYS,
        "objectAnnotations": _KEYS,
    }
)
SCHEMA = Object(
    {
        "apiVersion": STRING,
        "kind": STRING,
        "metadata": METADATA,
        "spec": Object(
            {
                "owners": _SUBJECTS,
                "members": _SUBJECTS,
                "allowForeignServiceAccounts": BOOLEAN,
                "suspended": BOOLEAN,
                "namespaces": Object(
                    {
                        "prefix": STRING,
                        "prefixOverlap": Scalar(str, ("refuse", "accept")),
                        "names": STRINGS,
                        "selector": ANYTHING,
                        "quota": INTEGER,
                        "protect": BOOLEAN,
                        "labels": _KEYS,
                        "annotations": _KEYS,
                        "nodeSelector": MapOf(STRING),
                    }
                ),
                "allow": _ALLOW,
                "podSecurity": Object({"require": Scalar(str, LEVELS)}),
                "provision": Object(
                    {
                        "template": STRING,
                        "parameters": MapOf(STRING),
                        "resourceQuota": MapOf(STRING_OR_INTEGER),
                        "limitRange": Object(
                            {
                                key: MapOf(STRING_OR_INTEGER)
                                for key in (
                                    "default",
                                    "defaultRequest",
                                    "min",
                                    "max",
                                    "maxLimitRequestRatio",
                                )
                            }
                        ),
                        "networkPolicy": Scalar(str, ("default-deny", "none")),
                        "roleBindings": ListOf(
                            Object(
                                {
                                    "clusterRole": STRING,
                                    "to": Scalar(str, ("owners", "members")),
                                },
                                required=("clusterRole", "to"),
                            )
                        ),
                    }
                ),
            },
            required=("owners",),
        ),
    },
    required=("metadata", "spec"),
)


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


def mistakes(document: Mapping[str, Any]) -> list[Mistake]:
    """Return everything that is wrong with a Tenant document on its own."""
    found = list(SCHEMA.mistakes(document))
    if not found:
        spec = document["spec"]
        for part in ("owners", "members"):
            found += _subject_mistakes(spec.get(part) or (), ROOT / "spec" / part)
        allow = spec.get("allow") or {}
        path = ROOT / "spec" / "allow"
        found += _subject_mistakes(allow.get("subjects") or (), path / "subjects", any_group=True)
        found += _namespace_mistakes(spec.get("namespaces") or {}, ROOT / "spec" / "namespaces")
        found += _allow_mistakes(allow, path)
    return found


def _subject_mistakes(
    subjects: Sequence[Mapping[str, Any]], path: FieldPath, any_group: bool = False
) -> Iterator[Mistake]:
    for index, subject in enumerate(subjects):
        at, kind, name = path / index, subject["kind"], subject["name"]
        if not name or name == "*":
            yield Mistake(at / "name", f'{at}/name is "{name}"; allowed: one name in full')
        if kind == "ServiceAccount" and not subject.get("namespace"):
            yield Mistake(at, f'"namespace" is missing in {at}; a ServiceAccount has one')
        if kind != "ServiceAccount" and subject.get("namespace"):
            yield Mistake(at / "namespace", f"{at}.namespace: only a ServiceAccount has one")
        system = name.startswith("system:") and not (
            kind == "Group" and name.startswith("system:serviceaccounts:")
        )
        if system and not any_group:
            yield Mistake(
                at / "name",
                f'{at}.name is "{name}"; allowed: names that do not begin with "system:", except '
                "groups system:serviceaccounts:<namespace>. Fix: name a group of people, or a "
                "ServiceAccount by namespace and name.",
            )


def _namespace_mistakes(spec: Mapping[str, Any], path: FieldPath) -> Iterator[Mistake]:
    selector = spec.get("selector")
    if selector is not None:
        at = path / "selector"
        try:
            read = read_selector(selector, at)
        except SelectorError as error:
            yield Mistake(error.path, f"{error}. Fix: {error.fix}.")
        else:
            if not read.requirements:
                yield Mistake(at, f"{at} is empty, which selects every namespace; name a label")
    if (quota := spec.get("quota")) is not None and quota < 0:
        yield Mistake(path / "quota", f"{path / 'quota'} is {quota}; allowed: 0 or more")
    for part in ("labels", "annotations"):
        for key, pattern in ((spec.get(part) or {}).get("required") or {}).items():
            try:
                re.compile(pattern)
            except re.error as error:
                at = path / part / "required" / key
                yield Mistake(at, f'{at} is "{pattern}", no regular expression: {error}')


def _allow_mistakes(allow: Mapping[str, Any], path: FieldPath) -> Iterator[Mistake]:
    networks = [("externalIPs",), ("endpointCIDRs",)]
    balancers = [("loadBalancers", "sourceRanges"), ("loadBalancers", "ips")]
    for steps in (*networks, *balancers):
        value: Any = allow
        for step in steps:
            value = (value or {}).get(step)
        for index, text in enumerate(value or ()):
            if network(text) is None:
                at = FieldPath((*path, *steps, index))
                yield Mistake(at, f'{at} is "{text}"; allowed: an address or a CIDR')
    for index, ports in enumerate(allow.get("nodePorts") or ()):
        if _ports(ports) is None:
            at = path / "nodePorts" / index
            yield Mistake(at, f'{at} is "{ports}"; allowed: a port, or a range as 30000-30100')


def _ports(value: Any) -> tuple[int, int] | None:
    low, dash, high = str(value).partition("-")
    if not low.strip().isdigit() or (dash and not high.strip().isdigit()):
        return None
    return int(low), int(high) if dash else int(low)


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
        else tuple(cast(tuple[int, int], _ports(port)) for port in ports),
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
