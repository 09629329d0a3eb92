"""Foreign namespaces: a tenant changes nothing in namespaces that are not its own.

Not even where a careless RoleBinding would let it, and not by any subresource. The platform may
say the same, with `otherSubjects: deny`, to requesters of no tenant about every tenant's namespace.
"""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.tenancy.namespaces import is_namespace, is_review, tenants_of, writable
from webhook.core.tenancy.rule import Case, Intercept, Rule


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse a write into a namespace that does not belong to one of the requester's tenants.

    What counts is the namespace of the request, which RBAC has judged, not one that the object
    gives. Creating and deleting namespaces have rules of their own.
    """
    request = case.request
    if is_namespace(request) and request.operation != "UPDATE":
        return
    name = case.namespace.name if case.namespace else request.namespace
    if not name or is_review(request) or _is_welcome(name, case):
        return
    path = FieldPath(("metadata", "name" if is_namespace(request) else "namespace"))
    if case.requester.kind == "tenant":
        yield Finding(
            path=path,
            observed=name,
            allowed=writable(case) or "none yet",
            fix="use one of your own namespaces",
            why=f'Namespace "{name}" does not belong to your {tenants_of(case)}',
        )
    else:
        yield Finding(
            path=path,
            observed=name,
            allowed="namespaces that belong to no tenant",
            fix="act as a member of the tenant, or ask the platform team",
            why=f'Namespace "{name}" belongs to a tenant, and you belong to none',
        )


def _is_welcome(name: str, case: Case) -> bool:
    owner = case.tenant.name if case.tenant else ""
    if case.requester.kind == "tenant":
        platform = case.platform
        if name in platform.namespaces or name == platform.engine_namespace:
            return False
        return owner in case.requester.names
    return not owner or case.platform.other_subjects != "deny"


RULE = Rule(
    id="T-BND-1",
    family="subject",
    intercepts=(Intercept(("*",), ("*", "*/*"), "CUDX"),),
    check=check,
    others=True,
    ratchet=False,
    ends=True,
)
