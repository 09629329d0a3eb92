"""What a namespace is to hold: the objects of its template and of its tenant's shorthands, complete."""

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.marks import HASH, MANAGED, PROVISIONED, REQUESTER, TENANT
from webhook.core.model.objects import JsonObject
from webhook.core.model.quantity import canonical
from webhook.core.model.world import Namespace
from webhook.core.platform import Platform
from webhook.core.provisioning import shorthands
from webhook.core.provisioning.choice import is_left_alone, serving, tenant_of
from webhook.core.provisioning.label_sync import forced_labels
from webhook.core.provisioning.templates import openshift, parameters
from webhook.core.provisioning.templates.document import NamespaceTemplate
from webhook.core.provisioning.templates.objects import identity, quantities
from webhook.core.provisioning.templates.parameters import Values, substitute
from webhook.core.tenancy.registry import Registry

_FIRST = ("ResourceQuota", "LimitRange", "NetworkPolicy")
_LAST = "RoleBinding"


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """What a namespace is to hold. `hash` is the same as long as nothing of it changes.

    `template` is the name of the template that serves it, "" for none; with shorthands of its
    tenant there may be objects all the same. `objects` are complete, in the order in which they are
    to be made. They share what is the same in all namespaces: nobody may change them.
    """

    template: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    objects: tuple[JsonObject, ...] = ()
    hash: str = ""


def wanted(
    namespace: Namespace,
    platform: Platform,
    registry: Registry,
    templates: Sequence[NamespaceTemplate],
) -> Wanted | None:
    """Return what a namespace is to hold; None: it is to be left as it is, whatever it holds.

    None is for the namespaces of the platform, and for those of a tenant that no file describes any
    more. Its file may have been lost by a slip, and to take network policies away would be worse
    than to keep them. One of its namespaces that was never provisioned gets what a template gives
    to any tenant, as its pods have to wait for it.

    Args: as for `choice.serving`.
    """
    tenant = tenant_of(namespace, registry)
    orphaned = tenant is None and bool(namespace.labels.get(TENANT))
    if is_left_alone(namespace.name, platform) or (
        orphaned and PROVISIONED in namespace.annotations
    ):
        return None
    template = serving(namespace, platform, registry, templates)
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    found: dict[shorthands.Identity, JsonObject] = {}
    if template is not None:
        given = (tenant.provision.get("parameters") or {}) if tenant is not None else {}
        values = Values.of({**template.defaults, **given}, _fixed(namespace, template))
        forced = forced_labels(namespace, platform)
        given_labels = substitute(template.labels, values)
        labels = {key: value for key, value in given_labels.items() if key not in forced}
        annotations = substitute(template.annotations, values)
        for item in template.objects:
            value = substitute(item, values)
            found.setdefault(identity(value), value)
    if tenant is not None:
        if (gone := shorthands.displaced(tenant, platform)) is not None:
            found.pop(gone, None)
        found |= {identity(item): item for item in shorthands.objects(tenant, platform)}
    objects = tuple(_complete(item, namespace.name) for item in _ordered(found.values()))
    hashes = [item["metadata"]["annotations"][HASH] for item in objects]
    return Wanted(
        template=template.name if template is not None else "",
        labels=labels,
        annotations=annotations,
        objects=objects,
        hash=digest([labels, annotations, hashes]),
    )


def digest(value: Any) -> str:
    """Return the name of a JSON value: the same for the same content, in whatever order of keys."""
    import hashlib  # loads OpenSSL, which a command that prints no hash can do without

    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _fixed(namespace: Namespace, template: NamespaceTemplate) -> dict[str, str]:
    """Return the values of the parameters that every template of its kind has."""
    requester = namespace.annotations.get(REQUESTER, "")
    values = {
        parameters.NAMESPACE: namespace.name,
        parameters.TENANT: namespace.labels.get(TENANT, ""),
        parameters.REQUESTER: requester,
    }
    if template.fixed >= openshift.PROJECT:
        values |= {
            "PROJECT_NAME": namespace.name,
            "PROJECT_DISPLAYNAME": namespace.annotations.get(openshift.DISPLAY_NAME, ""),
            "PROJECT_DESCRIPTION": namespace.annotations.get(openshift.DESCRIPTION, ""),
            "PROJECT_ADMIN_USER": requester,
            "PROJECT_REQUESTING_USER": requester,
        }
    return values


def _ordered(objects: Iterable[JsonObject]) -> Iterator[JsonObject]:
    """Yield what holds pods back first, then what serves them; who may come in, last."""

    def rank(item: JsonObject) -> int:
        kind = item["kind"]
        return _FIRST.index(kind) if kind in _FIRST else len(_FIRST) + (kind == _LAST)

    yield from sorted(objects, key=rank)


def _complete(item: JsonObject, namespace: str) -> JsonObject:
    """Return an object as it is to be applied: with its namespace, its marker and its hash."""
    item = _with_data(_with_somebody(_with_canonical_quantities(item)))
    metadata: dict[str, Any] = dict(item["metadata"])
    metadata |= {"namespace": namespace}
    metadata["labels"] = {**(metadata.get("labels") or {}), MANAGED: "true"}
    value = {**item, "metadata": metadata}
    own = {**(metadata.get("annotations") or {}), HASH: digest(value)}
    return {**value, "metadata": {**metadata, "annotations": own}}


def _with_somebody(item: JsonObject) -> JsonObject:
    """Return a RoleBinding without subjects that have no name.

    Such is the requester of a namespace that nobody requested, and the API server would refuse the
    whole binding.
    """
    subjects = item.get("subjects")
    if item["kind"] != _LAST or not isinstance(subjects, list):
        return item
    named = [subject for subject in subjects if subject.get("name") != ""]
    return item if len(named) == len(subjects) else {**item, "subjects": named}


def _with_data(item: JsonObject) -> JsonObject:
    """Return a Secret with its `stringData` as `data`, which is what the API server makes of it."""
    texts = item.get("stringData")
    if item["kind"] != "Secret" or not isinstance(texts, dict):
        return item
    encoded = {key: b64encode(text.encode()).decode() for key, text in texts.items()}
    rest = {key: value for key, value in item.items() if key != "stringData"}
    return {**rest, "data": {**(item.get("data") or {}), **encoded}}


def _with_canonical_quantities(item: JsonObject) -> JsonObject:
    """Return an object whose quantities are spelt as the API server spells them back."""
    for path, values in quantities(item):
        item = _put(item, path, {key: canonical(value) for key, value in values.items()})
    return item


def _put(value: Any, path: Sequence[str | int], new: Any) -> Any:
    """Return a value with another one in it at a path, all else shared."""
    if not path:
        return new
    step, *rest = path
    if isinstance(value, list):
        return [_put(item, rest, new) if i == step else item for i, item in enumerate(value)]
    return {**value, step: _put(value[step], FieldPath(rest), new)}
