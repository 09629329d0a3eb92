"""Forged marks: nobody but the platform uses tenantgate's labels and annotations, or its object names.

What carries the label `tenantgate.io/managed` counts as the platform's own. So does a pod that a
controller makes from a template with the label in it, which is why templates are searched too.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.model.marks import DOMAIN, in_domain
from webhook.core.tenancy.namespaces import is_namespace, is_review
from webhook.core.tenancy.rule import Case, Intercept, Rule, mapping, text
from webhook.core.tenancy.stored import is_ending

_FIELDS = ("labels", "annotations")
_NAMED_BY_OTHERS = frozenset({("", "events"), ("events.k8s.io", "events"), ("", "bindings")})
"""Their names are made from, or are, the name of the object that they are about."""


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse reserved keys and names, in the object and in every template inside it.

    On the object itself what was there before may stay: whoever put it there was allowed to. A
    mark in a template is refused as long as it is there, since pods are made from it all the time.
    Namespaces have rules of their own.
    """
    request, old = case.request, case.request.old_object
    if is_namespace(request) or (case.requester.kind == "other" and case.tenant is None):
        return
    own = mapping(mapping(value).get("metadata"))
    yield from _marks(own, ("metadata",), mapping(mapping(old).get("metadata")))
    if request.subresource:
        return
    about = (request.group, request.resource) in _NAMED_BY_OTHERS or is_review(request)
    if request.operation == "CREATE" and not about:
        yield from _names(own, ("metadata",), case)
    if is_ending(old):
        return
    before = {_name(metadata) for _, metadata in _templates(old)}
    for path, metadata in _templates(value):
        yield from _marks(metadata, path, {})
        if path[-1] == "metadata" and _name(metadata) not in before:
            yield from _names(metadata, path, case)


def _marks(
    metadata: Mapping[str, Any], path: tuple[str | int, ...], before: Mapping[str, Any]
) -> Iterator[Finding]:
    for field in _FIELDS:
        known = mapping(before.get(field))
        for key, item in mapping(metadata.get(field)).items():
            if in_domain(key) and not (key in known and known[key] == item):
                yield Finding(
                    path=FieldPath((*path, field, key)),
                    observed=item,
                    allowed=f"keys outside {DOMAIN}",
                    fix="remove it, or use a key in a domain of your own",
                    why=f"{field.removesuffix('s').capitalize()} {key} is reserved for the platform",
                )


def _name(metadata: Mapping[str, Any]) -> tuple[str, str]:
    """Return the field that an object is named by, and what stands there."""
    field = "name" if metadata.get("name") else "generateName"
    return field, text(metadata.get(field))


def _names(
    metadata: Mapping[str, Any], path: tuple[str | int, ...], case: Case
) -> Iterator[Finding]:
    field, name = _name(metadata)
    prefix = case.platform.reserved_object_prefix
    if prefix and name.startswith(prefix):
        yield Finding(
            path=FieldPath((*path, field)),
            observed=name,
            allowed=f'names that do not begin with "{prefix}"',
            fix="choose another name",
            why=f'Object names that begin with "{prefix}" are reserved for the platform',
        )


def _templates(value: Any) -> Iterator[tuple[tuple[str | int, ...], Mapping[str, Any]]]:
    """Yield the metadata of everything that an object holds a pattern of, with its place.

    Found by name, at any depth, as custom resources have templates too: `metadata` and what ends
    in it (`podMetadata`), and templates that hold labels themselves (`secretTemplate`). A status
    is no pattern of anything.
    """
    top = [(key, item) for key, item in mapping(value).items() if key not in ("metadata", "status")]
    waiting: list[tuple[tuple[str | int, ...], Any]] = [((key,), item) for key, item in top[::-1]]
    while waiting:
        path, found = waiting.pop()
        if isinstance(found, Mapping):
            step = str(path[-1])
            if step == "metadata" or step.endswith(("Metadata", "emplate")):
                yield path, found
            waiting += [((*path, key), item) for key, item in found.items()][::-1]
        elif isinstance(found, list):
            waiting += [((*path, index), item) for index, item in enumerate(found)][::-1]


RULE = Rule(
    id="T-OBJ-2",
    family="subject",
    intercepts=(Intercept(("*",), ("*", "*/*")),),
    check=check,
    others=True,
    ratchet=False,
)
