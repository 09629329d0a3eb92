"""The NamespaceTemplate document: which namespaces it serves, and what each of them is to hold."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from webhook.core.model.fieldpath import ROOT, FieldPath
from webhook.core.model.finding import shown
from webhook.core.model.objects import JsonObject
from webhook.core.model.pattern import any_glob
from webhook.core.model.schema import (
    ANYTHING,
    INTEGER,
    METADATA,
    STRING,
    STRINGS,
    ListOf,
    MapOf,
    Mistake,
    Object,
)
from webhook.core.model.selector import Selector, SelectorError, read_selector
from webhook.core.provisioning.templates import contents
from webhook.core.provisioning.templates.contents import OBJECT, Content, Parameter, bare
from webhook.core.provisioning.templates.parameters import ALWAYS

API_VERSION = "tenantgate.io/v1"
KIND = "NamespaceTemplate"

SCHEMA = Object(
    {
        "apiVersion": STRING,
        "kind": STRING,
        "metadata": METADATA,
        "spec": Object(
            {
                "priority": INTEGER,
                "match": Object({"tenants": STRINGS, "namespaceSelector": ANYTHING}),
                "parameters": ListOf(Object({"name": STRING, "value": STRING}, ("name",))),
                "labels": MapOf(STRING),
                "annotations": MapOf(STRING),
                "objects": ListOf(OBJECT),
            },
            required=("objects",),
        ),
    },
    required=("metadata", "spec"),
)


@dataclass(frozen=True, slots=True)
class Match:
    """Which namespaces; None fits everything, and an empty list nothing. `tenants` are globs."""

    tenants: tuple[str, ...] | None = None
    selector: Selector | None = None

    def takes_tenant(self, tenant: str) -> bool:
        """Tell whether namespaces of a tenant, or of none (""), can fit."""
        return self.tenants is None or (bool(tenant) and any_glob(self.tenants, tenant))

    def takes(self, tenant: str, labels: Mapping[str, str]) -> bool:
        """Tell whether a namespace fits: of a tenant, or of none (""), with these labels."""
        return self.takes_tenant(tenant) and (
            self.selector is None or self.selector.matches(labels)
        )


EVERYWHERE = Match()


@dataclass(frozen=True, slots=True, eq=False)
class NamespaceTemplate:
    """One template, of either kind.

    `match` None: it serves only where a Tenant names it. `defaults` are the values of its
    parameters, `required` the parameters that have none. `fixed` are those whose values follow from
    the namespace. `objects` have no namespace yet.
    """

    name: str
    objects: tuple[JsonObject, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    fixed: frozenset[str] = ALWAYS
    priority: int = 0
    match: Match | None = EVERYWHERE

    @property
    def order(self) -> tuple[int, str]:
        """Where among several it stands: by priority, the highest first, then by name."""
        return -self.priority, self.name

    @property
    def parameters(self) -> frozenset[str]:
        """The parameters that a Tenant may give a value."""
        return self.required | self.defaults.keys()

    @classmethod
    def of(
        cls, name: str, content: Content, priority: int = 0, match: Match | None = None
    ) -> "NamespaceTemplate":
        """Build from content that `contents.mistakes` finds nothing wrong with."""
        return cls(
            name=name,
            objects=tuple(value for _, value in content.objects),
            labels=content.labels[1],
            annotations=content.annotations[1],
            defaults=content.values,
            required=content.required,
            fixed=content.fixed,
            priority=priority,
            match=match,
        )


def from_object(document: Mapping[str, Any]) -> NamespaceTemplate:
    """Build from a document that `mistakes` finds nothing wrong with."""
    spec = document["spec"]
    match = spec.get("match") or {}
    tenants, selector = match.get("tenants"), match.get("namespaceSelector")
    return NamespaceTemplate.of(
        document["metadata"]["name"],
        content_of(document),
        spec.get("priority") or 0,
        Match(
            tenants=None if tenants is None else tuple(tenants),
            selector=None if selector is None else read_selector(selector),
        ),
    )


def content_of(document: Mapping[str, Any]) -> Content:
    """Return what a document of the right shape holds."""
    spec, at = document["spec"], ROOT / "spec"
    return Content(
        parameters=tuple(
            Parameter(at / "parameters" / index, item["name"], item.get("value"))
            for index, item in enumerate(spec.get("parameters") or ())
        ),
        fixed=ALWAYS,
        labels=(at / "labels", spec.get("labels") or {}),
        annotations=(at / "annotations", spec.get("annotations") or {}),
        objects=tuple(
            (at / "objects" / index, bare(item)) for index, item in enumerate(spec["objects"])
        ),
    )


def mistakes(document: Mapping[str, Any]) -> list[Mistake]:
    """Return everything that is wrong with a NamespaceTemplate on its own."""
    found = list(SCHEMA.mistakes(bare(document)))
    if not found:
        found += _match_mistakes(document["spec"], ROOT / "spec")
        found += contents.mistakes(content_of(document))
    return found


def _match_mistakes(spec: Mapping[str, Any], path: FieldPath) -> Iterator[Mistake]:
    match = spec.get("match") or {}
    if (selector := match.get("namespaceSelector")) is not None:
        try:
            read_selector(selector, path / "match" / "namespaceSelector")
        except SelectorError as error:
            yield Mistake(
                error.path,
                f"{error.path} is {shown(error.observed)}; allowed: {error.allowed}. "
                f"Fix: {error.fix}.",
            )
    if match.get("tenants") is not None:
        return
    for index, item in enumerate(spec.get("parameters") or ()):
        if item.get("value") is None:
            at = path / "parameters" / index
            yield Mistake(
                at,
                f'{at}: "{item["name"]}" has no value, and namespaces of no tenant, which this '
                "template serves too, have nobody to give one. Fix: give it a value, or say in "
                "spec.match.tenants which tenants it is for.",
            )
