"""What a request is about to change: the object as it is stored, and whether that stays as it is."""

import json
from collections.abc import Mapping
from typing import Any

from webhook.core.model.objects import Json
from webhook.core.tenancy.rule import Case, mapping

_KEPT_BY_SERVER = ("uid", "resourceVersion", "generation", "creationTimestamp", "selfLink")
"""Metadata that nobody can write; a manifest leaves it out."""


def stored(case: Case) -> Json:
    """Return the stored object that a request is aimed at; None where there is none.

    A body of a kind of its own, such as a Scale, shows nothing of what it changes.
    """
    return case.target if case.target is not None else case.request.old_object


def is_unchanged(case: Case) -> bool:
    """Tell whether an update leaves everything as it is, as a repeated apply does."""
    request = case.request
    return request.operation == "UPDATE" and _text(request.object) == _text(request.old_object)


def goes_with_namespace(case: Case) -> bool:
    """Tell whether a deletion or an eviction only does what the end of its namespace will do."""
    goes = case.request.operation == "DELETE" or case.request.subresource == "eviction"
    return goes and case.namespace is not None and case.namespace.terminating


def is_ending(value: Any) -> bool:
    """Tell whether an object is being deleted."""
    return bool(mapping(mapping(value).get("metadata")).get("deletionTimestamp"))


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        metadata = mapping(value.get("metadata"))
        kept = {key: item for key, item in metadata.items() if key not in _KEPT_BY_SERVER}
        value = {**value, "metadata": kept}
    return json.dumps(value, sort_keys=True)
