"""What the two controls of `procMount` have in common."""

from collections.abc import Iterator, Sequence

from webhook.core.model.finding import Finding
from webhook.core.pss.pod import Pod, container_contexts
from webhook.core.pss.wording import quoted, those, values


def unmasked(pod: Pod) -> Iterator[Finding]:
    """Refuse every procMount but the default one."""
    for place, context in container_contexts(pod):
        if (mount := context.get("procMount", "Default")) != "Default":
            yield Finding(
                path=place / "procMount",
                observed=mount,
                allowed='"Default" or not set',
                fix="remove procMount",
            )


def said(pod: Pod, findings: Sequence[Finding]) -> str:
    """Return the plugin's words."""
    return (
        f"procMount ({those(pod, findings)} must not set "
        f"securityContext.procMount to {quoted(values(findings))})"
    )
