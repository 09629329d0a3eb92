"""Namespace finalizers and status: tenants leave both to the platform.

Emptying the finalizers removes a namespace before its contents are gone, and leaves behind what
lives outside the cluster.
"""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import UNSET, Finding
from webhook.core.tenancy.rule import Case, Intercept, Rule, mapping


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse every write of a tenant to the finalize and status subresources of a Namespace."""
    finalize = case.request.subresource == "finalize"
    path = FieldPath(("spec", "finalizers") if finalize else ("status",))
    observed: Any = value
    for step in path:
        observed = mapping(observed).get(str(step), UNSET)
    yield Finding(
        path=path,
        observed=observed,
        allowed=f"no change through namespaces/{case.request.subresource}",
        fix="delete the namespace in the ordinary way and wait, or ask the platform team"
        if finalize
        else "write labels and annotations to the namespace itself",
        why=f"Namespace {'finalizers are' if finalize else 'status is'} handled by the platform",
    )


RULE = Rule(
    id="T-NS-7",
    family="subject",
    intercepts=(Intercept(("",), ("namespaces/finalize", "namespaces/status"), "U"),),
    check=check,
    ratchet=False,
)
