"""Privileged containers: a container may not have all that root on the node has."""

from collections.abc import Iterator

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.model.objects import Container, Pod
from webhook.core.scc.constraint import Constraint
from webhook.core.scc.rule import Rule


def check(place: FieldPath, container: Container, pod: Pod, scc: Constraint) -> Iterator[Finding]:
    """Refuse `privileged: true` where the SCC does not grant it."""
    if not scc.allow_privileged_container and container.get("securityContext", {}).get(
        "privileged"
    ):
        yield Finding(
            path=place / "securityContext" / "privileged",
            observed=True,
            allowed="false",
            fix="remove privileged",
        )


RULE = Rule(id="privileged", order=110, grants="allowPrivilegedContainer", check_container=check)
