"""Quotas and limits: a tenant writes neither ResourceQuotas nor LimitRanges.

They say how much of the cluster the tenant gets. One of the tenant's own can't widen them, but a
second LimitRange gives defaults that mix with the platform's, and nobody can tell which one wins.
"""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import UNSET, Finding
from webhook.core.tenancy.rule import Case, Intercept, Rule, mapping, text
from webhook.core.tenancy.stored import goes_with_namespace, is_unchanged

_FIXES = {
    "CREATE": "ask the platform team for a change instead of creating one",
    "UPDATE": "leave it as it is, or ask the platform team for a change",
    "DELETE": "keep it, or ask the platform team for a change",
}


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse to write a ResourceQuota, its status, or a LimitRange."""
    request = case.request
    if is_unchanged(case) or goes_with_namespace(case):
        return
    quota = request.resource == "resourcequotas"
    yield Finding(
        path=FieldPath(("status",) if request.subresource else ("metadata", "name")),
        observed=mapping(mapping(value).get("status")).get("used", UNSET)
        if request.subresource
        else text(mapping(mapping(value).get("metadata")).get("name")) or request.name,
        allowed="what the quota controller counts"
        if request.subresource
        else f"{'ResourceQuotas' if quota else 'LimitRanges'} of the platform",
        fix=_FIXES.get(request.operation, _FIXES["UPDATE"]),
        why=f"The {'quota' if quota else 'limits'} of {request.namespace} "
        f"{'is' if quota else 'are'} set by the platform",
    )


RULE = Rule(
    id="T-OBJ-3",
    family="subject",
    intercepts=(
        Intercept(("",), ("resourcequotas", "resourcequotas/status", "limitranges"), "CUD"),
    ),
    check=check,
    ratchet=False,
)
