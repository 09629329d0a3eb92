"""Two objects to a JSON Patch (RFC 6902), built by hand because a general differ is far dearer.

Objects after a mutation share what did not change with the object before it, so a comparison by
identity ends most of the walk at once.
"""

from collections.abc import Mapping
from typing import Any

from webhook.core.model.fieldpath import escaped

Patch = tuple[Mapping[str, Any], ...]


def patch(before: Any, after: Any) -> Patch:
    """Return the operations that turn `before` into `after`.

    A missing parent is added with everything in it. A null before is as good as absent, and a
    key that is absent after is left alone where it was null before.
    """
    operations: list[Mapping[str, Any]] = []
    _compare(before, after, "", operations)
    return tuple(operations)


def _compare(before: Any, after: Any, at: str, out: list[Mapping[str, Any]]) -> None:
    if type(before) is dict and type(after) is dict:
        kept = 0
        for key, value in after.items():
            old = before.get(key)
            if old is value:
                kept += old is not None
                continue
            if old is None:
                out.append({"op": "add", "path": f"{at}/{escaped(key)}", "value": value})
            else:
                kept += 1
                _compare(old, value, f"{at}/{escaped(key)}", out)
        if kept < len(before):
            for key, old in before.items():
                if key not in after and old is not None:
                    out.append({"op": "remove", "path": f"{at}/{escaped(key)}"})
    elif type(before) is list and type(after) is list and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            if old is not new:
                _compare(old, new, f"{at}/{index}", out)
    elif type(before) is not type(after) or before != after:
        out.append({"op": "replace", "path": at, "value": after})
