"""Suspended tenants: while the platform has suspended a tenant, its people and service accounts only read.

What runs keeps running: controllers still replace pods and scale as they were told before.
"""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.tenancy.namespaces import chosen_tenant, is_namespace, is_review, name_of
from webhook.core.tenancy.rule import Case, Intercept, Rule


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse a write in the namespaces of a suspended tenant, and to those namespaces."""
    request, tenant = case.request, case.tenant
    new = is_namespace(request) and request.operation == "CREATE"
    if new and (chosen := chosen_tenant(value, case)):
        tenant = case.registry.get(chosen)
    if is_review(request) or tenant is None or not tenant.suspended:
        return
    yield Finding(
        path=FieldPath(("metadata", "name" if is_namespace(request) else "namespace")),
        observed=name_of(value, request) if new else request.namespace or request.name,
        allowed="namespaces of tenants that are not suspended",
        fix="contact support",
        why=f"Tenant {tenant.name} is suspended by the platform",
    )


RULE = Rule(
    id="T-BND-3",
    family="subject",
    intercepts=(Intercept(("*",), ("*", "*/*"), "CUDX"),),
    check=check,
    ratchet=False,
    ends=True,
)
