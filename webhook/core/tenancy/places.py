"""Where in a custom resource a value stands, written as `spec.data[].sourceRef.storeRef`."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from webhook.core.model.fieldpath import ROOT, FieldPath
from webhook.core.tenancy.rule import items, mapping

_EVERY = "[]"


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


def mappings(value: Any, at: FieldPath) -> Iterator[tuple[FieldPath, Mapping[str, Any]]]:
    """Yield every object at a place and below it, with its path, in order."""
    waiting: list[tuple[FieldPath, Any]] = [(at, value)]
    while waiting:
        path, found = waiting.pop()
        if isinstance(found, Mapping):
            yield path, found
            waiting += [(path / key, item) for key, item in found.items()][::-1]
        elif isinstance(found, list):
            waiting += [(path / index, item) for index, item in enumerate(found)][::-1]


def references(value: Any, at: FieldPath) -> Iterator[tuple[FieldPath, Mapping[str, Any]]]:
    """Yield every object below a place that has both a name and a namespace."""
    for path, found in mappings(value, at):
        if isinstance(found.get("namespace"), str) and "name" in found:
            yield path, found
