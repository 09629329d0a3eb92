"""Unidentified requesters: whoever has not logged in can change nothing.

A stray RoleBinding for `system:unauthenticated` would otherwise let anybody who reaches the API
server write into a tenant's namespace.
"""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.tenancy.rule import Case, Intercept, Rule


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse every write of an anonymous requester."""
    if case.requester.kind != "anonymous":
        return
    user = case.request.user
    nobody = user.name in ("", "system:anonymous")
    yield Finding(
        path=FieldPath(("userInfo", "username" if nobody else "groups")),
        observed=user.name if nobody else "system:unauthenticated",
        allowed="a user or a service account that the API server knows",
        fix="log in and retry",
        why="Requests without an identity can't change anything",
    )


RULE = Rule(
    id="T-ID-1",
    family="subject",
    intercepts=(Intercept(("*",), ("*", "*/*"), "CUDX"),),
    check=check,
    ratchet=False,
    ends=True,
)
