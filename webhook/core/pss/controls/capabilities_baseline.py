"""Capabilities: a container may add none beyond those that it starts with anyway.

At `restricted`, the stricter control of capabilities takes its place.
"""

from collections.abc import Iterator, Sequence

from webhook.core.model.finding import Finding
from webhook.core.pss.capabilities import RUNTIME_DEFAULT
from webhook.core.pss.control import Control
from webhook.core.pss.pod import Pod, container_contexts
from webhook.core.pss.wording import quoted, those, values

_ALLOWED = ", ".join(sorted(RUNTIME_DEFAULT))


def check(pod: Pod) -> Iterator[Finding]:
    """Refuse each capability that is added and not among the defaults."""
    for place, context in container_contexts(pod):
        for index, capability in enumerate(context.get("capabilities", {}).get("add", ())):
            if capability not in RUNTIME_DEFAULT:
                yield Finding(
                    path=place / "capabilities" / "add" / index,
                    observed=capability,
                    allowed=_ALLOWED,
                    fix="remove the capability",
                )


def said(pod: Pod, findings: Sequence[Finding]) -> str:
    """Return the plugin's words."""
    return (
        f"non-default capabilities ({those(pod, findings)} must not include "
        f"{quoted(values(findings))} in securityContext.capabilities.add)"
    )


CONTROL = Control(id="capabilities_baseline", level="baseline", versions={0: check}, said=said)
