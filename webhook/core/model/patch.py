"""Two objects to a JSON Patch (RFC 6902), built by hand because a general differ is far dearer.

Objects after a mutation share what did not change with the object before it, so a comparison by
identity ends most of the walk at once.
"""

from collections.abc import Mapping
from typing import Any

from webhook.core.model.fieldpath import pointer

Patch = tuple[Mapping[str, Any], ...]


def patch(before: Any, after: Any) -> Patch:
    """Return the operations that turn `before` into `after`.

    A missing parent is added with everything in it. A null before is as good as absent, and a
    key that is absent after is left alone where it was null before.
    """
    operations: list[Mapping[str, Any]] = []
    _compare(before, after, (), operations)
    return tuple(operations)


def _compare(
    before: Any, after: Any, at: tuple[str | int, ...], out: list[Mapping[str, Any]]
) -> None:
    if before is after:
        return
    if type(before) is dict and type(after) is dict:
        for key, value in after.items():
            old = before.get(key)
            if old is value:
                continue
            if old is None:
                out.append({"op": "add", "path": pointer((*at, key)), "value": value})
            else:
                _compare(old, value, (*at, key), out)
        for key, old in before.items():
            if old is not None and key not in after:
                out.append({"op": "remove", "path": pointer((*at, key))})
    elif type(before) is list and type(after) is list and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            _compare(old, new, (*at, index), out)
    elif type(before) is not type(after) or before != after:
        out.append({"op": "replace", "path": pointer(at), "value": after})
