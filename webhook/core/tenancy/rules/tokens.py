"""Tokens: a tenant gets tokens of its own service accounts only, short-lived and for known audiences.

A token of an account of the platform carries the platform's rights, one for a foreign audience is
good outside the cluster, and one in a Secret never ends.
"""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.model.world import annotations
from webhook.core.tenancy.rule import Case, Intercept, Rule, items, mapping, text

_LONGEST_SECONDS = 24 * 60 * 60
_LEGACY = "kubernetes.io/service-account-token"
_ACCOUNT = "kubernetes.io/service-account.name"


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse token requests beyond what is allowed, and Secrets that are filled with a token.

    What a token is bound to proves nothing: the requester names it.
    """
    # Outside tenants' namespaces, what operators ask for their own accounts is nobody's business.
    elsewhere = case.requester.kind == "other" and case.tenant is None
    if case.request.resource == "secrets":
        if not elsewhere:
            yield from _secret(value)
        return
    name, prefix = case.request.name, case.platform.reserved_object_prefix
    # `default` is provisioned by the platform as well, but for everybody's use.
    managed = case.is_managed(case.target) and name != "default"
    if managed or (prefix and name.startswith(prefix)):
        yield Finding(
            path=FieldPath(("metadata", "name")),
            observed=name,
            allowed="service accounts of your own",
            fix="create a service account of your own and use its tokens",
            why=f"Service account {name} is for platform workloads only",
        )
    if elsewhere:
        return
    spec = mapping(mapping(value).get("spec"))
    yield from _audiences(spec.get("audiences"), case)
    seconds = spec.get("expirationSeconds")
    if isinstance(seconds, int | float) and seconds > _LONGEST_SECONDS:
        yield Finding(
            path=FieldPath(("spec", "expirationSeconds")),
            observed=seconds,
            allowed=f"at most {_LONGEST_SECONDS}",
            fix="ask for a shorter one, and for a new one when it ends",
            why="Tokens live for 24 hours at most",
        )


def _secret(value: Any) -> Iterator[Finding]:
    """The token controller fills such a Secret again when it comes to name another account."""
    if mapping(value).get("type") == _LEGACY:
        yield Finding(
            path=FieldPath(("type",)),
            observed=_LEGACY,
            allowed="other types",
            fix="run kubectl create token, or let the pod have its token from a projected volume",
            why="Tokens in Secrets never end, so they aren't available to tenants",
            element=text(annotations(value).get(_ACCOUNT)),
        )


def _audiences(value: Any, case: Case) -> Iterator[Finding]:
    """No audience at all means the API server's own."""
    own = case.platform.cluster.token_audiences
    granted = case.tenant.allow.token_audiences if case.tenant else None
    allowed = own if granted is None else frozenset(granted)
    told = ", ".join(sorted(allowed)) or "none"
    if granted is None:
        told = f"the cluster's own ({told})"
    path, tenant = FieldPath(("spec", "audiences")), case.tenant.name if case.tenant else "unknown"
    asked = items(value)
    if not asked and own.isdisjoint(allowed):
        yield Finding(
            path=path,
            observed=[],
            allowed=told,
            fix="ask for one of these audiences, or ask the platform team to grant the API server's",
            why=f"Tokens for the API server aren't allowed for tenant {tenant}",
        )
    for index, audience in enumerate(asked):
        if not (isinstance(audience, str) and audience in allowed):
            yield Finding(
                path=path / index,
                observed=audience,
                allowed=told,
                fix="drop the audience, or ask the platform team to grant it",
                why=f"Tokens with this audience aren't allowed for tenant {tenant}",
            )


RULE = Rule(
    id="T-RBAC-5",
    family="subject",
    intercepts=(
        Intercept(("",), ("serviceaccounts/token",), "C"),
        Intercept(("",), ("secrets",)),
    ),
    check=check,
    others=True,
)
