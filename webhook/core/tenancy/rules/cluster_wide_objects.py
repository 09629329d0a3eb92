"""Cluster-wide objects: a tenant changes nothing that belongs to no namespace.

Volumes, classes, nodes, cluster roles and custom resource definitions are everybody's. What is
refused goes by scope, so a kind that is installed tomorrow is covered.
"""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.tenancy.namespaces import is_namespace
from webhook.core.tenancy.rule import Case, Intercept, Rule

_OWN_REVIEWS = frozenset(
    {
        ("authorization.k8s.io", "selfsubjectaccessreviews"),
        ("authorization.k8s.io", "selfsubjectrulesreviews"),
        ("authentication.k8s.io", "selfsubjectreviews"),
    }
)


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse a tenant's write of anything cluster-scoped but Namespaces and reviews of itself."""
    request = case.request
    if request.namespace or is_namespace(request):
        return
    kinds = case.platform.tenant_cluster_kinds
    if (request.group, request.resource) in _OWN_REVIEWS or _listed(case):
        return
    kind = f"{request.group}/{request.kind}" if request.group else request.kind
    told = case.resource if request.subresource else request.kind
    yield Finding(
        path=FieldPath(("kind",)),
        observed=kind,
        allowed=", ".join(("Namespace", *sorted(kinds), "and kinds that live in a namespace")),
        fix="ask a platform admin to make the change",
        why=f"Tenants can't change cluster-wide objects ({told})",
    )


def _listed(case: Case) -> bool:
    """Tell whether tenants may write the kind; that of the parent, where a subresource has its own."""
    group, kinds = case.request.group, case.platform.tenant_cluster_kinds
    found = {case.request.kind}
    if case.target is not None:
        found.add(str(case.target.get("kind")))
    return any(f"{group}/{kind}" in kinds for kind in found)


RULE = Rule(
    id="T-BND-2",
    family="subject",
    intercepts=(Intercept(("*",), ("*", "*/*"), "CUDX"),),
    check=check,
    ratchet=False,
    ends=True,
)
