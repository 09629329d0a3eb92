"""Host path volumes: a pod may not mount a folder of its node.

At `restricted`, the control of volume types says it instead.
"""

from collections.abc import Iterator, Sequence

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.pss.control import Control
from webhook.core.pss.pod import Pod
from webhook.core.pss.wording import noun, quoted

_VOLUMES = FieldPath(("spec", "volumes"))


def check(pod: Pod) -> Iterator[Finding]:
    """Refuse every hostPath volume."""
    for index, volume in enumerate(pod.get("spec", {}).get("volumes", ())):
        if "hostPath" in volume:
            yield Finding(
                path=_VOLUMES / index / "hostPath",
                observed=volume["hostPath"],
                allowed="no hostPath volume",
                fix="use a persistentVolumeClaim, or an emptyDir for what may be lost",
            )


def said(pod: Pod, findings: Sequence[Finding]) -> str:
    """Return the plugin's words."""
    volumes = pod.get("spec", {}).get("volumes", [])
    names = [str(volumes[int(finding.path[2])].get("name", "")) for finding in findings]
    return f"hostPath volumes ({noun('volume', names)} {quoted(names)})"


CONTROL = Control(id="hostPathVolumes", level="baseline", versions={0: check}, said=said)
