"""The Gateway API, as the rules about it read it."""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.tenancy.places import references
from webhook.core.tenancy.rule import Case, mapping, text

GROUP = "gateway.networking.k8s.io"
EXPERIMENTAL = "gateway.networking.x-k8s.io"
GROUPS = (GROUP, EXPERIMENTAL)


def is_own(reference: Any, case: Case) -> bool:
    """Tell whether a reference stays within the tenant's namespaces; without any, in its own."""
    return case.is_own(text(mapping(reference).get("namespace")))


def foreign_parent(path: FieldPath, reference: Any, case: Case) -> Iterator[Finding]:
    """Refuse to attach to something of others that is no gateway granted to the tenant.

    A parent is a Gateway if its kind says nothing; a Service, of which a mesh takes the traffic, is
    never granted.
    """
    if is_own(reference, case):
        return
    parts = mapping(reference)
    kind = text(parts.get("kind")) or "Gateway"
    gateway = kind == "Gateway" and parts.get("group", GROUP) in (GROUP, None)
    place = f"{text(parts.get('namespace'))}/{text(parts.get('name'))}"
    granted = case.tenant.allow.gateways if case.tenant else ()
    if not gateway or place not in granted:
        yield Finding(
            path=path,
            observed=place,
            allowed=", ".join((*granted, "gateways of your own"))
            if gateway
            else "objects in namespaces of your own tenant",
            fix="attach to a gateway that is granted, or ask the platform team for this one"
            if gateway
            else f"attach to a {kind} of your own",
            why=f"{kind} {place} is not granted to {case.tenant.name if case.tenant else ''}",
            element=f"{kind}/{place}",
        )


def foreign_references(at: FieldPath, value: Any, what: str, case: Case) -> Iterator[Finding]:
    """Refuse every reference below a place that leads to a namespace of others."""
    for path, reference in references(value, at):
        if not is_own(reference, case):
            place = f"{reference['namespace']}/{text(reference['name'])}"
            yield Finding(
                path=path / "namespace",
                observed=reference["namespace"],
                allowed="namespaces of your own tenant",
                fix="refer to an object in your own namespace",
                why=f"{what} {place} is not in a namespace of this tenant",
                element=place,
            )
