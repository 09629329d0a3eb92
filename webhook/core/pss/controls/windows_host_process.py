"""Windows host processes: no container may run straight on a Windows node."""

from collections.abc import Iterator, Sequence

from webhook.core.model.finding import Finding
from webhook.core.pss.control import Control
from webhook.core.pss.pod import Pod, contexts
from webhook.core.pss.wording import setters


def check(pod: Pod) -> Iterator[Finding]:
    """Refuse hostProcess, on the pod and on each container."""
    for place, context in contexts(pod):
        if context.get("windowsOptions", {}).get("hostProcess"):
            yield Finding(
                path=place / "windowsOptions" / "hostProcess",
                observed=True,
                allowed="false or not set",
                fix="remove hostProcess",
            )


def said(pod: Pod, findings: Sequence[Finding]) -> str:
    """Return the plugin's words."""
    who = setters(pod, findings)
    return f"hostProcess ({who} must not set securityContext.windowsOptions.hostProcess=true)"


CONTROL = Control(id="windowsHostProcess", level="baseline", versions={0: check}, said=said)
