"""Cloud identities: service accounts and pods of a tenant take on only the cloud roles granted to it.

Whoever writes such an annotation acts, in the cloud account, as the role that it names. Some clouds'
agents read it from the pod or from its namespace.
"""

import json
from collections.abc import Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.model.pattern import any_glob
from webhook.core.tenancy.namespaces import WITH_SUBRESOURCES
from webhook.core.tenancy.pods import pod_in
from webhook.core.tenancy.rule import POD_BEARING, Case, Intercept, Rule, items, mapping
from webhook.core.tenancy.tenant import Tenant

_AZURE_CLIENT = "azure.workload.identity/client-id"
_AZURE_USE = "azure.workload.identity/use"
_LISTED = "iam.amazonaws.com/allowed-roles"
_ROLES = (
    "eks.amazonaws.com/role-arn",
    "iam.gke.io/gcp-service-account",
    _AZURE_CLIENT,
    "iam.amazonaws.com/role",
    "iam.amazonaws.com/permitted",
    _LISTED,
)
"""Annotations that name a role, or on a Namespace the roles that pods in it may name."""

_OWN_METADATA = frozenset({"serviceaccounts", "namespaces"})


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse roles that are not granted, on service accounts, namespaces, pods and templates."""
    if case.tenant is None:
        return
    metadata: Any
    if case.request.resource in _OWN_METADATA:
        path, metadata = FieldPath(("metadata",)), mapping(value).get("metadata")
    elif (place := pod_in(value, case)) is not None:
        path, metadata = FieldPath((*place.path, "metadata")), place.metadata
    else:
        return
    found = mapping(mapping(metadata).get("annotations"))
    for key in _ROLES:
        for role in _roles(key, found.get(key)):
            if role and not _is_granted(role, case.tenant):
                yield _refused(path / "annotations" / key, role, case.tenant)
    use = mapping(mapping(metadata).get("labels")).get(_AZURE_USE)
    if use == "true" and not found.get(_AZURE_CLIENT) and not _has_azure(case.tenant):
        yield Finding(
            path=path / "labels" / _AZURE_USE,
            observed=use,
            allowed="not set",
            fix="remove it, or ask the platform team to grant the identity",
            why=f"No Azure identity is granted to tenant {case.tenant.name}",
        )


def _roles(key: str, value: Any) -> Iterator[Any]:
    """Yield the roles that an annotation names; kube2iam writes several as a JSON list."""
    if key == _LISTED and isinstance(value, str):
        try:
            found = json.loads(value)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, list):
            yield from items(found)
            return
    if value is not None:
        yield value


def _is_granted(role: Any, tenant: Tenant) -> bool:
    return isinstance(role, str) and any_glob(tenant.allow.iam_roles, role)


def _has_azure(tenant: Tenant) -> bool:
    """Tell whether a grant could be for Azure, whose client ids are UUIDs: neither ARN nor address."""
    return any(not ("@" in role or role.startswith("arn:")) for role in tenant.allow.iam_roles)


def _refused(path: FieldPath, role: Any, tenant: Tenant) -> Finding:
    return Finding(
        path=path,
        observed=role,
        allowed=", ".join(tenant.allow.iam_roles) or "none",
        fix="name a granted role, or ask the platform team to grant this one",
        why=f"This cloud role is not granted to tenant {tenant.name}",
    )


RULE = Rule(
    id="T-RBAC-6",
    family="namespace",
    intercepts=(
        Intercept(("",), ("serviceaccounts", *WITH_SUBRESOURCES)),
        *POD_BEARING,
    ),
    check=check,
)
