"""Privileged containers: no container may switch off what separates it from its node."""

from collections.abc import Iterator, Sequence

from webhook.core.model.finding import Finding
from webhook.core.pss.control import Control
from webhook.core.pss.pod import Pod, container_contexts
from webhook.core.pss.wording import those


def check(pod: Pod) -> Iterator[Finding]:
    """Refuse every container that is privileged."""
    for place, context in container_contexts(pod):
        if context.get("privileged"):
            yield Finding(
                path=place / "privileged",
                observed=True,
                allowed="false or not set",
                fix="remove privileged, and add the capabilities that the container needs",
            )


def said(pod: Pod, findings: Sequence[Finding]) -> str:
    """Return the plugin's words."""
    return f"privileged ({those(pod, findings)} must not set securityContext.privileged=true)"


CONTROL = Control(id="privileged", level="baseline", versions={0: check}, said=said)
