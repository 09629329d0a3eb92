"""Namespace transfer: nobody but the platform moves a namespace to another tenant, or to none.

The stamp of a namespace decides which rules hold in it. It can be written through the status and
finalize subresources too.
"""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import UNSET, Finding
from webhook.core.model.marks import TENANT
from webhook.core.model.world import labels
from webhook.core.tenancy.namespaces import WITH_SUBRESOURCES, platform_owners
from webhook.core.tenancy.rule import Case, Intercept, Rule

_WHY = "The owner of a namespace can only be changed by the platform"
_FIX = "leave it as it is, or ask the platform team for a transfer"


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse a change of the tenant label, and of ownerReferences to what is the platform's."""
    stored = case.request.old_object
    before, after = labels(stored).get(TENANT, UNSET), labels(value).get(TENANT, UNSET)
    if before != after:
        yield Finding(
            path=FieldPath(("metadata", "labels", TENANT)),
            observed=after,
            allowed="no such label" if before is UNSET else str(before),
            fix=_FIX,
            why=_WHY,
        )
    tenant = case.tenant.name if case.tenant else ""
    old = {reference for _, reference in platform_owners(stored, case, tenant)}
    new = {reference: path for path, reference in platform_owners(value, case, tenant)}
    for reference in [*(item for item in new if item not in old), *sorted(old - new.keys())]:
        _, kind, name, _ = reference
        yield Finding(
            path=new.get(reference, FieldPath(("metadata", "ownerReferences"))),
            observed=f"{kind}/{name}" if reference in new else UNSET,
            allowed="no new owner" if reference in new else f"{kind}/{name}, as it was",
            fix=_FIX,
            why=_WHY,
        )


RULE = Rule(
    id="T-NS-4",
    family="subject",
    intercepts=(Intercept(("",), WITH_SUBRESOURCES, "U"),),
    check=check,
    others=True,
    ratchet=False,
)
