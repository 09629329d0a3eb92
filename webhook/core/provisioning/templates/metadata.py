"""Labels and annotations that a template may not give, as something else writes them."""

from collections.abc import Iterator, Mapping

from webhook.core.model import metadata
from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import shown
from webhook.core.model.marks import LABEL_SYNC, MINIMUM_STANDARD, REQUESTER, in_domain
from webhook.core.model.objects import Json
from webhook.core.model.pattern import any_glob
from webhook.core.model.schema import Mistake
from webhook.core.platform import LEVELS
from webhook.core.provisioning.templates.parameters import references

_STANDARD = "pod-security.kubernetes.io/"
_STANDARDS = tuple(
    f"{_STANDARD}{mode}{part}" for mode in ("enforce", "audit", "warn") for part in ("", "-version")
)
_OF_KUBECTL = "kubectl.kubernetes.io/last-applied-configuration"
_ELSEWHERE: Mapping[str, str] = {
    "kubernetes.io/metadata.name": "the API server writes it",
    REQUESTER: "it says who asked for the namespace",
    "openshift.io/sa.scc.*": "the controller allocates it",
    MINIMUM_STANDARD: "podSecurity.labelSync writes it",
    _OF_KUBECTL: "kubectl apply writes it",
}


def label_mistakes(values: Mapping[str, Json], path: FieldPath) -> Iterator[Mistake]:
    """Yield what is wrong with labels for a namespace."""
    yield from _typed(values, path)
    labels = _texts(values)
    yield from metadata.label_mistakes(labels, path)
    yield from _reserved(labels, path)
    yield from _standard_mistakes(labels, path)
    if labels.get(LABEL_SYNC) == "true" and (
        level := next(filter(_STANDARDS.__contains__, labels), "")
    ):
        at = path / level
        yield Mistake(
            at,
            f'{at}: label {LABEL_SYNC} is "true", so that another controller writes this label, and '
            "each would undo the other. Fix: leave out one of the two.",
        )


def _standard_mistakes(labels: Mapping[str, str], path: FieldPath) -> Iterator[Mistake]:
    """Yield the labels of Pod Security admission that say nothing to it."""
    for key, value in labels.items():
        at = path / key
        if key.startswith(_STANDARD) and key not in _STANDARDS:
            yield Mistake(at, f"{at}: allowed of {_STANDARD}: {', '.join(_STANDARDS)}")
        elif key.startswith(_STANDARD) and key.endswith("-version"):
            number = value.removeprefix("v1.")
            if value != "latest" and (number == value or not number.isdecimal()):
                allowed = "latest, or a version such as v1.31"
                yield Mistake(at, f"{at} is {shown(value)}; allowed: {allowed}")
        elif key.startswith(_STANDARD) and value not in LEVELS:
            yield Mistake(at, f"{at} is {shown(value)}; allowed: {', '.join(LEVELS)}")


def annotation_mistakes(values: Mapping[str, Json], path: FieldPath) -> Iterator[Mistake]:
    """Yield what is wrong with annotations for a namespace."""
    yield from _typed(values, path)
    annotations = _texts(values)
    yield from metadata.annotation_mistakes(annotations, path)
    yield from _reserved(annotations, path)


def object_metadata_mistakes(found: Mapping[str, Json], path: FieldPath) -> Iterator[Mistake]:
    """Yield what is wrong with the labels and annotations in an object's metadata."""
    labels, annotations = found.get("labels") or {}, found.get("annotations") or {}
    yield from metadata.label_mistakes(_texts(labels), path / "labels")
    yield from metadata.annotation_mistakes(_texts(annotations), path / "annotations")
    for field, keys in (("labels", labels), ("annotations", annotations)):
        yield from _typed(keys, path / field)
        for key in keys:
            at = path / field / key
            if in_domain(key):
                yield _ours(at)
            elif key == _OF_KUBECTL:
                yield Mistake(at, f"{at}: {_ELSEWHERE[key]}; leave it out")


def _typed(values: Mapping[str, Json], path: FieldPath) -> Iterator[Mistake]:
    """Yield a mistake for each value that `${{NAME}}` made something else than a string."""
    for key, value in values.items():
        if not isinstance(value, str):
            at = path / key
            yield Mistake(at, f"{at} is {shown(value)}; allowed: a string. Fix: write ${{NAME}}.")


def _texts(values: Mapping[str, Json]) -> dict[str, str]:
    """Return the values that are texts, without those whose parameter nobody defines."""
    return {
        key: text
        for key, text in values.items()
        if isinstance(text, str) and not any(references({key: text}))
    }


def _reserved(keys: Mapping[str, str], path: FieldPath) -> Iterator[Mistake]:
    for key in keys:
        at = path / key
        if in_domain(key):
            yield _ours(at)
        for pattern, why in _ELSEWHERE.items():
            if any_glob((pattern,), key):
                yield Mistake(at, f"{at}: {why}; leave it out")


def _ours(path: FieldPath) -> Mistake:
    return Mistake(
        path, f"{path}: tenantgate writes the keys of its own domain by itself; leave it out"
    )
