"""What is registered, held against what should be: every field that differs, and where."""

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import UNSET, shown
from webhook.core.model.loose import mapping
from webhook.core.model.objects import JsonObject

_CA = ("clientConfig", "caBundle")


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that is not as it should be; `UNSET` stands for a field that is not there."""

    path: FieldPath
    seen: Any
    wanted: Any

    def __str__(self) -> str:
        if tuple(self.path[-2:]) == _CA:
            # Nobody reads anything out of a certificate in base64, and it is the same in all entries.
            return "clientConfig.caBundle is not that of the serving certificate's authority"
        return f"{self.path} is {shown(self.seen)}; the policies ask for {shown(self.wanted)}"


def differences(wanted: JsonObject, stored: JsonObject) -> Iterator[Difference]:
    """Yield what a stored configuration has otherwise, less, or more than the wanted one.

    Entries are told by their names; in which order they stand makes no difference, as no two
    mutating ones are sent the same request. Labels and annotations that others add are theirs.
    """
    at = FieldPath(("metadata", "labels"))
    labels = mapping(mapping(stored.get("metadata")).get("labels"))
    for key, value in wanted["metadata"]["labels"].items():
        if labels.get(key) != value:
            yield Difference(at / key, labels.get(key, UNSET), value)
    seen, asked = by_name(stored), by_name(wanted)
    for name in sorted({*seen, *asked}):
        place = FieldPath(("webhooks", name))
        if name not in asked:
            yield Difference(place, "an entry that is none of tenantgate's", UNSET)
        elif name not in seen:
            yield Difference(place, UNSET, "this entry")
        else:
            yield from _fields(place, asked[name], seen[name])


def by_name(configuration: JsonObject) -> Mapping[str, JsonObject]:
    """Return the entries of a configuration by their names, which are unique in it."""
    found = configuration.get("webhooks")
    entries = found if isinstance(found, list) else []
    return {str(entry.get("name")): entry for entry in entries if isinstance(entry, Mapping)}


def decoded(entry: JsonObject) -> bytes:
    """Return the authorities of an entry, PEM; nothing where there are none that can be read."""
    text = mapping(entry.get("clientConfig")).get("caBundle")
    try:
        return base64.b64decode(text) if isinstance(text, str) else b""
    except ValueError:
        return b""


def with_bundle(configuration: JsonObject, ca: str, where: Callable[[bytes], bool]) -> JsonObject:
    """Return a configuration in which `ca` stands for the bundles of which `where` holds."""
    text = base64.b64encode(ca.encode()).decode()

    def spelt(entry: Any) -> Any:
        if not isinstance(entry, Mapping) or not where(decoded(entry)):
            return entry
        return {**entry, "clientConfig": {**entry["clientConfig"], "caBundle": text}}

    webhooks = configuration.get("webhooks")
    if not isinstance(webhooks, list):
        return configuration
    return {**configuration, "webhooks": [spelt(entry) for entry in webhooks]}


def _fields(at: FieldPath, wanted: JsonObject, stored: JsonObject) -> Iterator[Difference]:
    for key in sorted({*wanted, *stored}):
        seen, asked = stored.get(key, UNSET), wanted.get(key, UNSET)
        if seen == asked:
            continue
        if isinstance(seen, Mapping) and isinstance(asked, Mapping):
            yield from _fields(at / key, asked, seen)
        else:
            yield Difference(at / key, seen, asked)
