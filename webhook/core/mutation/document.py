"""The WorkloadDefaults document: which pods it is for, what they are lent, what they are held to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from webhook.core.model.fieldpath import ROOT
from webhook.core.model.image import spellings
from webhook.core.model.pattern import any_glob
from webhook.core.model.quantity import canonical, quantity
from webhook.core.model.schema import (
    ANYTHING,
    BOOLEAN,
    INTEGER,
    INTEGER_32,
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
from webhook.core.model.selector import Selector, read_selector
from webhook.core.mutation.values import container_mistakes, match_mistakes, pod_mistakes

API_VERSION = "tenantgate.io/v1"
KIND = "WorkloadDefaults"

_AMOUNTS = MapOf(STRING_OR_INTEGER)
_HONOUR = Scalar(str, ("Honor", "Ignore"))
_NO_CONTEXT = {"securityContext": " A security context is an SCC's to fill in."}
SCHEMA = Object(
    {
        "apiVersion": STRING,
        "kind": STRING,
        "metadata": METADATA,
        "spec": Object(
            {
                "priority": INTEGER,
                "match": Object(
                    {
                        "tenants": STRINGS,
                        "namespaceSelector": ANYTHING,
                        "containers": STRINGS,
                        "images": STRINGS,
                    }
                ),
                "containers": Object(
                    {
                        "defaultRequest": _AMOUNTS,
                        "default": _AMOUNTS,
                        "min": _AMOUNTS,
                        "max": _AMOUNTS,
                        "maxLimitRequestRatio": _AMOUNTS,
                        "imagePullPolicy": Scalar(str, ("Always", "IfNotPresent", "Never")),
                    },
                    hints=_NO_CONTEXT,
                ),
                "pod": Object(
                    {
                        "automountServiceAccountToken": BOOLEAN,
                        "priorityClassName": STRING,
                        "topologySpreadConstraints": ListOf(
                            Object(
                                {
                                    "maxSkew": INTEGER_32,
                                    "topologyKey": STRING,
                                    "whenUnsatisfiable": Scalar(
                                        str, ("DoNotSchedule", "ScheduleAnyway")
                                    ),
                                    "labelSelector": ANYTHING,
                                    "minDomains": INTEGER_32,
                                    "nodeAffinityPolicy": _HONOUR,
                                    "nodeTaintsPolicy": _HONOUR,
                                    "matchLabelKeys": STRINGS,
                                },
                                required=("maxSkew", "topologyKey", "whenUnsatisfiable"),
                            )
                        ),
                        "nodeSelector": MapOf(STRING),
                        "labels": MapOf(STRING),
                        "tolerations": ListOf(
                            Object(
                                {
                                    "key": STRING,
                                    "operator": Scalar(str, ("Exists", "Equal", "Lt", "Gt")),
                                    "value": STRING,
                                    "effect": Scalar(
                                        str, ("NoSchedule", "PreferNoSchedule", "NoExecute")
                                    ),
                                    "tolerationSeconds": INTEGER,
                                }
                            )
                        ),
                    },
                    hints=_NO_CONTEXT,
                ),
            }
        ),
    },
    required=("metadata", "spec"),
)


@dataclass(frozen=True, slots=True)
class Amount:
    """A quantity: its value, and as the API server prints it."""

    value: Fraction
    text: str

    @classmethod
    def of(cls, value: Any) -> "Amount":
        """Read what is known to be a quantity."""
        return cls(quantity(value) or Fraction(0), canonical(value))


Amounts = Mapping[str, Amount]
"""By the name of a resource."""


@dataclass(frozen=True, slots=True)
class Match:
    """Which containers of which namespaces; None fits everything, and an empty list nothing."""

    tenants: frozenset[str] | None = None
    selector: Selector | None = None
    containers: tuple[str, ...] | None = None
    images: tuple[str, ...] | None = None

    def takes_namespace(self, tenant: str, labels: Mapping[str, str]) -> bool:
        """Tell whether a namespace fits: of a tenant, or of none (""), with these labels."""
        if self.tenants is not None and not (
            tenant and (tenant in self.tenants or "*" in self.tenants)
        ):
            return False
        return self.selector is None or self.selector.matches(labels)

    def takes_container(self, name: str, image: str) -> bool:
        """Tell whether a container fits."""
        if self.containers is not None and not any_glob(self.containers, name):
            return False
        return self.images is None or any(
            any_glob(self.images, spelling) for spelling in spellings(image)
        )


@dataclass(frozen=True, slots=True)
class PodDefaults:
    """What is lent to the pod as a whole."""

    automount: bool | None = None
    priority_class: str = ""
    node_selector: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Mapping[str, Any], ...] = ()
    spread: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class WorkloadDefaults:
    """One document. `requests` and `limits` are lent; the other three are bounds."""

    name: str
    priority: int = 0
    match: Match = Match()
    requests: Amounts = field(default_factory=dict)
    limits: Amounts = field(default_factory=dict)
    least: Amounts = field(default_factory=dict)
    most: Amounts = field(default_factory=dict)
    ratio: Amounts = field(default_factory=dict)
    pull_policy: str = ""
    pod: PodDefaults = PodDefaults()

    @property
    def order(self) -> tuple[int, str]:
        """Where among several it stands: by priority, the highest first, then by name."""
        return -self.priority, self.name

    @classmethod
    def from_object(cls, document: Mapping[str, Any]) -> "WorkloadDefaults":
        """Build from a document that `mistakes` finds nothing wrong with."""
        spec = document["spec"]
        containers = spec.get("containers") or {}
        return cls(
            name=document["metadata"]["name"],
            priority=spec.get("priority") or 0,
            match=_match(spec.get("match") or {}),
            requests=_amounts(containers, "defaultRequest"),
            limits=_amounts(containers, "default"),
            least=_amounts(containers, "min"),
            most=_amounts(containers, "max"),
            ratio=_amounts(containers, "maxLimitRequestRatio"),
            pull_policy=containers.get("imagePullPolicy") or "",
            pod=_pod(spec.get("pod") or {}),
        )


def mistakes(document: Mapping[str, Any]) -> list[Mistake]:
    """Return everything that is wrong with a WorkloadDefaults document on its own."""
    found = list(SCHEMA.mistakes(document))
    if not found:
        spec = document["spec"]
        found += match_mistakes(spec.get("match") or {}, ROOT / "spec" / "match")
        found += container_mistakes(spec.get("containers") or {}, ROOT / "spec" / "containers")
        found += pod_mistakes(spec.get("pod") or {}, ROOT / "spec" / "pod")
    return found


def unknown_tenants(document: WorkloadDefaults, known: Mapping[str, Any]) -> Iterator[Mistake]:
    """Yield a mistake for each tenant that the document names and no Tenant describes."""
    path = ROOT / "spec" / "match" / "tenants"
    for name in sorted(document.match.tenants or ()):
        if name != "*" and name not in known:
            yield Mistake(path, f'{path}: "{name}"; allowed: the name of a Tenant, or "*" for all')


def oddities(document: WorkloadDefaults) -> Iterator[Mistake]:
    """Yield what is no mistake, yet cannot do what somebody meant by it."""
    at = ROOT / "spec" / "pod" / "topologySpreadConstraints"
    for index, constraint in enumerate(document.pod.spread):
        if constraint.get("labelSelector") is None:
            text = (
                f"{at / index} has no labelSelector, so it counts no pods and spreads none. Fix: give "
                "it one; {} counts all pods of the namespace, and matchLabelKeys: [app] narrows that "
                "to those of the same app"
            )
            yield Mistake(at / index, text)


def _amounts(containers: Mapping[str, Any], key: str) -> Amounts:
    return {name: Amount.of(value) for name, value in (containers.get(key) or {}).items()}


def _match(spec: Mapping[str, Any]) -> Match:
    tenants, selector = spec.get("tenants"), spec.get("namespaceSelector")
    containers, images = spec.get("containers"), spec.get("images")
    return Match(
        tenants=None if tenants is None else frozenset(tenants),
        selector=None if selector is None else read_selector(selector),
        containers=None if containers is None else tuple(containers),
        images=None if images is None else tuple(images),
    )


def _pod(spec: Mapping[str, Any]) -> PodDefaults:
    return PodDefaults(
        automount=spec.get("automountServiceAccountToken"),
        priority_class=spec.get("priorityClassName") or "",
        node_selector=spec.get("nodeSelector") or {},
        labels=spec.get("labels") or {},
        tolerations=_without_nulls(spec.get("tolerations")),
        spread=_without_nulls(spec.get("topologySpreadConstraints")),
    )


def _without_nulls(items: Any) -> tuple[Mapping[str, Any], ...]:
    return tuple(
        {key: value for key, value in item.items() if value is not None} for item in items or ()
    )
