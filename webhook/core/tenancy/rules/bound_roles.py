"""Bound roles: a RoleBinding in a tenant's namespace binds a Role there or a granted ClusterRole.

A ClusterRole means what others make of it, today and tomorrow. Any Role of the same namespace is
fine, whatever its name: what Roles may say is a rule of its own.
"""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import UNSET, Finding
from webhook.core.tenancy.rule import Case, Intercept, Rule, mapping


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse a ClusterRole that is not granted to the tenant."""
    if case.tenant is None:
        return
    role, granted = mapping(mapping(value).get("roleRef")), case.tenant.allow.cluster_roles
    name = role.get("name", UNSET)
    if role.get("kind") != "Role" and name not in granted:
        yield Finding(
            path=FieldPath(("roleRef", "name")),
            observed=name,
            allowed=", ".join((*granted, "a Role of this namespace")),
            fix="bind one of those, or ask the platform team to grant the ClusterRole",
            why=f"ClusterRole {name} can't be bound here",
        )


RULE = Rule(
    id="T-RBAC-2",
    family="namespace",
    intercepts=(Intercept(("rbac.authorization.k8s.io",), ("rolebindings",), "C"),),
    check=check,
)
