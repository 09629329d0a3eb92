"""The root user: no container may ask to run as user 0.

Since v1.23. From v1.35 on pods with users of their own (`hostUsers: false`) are let off, whose root
is nobody on the node.
"""

from collections.abc import Iterator, Sequence

from webhook.core.model.finding import Finding
from webhook.core.pss.control import Control
from webhook.core.pss.pod import Pod, contexts, has_own_users
from webhook.core.pss.wording import setters


def check(pod: Pod) -> Iterator[Finding]:
    """Refuse user 0, for the pod and for each container."""
    for place, context in contexts(pod):
        if context.get("runAsUser") == 0:
            yield Finding(
                path=place / "runAsUser",
                observed=0,
                allowed="any other user, or not set",
                fix="remove runAsUser, or set it to the user that the image is made for",
            )


def check_host_users(pod: Pod) -> Iterator[Finding]:
    """Do so for pods that share the users of their node."""
    if not has_own_users(pod):
        yield from check(pod)


def said(pod: Pod, findings: Sequence[Finding]) -> str:
    """Return the plugin's words."""
    return f"runAsUser=0 ({setters(pod, findings)} must not set runAsUser=0)"


CONTROL = Control(
    id="runAsUser", level="restricted", versions={23: check, 35: check_host_users}, said=said
)
