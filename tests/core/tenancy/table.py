"""The tables of cases beside the rules' tests: one request each, in a cluster of two tenants.

A table is `rule:` and `cases:`. What a case leaves out is as everywhere: CREATE by alice, in
acme-web, of the object that it gives.

    it:         what happens, in words
    request:    operation, resource, group, subresource, namespace, name, kind; user: the name of one
                of the people below, of a service account or of anybody; groups: in place of theirs
    object:     as sent; apiVersion, kind, metadata.name and metadata.namespace are filled in
    oldObject:  as stored; on UPDATE and DELETE the object itself, unless given
    was:        paths and values that are laid over the object to give the stored one (null: absent)
    tenant:     laid over the spec of tenant acme; `tenants` by name, over those of several
    platform:   laid over the Platform's spec
    world:      further objects of the cluster; a Namespace replaces the one of its name
    refuses:    the fields of the findings that refuse, in the order told
    warns:      the same for findings that only warn
    says:       texts that stand in the lines which people read
    fills:      paths and values that the rule fills in (null: takes away)

A case that neither refuses nor warns is `allows: true`. Maps are merged when laid over, lists and
single values replace; null takes a key away.
"""

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import yaml

from tests.core.samples import changed
from webhook.cluster.world import OfflineWorld
from webhook.core.model.marks import TENANT
from webhook.core.model.request import Request, User
from webhook.core.model.world import Ref, plural
from webhook.core.platform import Platform, read_platform
from webhook.core.tenancy.admission import Verdict, case_of, judge, target
from webhook.core.tenancy.document import mistakes
from webhook.core.tenancy.registry import Registry, conflicts
from webhook.core.tenancy.rule import Case, Rule
from webhook.core.tenancy.rules import RULES
from webhook.core.tenancy.tenant import Tenant

FOLDER = Path(__file__).parent / "rules"
BY_ID: dict[str, Rule] = {rule.id: rule for rule in RULES}
EVERYBODY = "system:authenticated"

PEOPLE: dict[str, tuple[str, ...]] = {
    "alice": ("acme-devs", EVERYBODY),
    "olga": ("acme-leads", EVERYBODY),
    "bob": ("globex-devs", EVERYBODY),
    "gina": ("globex-leads", EVERYBODY),
    "both": ("acme-leads", "globex-leads", EVERYBODY),
    "admin": ("platform-admins", EVERYBODY),
    "root": ("system:masters", EVERYBODY),
    "system:anonymous": ("system:unauthenticated",),
}
"""Members alice (acme) and bob (globex), owners olga (acme) and gina (globex), the platform's admins."""

PLATFORM: dict[str, Any] = {
    "admins": {
        "groups": ["system:masters", "platform-admins"],
        "serviceAccounts": ["platform-system/*"],
    },
    "namespaces": [
        "kube-system",
        "kube-public",
        "kube-node-lease",
        "default",
        "platform-system",
        "ingress-nginx",
        "monitoring",
    ],
    "cluster": {
        "podCIDRs": ["10.244.0.0/16"],
        "serviceCIDRs": ["10.96.0.0/12"],
        "nodeCIDRs": ["10.0.0.0/20"],
    },
    "hostnames": {"platform": ["*.apps.example.com", "console.example.com"]},
}
TENANTS: dict[str, dict[str, Any]] = {
    "acme": {
        "owners": [
            {"kind": "Group", "name": "acme-leads"},
            {"kind": "ServiceAccount", "namespace": "acme-ci", "name": "deployer"},
        ],
        "members": [{"kind": "Group", "name": "acme-devs"}],
    },
    "globex": {
        "owners": [{"kind": "Group", "name": "globex-leads"}],
        "members": [{"kind": "Group", "name": "globex-devs"}],
    },
}
STAMPS = {"acme-web": "acme", "acme-ci": "acme", "globex-app": "globex"}
UNOWNED = (*PLATFORM["namespaces"], "tenantgate-system", "sandbox")
NAMESPACES: list[dict[str, Any]] = [
    {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/metadata.name": name,
                **({TENANT: STAMPS[name]} if name in STAMPS else {}),
            },
        },
    }
    for name in (*STAMPS, *UNOWNED)
]


_KINDS: dict[str, tuple[str, str]] = {
    plural(kind): (version, kind)
    for version, kinds in {
        "v1": "Pod PodTemplate ReplicationController Service Endpoints ConfigMap Secret Event "
        "ServiceAccount PersistentVolumeClaim PersistentVolume Namespace Node Binding "
        "ResourceQuota LimitRange",
        "apps/v1": "Deployment ReplicaSet StatefulSet DaemonSet ControllerRevision",
        "batch/v1": "Job CronJob",
        "networking.k8s.io/v1": "Ingress IngressClass NetworkPolicy",
        "rbac.authorization.k8s.io/v1": "Role RoleBinding ClusterRole ClusterRoleBinding",
        "policy/v1": "PodDisruptionBudget",
        "autoscaling/v2": "HorizontalPodAutoscaler",
        "storage.k8s.io/v1": "StorageClass",
        "discovery.k8s.io/v1": "EndpointSlice",
        "gateway.networking.k8s.io/v1": "Gateway HTTPRoute TLSRoute GRPCRoute ReferenceGrant",
        "resource.k8s.io/v1": "ResourceClaim ResourceClaimTemplate DeviceClass",
        "certificates.k8s.io/v1": "CertificateSigningRequest",
        "snapshot.storage.k8s.io/v1": "VolumeSnapshot",
        "scheduling.k8s.io/v1": "PriorityClass",
    }.items()
    for kind in kinds.split()
}
_BODIES = {
    "scale": ("autoscaling/v1", "Scale"),
    "eviction": ("policy/v1", "Eviction"),
    "binding": ("v1", "Binding"),
    "token": ("authentication.k8s.io/v1", "TokenRequest"),
    "exec": ("v1", "PodExecOptions"),
    "attach": ("v1", "PodAttachOptions"),
    "portforward": ("v1", "PodPortForwardOptions"),
}
_CLUSTER_WIDE = frozenset(
    {
        "apiservices",
        "certificatesigningrequests",
        "clusterissuers",
        "clusterrolebindings",
        "clusterroles",
        "customresourcedefinitions",
        "deviceclasses",
        "gatewayclasses",
        "ingressclasses",
        "mutatingwebhookconfigurations",
        "nodes",
        "persistentvolumes",
        "priorityclasses",
        "runtimeclasses",
        "selfsubjectaccessreviews",
        "selfsubjectreviews",
        "selfsubjectrulesreviews",
        "storageclasses",
        "subjectaccessreviews",
        "tokenreviews",
        "validatingwebhookconfigurations",
        "volumesnapshotcontents",
    }
)


def laid_over(base: Any, top: Any) -> Any:
    """Return a copy of one value with another laid over it."""
    if not (isinstance(base, dict) and isinstance(top, dict)):
        return copy.deepcopy(top)
    merged = {key: copy.deepcopy(value) for key, value in base.items() if key not in top}
    for key, value in top.items():
        if value is not None:
            merged[key] = laid_over(base.get(key), value)
    return merged


def person(name: str, groups: Sequence[str] | None = None) -> User:
    """Return a user by name: one of `PEOPLE`, a service account, a node, or anybody."""
    if groups is None:
        groups = PEOPLE.get(name, (EVERYBODY,))
        if name.startswith("system:serviceaccount:"):
            home = name.split(":")[2]
            groups = ("system:serviceaccounts", f"system:serviceaccounts:{home}", EVERYBODY)
        elif name.startswith("system:node:"):
            groups = ("system:nodes", EVERYBODY)
    return User(name, tuple(groups))


def platform(spec: Mapping[str, Any] | None = None) -> Platform:
    """Return the platform of the cases, with a part of its spec laid over."""
    document = {
        "apiVersion": "tenantgate.io/v1",
        "kind": "Platform",
        "metadata": {"name": "platform"},
        "spec": laid_over(PLATFORM, spec or {}),
    }
    found, problems = read_platform(document)
    assert found is not None, problems
    return found


def tenant(name: str, spec: Mapping[str, Any]) -> Tenant:
    """Return a tenant with a spec, as the policy loader builds it."""
    document = {
        "apiVersion": "tenantgate.io/v1",
        "kind": "Tenant",
        "metadata": {"name": name},
        "spec": spec,
    }
    assert not mistakes(document), mistakes(document)
    return Tenant.from_object(document)


class Cluster(OfflineWorld):
    """A cluster that the documents of a case describe; the last of one name counts.

    With `readable` set, only those objects may be looked up by name: what a rule does not announce
    as its reads is not there when it runs in a cluster.
    """

    def __init__(self, objects: Iterable[Mapping[str, Any]]) -> None:
        known = {
            (item["apiVersion"], item["kind"], item["metadata"].get("namespace"), _name(item)): item
            for item in objects
        }
        super().__init__(known.values())
        self.readable: frozenset[Ref | None] | None = None

    def get(self, ref: Ref) -> Mapping[str, Any] | None:
        assert self.readable is None or ref in self.readable, f"{ref} is not among the rule's reads"
        return super().get(ref)


def _name(item: Mapping[str, Any]) -> str:
    return str(item["metadata"]["name"])


@dataclass(frozen=True)
class Row:
    """One case of a table."""

    rule: str
    it: str
    request: dict[str, Any] = field(default_factory=dict)
    object: Any = None
    oldObject: Any = None
    was: dict[str, Any] = field(default_factory=dict)
    tenant: dict[str, Any] = field(default_factory=dict)
    tenants: dict[str, Any] = field(default_factory=dict)
    platform: dict[str, Any] = field(default_factory=dict)
    world: list[dict[str, Any]] = field(default_factory=list)
    refuses: list[str] = field(default_factory=list)
    warns: list[str] = field(default_factory=list)
    says: list[str] = field(default_factory=list)
    fills: dict[str, Any] = field(default_factory=dict)
    allows: bool = False

    def __str__(self) -> str:
        return f"{self.rule}: {self.it}"

    @cached_property
    def asked(self) -> Request:
        """The request, in the mutating phase unless the case says otherwise."""
        told = dict(self.request)
        user = person(told.pop("user", "alice"), told.pop("groups", None))
        resource = told.pop("resource")
        operation = told.get("operation", "CREATE")
        version, kind = _KINDS.get(resource, ("", ""))
        given = self.object if self.object is not None else self.oldObject
        if not version and isinstance(given, dict):
            version = given.get("apiVersion", "")
        group = told.pop("group", version.rpartition("/")[0])
        version, kind = _BODIES.get(told.get("subresource", ""), (version, kind))
        if isinstance(given, dict):
            version, kind = given.get("apiVersion", version), given.get("kind", kind)
        metadata = (given.get("metadata") or {}) if isinstance(given, dict) else {}
        name = told.pop("name", metadata.get("name", "" if "generateName" in metadata else "x"))
        home = metadata.get("namespace", "acme-web")
        if resource == "namespaces":
            home = name
        elif resource in _CLUSTER_WIDE:
            home = ""
        namespace = told.pop("namespace", home)

        def complete(value: Any) -> Any:
            if not isinstance(value, dict):
                return value
            place = {"namespace": namespace} if namespace and resource != "namespaces" else {}
            called = {} if "generateName" in (value.get("metadata") or {}) else {"name": name}
            return {
                **({"apiVersion": version, "kind": kind} if kind else {}),
                **value,
                "metadata": {**called, **place, **(value.get("metadata") or {})},
            }

        sent = complete(self.object)
        old = complete(self.oldObject)
        if old is None and operation in ("UPDATE", "DELETE"):
            old = changed(sent, self.was)
        if operation in ("DELETE", "CONNECT"):
            sent = None
        return Request(
            **{
                "operation": operation,
                "resource": resource,
                "kind": kind,
                "group": group,
                "namespace": namespace,
                "name": name,
                "user": user,
                "load": lambda: copy.deepcopy(sent),
                "load_old": lambda: copy.deepcopy(old),
                **told,
            }
        )

    @cached_property
    def case(self) -> Case:
        """What the rule sees. It may look up only what it said it would read."""
        told = laid_over(laid_over(TENANTS, {"acme": self.tenant}), self.tenants)
        registry = Registry.of([tenant(name, spec) for name, spec in told.items()])
        where = platform(self.platform)
        assert not list(conflicts(registry, where))
        world = Cluster([*NAMESPACES, *self.world])
        return self._reading(case_of(self.asked, where, registry, world), world)

    def with_object(self, value: Any) -> Case:
        """Return the case of the same request with another object, stored where none is sent."""
        if self.asked.object is None:
            asked = replace(self.asked, load_old=lambda: value)
        else:
            asked = replace(self.asked, load=lambda: value)
        world = copy.copy(cast(Cluster, self.case.world))
        world.readable = None
        return self._reading(replace(self.case, request=asked, world=world), world)

    def _reading(self, case: Case, world: Cluster) -> Case:
        reads = BY_ID[self.rule].reads
        world.readable = frozenset([target(case.request), *(reads(case) if reads else ())])
        return case

    def judged(self) -> tuple[Verdict, Verdict]:
        """Return the verdicts of both passes: the second judges what the first made."""
        first = judge(self.case, only={self.rule})
        return first, self.again(first.object, "validate")

    def again(self, sent: Any, phase: Any) -> Verdict:
        """Return the verdict on what came out of a pass."""
        asked = replace(
            self.asked,
            phase=phase,
            load=(lambda: sent) if self.asked.object is not None else self.asked.load,
        )
        return judge(replace(self.case, request=asked), only={self.rule})


def rows() -> Iterator[Row]:
    """Yield the cases of every table whose rule there is."""
    for path in sorted(FOLDER.glob("*.yaml")):
        table = yaml.safe_load(path.read_text())
        if table["rule"] in BY_ID:
            for row in table["cases"]:
                yield Row(table["rule"], **row)
