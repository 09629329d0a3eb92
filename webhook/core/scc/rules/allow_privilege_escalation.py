"""Privilege escalation: a process may not gain more privileges than its parent (setuid and such)."""

from collections.abc import Iterator

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import UNSET, Finding
from webhook.core.model.objects import Container, Pod, SecurityContext
from webhook.core.scc.constraint import Constraint
from webhook.core.scc.rule import Rule


def fill(
    context: SecurityContext | None, container: Container, pod: Pod, scc: Constraint
) -> SecurityContext | None:
    """Write the SCC's default, or false where it forbids escalation, if the container is silent.

    The default spares privileged containers and those that add `CAP_SYS_ADMIN`, for which the API
    server accepts no false; the prohibition does not, as on OpenShift.
    """
    own: SecurityContext = context or {}
    if "allowPrivilegeEscalation" in own:
        return context
    default = scc.default_allow_privilege_escalation
    added = own.get("capabilities", {}).get("add", ())
    if default is not None and not own.get("privileged") and "CAP_SYS_ADMIN" not in added:
        return {**own, "allowPrivilegeEscalation": default}
    if not scc.allow_privilege_escalation:
        return {**own, "allowPrivilegeEscalation": False}
    return context


def check(place: FieldPath, container: Container, pod: Pod, scc: Constraint) -> Iterator[Finding]:
    """Refuse escalation where the SCC does not grant it."""
    if not scc.allow_privilege_escalation:
        seen = container.get("securityContext", {}).get("allowPrivilegeEscalation")
        if seen is not False:
            yield Finding(
                path=place / "securityContext" / "allowPrivilegeEscalation",
                observed=UNSET if seen is None else seen,
                allowed="false",
                fix="set allowPrivilegeEscalation: false, or remove it",
            )


RULE = Rule(
    id="allow-privilege-escalation",
    order=150,
    grants="allowPrivilegeEscalation, defaultAllowPrivilegeEscalation",
    fill_container=fill,
    check_container=check,
)
