"""Capabilities: a container has the Linux capabilities that the SCC allows and lacks the others.

Names are plain strings: `ALL` means nothing special to an SCC, and neither case nor a `CAP_`
prefix is made equal, as on OpenShift.
"""

from collections.abc import Iterator

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import UNSET, Finding
from webhook.core.model.objects import Capabilities, Container, Pod, SecurityContext
from webhook.core.scc.constraint import Constraint
from webhook.core.scc.rule import Rule


def fill(
    context: SecurityContext | None, container: Container, pod: Pod, scc: Constraint
) -> SecurityContext | None:
    """Add the SCC's default capabilities and drop those it requires to be dropped.

    A container that has them all already keeps its lists as they are; otherwise both are written
    anew, distinct and sorted.
    """
    if not scc.default_add_capabilities and not scc.required_drop_capabilities:
        return context
    own = (context or {}).get("capabilities", {})
    own_add, own_drop = set(own.get("add", ())), set(own.get("drop", ()))
    add = (set(scc.default_add_capabilities) - own_drop) | own_add
    drop = own_drop.union(scc.required_drop_capabilities)
    if len(add) == len(own_add) and len(drop) == len(own_drop):
        return context
    capabilities: Capabilities = {}
    if add:
        capabilities["add"] = sorted(add)
    if drop:
        capabilities["drop"] = sorted(drop)
    return {**(context or {}), "capabilities": capabilities}


def check(place: FieldPath, container: Container, pod: Pod, scc: Constraint) -> Iterator[Finding]:
    """Refuse each added capability that is not allowed and each required drop that is missing."""
    capabilities = container.get("securityContext", {}).get("capabilities")
    if capabilities is None:
        if scc.default_add_capabilities or scc.required_drop_capabilities:
            path = place / "securityContext" / "capabilities"
            yield Finding(path, UNSET, "the capabilities that the SCC requires", "set them")
        return
    if "*" in scc.allowed_capabilities:
        return
    for capability in capabilities.get("add", ()):
        if (
            capability not in scc.allowed_capabilities
            and capability not in scc.default_add_capabilities
        ):
            granted = {*scc.allowed_capabilities, *scc.default_add_capabilities}
            yield Finding(
                path=place / "securityContext" / "capabilities" / "add",
                observed=capability,
                allowed=", ".join(sorted(granted)) or "none",
                fix=f"remove {capability} from the list",
            )
    dropped = capabilities.get("drop", [])
    for capability in scc.required_drop_capabilities:
        if capability not in dropped:
            yield Finding(
                path=place / "securityContext" / "capabilities" / "drop",
                observed=dropped,
                allowed=f"a list with {capability}",
                fix=f"add {capability} to the list",
            )


RULE = Rule(
    id="capabilities",
    order=120,
    grants="allowedCapabilities, defaultAddCapabilities, requiredDropCapabilities",
    fill_container=fill,
    check_container=check,
)
