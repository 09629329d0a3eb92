"""Devices: a tenant claims devices of the classes that are granted to it, and never as an admin.

Admin access shows a device while others use it, with whatever they keep on it.
"""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.tenancy.rule import Case, Intercept, Rule, items, mapping, text

_RESULTS = ("status", "allocation", "devices", "results")


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse admin access and classes that are not granted, in every request and alternative."""
    if case.request.subresource == "status":
        if case.requester.kind != "system":
            for path, result in _entries(value, _RESULTS):
                yield from _admin(path, result)
        return
    is_template = case.request.resource == "resourceclaimtemplates"
    spec = ("spec", "spec") if is_template else ("spec",)
    for path, request in _entries(value, (*spec, "devices", "requests")):
        yield from _device(path, request, case)
        if isinstance(request.get("exactly"), dict):
            yield from _device(path / "exactly", request["exactly"], case)
        for index, item in enumerate(items(request.get("firstAvailable"))):
            yield from _device(path / "firstAvailable" / index, mapping(item), case)


def _entries(value: Any, steps: tuple[str, ...]) -> Iterator[tuple[FieldPath, Any]]:
    part = value
    for step in steps:
        part = mapping(part).get(step)
    for index, item in enumerate(items(part)):
        yield FieldPath((*steps, index)), mapping(item)


def _device(path: FieldPath, request: Any, case: Case) -> Iterator[Finding]:
    """Judge one request; until v1beta1 its fields stood where `exactly` stands now."""
    yield from _admin(path, request)
    granted = case.tenant.allow.device_classes if case.tenant else ()
    name = text(request.get("deviceClassName"))
    if name and granted is not None and name not in granted:
        yield Finding(
            path=path / "deviceClassName",
            observed=name,
            allowed=", ".join(granted) or "none",
            fix="name one of these, or ask the platform team",
            why="This device class is not available to the tenant",
        )


def _admin(path: FieldPath, request: Any) -> Iterator[Finding]:
    if request.get("adminAccess") is True:
        yield Finding(
            path=path / "adminAccess",
            observed=True,
            allowed="false",
            fix="drop adminAccess",
            why="adminAccess gives a view of devices in use by others",
        )


RULE = Rule(
    id="T-WL-11",
    family="namespace",
    intercepts=(
        Intercept(("resource.k8s.io",), ("resourceclaims", "resourceclaimtemplates")),
        Intercept(("resource.k8s.io",), ("resourceclaims/status",), "U"),
    ),
    check=check,
)
