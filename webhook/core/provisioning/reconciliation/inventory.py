"""What was put into a namespace: noted at the namespace before it is done, so nothing is forgotten.

The annotation holds a JSON map of `apiVersion/Kind` to names. It names an object from before it is
made until after it is gone, whatever crashes in between.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from webhook.core.model.marks import OBJECTS
from webhook.core.model.objects import JsonObject


@dataclass(frozen=True, slots=True, order=True)
class Item:
    """One object of a namespace; the same in every version of its API group."""

    group: str
    kind: str
    name: str
    api_version: str = field(compare=False)

    @classmethod
    def of(cls, obj: JsonObject) -> "Item":
        """Name an object that has `apiVersion`, `kind` and `metadata.name`."""
        api_version = str(obj.get("apiVersion"))
        metadata = obj.get("metadata")
        name = metadata.get("name") if isinstance(metadata, Mapping) else None
        return cls(api_version.rpartition("/")[0], str(obj.get("kind")), str(name), api_version)

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def read(annotations: Mapping[str, str]) -> frozenset[Item]:
    """Return what a namespace's annotation lists; what somebody garbled in it is left out."""
    try:
        listed = json.loads(annotations.get(OBJECTS, "{}"))
    except ValueError:
        return frozenset()
    return frozenset(_items(listed) if isinstance(listed, dict) else ())


def _items(listed: Mapping[str, Any]) -> Iterator[Item]:
    for where, names in listed.items():
        api_version, _, kind = where.rpartition("/")
        for name in names if api_version and kind and isinstance(names, list) else ():
            if isinstance(name, str) and name:
                yield Item(api_version.rpartition("/")[0], kind, name, api_version)


def write(items: Iterable[Item]) -> str:
    """Return the annotation's value for these objects: the same text for the same objects."""
    listed: dict[str, list[str]] = {}
    for item in sorted(items):
        listed.setdefault(f"{item.api_version}/{item.kind}", []).append(item.name)
    return json.dumps(listed, sort_keys=True, separators=(",", ":"))


def union(new: Iterable[Item], old: Iterable[Item]) -> frozenset[Item]:
    """Return both; of an object in two versions of its group, the new one."""
    return frozenset({**{item: item for item in old}, **{item: item for item in new}}.values())
