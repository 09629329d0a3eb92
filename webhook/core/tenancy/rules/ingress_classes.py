"""Ingress classes: a tenant's Ingress goes to a controller that is granted to it.

The class stands in a field, and before that there was an annotation, which controllers still read;
both have to be granted. An Ingress without class is given the tenant's default.
"""

from collections.abc import Collection, Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import UNSET, Finding
from webhook.core.model.world import annotations
from webhook.core.tenancy.ingresses import INGRESSES
from webhook.core.tenancy.rule import Case, Rule, mapping

_FIELD = "ingressClassName"
_ANNOTATION = "kubernetes.io/ingress.class"
_PATH = FieldPath(("spec", _FIELD))


def mutate(value: Any, case: Case) -> Any:
    """Fill in the tenant's default class."""
    classes = case.tenant.allow.ingress_classes if case.tenant else None
    if not classes or not classes.default or _given(value) or not isinstance(value, dict):
        return value
    return {**value, "spec": {**mapping(value.get("spec")), _FIELD: classes.default}}


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse a class that is not granted, and the lack of one where it matters."""
    classes = case.tenant.allow.ingress_classes if case.tenant else None
    if not classes or classes.names is None:
        return
    owner = case.tenant.name if case.tenant else ""
    allowed = ", ".join(sorted(classes.names)) or "none"
    given = _given(value)
    for path, name in given:
        if not isinstance(name, str) or not classes.permits(name):
            yield Finding(
                path=path,
                observed=name,
                allowed=allowed,
                fix=_fix(path, classes.names),
                why=f"Ingress class {name} is not available to {owner}",
            )
    if not given:
        yield Finding(
            path=_PATH,
            observed=UNSET,
            allowed=allowed,
            fix="name one of these, or ask the platform team",
            why=f"An Ingress without class goes to any controller, and {owner} may not use all",
        )


def _fix(path: FieldPath, names: Collection[str]) -> str:
    if not names:
        return "ask the platform team for an Ingress class"
    if path != _PATH:
        return f"drop the annotation and set {_PATH}"
    return "name one of these; where you have named none, the cluster's default was filled in"


def _given(value: Any) -> list[tuple[FieldPath, Any]]:
    """Return the classes that an Ingress names, each with its path."""
    field = mapping(mapping(value).get("spec")).get(_FIELD)
    note = annotations(value).get(_ANNOTATION)
    found = [(_PATH, field), (FieldPath(("metadata", "annotations", _ANNOTATION)), note)]
    return [(path, name) for path, name in found if name is not None]


RULE = Rule(id="T-ING-1", family="namespace", intercepts=(INGRESSES,), check=check, mutate=mutate)
