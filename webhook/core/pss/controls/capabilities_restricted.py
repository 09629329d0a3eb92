"""Capabilities at `restricted`: all are dropped, and only NET_BIND_SERVICE may come back.

From v1.25 on pods for Windows nodes are let off.
"""

from collections.abc import Iterator, Sequence

from webhook.core.model.finding import UNSET, Finding
from webhook.core.pss.control import Control
from webhook.core.pss.pod import Pod, container_contexts, is_windows
from webhook.core.pss.wording import quoted, those, values


def check(pod: Pod) -> Iterator[Finding]:
    """Refuse containers that do not drop ALL, and every capability that they add but one."""
    for place, context in container_contexts(pod):
        capabilities, path = context.get("capabilities", {}), place / "capabilities"
        dropped = capabilities.get("drop", [])
        if "ALL" not in dropped:
            yield Finding(
                path=path / "drop",
                observed=dropped or UNSET,
                allowed='a list with "ALL"',
                fix='set capabilities.drop to ["ALL"]',
            )
        for index, capability in enumerate(capabilities.get("add", ())):
            if capability != "NET_BIND_SERVICE":
                yield Finding(
                    path=path / "add" / index,
                    observed=capability,
                    allowed="NET_BIND_SERVICE",
                    fix="remove the capability",
                )


def check_linux(pod: Pod) -> Iterator[Finding]:
    """Do so for pods that are not for Windows nodes."""
    if not is_windows(pod):
        yield from check(pod)


def said(pod: Pod, findings: Sequence[Finding]) -> str:
    """Return the plugin's words."""
    missing = [finding for finding in findings if finding.path[-1] == "drop"]
    added = [finding for finding in findings if finding.path[-1] != "drop"]
    details = []
    if missing:
        who = those(pod, missing)
        details.append(f'{who} must set securityContext.capabilities.drop=["ALL"]')
    if added:
        details.append(
            f"{those(pod, added)} must not include {quoted(values(added))} "
            "in securityContext.capabilities.add"
        )
    return f"unrestricted capabilities ({'; '.join(details)})"


CONTROL = Control(
    id="capabilities_restricted",
    level="restricted",
    versions={22: check, 25: check_linux},
    said=said,
    overrides="capabilities_baseline",
)
