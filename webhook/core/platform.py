"""The Platform document: what holds for the whole cluster."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from webhook.core.model.blocks import Blocks
from webhook.core.model.fieldpath import ROOT, FieldPath
from webhook.core.model.mcs import Labels
from webhook.core.model.pattern import Network, network
from webhook.core.model.ranges import RangeError
from webhook.core.model.schema import (
    BOOLEAN,
    INTEGER,
    METADATA,
    STRING,
    STRINGS,
    MapOf,
    Mistake,
    Object,
    Scalar,
)

API_VERSION = "tenantgate.io/v1"
KIND = "Platform"

Enforcement = Literal["deny", "warn", "audit"]
RuleAction = Literal["deny", "warn", "audit", "off"]
Level = Literal["privileged", "baseline", "restricted"]

LEVELS: tuple[Level, ...] = ("privileged", "baseline", "restricted")
"""The levels of the Pod Security Standards, the strictest last."""

_LEVEL = Scalar(str, LEVELS)
SCHEMA = Object(
    {
        "apiVersion": STRING,
        "kind": STRING,
        "metadata": METADATA,
        "spec": Object(
            {
                "admins": Object({"groups": STRINGS, "users": STRINGS, "serviceAccounts": STRINGS}),
                "namespaces": STRINGS,
                "engineNamespace": STRING,
                "reservedNames": Object({"prefixes": STRINGS, "regex": STRINGS}),
                "reservedObjectPrefix": STRING,
                "labels": Object({"protected": STRINGS}),
                "cluster": Object(
                    {
                        "domain": STRING,
                        "podCIDRs": STRINGS,
                        "serviceCIDRs": STRINGS,
                        "nodeCIDRs": STRINGS,
                        "tokenAudiences": STRINGS,
                    }
                ),
                "protectedCIDRs": STRINGS,
                "controlPlaneLabels": STRINGS,
                "hostnames": Object({"platform": STRINGS}),
                "tenantClusterKinds": STRINGS,
                "otherSubjects": Scalar(str, ("content", "deny")),
                "enforcement": Scalar(str, ("deny", "warn", "audit")),
                "rules": MapOf(Scalar(str, ("deny", "warn", "audit", "off"))),
                "scc": Object(
                    {
                        "exemptNamespaces": STRINGS,
                        "exemptionLabels": Scalar(str, ("ignore", "honour")),
                        "podUpdates": Scalar(str, ("ratchet", "openshift")),
                        "workloads": Scalar(str, ("warn", "ignore")),
                        "uidAllocatorRange": STRING,
                        "mcsAllocatorRange": STRING,
                        "mcsLabelsPerProject": INTEGER,
                    }
                ),
                "podSecurity": Object(
                    {
                        "require": _LEVEL,
                        "version": STRING,
                        "labelSync": BOOLEAN,
                        "defaults": Object({"enforce": _LEVEL, "warn": _LEVEL, "audit": _LEVEL}),
                        "exemptions": Object(
                            {"usernames": STRINGS, "runtimeClasses": STRINGS, "namespaces": STRINGS}
                        ),
                    }
                ),
            }
        ),
    },
    required=("metadata", "spec"),
)

_ALLOCATOR_KEYS = ("uidAllocatorRange", "mcsAllocatorRange", "mcsLabelsPerProject")
_VERSION = re.compile(r"(latest|v1\.(0|[1-9][0-9]{0,8}))\Z")
EXEMPT_NAMESPACES = frozenset(
    {"default", "kube-public", "kube-system", "openshift", "openshift-infra", "openshift-node"}
)
"""The namespaces that OpenShift's SCC admission leaves alone."""


@dataclass(frozen=True, slots=True)
class SccSettings:
    """`spec.scc`: which pods SCC admission judges, and how; the ids and labels that namespaces get."""

    exempt_namespaces: frozenset[str] = EXEMPT_NAMESPACES
    exemption_labels: Literal["ignore", "honour"] = "ignore"
    pod_updates: Literal["ratchet", "openshift"] = "ratchet"
    workloads: Literal["warn", "ignore"] = "warn"
    uid_allocator_range: Blocks = field(default_factory=Blocks)
    mcs_allocator_range: Labels = field(default_factory=Labels)
    mcs_labels_per_project: int = 5

    def mcs_label(self, block: int) -> str:
        """Return the MCS label that goes with a block of ids."""
        return self.mcs_allocator_range.label(block * self.mcs_labels_per_project)

    def mcs_categories(self, block: int) -> tuple[int, ...]:
        """Return the categories of that label."""
        return self.mcs_allocator_range.categories(block * self.mcs_labels_per_project)


@dataclass(frozen=True, slots=True)
class PodSecurity:
    """`spec.podSecurity`: what tenants' pods must meet, and how the cluster's own plugin is set up.

    `enforce`, `warn` and `audit` are the plugin's defaults for namespaces without a label, `exempt_*`
    whom it lets off. `label_sync`: the controller keeps the labels at what the usable SCCs amount to.
    """

    require: Level = "privileged"
    version: str = "latest"
    label_sync: bool = False
    enforce: Level = "privileged"
    warn: Level = "privileged"
    audit: Level = "privileged"
    exempt_users: frozenset[str] = frozenset()
    exempt_runtime_classes: frozenset[str] = frozenset()
    exempt_namespaces: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Admins:
    """`spec.admins`: who is platform. Service accounts are `namespace/name` or `namespace/*`."""

    groups: frozenset[str] = frozenset({"system:masters"})
    users: frozenset[str] = frozenset()
    service_accounts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Cluster:
    """`spec.cluster`: the cluster's own domain, networks and token audiences."""

    domain: str = "cluster.local"
    pods: tuple[Network, ...] = ()
    services: tuple[Network, ...] = ()
    nodes: tuple[Network, ...] = ()
    token_audiences: frozenset[str] = frozenset(
        {"https://kubernetes.default.svc", "https://kubernetes.default.svc.cluster.local"}
    )


def _networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(cast(Network, network(text)) for text in texts)


_PROTECTED = _networks(
    ("169.254.0.0/16", "127.0.0.0/8", "fe80::/10", "::1/128", "fd00:ec2::254/128")
)


@dataclass(frozen=True, slots=True)
class Platform:
    """The Platform's spec with its defaults; a policy set without the document has these."""

    admins: Admins = Admins()
    namespaces: frozenset[str] = frozenset(
        {"kube-system", "kube-public", "kube-node-lease", "default"}
    )
    engine_namespace: str = "tenantgate-system"
    reserved_prefixes: tuple[str, ...] = ("kube-", "openshift-", "platform-")
    reserved_regex: tuple[str, ...] = ()
    reserved_object_prefix: str = "platform-"
    protected_labels: tuple[str, ...] = ()
    cluster: Cluster = Cluster()
    protected_networks: tuple[Network, ...] = _PROTECTED
    control_plane_labels: tuple[str, ...] = (
        "node-role.kubernetes.io/control-plane",
        "node-role.kubernetes.io/master",
    )
    hostnames: tuple[str, ...] = ()
    tenant_cluster_kinds: frozenset[str] = frozenset()
    other_subjects: Literal["content", "deny"] = "content"
    enforcement: Enforcement = "deny"
    rules: Mapping[str, RuleAction] = field(default_factory=dict)
    scc: SccSettings = SccSettings()
    pod_security: PodSecurity = PodSecurity()

    @property
    def reserved_networks(self) -> tuple[Network, ...]:
        """Every network that is the cluster's or is protected."""
        cluster = self.cluster
        return (*cluster.pods, *cluster.services, *cluster.nodes, *self.protected_networks)

    @classmethod
    def from_object(cls, document: Mapping[str, Any]) -> "Platform":
        """Build from a document that `mistakes` finds nothing wrong with."""
        spec = document["spec"]
        plain = cls()
        admins = spec.get("admins") or {}
        names = spec.get("reservedNames") or {}
        groups = admins.get("groups")
        return cls(
            admins=Admins(
                plain.admins.groups if groups is None else frozenset(groups),
                frozenset(admins.get("users") or ()),
                frozenset(admins.get("serviceAccounts") or ()),
            ),
            namespaces=frozenset(_or(spec.get("namespaces"), plain.namespaces)),
            engine_namespace=spec.get("engineNamespace") or plain.engine_namespace,
            reserved_prefixes=tuple(_or(names.get("prefixes"), plain.reserved_prefixes)),
            reserved_regex=tuple(names.get("regex") or ()),
            reserved_object_prefix=_or(
                spec.get("reservedObjectPrefix"), plain.reserved_object_prefix
            ),
            protected_labels=tuple((spec.get("labels") or {}).get("protected") or ()),
            cluster=_cluster(spec.get("cluster") or {}),
            protected_networks=_networks(tuple(spec["protectedCIDRs"]))
            if spec.get("protectedCIDRs") is not None
            else plain.protected_networks,
            control_plane_labels=tuple(
                _or(spec.get("controlPlaneLabels"), plain.control_plane_labels)
            ),
            hostnames=tuple((spec.get("hostnames") or {}).get("platform") or ()),
            tenant_cluster_kinds=frozenset(spec.get("tenantClusterKinds") or ()),
            other_subjects=spec.get("otherSubjects") or plain.other_subjects,
            enforcement=spec.get("enforcement") or plain.enforcement,
            rules=spec.get("rules") or {},
            scc=_scc(spec.get("scc") or {}),
            pod_security=_pod_security(spec.get("podSecurity") or {}),
        )


def mistakes(document: Mapping[str, Any]) -> list[Mistake]:
    """Return everything that is wrong with a Platform document on its own."""
    document = _with_off(document)
    found = list(SCHEMA.mistakes(document))
    if not found:
        found += _value_mistakes(document["spec"])
    return found


def _with_off(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the document with `off` as a word: bare, it is a boolean in YAML 1.1."""
    spec = document.get("spec")
    rules = spec.get("rules") if isinstance(spec, dict) else None
    if not isinstance(rules, dict) or False not in rules.values():
        return document
    words = {rule: "off" if action is False else action for rule, action in rules.items()}
    return {**document, "spec": {**cast(dict[str, Any], spec), "rules": words}}


def read_platform(document: Mapping[str, Any]) -> tuple[Platform | None, list[Mistake]]:
    """Return the Platform, or everything that is wrong with its document."""
    if found := mistakes(document):
        return None, found
    return Platform.from_object(_with_off(document)), []


def _value_mistakes(spec: Mapping[str, Any]) -> Iterator[Mistake]:
    cluster = spec.get("cluster") or {}
    at = ROOT / "spec"
    lists: list[tuple[FieldPath, Any]] = [
        (at / "cluster" / key, cluster.get(key))
        for key in ("podCIDRs", "serviceCIDRs", "nodeCIDRs")
    ]
    for path, texts in [*lists, (at / "protectedCIDRs", spec.get("protectedCIDRs"))]:
        for index, text in enumerate(texts or ()):
            if network(text) is None:
                yield Mistake(path / index, f'{path / index} is "{text}"; allowed: a CIDR')
    names = spec.get("reservedNames") or {}
    for index, text in enumerate(names.get("regex") or ()):
        path = at / "reservedNames" / "regex" / index
        try:
            re.compile(text)
        except re.error as error:
            yield Mistake(path, f'{path} is "{text}", no regular expression: {error}')
    version = (spec.get("podSecurity") or {}).get("version")
    if version is not None and not _VERSION.match(version):
        path = at / "podSecurity" / "version"
        yield Mistake(path, f'{path} is "{version}"; allowed: latest, or a version such as v1.31')
    yield from _allocator_mistakes(spec.get("scc") or {})
    own = {*(spec.get("namespaces") or Platform().namespaces)}
    for index, text in enumerate((spec.get("admins") or {}).get("serviceAccounts") or ()):
        path = at / "admins" / "serviceAccounts" / index
        namespace, slash, name = text.partition("/")
        if not slash or not namespace or not name or "*" in namespace:
            yield Mistake(path, f'{path} is "{text}"; allowed: NAMESPACE/NAME or NAMESPACE/*')
        elif name == "*" and namespace not in own:
            yield Mistake(
                path,
                f'{path} is "{text}"; allowed: "/*" only for a namespace in spec.namespaces. '
                f"Fix: name the service account, or add {namespace} to spec.namespaces.",
            )


def _allocator_mistakes(scc: Mapping[str, Any]) -> Iterator[Mistake]:
    plain, found = SccSettings(), []
    blocks, labels = plain.uid_allocator_range, plain.mcs_allocator_range
    uids, mcs, step = (ROOT / "spec" / "scc" / key for key in _ALLOCATOR_KEYS)
    if (text := scc.get("uidAllocatorRange")) is not None:
        try:
            blocks = Blocks.parse(text)
        except RangeError as error:
            found.append(Mistake(uids, f'{uids} is "{text}": {error}; such as {blocks}'))
    if (text := scc.get("mcsAllocatorRange")) is not None:
        try:
            labels = Labels.parse(text)
        except RangeError as error:
            found.append(Mistake(mcs, f'{mcs} is "{text}": {error}; such as {labels}'))
    each = _or(scc.get("mcsLabelsPerProject"), plain.mcs_labels_per_project)
    if each < 1:
        found.append(Mistake(step, f"{step} is {each}; allowed: a whole number from 1"))
    if not found and (blocks.count - 1) * each >= labels.count:
        place = next(ROOT / "spec" / "scc" / key for key in _ALLOCATOR_KEYS if key in scc)
        text = (
            f"{place} makes {blocks.count} blocks of ids with {each} MCS labels for each, of the "
            f"{labels.count} labels that there are. Fix: a smaller {step}, fewer and larger blocks "
            f"in {uids}, or another category in {mcs}, such as s0:/{labels.length + 1}"
        )
        found.append(Mistake(place, text))
    yield from found


def _or(value: Any, default: Any) -> Any:
    return default if value is None else value


def _cluster(spec: Mapping[str, Any]) -> Cluster:
    domain = spec.get("domain") or Cluster().domain
    audiences = spec.get("tokenAudiences")
    return Cluster(
        domain=domain,
        pods=_networks(tuple(spec.get("podCIDRs") or ())),
        services=_networks(tuple(spec.get("serviceCIDRs") or ())),
        nodes=_networks(tuple(spec.get("nodeCIDRs") or ())),
        token_audiences=frozenset(audiences)
        if audiences is not None
        else frozenset(
            {"https://kubernetes.default.svc", f"https://kubernetes.default.svc.{domain}"}
        ),
    )


def _scc(spec: Mapping[str, Any]) -> SccSettings:
    plain = SccSettings()
    exempt = spec.get("exemptNamespaces")
    return SccSettings(
        exempt_namespaces=plain.exempt_namespaces if exempt is None else frozenset(exempt),
        exemption_labels=spec.get("exemptionLabels") or plain.exemption_labels,
        pod_updates=spec.get("podUpdates") or plain.pod_updates,
        workloads=spec.get("workloads") or plain.workloads,
        uid_allocator_range=Blocks.parse(_or(spec.get("uidAllocatorRange"), str(Blocks()))),
        mcs_allocator_range=Labels.parse(_or(spec.get("mcsAllocatorRange"), str(Labels()))),
        mcs_labels_per_project=_or(spec.get("mcsLabelsPerProject"), plain.mcs_labels_per_project),
    )


def _pod_security(spec: Mapping[str, Any]) -> PodSecurity:
    plain = PodSecurity()
    defaults, exempt = spec.get("defaults") or {}, spec.get("exemptions") or {}
    return PodSecurity(
        require=spec.get("require") or plain.require,
        version=spec.get("version") or plain.version,
        label_sync=bool(spec.get("labelSync")),
        enforce=defaults.get("enforce") or plain.enforce,
        warn=defaults.get("warn") or plain.warn,
        audit=defaults.get("audit") or plain.audit,
        exempt_users=frozenset(exempt.get("usernames") or ()),
        exempt_runtime_classes=frozenset(exempt.get("runtimeClasses") or ()),
        exempt_namespaces=frozenset(exempt.get("namespaces") or ()),
    )
