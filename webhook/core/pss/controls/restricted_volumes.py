"""Volume types: a pod may mount what Kubernetes makes for it, and nothing that it finds by itself.

So storage comes through a PersistentVolumeClaim, which the platform answers. A volume without any
source becomes an emptyDir.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import UNSET, Finding
from webhook.core.pss.control import Control
from webhook.core.pss.pod import Pod
from webhook.core.pss.wording import noun, quoted

_GOOD = frozenset(
    {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
)
_BAD = (
    "hostPath",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "gitRepo",
    "nfs",
    "iscsi",
    "glusterfs",
    "rbd",
    "flexVolume",
    "cinder",
    "cephfs",
    "flocker",
    "fc",
    "azureFile",
    "vsphereVolume",
    "quobyte",
    "azureDisk",
    "photonPersistentDisk",
    "portworxVolume",
    "scaleIO",
    "storageos",
)
_VOLUMES = FieldPath(("spec", "volumes"))


def check(pod: Pod) -> Iterator[Finding]:
    """Refuse every volume that is of none of the good types."""
    for index, volume in enumerate(pod.get("spec", {}).get("volumes", ())):
        if volume.keys() - {"name"} and _GOOD.isdisjoint(volume):
            kind = _kind(volume)
            path = _VOLUMES / index
            yield Finding(
                path=path / kind if kind in volume else path,
                observed=volume.get(kind, UNSET),
                allowed=", ".join(sorted(_GOOD)),
                fix="use one of these types, such as a persistentVolumeClaim",
            )


def _kind(volume: dict[str, Any]) -> str:
    return next((kind for kind in _BAD if kind in volume), "unknown")


def said(pod: Pod, findings: Sequence[Finding]) -> str:
    """Return the plugin's words."""
    volumes = pod.get("spec", {}).get("volumes", [])
    bad = [volumes[int(finding.path[2])] for finding in findings]
    names = [str(volume.get("name", "")) for volume in bad]
    kinds = sorted({_kind(volume) for volume in bad})
    return (
        f"restricted volume types ({noun('volume', names)} {quoted(names)} "
        f"{noun('uses', names, 'use')} {noun('restricted volume type', kinds)} {quoted(kinds)})"
    )


CONTROL = Control(
    id="restrictedVolumes",
    level="restricted",
    versions={0: check},
    said=said,
    overrides="hostPathVolumes",
)
