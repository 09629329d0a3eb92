"""OpenShift's project templates, read as NamespaceTemplates.

On OpenShift an administrator replaces what a new project holds by a `Template` with one Project and
other objects. The Project is the namespace here: its labels and annotations go on it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from webhook.core.model.fieldpath import ROOT, FieldPath
from webhook.core.model.finding import shown
from webhook.core.model.loose import mapping
from webhook.core.model.marks import REQUESTER as REQUESTED_BY
from webhook.core.model.objects import JsonObject
from webhook.core.model.schema import (
    ANYTHING,
    BOOLEAN,
    METADATA,
    STRING,
    ListOf,
    MapOf,
    Mistake,
    Object,
)
from webhook.core.provisioning.templates import contents
from webhook.core.provisioning.templates.contents import OBJECT, Content, Parameter, bare
from webhook.core.provisioning.templates.document import NamespaceTemplate
from webhook.core.provisioning.templates.parameters import ALWAYS

API_VERSION = "template.openshift.io/v1"
KIND = "Template"

DISPLAY_NAME, DESCRIPTION = "openshift.io/display-name", "openshift.io/description"
PROJECT = frozenset(
    {
        "PROJECT_NAME",
        "PROJECT_DISPLAYNAME",
        "PROJECT_DESCRIPTION",
        "PROJECT_ADMIN_USER",
        "PROJECT_REQUESTING_USER",
    }
)
"""The parameters that OpenShift fills in when a project is requested."""

_PROJECT = ("project.openshift.io/v1", "Project")
_OWN_NAMES = ("${PROJECT_NAME}", "${NAMESPACE}")
_ECHOES = {
    DISPLAY_NAME: ("${PROJECT_DISPLAYNAME}",),
    DESCRIPTION: ("${PROJECT_DESCRIPTION}",),
    REQUESTED_BY: ("${PROJECT_REQUESTING_USER}", "${PROJECT_ADMIN_USER}", "${REQUESTER}"),
}
"""Annotations that only repeat what the namespace itself says, and is the only one to say here."""

_PARAMETER = Object(
    {
        "name": STRING,
        "displayName": STRING,
        "description": STRING,
        "value": STRING,
        "generate": STRING,
        "from": STRING,
        "required": BOOLEAN,
    },
    required=("name",),
)
SCHEMA = Object(
    {
        "apiVersion": STRING,
        "kind": STRING,
        "metadata": METADATA,
        "message": STRING,
        "labels": MapOf(STRING),
        "parameters": ListOf(_PARAMETER),
        "objects": ListOf(ANYTHING),
    },
    required=("metadata", "objects"),
)


def from_object(document: Mapping[str, Any]) -> NamespaceTemplate:
    """Build from a document that `mistakes` finds nothing wrong with."""
    return NamespaceTemplate.of(document["metadata"]["name"], content_of(document))


def content_of(document: Mapping[str, Any]) -> Content:
    """Return what a document of the right shape holds."""
    shared = document.get("labels") or {}
    project = ROOT / "objects"
    metadata: Mapping[str, Any] = {}
    objects: list[tuple[FieldPath, JsonObject]] = []
    for index, raw in enumerate(document["objects"]):
        item = bare(raw)
        if _is_project(item):
            project, metadata = ROOT / "objects" / index / "metadata", item["metadata"]
        else:
            objects.append((ROOT / "objects" / index, _placed(item, shared)))
    annotations = {
        key: value
        for key, value in (metadata.get("annotations") or {}).items()
        if value not in _ECHOES.get(key, ())
    }
    return Content(
        parameters=tuple(_parameters(document.get("parameters") or ())),
        fixed=ALWAYS | PROJECT,
        labels=(project / "labels", {**(metadata.get("labels") or {}), **shared}),
        annotations=(project / "annotations", annotations),
        objects=tuple(objects),
    )


def mistakes(document: Mapping[str, Any]) -> list[Mistake]:
    """Return everything that is wrong with a Template on its own."""
    found = list(SCHEMA.mistakes(bare(document)))
    if not found:
        found += _object_mistakes(document["objects"])
        found += _generated(document.get("parameters") or ())
    if not found:
        found += contents.mistakes(content_of(document))
    return found


def _is_project(item: Any) -> bool:
    return isinstance(item, Mapping) and (item.get("apiVersion"), item.get("kind")) == _PROJECT


def _placed(item: JsonObject, shared: Mapping[str, str]) -> JsonObject:
    """Return an object with the labels of all, and without the namespace: it is the one it is for."""
    metadata = {key: value for key, value in item["metadata"].items() if key != "namespace"}
    if shared:
        metadata["labels"] = {**(metadata.get("labels") or {}), **shared}
    return {**item, "metadata": metadata}


def _parameters(items: Any) -> Iterator[Parameter]:
    """Yield the parameters that a Tenant may give: those of a project are declared, yet filled in.

    One that is not required is empty if nobody gives it a value.
    """
    for index, item in enumerate(items):
        if item["name"] not in PROJECT:
            value = item.get("value") or ("" if not item.get("required") else None)
            yield Parameter(ROOT / "parameters" / index, item["name"], value)


def _generated(items: Any) -> Iterator[Mistake]:
    for index, item in enumerate(items):
        if item.get("generate") and not item.get("value") and item["name"] not in PROJECT:
            at = ROOT / "parameters" / index / "generate"
            yield Mistake(
                at,
                f"{at} is {shown(item['generate'])}; allowed: none, as what is kept in a namespace "
                "has to come out the same every time. Fix: give it a value, or drop generate and "
                "from, set required: true and let each Tenant give one in spec.provision.parameters.",
            )


def _object_mistakes(items: Any) -> Iterator[Mistake]:
    projects = []
    for index, raw in enumerate(items):
        item, at = bare(raw), ROOT / "objects" / index
        if _is_project(item):
            projects.append(at)
            item = {key: value for key, value in item.items() if key != "spec" or value}
        name = mapping(mapping(item).get("metadata")).get("namespace")
        if isinstance(name, str) and "${" in name and name not in _OWN_NAMES:
            path = at / "metadata" / "namespace"
            yield Mistake(path, f"{path} is {shown(name)}; allowed: {_OWN_NAMES[0]}, or none")
        if isinstance(name, str):
            item = _placed(item, {})
        found = list(OBJECT.mistakes(item, at))
        yield from found
        if not found and _is_project(item):
            yield from _project_mistakes(item, at)
    if len(projects) != 1:
        at = projects[1] if projects else ROOT / "objects"
        yield Mistake(
            at,
            f"{at}: {len(projects) or 'no'} Project{'s' if projects else ''} of {_PROJECT[0]}; a "
            "template for namespaces has exactly one, whose labels and annotations go on the namespace",
        )


def _project_mistakes(item: JsonObject, path: FieldPath) -> Iterator[Mistake]:
    name = item["metadata"]["name"]
    if name not in _OWN_NAMES:
        at = path / "metadata" / "name"
        yield Mistake(at, f"{at} is {shown(name)}; allowed: {_OWN_NAMES[0]}")
    for key in item:
        if key not in ("apiVersion", "kind", "metadata"):
            yield Mistake(path / key, f"{path / key}: a Project has labels and annotations only")
