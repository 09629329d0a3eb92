"""What several rules ask of a Namespace object: whose it is to be, what it is called, who owns it."""

from collections.abc import Iterable, Iterator
from typing import Any

from webhook.core.model import finding
from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.marks import TENANT, in_domain
from webhook.core.model.request import Request
from webhook.core.model.world import labels
from webhook.core.tenancy.rule import Case, Intercept, items, mapping, text

NAMESPACES = ("namespaces",)
WITH_SUBRESOURCES = ("namespaces", "namespaces/status", "namespaces/finalize")
CREATED = Intercept(("",), NAMESPACES, "C")
"""The creation of namespaces."""

SUFFIX = "x2k4q"
"""Stands for the five characters that the API server appends to a `generateName`."""

_SHOWN = 10
_REVIEW_GROUPS = frozenset(
    {"authorization.k8s.io", "authorization.openshift.io", "security.openshift.io"}
)


def is_namespace(request: Request) -> bool:
    """Tell whether a request is about a Namespace object, its subresources included."""
    return request.resource == "namespaces" and not request.group


def is_review(request: Request) -> bool:
    """Tell whether a request only asks what somebody may do, as a LocalSubjectAccessReview does.

    It is asked by CREATE and stores nothing.
    """
    return request.group in _REVIEW_GROUPS and request.resource.endswith("reviews")


def name_of(value: Any, request: Request) -> str:
    """Return what a Namespace is called, or would be: the API server completes a `generateName`."""
    metadata = mapping(mapping(value).get("metadata"))
    name = text(metadata.get("name")) or request.name
    generated = text(metadata.get("generateName"))
    return name or (generated + SUFFIX if generated else "")


def chosen_tenant(value: Any, case: Case) -> str:
    """Return the tenant that a new Namespace will belong to, "" if its creator settles none.

    The label names it; without one it is the only tenant that the creator owns, or that one of
    several whose prefix fits the name best.
    """
    owned, stamped = case.requester.owned, labels(value)
    if TENANT in stamped:
        name = text(stamped[TENANT])
        return name if name in owned else ""
    if len(owned) == 1:
        return owned[0]
    by_prefix = case.registry.prefix_owner(name_of(value, case.request))
    return by_prefix if by_prefix in owned else ""


def listing(names: Iterable[str]) -> str:
    """Return names as a message lists them, the first few of many."""
    return finding.listing(sorted(names), _SHOWN)


def tenants_of(case: Case) -> str:
    """Return the requester's tenants as a message calls them: `tenant acme`."""
    names = case.requester.names
    return f"tenant{'s' if len(names) > 1 else ''} {listing(names)}"


def writable(case: Case) -> str:
    """Return the namespaces that the requester's tenants have, as a message lists them."""
    names = {name for tenant in case.requester.names for name in case.world.namespaces_of(tenant)}
    return listing(names - case.platform.namespaces)


Reference = tuple[str, str, str, str]
"""An ownerReference without its flags: apiVersion, kind, name, uid."""


def platform_owners(value: Any, case: Case, tenant: str) -> Iterator[tuple[FieldPath, Reference]]:
    """Yield the ownerReferences of a Namespace that are none of the requester's business.

    Only a cluster-scoped object can own a Namespace. Those of a tenant are its own namespaces and
    the kinds that it may write cluster-wide. For a requester who belongs to no tenant only the
    kinds of tenantgate itself count.
    """
    references = mapping(mapping(value).get("metadata")).get("ownerReferences")
    for index, item in enumerate(items(references)):
        version, kind, name, uid = (
            text(mapping(item).get(key)) for key in ("apiVersion", "kind", "name", "uid")
        )
        group = version.rpartition("/")[0]
        own = not in_domain(group)
        if case.requester.kind == "tenant":
            own = f"{group}/{kind}" in case.platform.tenant_cluster_kinds or (
                (version, kind) == ("v1", "Namespace") and case.tenant_of(name) == tenant
            )
        if not own:
            yield FieldPath(("metadata", "ownerReferences", index)), (version, kind, name, uid)
