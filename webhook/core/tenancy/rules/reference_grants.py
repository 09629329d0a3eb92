"""Reference grants: a tenant opens its namespace to its own namespaces and to its peers, not to others.

A grant lets routes and gateways of another namespace use Services and certificates of this one.
"""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.finding import Finding
from webhook.core.tenancy.gateways import GROUP
from webhook.core.tenancy.places import places
from webhook.core.tenancy.rule import Case, Intercept, Rule, text


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse grants to namespaces that belong neither to the tenant nor to a peer."""
    if case.tenant is None:
        return
    peers = case.tenant.allow.peers
    for path, namespace in places(value, "spec.from[].namespace"):
        name = text(namespace)
        if not case.is_own(name) and case.tenant_of(name) not in peers:
            yield Finding(
                path=path,
                observed=namespace,
                allowed="namespaces of your own tenant"
                + (f" and of its peers: {', '.join(peers)}" if peers else ""),
                fix="drop it, or ask the platform team to make that tenant a peer",
                why=f"This grant opens your namespace to {name}, which is not a peer's",
            )


RULE = Rule(
    id="T-GW-3",
    family="namespace",
    intercepts=(Intercept((GROUP,), ("referencegrants",)),),
    check=check,
)
