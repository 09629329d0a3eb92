"""Label selectors, read and matched as Kubernetes does."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from webhook.core.model.fieldpath import ROOT, FieldPath

Operator = Literal["In", "NotIn", "Exists", "DoesNotExist"]
OPERATORS: tuple[str, ...] = get_args(Operator)

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?\Z")
_PREFIX = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\Z")


class SelectorError(ValueError):
    """A label selector that cannot be read: the field, what it is and what it may be."""

    def __init__(self, path: FieldPath, observed: Any, allowed: str, fix: str) -> None:
        super().__init__(f"{path}: allowed: {allowed}")
        self.path, self.observed, self.allowed, self.fix = path, observed, allowed, fix


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on one label."""

    key: str
    operator: Operator
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Tell whether the labels meet the condition; `NotIn` is met by an absent label too."""
        match self.operator:
            case "In":
                return labels.get(self.key) in self.values
            case "NotIn":
                return labels.get(self.key) not in self.values
            case "Exists":
                return self.key in labels
            case "DoesNotExist":
                return self.key not in labels


@dataclass(frozen=True, slots=True)
class Selector:
    """A label selector: every requirement has to hold, so the empty one selects everything."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Tell whether an object with these labels is selected."""
        return all(requirement.matches(labels) for requirement in self.requirements)


def read_selector(value: Any, path: FieldPath = ROOT) -> Selector:
    """Read a `LabelSelector` (`matchLabels`, `matchExpressions`); null counts as empty.

    Keys, values and operators are checked as the API server checks them.

    Raises:
        SelectorError: a field has the wrong type or a value that the API server would refuse.
    """
    fields = _mapping(value, path)
    for name in fields:
        if name not in ("matchLabels", "matchExpressions"):
            raise SelectorError(
                path / name, fields[name], "matchLabels and matchExpressions only", f"drop {name}"
            )
    return Selector(
        (
            *_labels(fields.get("matchLabels"), path / "matchLabels"),
            *_expressions(fields.get("matchExpressions"), path / "matchExpressions"),
        )
    )


def _labels(value: Any, path: FieldPath) -> Iterator[Requirement]:
    for key, wanted in _mapping(value, path).items():
        yield Requirement(_key(key, path / key), "In", frozenset((_value(wanted, path / key),)))


def _expressions(value: Any, path: FieldPath) -> Iterator[Requirement]:
    if value is None:
        return
    if not isinstance(value, list):
        raise SelectorError(path, value, "a list of requirements", "write a list")
    for place, item in enumerate(value):
        yield _requirement(item, path / place)


def _requirement(value: Any, path: FieldPath) -> Requirement:
    fields = _mapping(value, path)
    for name in fields:
        if name not in ("key", "operator", "values"):
            raise SelectorError(
                path / name, fields[name], "key, operator and values only", f"drop {name}"
            )
    key = _key(fields.get("key"), path / "key")
    values = fields.get("values")
    if values is None:
        values = []
    if not isinstance(values, list):
        raise SelectorError(path / "values", values, "a list of strings", "write a list")
    wanted = frozenset(_value(item, path / "values" / i) for i, item in enumerate(values))
    operator = fields.get("operator")
    match operator:
        case "In" | "NotIn":
            if not wanted:
                raise SelectorError(
                    path / "values", values, f"at least one value with {operator}", "name a value"
                )
        case "Exists" | "DoesNotExist":
            if wanted:
                raise SelectorError(
                    path / "values", values, f"no values with {operator}", "drop values"
                )
        case _:
            raise SelectorError(
                path / "operator", operator, ", ".join(OPERATORS), "name one of these operators"
            )
    return Requirement(key, operator, wanted)


def _mapping(value: Any, path: FieldPath) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise SelectorError(path, value, "a map", "write a map")
    return value


def _key(value: Any, path: FieldPath) -> str:
    if isinstance(value, str):
        prefix, slash, name = value.rpartition("/")
        if _NAME.match(name) and (not slash or (len(prefix) <= 253 and _PREFIX.match(prefix))):
            return value
    raise SelectorError(
        path, value, "a label's key, such as app or example.com/tier", "correct the key"
    )


def _value(value: Any, path: FieldPath) -> str:
    if isinstance(value, str) and (not value or _NAME.match(value)):
        return value
    raise SelectorError(
        path,
        value,
        "a label's value: at most 63 letters, digits, -, _ and ., letter or digit at both ends",
        "correct the value",
    )
