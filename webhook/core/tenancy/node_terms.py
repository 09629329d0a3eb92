"""Required node affinity: its terms, and what one expression asks of a node's label."""

from collections.abc import Iterator, Mapping
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.tenancy.pods import field
from webhook.core.tenancy.rule import Place, items, mapping, text

_TERMS = (
    "affinity",
    "nodeAffinity",
    "requiredDuringSchedulingIgnoredDuringExecution",
    "nodeSelectorTerms",
)


def required_terms(place: Place) -> Iterator[tuple[FieldPath, Mapping[str, Any]]]:
    """Yield the terms of a pod's required node affinity, of which a node has to meet one."""
    part: Any = place.spec
    for step in _TERMS:
        part = mapping(part).get(step)
    for index, term in enumerate(items(part)):
        yield field(place, *_TERMS, index), mapping(term)


def expressions(
    path: FieldPath, term: Mapping[str, Any]
) -> Iterator[tuple[FieldPath, Mapping[str, Any]]]:
    """Yield the conditions of a term on labels, all of which a node has to meet."""
    for index, item in enumerate(items(term.get("matchExpressions"))):
        yield path / "matchExpressions" / index, mapping(item)


def values(expression: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the values that an expression names."""
    return tuple(map(text, items(expression.get("values"))))


def words(expression: Mapping[str, Any]) -> str:
    """Return an expression in words: `pool In [gpu]`."""
    found = f"{text(expression.get('key'))} {text(expression.get('operator'))}"
    named = ", ".join(value or "''" for value in values(expression))
    return f"{found} [{named}]" if named else found


def meets(label: str, expression: Mapping[str, Any]) -> bool:
    """Tell whether a node whose label has a value meets an expression on that label."""
    named = values(expression)
    match expression.get("operator"):
        case "In":
            return label in named
        case "NotIn":
            return label not in named
        case "Exists":
            return True
        case "Gt" | "Lt" as operator:
            try:
                have, bound = int(label), int("".join(named[:1]))
            except ValueError:
                return False
            return have > bound if operator == "Gt" else have < bound
        case _:
            return False
