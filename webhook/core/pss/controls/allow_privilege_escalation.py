"""Privilege escalation: no program may gain more rights than the one that started it.

Containers have to say so, as the default is to allow it. From v1.25 on pods for Windows nodes are
let off.
"""

from collections.abc import Iterator, Sequence

from webhook.core.model.finding import UNSET, Finding
from webhook.core.pss.control import Control
from webhook.core.pss.pod import Pod, container_contexts, is_windows
from webhook.core.pss.wording import those


def check(pod: Pod) -> Iterator[Finding]:
    """Refuse every container that does not switch it off."""
    for place, context in container_contexts(pod):
        if (allowed := context.get("allowPrivilegeEscalation")) is not False:
            yield Finding(
                path=place / "allowPrivilegeEscalation",
                observed=UNSET if allowed is None else allowed,
                allowed="false",
                fix="set allowPrivilegeEscalation: false",
            )


def check_linux(pod: Pod) -> Iterator[Finding]:
    """Do so for pods that are not for Windows nodes."""
    if not is_windows(pod):
        yield from check(pod)


def said(pod: Pod, findings: Sequence[Finding]) -> str:
    """Return the plugin's words."""
    return (
        f"allowPrivilegeEscalation != false ({those(pod, findings)} must set "
        "securityContext.allowPrivilegeEscalation=false)"
    )


CONTROL = Control(
    id="allowPrivilegeEscalation",
    level="restricted",
    versions={8: check, 25: check_linux},
    said=said,
)
