"""Aggregation: nobody but the platform adds to the roles that all tenants hold.

A ClusterRole with a label `rbac.authorization.k8s.io/aggregate-to-edit` becomes part of `edit` in
every namespace. Installers of operators bring such roles, so this holds for them as well.
"""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.model.world import labels
from webhook.core.tenancy.rule import Case, Intercept, Rule, items, mapping

_PREFIX = "rbac.authorization.k8s.io/aggregate-to-"
_WHY = "Aggregation changes built-in roles for all tenants"
_FIX = "remove it and bind the role where it is needed, or ask the platform team"


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse aggregation labels and rules that are new, and a wider role under an old label."""
    old = case.request.old_object
    before = items(mapping(old).get("rules"))
    wider = any(rule not in before for rule in items(mapping(value).get("rules")))
    for key, item in labels(value).items():
        if key.startswith(_PREFIX) and (wider or labels(old).get(key) != item):
            yield Finding(
                path=FieldPath(("metadata", "labels", key)),
                observed=item,
                allowed="no such label",
                fix=_FIX,
                why=_WHY,
            )
    aggregation = mapping(value).get("aggregationRule")
    if aggregation and aggregation != mapping(old).get("aggregationRule"):
        yield Finding(
            path=FieldPath(("aggregationRule",)),
            observed=aggregation,
            allowed="rules of its own",
            fix=_FIX,
            why=_WHY,
        )


RULE = Rule(
    id="T-RBAC-4",
    family="subject",
    intercepts=(Intercept(("rbac.authorization.k8s.io",), ("roles", "clusterroles")),),
    check=check,
    others=True,
    ratchet=False,
)
