"""Namespace count: a tenant has no more namespaces than its quota.

A namespace counts until it is gone: one that is being deleted still holds its objects.
"""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.tenancy.namespaces import CREATED, chosen_tenant, name_of
from webhook.core.tenancy.rule import Case, Rule


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse a new Namespace of a tenant that has as many as it may."""
    chosen = chosen_tenant(value, case)
    quota = case.registry.get(chosen).namespaces.quota if chosen else None
    if quota is None:
        return
    used = len(case.world.namespaces_of(chosen))
    if used >= quota:
        yield Finding(
            path=FieldPath(("metadata", "name")),
            observed=name_of(value, case.request),
            allowed="1 namespace" if quota == 1 else f"{quota} namespaces",
            fix="delete one, or ask the platform team for more",
            why=f"Tenant {chosen} uses {used} of {quota} namespaces",
        )


def counts(case: Case) -> Iterator[str]:
    """Yield the tenant, if it has a quota: of two creations at once a cache would admit both."""
    chosen = chosen_tenant(case.request.object, case)
    if chosen and case.registry.get(chosen).namespaces.quota is not None:
        yield chosen


RULE = Rule(id="T-NS-3", family="subject", intercepts=(CREATED,), check=check, counts=counts)
