"""Whether an object in the cluster still is what was wanted of it."""

import base64
from collections.abc import Mapping
from typing import Any

from webhook.core.model.objects import JsonObject
from webhook.core.model.quantity import quantity

_VERBATIM = frozenset({"data", "binaryData", "metadata"})


def covers(actual: JsonObject, wanted: JsonObject) -> bool:
    """Tell whether an object has every field that is wanted, with that value.

    What the API server or others have added is not looked at. Quantities are compared by value, as
    the API server writes them in its own way. A false no is harmless: to apply what is there
    already changes nothing.
    """
    return all(_has(actual.get(key), value, key in _VERBATIM) for key, value in wanted.items())


def stored(wanted: JsonObject) -> JsonObject:
    """Return an object as the API server will keep it, where it would not read back as written.

    A Secret's `stringData` becomes `data`, or its fields would have no owner.
    """
    strings = wanted.get("stringData")
    if wanted.get("kind") != "Secret" or not isinstance(strings, Mapping):
        return wanted
    coded = {key: base64.b64encode(str(value).encode()).decode() for key, value in strings.items()}
    rest = {key: value for key, value in wanted.items() if key != "stringData"}
    return {**rest, "data": {**(wanted.get("data") or {}), **coded}}


def _has(actual: Any, wanted: Any, verbatim: bool) -> bool:
    if wanted is None or wanted == []:
        return not actual
    if isinstance(wanted, Mapping):
        return isinstance(actual, Mapping) and all(
            _has(actual.get(key), value, verbatim) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(actual, list)
            and len(actual) == len(wanted)
            and all(_has(a, b, verbatim) for a, b in zip(actual, wanted, strict=True))
        )
    if type(actual) is type(wanted) and actual == wanted:
        return True
    if verbatim or actual is None:
        return False
    amount = quantity(wanted)
    return amount is not None and amount == quantity(actual)
