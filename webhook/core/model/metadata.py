"""Names, labels and annotations that the API server would refuse are refused in a policy."""

import re
from collections.abc import Iterator, Mapping

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import shown
from webhook.core.model.schema import Mistake
from webhook.core.model.selector import SelectorError, read_selector

MOST_BYTES = 256 * 1024
"""Of all annotations of one object together, keys and values, as the API server counts them."""

_SUBDOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\Z")


def is_subdomain(name: str) -> bool:
    """Tell whether a text can be the name of most objects: a DNS subdomain, as RFC 1123 has it."""
    return len(name) <= 253 and _SUBDOMAIN.match(name) is not None


def label_mistakes(labels: Mapping[str, str], path: FieldPath) -> Iterator[Mistake]:
    """Yield a mistake for each label whose key or value Kubernetes does not take."""
    for key, value in labels.items():
        try:
            read_selector({"matchLabels": {key: value}})
        except SelectorError as error:
            at = path / key
            yield Mistake(at, f"{at} is {shown(value)}; allowed: {error.allowed}")


def annotation_mistakes(annotations: Mapping[str, str], path: FieldPath) -> Iterator[Mistake]:
    """Yield a mistake for each annotation whose key Kubernetes does not take, and for too much text.

    A key is spelt as a label's, in capital letters too; the values are free.
    """
    for key in annotations:
        try:
            read_selector({"matchLabels": {key.lower(): ""}})
        except SelectorError:
            at = path / key
            yield Mistake(at, f"{at}: allowed: a key such as note or example.com/note")
    size = sum(len(part.encode()) for item in annotations.items() for part in item)
    if size > MOST_BYTES:
        yield Mistake(path, f"{path} are {size} bytes; allowed: {MOST_BYTES} of one object")
