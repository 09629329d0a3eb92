"""The service account's token: a pod that does not ask for it gets it by policy only."""

from collections.abc import Mapping
from typing import Any

from webhook.core.mutation.layers import PodLayer
from webhook.core.mutation.pods import KINDS, Draft
from webhook.core.serverdefaults import TOKEN_VOLUME


def fill(draft: Draft, layer: PodLayer) -> None:
    """Say whether the token is mounted, where the pod does not.

    The ServiceAccount plugin has run and added the volume, for it goes by the pod and the account
    alone. Where the token is turned off, the volume and its mounts go; the plugin runs again
    afterwards and leaves them out.
    """
    lent = layer.automount
    if lent is None or draft.spec.get("automountServiceAccountToken") is not None:
        return
    draft.set(automountServiceAccountToken=lent.value)
    draft.note(("spec", "automountServiceAccountToken"), lent.value, lent.policy)
    if lent.value:
        return
    volumes = draft.spec.get("volumes") or []
    gone = {volume["name"] for volume in volumes if _holds_token(volume)}
    if not gone:
        return
    draft.set(volumes=[volume for volume in volumes if volume.get("name") not in gone] or None)
    for kind in KINDS:
        old = draft.spec.get(kind) or []
        new = [_unmounted(container, gone) for container in old]
        if any(a is not b for a, b in zip(old, new, strict=True)):
            draft.set(**{kind: new})


def _holds_token(volume: Mapping[str, Any]) -> bool:
    """Tell whether a volume is the plugin's, by its name and what is in it."""
    if not str(volume.get("name", "")).startswith(TOKEN_VOLUME):
        return False
    sources = (volume.get("projected") or {}).get("sources") or ()
    return any(isinstance(item, Mapping) and item.get("serviceAccountToken") for item in sources)


def _unmounted(container: Mapping[str, Any], gone: set[str]) -> Mapping[str, Any]:
    mounts = container.get("volumeMounts") or []
    kept = [mount for mount in mounts if mount.get("name") not in gone]
    if len(kept) == len(mounts):
        return container
    rest = {key: value for key, value in container.items() if key != "volumeMounts"}
    return {**rest, "volumeMounts": kept} if kept else rest
