"""The record that a tenancy rule exports as `RULE`, and the case that it judges."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from webhook.core.model.finding import Finding
from webhook.core.model.loose import items as items
from webhook.core.model.loose import mapping as mapping
from webhook.core.model.loose import text as text
from webhook.core.model.marks import MANAGED
from webhook.core.model.objects import Json, JsonObject
from webhook.core.model.request import Namespace, Request
from webhook.core.model.world import Ref, World, labels, tenant_of
from webhook.core.platform import Platform, RuleAction
from webhook.core.tenancy.registry import Registry
from webhook.core.tenancy.requester import Requester
from webhook.core.tenancy.tenant import Tenant

Family = Literal["subject", "namespace"]


@dataclass(frozen=True, slots=True)
class Intercept:
    """Requests that a rule reads: groups, resources with subresources as `pods/exec`, operations.

    `*` stands for any group; among resources, `*` is any resource and `*/*` any subresource.
    Operations are the initials of CREATE, UPDATE, DELETE and CONNECT (X).
    """

    groups: tuple[str, ...]
    resources: tuple[str, ...]
    operations: str = "CU"


POD_BEARING = (
    Intercept(("",), ("pods", "podtemplates", "replicationcontrollers")),
    Intercept(("apps",), ("deployments", "replicasets", "statefulsets", "daemonsets")),
    Intercept(("batch",), ("jobs", "cronjobs")),
    Intercept(("argoproj.io",), ("rollouts",)),
)
"""Pods and every kind that carries a pod template, Argo's Rollout too, CREATE and UPDATE."""


@dataclass(frozen=True, slots=True)
class Case:
    """One request as a tenancy rule sees it.

    `namespace` is the namespace that the request is in, for a Namespace object the object's own
    stored state; None for cluster-scoped requests and for what does not exist yet. `tenant` is its
    owner, of a new Namespace the one that it will belong to; None where no stamp is. `target` is
    what a request without a body of its own kind goes to (the pod of an exec or an eviction, the
    parent of a scale), None where it does not exist.
    """

    request: Request
    requester: Requester
    platform: Platform
    registry: Registry
    world: World
    namespace: Namespace | None = None
    tenant: Tenant | None = None
    target: JsonObject | None = None

    @property
    def resource(self) -> str:
        """The resource with its subresource, such as `pods/exec`."""
        request = self.request
        return (
            f"{request.resource}/{request.subresource}" if request.subresource else request.resource
        )

    def tenant_of(self, namespace: str) -> str:
        """Return the tenant that owns a namespace, or ""."""
        return tenant_of(self.world, namespace)

    def is_own(self, namespace: str) -> bool:
        """Tell whether a namespace belongs to the same tenant as the request's namespace."""
        if not namespace or namespace == self.request.namespace:
            return True
        return self.tenant is not None and self.tenant_of(namespace) == self.tenant.name

    def is_managed(self, value: object) -> bool:
        """Tell whether an object carries the platform's marker."""
        return labels(value).get(MANAGED) == "true"


Check = Callable[[Any, Case], Iterable[Finding]]
Mutate = Callable[[Any, Case], Any]
Reads = Callable[[Case], Iterable[Ref]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One isolation rule.

    `check` judges one object: the one sent on CREATE and UPDATE (the body, where a subresource has
    its own), the stored one on DELETE, None on CONNECT; what a request is aimed at is the case's
    `target`. On UPDATE the engine has it judge the stored object too, and keeps what is new, unless
    `ratchet` is off. `mutate` returns the object changed, or the very same one; it runs on CREATE
    and, for what is added to a running pod, on UPDATE of `pods/ephemeralcontainers`.
    `reads` names further objects that the rule will look up, `counts` tenants whose namespaces it
    counts, and `claims` tells whether hosts are taken anew: all of them are read live. `others`: a subject rule that binds
    requesters who are nobody's as well. `ends`: a finding of it ends the tenancy part.
    """

    id: str
    family: Family
    intercepts: Sequence[Intercept]
    check: Check
    action: RuleAction = "deny"
    mutate: Mutate | None = None
    reads: Reads | None = None
    counts: Callable[[Case], Iterable[str]] | None = None
    claims: Callable[[Case], bool] | None = None
    ratchet: bool = True
    others: bool = False
    ends: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """A pod spec inside an object: where its template stands, its metadata and its spec."""

    path: tuple[str | int, ...]
    metadata: JsonObject = field(default_factory=dict)
    spec: JsonObject = field(default_factory=dict)


_TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "Pod": (),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    "PodTemplate": ("template",),
}


def pod_place(value: Json, kind: str) -> Place | None:
    """Return the pod spec of a Pod or of a kind with a pod template; None where there is none.

    Parts of a wrong type read as empty: the API server accepts no such object.
    """
    path = _TEMPLATES.get(kind, ("spec", "template"))
    part: Any = value
    for step in path:
        part = part.get(step) if isinstance(part, Mapping) else None
    if not isinstance(part, Mapping):
        return None
    return Place(path, mapping(part.get("metadata")), mapping(part.get("spec")))
