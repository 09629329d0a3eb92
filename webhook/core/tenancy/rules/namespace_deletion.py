"""Namespace deletion: only an owner of the tenant deletes its namespaces, and protected ones on purpose.

With the namespace goes everything in it. A protected one needs the annotation
`tenantgate.io/confirm-delete` with its own name first.
"""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import UNSET, Finding
from webhook.core.model.marks import CONFIRM_DELETE
from webhook.core.model.world import annotations
from webhook.core.tenancy.namespaces import NAMESPACES, listing, name_of, tenants_of
from webhook.core.tenancy.rule import Case, Intercept, Rule


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse to delete what is not the requester's own, or is protected and not confirmed."""
    name, tenant, platform = name_of(value, case.request), case.tenant, case.platform
    path = FieldPath(("metadata", "name"))
    owned = {item for tenant in case.requester.owned for item in case.world.namespaces_of(tenant)}
    mine = listing(owned - platform.namespaces) or "none"
    if name in platform.namespaces or name == platform.engine_namespace:
        yield Finding(
            path=path,
            observed=name,
            allowed=mine,
            fix="keep it",
            why=f'Namespace "{name}" belongs to the platform',
        )
    elif tenant is None or tenant.name not in case.requester.names:
        yield Finding(
            path=path,
            observed=name,
            allowed=mine,
            fix="delete only namespaces of your own",
            why=f'Namespace "{name}" does not belong to your {tenants_of(case)}',
        )
    elif tenant.name not in case.requester.owned:
        yield Finding(
            path=path,
            observed=name,
            allowed=mine,
            fix=f"ask an owner of tenant {tenant.name} to delete it",
            why=f"Members of tenant {tenant.name} work in its namespaces and can't delete them",
        )
    elif tenant.namespaces.protect and annotations(value).get(CONFIRM_DELETE) != name:
        yield Finding(
            path=FieldPath(("metadata", "annotations", CONFIRM_DELETE)),
            observed=annotations(value).get(CONFIRM_DELETE, UNSET),
            allowed=f'"{name}"',
            fix=f"annotate it with {CONFIRM_DELETE}={name}, then delete",
            why=f'Namespace "{name}" is protected',
        )


RULE = Rule(
    id="T-NS-6",
    family="subject",
    intercepts=(Intercept(("",), NAMESPACES, "D"),),
    check=check,
)
