"""Who owns which fields of an object, as the API server notes it in `metadata.managedFields`.

Server-side apply puts back the fields that we apply and leaves alone what others add beside them.
Beside a default-deny network policy, an added rule opens what was to stay shut. So what others own
in it is first noted as ours: when we apply the next time and leave it out, the API server takes it
away. (`kubectl` moves its own fields to server-side apply in the same way.)
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from webhook.core.model.loose import mapping
from webhook.core.model.marks import FIELD_MANAGER
from webhook.core.model.objects import JsonObject

_SYSTEM = frozenset({"kube-controller-manager", "kube-scheduler"})
"""They fill in what only they know, such as the volume of a claim."""

_BESIDE = frozenset({"f:apiVersion", "f:kind", "f:metadata", "f:status"})
_SELF = "."

FieldSet = Mapping[str, Any]
"""A set of fields in the API server's notation (`FieldsV1`): `f:` names, `k:` keys, `.` the node."""


def others(obj: JsonObject) -> tuple[str, ...]:
    """Return the managers besides us who have written to an object, status aside; sorted."""
    return tuple(sorted({_name(entry) for entry in _entries(obj) if not _is_ours(entry)} - {""}))


def intruders(obj: JsonObject) -> tuple[str, ...]:
    """Return the managers who own content that we do not own too; sorted.

    Content is what is neither metadata nor status. What subresources and the control plane's own
    managers have written is theirs to write.
    """
    entries = _entries(obj)
    ours: FieldSet = next((_fields(entry) for entry in entries if _is_ours(entry)), {})
    return tuple(
        sorted(
            {
                _name(entry)
                for entry in entries
                if _may_intrude(entry) and _beyond(_content(_fields(entry)), ours)
            }
        )
    )


def taken_over(obj: JsonObject) -> list[JsonObject] | None:
    """Return an object's managedFields with the intruders' content noted as ours.

    None where that cannot be written so: we own nothing yet, or their fields are those of another
    version of the API.
    """
    entries = _entries(obj)
    own = next((entry for entry in entries if _is_ours(entry)), None)
    if own is None:
        return None
    ours: dict[str, Any] = dict(_fields(own))
    kept: list[JsonObject] = []
    for entry in entries:
        if entry is own:
            continue
        fields = _fields(entry)
        content = _content(fields)
        if not _may_intrude(entry) or not content:
            kept.append(entry)
            continue
        if entry.get("apiVersion") != own.get("apiVersion"):
            return None
        ours = _union(ours, content)
        if rest := {name: inner for name, inner in fields.items() if name in _BESIDE}:
            kept.append({**entry, "fieldsV1": rest})
    return [{**own, "fieldsV1": ours}, *kept]


def owned_keys(obj: JsonObject, part: str) -> frozenset[str]:
    """Return the keys of an object's `labels` or `annotations` that we have applied."""
    found: set[str] = set()
    for entry in _entries(obj):
        if _is_ours(entry):
            inner = mapping(mapping(_fields(entry).get("f:metadata")).get(f"f:{part}"))
            found.update(key.removeprefix("f:") for key in inner if key.startswith("f:"))
    return frozenset(found)


def _entries(obj: JsonObject) -> Sequence[JsonObject]:
    found = mapping(obj.get("metadata")).get("managedFields")
    return [entry for entry in found or () if isinstance(entry, Mapping)]


def _is_ours(entry: JsonObject) -> bool:
    return (
        entry.get("manager") == FIELD_MANAGER
        and entry.get("operation") == "Apply"
        and not entry.get("subresource")
    )


def _may_intrude(entry: JsonObject) -> bool:
    return (
        not _is_ours(entry) and not entry.get("subresource") and entry.get("manager") not in _SYSTEM
    )


def _name(entry: JsonObject) -> str:
    return "" if entry.get("subresource") else str(entry.get("manager") or "")


def _fields(entry: JsonObject) -> FieldSet:
    return mapping(entry.get("fieldsV1"))


def _content(fields: FieldSet) -> dict[str, Any]:
    return {name: inner for name, inner in fields.items() if name not in _BESIDE}


def _beyond(fields: FieldSet, others_fields: FieldSet) -> bool:
    """Tell whether a set has a field that another one lacks."""
    return any(True for _ in _missing(fields, others_fields))


def _missing(fields: FieldSet, other: FieldSet) -> Iterator[str]:
    """Yield the members of a set that another one lacks, by the last part of their path."""
    for name, inner in fields.items():
        below = mapping(inner)
        there = other.get(name)
        if name == _SELF:
            # An empty map or list that somebody made holds nothing that could be too much.
            continue
        if not below or set(below) == {_SELF}:
            if there is None:
                yield name
        else:
            yield from _missing(below, mapping(there))


def _union(a: FieldSet, b: FieldSet) -> dict[str, Any]:
    """Return the union of two sets. A leaf is `{}`; a node that is a member too holds a `.`."""
    merged = dict(a)
    for name, inner in b.items():
        if name not in merged:
            merged[name] = inner
            continue
        left, right = mapping(merged[name]), mapping(inner)
        if left and right:
            merged[name] = _union(left, right)
        elif left or right:
            merged[name] = {_SELF: {}, **(left or right)} if name != _SELF else {}
    return merged
