"""Running as root: the kubelet has to be told not to start any container as user 0.

From v1.35 on pods with users of their own (`hostUsers: false`) are let off, whose root is nobody on
the node.
"""

from collections.abc import Iterator, Sequence

from webhook.core.model.finding import UNSET, Finding
from webhook.core.pss.control import Control
from webhook.core.pss.pod import Pod, container_contexts, contexts, has_own_users, pod_context
from webhook.core.pss.wording import setters, those


def check(pod: Pod) -> Iterator[Finding]:
    """Refuse runAsNonRoot: false, and containers for which neither they nor the pod say true."""
    for place, context in contexts(pod):
        if context.get("runAsNonRoot") is False:
            yield Finding(place / "runAsNonRoot", False, "true", "set runAsNonRoot: true")
    if "runAsNonRoot" in pod_context(pod):
        return  # true, or told already
    for place, context in container_contexts(pod):
        if "runAsNonRoot" not in context:
            yield Finding(
                path=place / "runAsNonRoot",
                observed=UNSET,
                allowed="true, here or for the whole pod",
                fix="set spec.securityContext.runAsNonRoot: true",
            )


def check_host_users(pod: Pod) -> Iterator[Finding]:
    """Do so for pods that share the users of their node."""
    if not has_own_users(pod):
        yield from check(pod)


def said(pod: Pod, findings: Sequence[Finding]) -> str:
    """Return the plugin's words; it tells of what is not set only if nothing is set badly."""
    bad = [finding for finding in findings if finding.observed is False]
    if bad:
        detail = f"{setters(pod, bad)} must not set securityContext.runAsNonRoot=false"
    else:
        detail = f"pod or {those(pod, findings)} must set securityContext.runAsNonRoot=true"
    return f"runAsNonRoot != true ({detail})"


CONTROL = Control(
    id="runAsNonRoot", level="restricted", versions={0: check, 35: check_host_users}, said=said
)
