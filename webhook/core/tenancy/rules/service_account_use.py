"""Service-account use: a tenant's pod may not run as an account of the platform.

Whoever runs a pod holds the token of its service account. The same goes for tokens that a pod asks
for itself: one for a foreign audience is accepted by a system outside the cluster.
"""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.finding import Finding
from webhook.core.tenancy.accounts import is_platforms
from webhook.core.tenancy.pods import field, pod_in
from webhook.core.tenancy.rule import POD_BEARING, Case, Place, Rule, items, mapping, text


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse service accounts of the platform, and tokens for audiences that are not granted."""
    place = pod_in(value, case)
    if place is None:
        return
    for key, name in _accounts(place):
        if is_platforms(name, case):
            yield Finding(
                path=field(place, key),
                observed=name,
                allowed="a service account of your own, or default",
                fix="create a service account for this workload and name it here",
                why="This service account is for platform workloads only",
            )
    yield from _tokens(place, case)


def _accounts(place: Place) -> Iterator[tuple[str, str]]:
    """Yield the service account by its field, and by the deprecated one where that differs."""
    name = text(place.spec.get("serviceAccountName"))
    former = text(place.spec.get("serviceAccount"))
    if name:
        yield "serviceAccountName", name
    if former and former != name:
        yield "serviceAccount", former


def _tokens(place: Place, case: Case) -> Iterator[Finding]:
    """No audience is the API server's own, as in the volume that every pod is given."""
    granted = case.tenant.allow.token_audiences if case.tenant else ()
    allowed = case.platform.cluster.token_audiences if granted is None else granted
    for index, volume in enumerate(items(place.spec.get("volumes"))):
        sources = mapping(mapping(volume).get("projected")).get("sources")
        for number, source in enumerate(items(sources)):
            audience = text(mapping(mapping(source).get("serviceAccountToken")).get("audience"))
            if audience and audience not in allowed:
                at = field(place, "volumes", index, "projected", "sources", number)
                yield Finding(
                    path=at / "serviceAccountToken" / "audience",
                    observed=audience,
                    allowed=", ".join(sorted(allowed)) or "not set",
                    fix="drop audience, or ask the platform team to grant it",
                    why="Tokens for this audience are not available to the tenant",
                )


RULE = Rule(id="T-WL-8", family="namespace", intercepts=POD_BEARING, check=check)
