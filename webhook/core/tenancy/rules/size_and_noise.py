"""Size and noise: huge ConfigMaps, Secrets and pods, and Events about objects of others.

Every watcher of the cluster pays for what one tenant stores, and an Event appears in the history of
the object that it names. A quota on `count/*` and API Priority and Fairness do most of this work.
"""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.tenancy.pods import containers, field
from webhook.core.tenancy.rule import (
    POD_BEARING,
    Case,
    Intercept,
    Rule,
    items,
    mapping,
    pod_place,
    text,
)

MOST_BYTES = 512 * 1024
"""Of the values in one ConfigMap or Secret, half of what the API server takes."""

MOST_CONTAINERS = 32
"""In one pod, init containers among them."""

MOST_VARIABLES = 500
"""Of the environment of all containers in one pod together."""

_KIB = 1024


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Report what is larger than it should be or grew, and Events about objects of others."""
    request = case.request
    if request.resource == "events":
        yield from _foreign_events(value, case)
        return
    before = request.old_object if request.operation == "UPDATE" else None
    if request.resource in ("configmaps", "secrets"):
        yield from _large_data(value, before, request.kind)
    else:
        yield from _large_pod(value, before, request.kind)


def _foreign_events(value: Any, case: Case) -> Iterator[Finding]:
    if case.requester.kind != "tenant":
        return
    for key in ("involvedObject", "regarding", "related"):
        namespace = text(mapping(mapping(value).get(key)).get("namespace"))
        if not case.is_own(namespace):
            yield Finding(
                path=FieldPath((key, "namespace")),
                observed=namespace,
                allowed=case.request.namespace,
                fix="post Events about objects of your own namespaces only",
                why="An Event may not be about an object of somebody else",
            )


def _large_data(value: Any, before: Any, kind: str) -> Iterator[Finding]:
    size = _bytes(value, kind)
    if size > max(MOST_BYTES, _bytes(before, kind)):
        yield Finding(
            path=FieldPath(("data",)),
            observed=f"{-(-size // _KIB)} KiB",
            allowed=f"up to {MOST_BYTES // _KIB} KiB",
            fix="keep large files in an image or in a volume",
            why=f"This {kind} is larger than one should be",
            element=str(size),
        )


def _bytes(value: Any, kind: str) -> int:
    """Return how much the values of a ConfigMap or Secret weigh; base64 as what it holds."""
    parts = mapping(value)
    encoded = "data" if kind == "Secret" else "binaryData"
    plain = "stringData" if kind == "Secret" else "data"
    size = sum(len(text(item)) * 3 // 4 for item in mapping(parts.get(encoded)).values())
    return size + sum(
        len(text(item).encode(errors="replace")) for item in mapping(parts.get(plain)).values()
    )


def _large_pod(value: Any, before: Any, kind: str) -> Iterator[Finding]:
    place = pod_place(value, kind)
    if place is None:
        return
    now, then = _counts(value, kind), _counts(before, kind)
    for index, (most, what, fix) in enumerate(
        (
            (MOST_CONTAINERS, "containers", "split the pod"),
            (MOST_VARIABLES, "environment variables", "mount a ConfigMap as files instead"),
        )
    ):
        if now[index] > max(most, then[index]):
            yield Finding(
                path=field(place, "containers"),
                observed=f"{now[index]} {what}",
                allowed=f"up to {most} in one pod",
                fix=fix,
                why=f"This pod has more {what} than one should",
            )


def _counts(value: Any, kind: str) -> tuple[int, int]:
    """Return how many containers and environment variables a pod or a template has."""
    place = pod_place(value, kind)
    if place is None:
        return 0, 0
    found = [container for _, container in containers(place)]
    return len(found), sum(len(items(container.get("env"))) for container in found)


RULE = Rule(
    id="T-LIM-1",
    family="namespace",
    intercepts=(
        *POD_BEARING,
        Intercept(("",), ("configmaps", "secrets")),
        Intercept(("", "events.k8s.io"), ("events",)),
    ),
    check=check,
    action="warn",
)
