"""Parameters of a template: `${NAME}` anywhere in a string, `${{NAME}}` for a whole value of any type.

Equals OpenShift's template processing, which looks at keys as well as at values. Two things are
stricter here. What a value brings in is not searched for parameters again. And a value that
somebody other than the operator has chosen, such as the requester's name, stays a string even as
`${{NAME}}`: it could otherwise put an object of their own where a name was meant.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, NoReturn

from webhook.core.model.fieldpath import ROOT, FieldPath
from webhook.core.model.objects import Json

NAMESPACE, TENANT, REQUESTER = "NAMESPACE", "TENANT", "REQUESTER"
ALWAYS = frozenset({NAMESPACE, TENANT, REQUESTER})
"""Parameters that every template has: whose values follow from the namespace."""

_REFERENCE = re.compile(r"\$\{(?:\{(\w+)\}|(\w+))\}", re.ASCII)


class Reference(NamedTuple):
    """Where a parameter is used. `misplaced`: as `${{NAME}}`, but not as the whole of a value."""

    path: FieldPath
    name: str
    misplaced: bool = False


def references(value: Json, path: FieldPath = ROOT) -> Iterator[Reference]:
    """Yield every use of a parameter in a value that stands at a path, in keys as well."""
    if isinstance(value, str):
        yield from _in_text(value, path, whole=True)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _in_text(key, path / key, whole=False)
            yield from references(item, path / key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from references(item, path / index)


def _in_text(text: str, path: FieldPath, *, whole: bool) -> Iterator[Reference]:
    if "${" in text:
        for match in _REFERENCE.finditer(text):
            alone = whole and match[0] == text
            yield Reference(path, match[1] or match[2], bool(match[1]) and not alone)


def is_name(text: str) -> bool:
    """Tell whether a text can be the name of a parameter: ASCII letters, digits and `_`."""
    return text.isascii() and text.replace("_", "0").isalnum()


def is_open(value: Json) -> bool:
    """Tell whether a value may hold a parameter still."""
    return isinstance(value, str) and "${" in value


class Values(NamedTuple):
    """Values of parameters: as texts, and as what `${{NAME}}` makes of them."""

    texts: Mapping[str, str]
    typed: Mapping[str, Json]

    @classmethod
    def of(cls, given: Mapping[str, str], fixed: Mapping[str, str]) -> "Values":
        """Return the operator's own values, and those that follow from the namespace."""
        return cls(
            {**given, **fixed}, {**{key: _typed(text) for key, text in given.items()}, **fixed}
        )


def substitute(value: Json, values: Values) -> Json:
    """Return a value with its parameters replaced; what holds none is returned as it is, uncopied.

    A name that has no value is left alone.
    """
    if isinstance(value, str):
        return _replaced(value, values) if "${" in value else value
    if isinstance(value, Mapping):
        pairs = {_text(key, values): substitute(item, values) for key, item in value.items()}
        same = len(pairs) == len(value) and all(
            value.get(key, pairs) is item for key, item in pairs.items()
        )
        return value if same else pairs
    if isinstance(value, list):
        items = [substitute(item, values) for item in value]
        return value if all(a is b for a, b in zip(items, value, strict=True)) else items
    return value


def _replaced(text: str, values: Values) -> Json:
    if (match := _REFERENCE.fullmatch(text)) and match[1] in values.typed:
        return values.typed[match[1]]
    return _text(text, values)


def _text(text: str, values: Values) -> str:
    if "${" not in text:
        return text
    return _REFERENCE.sub(lambda match: values.texts.get(match[2], match[0]), text)


def _typed(text: str) -> Any:
    """Return a text as the JSON value that it spells, or else as the string that it is."""
    try:
        return json.loads(text, parse_constant=_no_json, parse_float=_finite)
    except (ValueError, RecursionError):
        return text


def _no_json(word: str) -> NoReturn:
    raise ValueError(word)


def _finite(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise ValueError(digits)
    return value
