"""Semantic equality of two pods, as the API machinery compares them.

Null and absent are equal, and so are an absent and an empty list or map; quantities are compared by
value. An absent object and `{}` are not equal, except where Go holds the object by value, so that
it is never absent.
"""

from typing import Any

from webhook.core.model.quantity import quantity

_QUANTITY_MAPS = frozenset({"limits", "requests", "overhead", "allocatedResources", "capacity"})
_QUANTITIES = frozenset({"sizeLimit", "divisor"})
_MAPS = _QUANTITY_MAPS | frozenset(
    {
        "annotations",
        "labels",
        "matchLabels",
        "nodeSelector",
        "options",
        "volumeAttributes",
    }
)
_VALUES = frozenset({"metadata", "resources", "spec", "status", "lastState", "state"})
_CONTAINERS = frozenset({"containers", "initContainers", "ephemeralContainers"})
_EMPTY_IS_ABSENT = _MAPS | _VALUES


def equal(a: Any, b: Any, key: str = "") -> bool:
    """Tell whether two JSON values mean the same to Kubernetes (`equality.Semantic.DeepEqual`).

    Args:
        a: one value; absent is None.
        b: the other.
        key: the name of the field that holds them, which settles what emptiness means.
    """
    if a is b:
        return True
    if type(a) is dict and type(b) is dict:
        if a.keys() == b.keys():
            if key in _QUANTITY_MAPS:
                return all(_same_quantity(value, b[name]) for name, value in a.items())
            free = key in _MAPS  # its keys are names that somebody chose, and say nothing
            return all(equal(value, b[name], "" if free else name) for name, value in a.items())
        if key in _MAPS or _one_has_resources(a, b, key):
            return False
        return all(equal(a.get(name), b.get(name), name) for name in a.keys() | b.keys())
    if type(a) is list and type(b) is list:
        return len(a) == len(b) and all(equal(x, y, key) for x, y in zip(a, b, strict=True))
    if a is None or b is None:
        other = b if a is None else a
        if type(other) is list:
            return not other
        if type(other) is dict and key in _EMPTY_IS_ABSENT:
            return all(equal(None, value, name) for name, value in other.items())
        return False
    if key in _QUANTITIES:
        return _same_quantity(a, b)
    return type(a) is type(b) and bool(a == b)


def _one_has_resources(a: dict[str, Any], b: dict[str, Any], key: str) -> bool:
    """Tell whether only one side has `resources`, where Go holds a pointer to them.

    Containers hold them by value; a pod's spec and a status do not.
    """
    if key in _CONTAINERS:
        return False
    return (a.get("resources") is None) != (b.get("resources") is None)


def _same_quantity(a: Any, b: Any) -> bool:
    left = quantity(a)
    return type(a) is type(b) and bool(a == b) if left is None else left == quantity(b)
