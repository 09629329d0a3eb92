"""What a template holds, of either kind, and all that can be wrong with it.

A mistake in a template is found in every namespace at once, when nobody looks. So what can be
known is checked when the policies load: on the objects as they come out with the values that the
parameters have.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import shown
from webhook.core.model.objects import Json, JsonObject
from webhook.core.model.schema import STRING, MapOf, Mistake, Object
from webhook.core.platform import Platform
from webhook.core.provisioning.templates import metadata
from webhook.core.provisioning.templates.networks import open_networks
from webhook.core.provisioning.templates.objects import identity, object_mistakes
from webhook.core.provisioning.templates.parameters import (
    REQUESTER,
    Reference,
    Values,
    is_name,
    references,
    substitute,
)

_LITERALLY = (
    "Fix: define it in parameters. To keep the text as it is, define it with itself as its value: "
    '{{name: {name}, value: "${{{name}}}"}}.'
)
_SUBJECTS = frozenset({REQUESTER, "PROJECT_ADMIN_USER", "PROJECT_REQUESTING_USER"})
OBJECT = Object(
    {
        "apiVersion": STRING,
        "kind": STRING,
        "metadata": Object(
            {"name": STRING, "labels": MapOf(STRING), "annotations": MapOf(STRING)},
            required=("name",),
            hints={
                "namespace": " Leave it out: each namespace that the template serves gets the object.",
                "generateName": " Write name: the object is kept under one.",
            },
        ),
    },
    required=("apiVersion", "kind", "metadata"),
    open=True,
)
"""An object of a template. What the API server writes into metadata has no place in it."""


class Parameter(NamedTuple):
    """A parameter as it is declared; a Tenant has to give it a value if it has none."""

    path: FieldPath
    name: str
    value: str | None


class Content(NamedTuple):
    """What a template holds, with the places in its document.

    `fixed` are parameters whose values follow from the namespace. The objects are `bare`.
    """

    parameters: tuple[Parameter, ...]
    fixed: frozenset[str]
    labels: tuple[FieldPath, Mapping[str, str]]
    annotations: tuple[FieldPath, Mapping[str, str]]
    objects: tuple[tuple[FieldPath, JsonObject], ...]

    @property
    def values(self) -> dict[str, str]:
        """The values that the template itself gives its parameters."""
        return {item.name: item.value for item in self.parameters if item.value is not None}

    @property
    def required(self) -> frozenset[str]:
        """The parameters that a Tenant has to give a value."""
        return frozenset(item.name for item in self.parameters if item.value is None)

    def references(self) -> Iterator[Reference]:
        """Yield every use of a parameter."""
        for path, value in (self.labels, self.annotations, *self.objects):
            yield from references(value, path)


def bare(value: Json) -> Json:
    """Return an object without nulls, which mean the same as nothing, and without an empty status.

    Both are what `kubectl create --dry-run=client -o yaml` leaves in what it prints.
    """
    found = _without_nulls(value)
    if isinstance(found, dict) and found.get("status") == {}:
        found = {key: item for key, item in found.items() if key != "status"}
    return found


def _without_nulls(value: Json) -> Json:
    if isinstance(value, Mapping):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def mistakes(content: Content) -> Iterator[Mistake]:
    """Yield everything that is wrong with a template's content on its own."""
    yield from _declared(content)
    yield from _used(content)
    known = Values.of(content.values, {})
    samples = dict.fromkeys(content.required, "value")
    samples |= {name: name.lower().replace("_", "-") for name in content.fixed}
    sample = Values.of({}, samples)
    path, labels = content.labels
    yield from metadata.label_mistakes(substitute(substitute(labels, known), sample), path)
    path, annotations = content.annotations
    annotations = substitute(substitute(annotations, known), sample)
    yield from metadata.annotation_mistakes(annotations, path)
    seen: dict[tuple[str, str, str], FieldPath] = {}
    for path, raw in content.objects:
        given = substitute(raw, known)
        found = list(object_mistakes(raw, given, substitute(given, sample), path))
        yield from found
        if not found and (first := seen.setdefault(identity(given), path)) != path:
            at = path / "metadata" / "name"
            what = f"{raw['kind']} {shown(given['metadata']['name'])}"
            yield Mistake(at, f"{at}: {what} is already there, as {first}")


def _declared(content: Content) -> Iterator[Mistake]:
    used = {reference.name for reference in content.references()}
    seen: set[str] = set()
    for path, name, _ in content.parameters:
        at = path / "name"
        if not is_name(name):
            yield Mistake(at, f"{at} is {shown(name)}; allowed: letters, digits and _")
        elif name in content.fixed:
            yield Mistake(at, f"{at} is {shown(name)}, which every template has; leave it out")
        elif name in seen:
            yield Mistake(at, f"{at}: a second parameter {shown(name)}")
        elif name not in used:
            yield Mistake(at, f"{at}: nothing uses parameter {shown(name)}; leave it out")
        seen.add(name)


def _used(content: Content) -> Iterator[Mistake]:
    known = {*content.fixed, *(item.name for item in content.parameters)}
    for path, name, misplaced in content.references():
        if misplaced:
            yield Mistake(
                path,
                f'{path}: "${{{{{name}}}}}" stands for a whole value; within a text, and in keys, '
                f'write "${{{name}}}"',
            )
        elif name not in known:
            told = ", ".join(sorted(known))
            yield Mistake(
                path,
                f'{path}: "${{{name}}}" is no parameter; defined are: {told}. '
                + _LITERALLY.format(name=name),
            )


def oddities(content: Content, platform: Platform) -> Iterator[Mistake]:
    """Yield what is no mistake, yet is likely to be regretted."""
    prefix, known = platform.reserved_object_prefix, Values.of(content.values, {})
    for path, raw in content.objects:
        yield from open_networks(substitute(raw, known), platform, path)
        name: str = raw["metadata"]["name"]
        at = path / "metadata" / "name"
        own = raw["kind"] == "ServiceAccount" and name == "default"  # Kubernetes' name for it
        if prefix and not name.startswith(prefix) and not own:
            yield Mistake(
                at,
                f'{at} is "{name}": a tenant may have an object of that name, which would be '
                f'overwritten. Names that begin with "{prefix}" are reserved for the platform',
            )
        group = str(raw["apiVersion"]).rpartition("/")[0]
        if group.endswith(".openshift.io"):
            at = path / "apiVersion"
            yield Mistake(
                at, f'{at} is "{raw["apiVersion"]}", which plain Kubernetes does not serve'
            )
    for reference in content.references():
        if reference.name in _SUBJECTS and _is_narrow(reference.path, content):
            yield Mistake(
                reference.path,
                f'{reference.path} holds "${{{reference.name}}}": the name of a user may be empty, '
                "or be no valid value here; the namespace is then not provisioned",
            )


def _is_narrow(path: FieldPath, content: Content) -> bool:
    """Tell whether a place takes less than every text: a label, or the name of an object."""
    labels, _ = content.labels
    if path[: len(labels)] == labels:
        return True
    for start, _ in content.objects:
        if path[: len(start)] == start:
            return path[len(start) :][:2] in (("metadata", "labels"), ("metadata", "name"))
    return False
