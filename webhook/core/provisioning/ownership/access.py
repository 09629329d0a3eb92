"""What owners may do to their own Namespace objects: a ClusterRole for each tenant, and its binding.

RBAC can grant single namespaces by name only, so the role lists them and is kept up to date. The
list of all namespaces is nobody's to see: names tell who the other tenants are.
"""

from collections.abc import Sequence
from typing import Any

from webhook.core.model.marks import MANAGED, TENANT
from webhook.core.model.objects import JsonObject
from webhook.core.tenancy.tenant import Subject, Tenant

GROUP = "rbac.authorization.k8s.io"
PREFIX = "tenantgate:owner:"
"""With this begin the names of the roles and of their bindings; the tenant's name follows."""

COMPONENT = "owner-access"
SELECTOR = f"app.kubernetes.io/part-of=tenantgate,app.kubernetes.io/component={COMPONENT}"
"""Finds what is written here, as a label selector."""

WRITE = ("delete", "get", "patch", "update")
READ = ("get",)


def role(tenant: Tenant, namespaces: Sequence[str]) -> JsonObject:
    """Return the ClusterRole of a tenant's owners.

    They may create namespaces, which the webhook stamps and counts, and work on those that carry
    their stamp. Of a tenant whose file is gone they only see them, as of one that is suspended: the
    webhook no longer knows them for owners, so nothing but RBAC would stop them.
    """
    rules: list[dict[str, Any]] = []
    if namespaces:
        rules.append(
            {
                "apiGroups": [""],
                "resources": ["namespaces"],
                "resourceNames": sorted(namespaces),
                "verbs": list(WRITE if tenant.known else READ),
            }
        )
    if tenant.known:
        rules.append({"apiGroups": [""], "resources": ["namespaces"], "verbs": ["create"]})
    return {**_head("ClusterRole", tenant.name), "rules": rules}


def binding(tenant: Tenant) -> JsonObject:
    """Return the ClusterRoleBinding of a tenant's owners."""
    return {
        **_head("ClusterRoleBinding", tenant.name),
        "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": PREFIX + tenant.name},
        "subjects": [_subject(owner) for owner in tenant.owners],
    }


def _head(kind: str, tenant: str) -> dict[str, Any]:
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": kind,
        "metadata": {
            "name": PREFIX + tenant,
            "labels": {
                "app.kubernetes.io/part-of": "tenantgate",
                "app.kubernetes.io/component": COMPONENT,
                MANAGED: "true",
                TENANT: tenant,
            },
        },
    }


def _subject(owner: Subject) -> dict[str, str]:
    if owner.kind == "ServiceAccount":
        return {"kind": owner.kind, "name": owner.name, "namespace": owner.namespace}
    return {"apiGroup": GROUP, "kind": owner.kind, "name": owner.name}
