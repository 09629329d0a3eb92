"""Where in a custom resource a value stands, written as `spec.data[].sourceRef.storeRef`."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from webhook.core.model.fieldpath import ROOT, FieldPath
from webhook.core.tenancy.rule import items, mapping

_EVERY = "[]"
_DEEPEST = 32


@lru_cache(maxsize=1024)
def _steps(pattern: str) -> tuple[str, ...]:
    return tuple(pattern.replace(_EVERY, f".{_EVERY}").split("."))


def places(value: Any, pattern: str) -> Iterator[tuple[FieldPath, Any]]:
    """Yield every value that stands at a pattern, with its path; `[]` is every item of a list.

    A key in the pattern is a plain word. Null counts as absent.
    """
    found: list[tuple[FieldPath, Any]] = [(ROOT, value)]
    for step in _steps(pattern):
        if step == _EVERY:
            found = [
                (path / index, item)
                for path, part in found
                for index, item in enumerate(items(part))
            ]
        else:
            found = [(path / step, mapping(part).get(step)) for path, part in found]
    return ((path, item) for path, item in found if item is not None)


def references(value: Any, at: FieldPath, depth: int = 0) -> Iterator[tuple[FieldPath, Any]]:
    """Yield every object below a place that has both a name and a namespace: a reference abroad."""
    if depth > _DEEPEST:
        return
    if isinstance(value, Mapping):
        if isinstance(value.get("namespace"), str) and "name" in value:
            yield at, value
        for key, item in value.items():
            yield from references(item, at / key, depth + 1)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from references(item, at / index, depth + 1)
