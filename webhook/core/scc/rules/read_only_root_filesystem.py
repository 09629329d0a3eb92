"""Read-only root: an SCC can demand that containers do not write to their root filesystem."""

from collections.abc import Iterator

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import UNSET, Finding
from webhook.core.model.objects import Container, Pod, SecurityContext
from webhook.core.scc.constraint import Constraint
from webhook.core.scc.rule import Rule


def fill(
    context: SecurityContext | None, container: Container, pod: Pod, scc: Constraint
) -> SecurityContext | None:
    """Turn it on where the SCC demands it and the container is silent."""
    if not scc.read_only_root_filesystem or (context and "readOnlyRootFilesystem" in context):
        return context
    return {**(context or {}), "readOnlyRootFilesystem": True}


def check(place: FieldPath, container: Container, pod: Pod, scc: Constraint) -> Iterator[Finding]:
    """Refuse a writable root where the SCC demands a read-only one."""
    if scc.read_only_root_filesystem:
        seen = container.get("securityContext", {}).get("readOnlyRootFilesystem")
        if seen is not True:
            yield Finding(
                path=place / "securityContext" / "readOnlyRootFilesystem",
                observed=UNSET if seen is None else seen,
                allowed="true",
                fix="set readOnlyRootFilesystem: true, and mount an emptyDir where it writes",
            )


RULE = Rule(
    id="read-only-root-filesystem",
    order=140,
    grants="readOnlyRootFilesystem",
    fill_container=fill,
    check_container=check,
)
