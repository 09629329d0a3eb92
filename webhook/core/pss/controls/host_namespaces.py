"""Host namespaces: a pod may not share the network, the processes or the IPC of its node."""

from collections.abc import Iterator, Sequence
from typing import Literal

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.pss.control import Control
from webhook.core.pss.pod import Pod

_FIELDS: tuple[Literal["hostNetwork", "hostPID", "hostIPC"], ...] = (
    "hostNetwork",
    "hostPID",
    "hostIPC",
)


def check(pod: Pod) -> Iterator[Finding]:
    """Refuse each of the node's namespaces that the pod wants to be in."""
    spec = pod.get("spec", {})
    for field in _FIELDS:
        if spec.get(field):
            yield Finding(
                path=FieldPath(("spec", field)),
                observed=True,
                allowed="false or not set",
                fix=f"remove {field}",
            )


def said(pod: Pod, findings: Sequence[Finding]) -> str:
    """Return the plugin's words."""
    return f"host namespaces ({', '.join(f'{finding.path[-1]}=true' for finding in findings)})"


CONTROL = Control(id="hostNamespaces", level="baseline", versions={0: check}, said=said)
