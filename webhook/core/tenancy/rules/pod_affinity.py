"""Pod affinity across tenants: affinity may consider pods of the tenant's own namespaces only.

Anti-affinity against everybody keeps other tenants off a node; affinity to somebody else's pod buys
a place beside it. Preferred terms do so as well as required ones.
"""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.model.marks import TENANT
from webhook.core.tenancy.pods import field, pod_in
from webhook.core.tenancy.rule import POD_BEARING, Case, Place, Rule, items, mapping, text
from webhook.core.tenancy.selectors import is_pinned

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse terms that name or select namespaces of others; without either, the pod's own counts."""
    place = pod_in(value, case)
    if place is None:
        return
    own = case.tenant.name if case.tenant else ""
    for kind, path, term in _terms(place):
        for index, item in enumerate(items(term.get("namespaces"))):
            if not case.is_own(text(item)):
                yield Finding(
                    path=path / "namespaces" / index,
                    observed=item,
                    allowed=f"namespaces of tenant {own}",
                    fix="drop it; without namespaces the pod's own counts",
                    why=f"{kind} may only consider your own namespaces",
                )
        selector = term.get("namespaceSelector")
        if selector is not None and not is_pinned(selector, case):
            yield Finding(
                path=path / "namespaceSelector",
                observed=selector,
                allowed=f"not set, or one that requires {TENANT}: {own}",
                fix=f"drop namespaceSelector, or add {TENANT}: {own} to its matchLabels",
                why=f"{kind} may only consider your own namespaces",
            )


def _terms(place: Place) -> Iterator[tuple[str, FieldPath, Any]]:
    affinity = mapping(place.spec.get("affinity"))
    for kind in ("podAffinity", "podAntiAffinity"):
        terms = mapping(affinity.get(kind))
        for index, item in enumerate(items(terms.get(_REQUIRED))):
            yield kind, field(place, "affinity", kind, _REQUIRED, index), mapping(item)
        for index, item in enumerate(items(terms.get(_PREFERRED))):
            path = field(place, "affinity", kind, _PREFERRED, index, "podAffinityTerm")
            yield kind, path, mapping(mapping(item).get("podAffinityTerm"))


RULE = Rule(id="T-WL-10", family="namespace", intercepts=POD_BEARING, check=check)
