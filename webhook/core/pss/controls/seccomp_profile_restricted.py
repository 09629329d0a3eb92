"""Seccomp at `restricted`: every container runs under a filter of system calls.

From v1.25 on pods for Windows nodes are let off, where there are no such filters.
"""

from collections.abc import Iterator

from webhook.core.model.finding import UNSET, Finding
from webhook.core.pss import seccomp
from webhook.core.pss.control import Control
from webhook.core.pss.pod import Pod, container_contexts, is_windows, pod_context


def check(pod: Pod) -> Iterator[Finding]:
    """Refuse other profiles, and containers for which neither they nor the pod name one."""
    yield from seccomp.bad_profiles(pod, seccomp.ALLOWED, "set one of these")
    if "seccompProfile" in pod_context(pod):
        return  # good, or told already
    for place, context in container_contexts(pod):
        if "seccompProfile" not in context:
            yield Finding(
                path=place / "seccompProfile",
                observed=UNSET,
                allowed=f"a profile of type {seccomp.ALLOWED}, here or for the whole pod",
                fix="set spec.securityContext.seccompProfile.type to RuntimeDefault",
            )


def check_linux(pod: Pod) -> Iterator[Finding]:
    """Do so for pods that are not for Windows nodes."""
    if not is_windows(pod):
        yield from check(pod)


CONTROL = Control(
    id="seccompProfile_restricted",
    level="restricted",
    versions={19: check, 25: check_linux},
    said=seccomp.said,
    overrides="seccompProfile_baseline",
)
