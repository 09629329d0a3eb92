"""Does any webhook, ours or another, stop the control plane while nobody answers it?"""

from collections.abc import Iterator

from webhook.core.doctor.diagnosis import Diagnosis, Level
from webhook.core.doctor.hook import Asked, Hook
from webhook.core.doctor.scene import Scene

CHECK = "lock-out"

_NEEDED = (
    (Asked("UPDATE", "coordination.k8s.io", "leases", "kube-node-lease"), "nodes lose their heartbeats"),
    (Asked("UPDATE", "coordination.k8s.io", "leases", "kube-system"), "the control plane loses its leaders"),
    (Asked("UPDATE", "", "nodes/status"), "nodes cannot report how they are"),
    (Asked("CREATE", "", "nodes"), "nodes cannot join"),
    (Asked("CREATE", "authentication.k8s.io", "tokenreviews"), "nobody can prove who he is"),
    (Asked("CREATE", "authorization.k8s.io", "subjectaccessreviews"), "nobody can ask what is allowed"),
    (Asked("CREATE", "certificates.k8s.io", "certificatesigningrequests"), "nodes cannot renew their certificates"),
    (Asked("CREATE", "", "pods", "kube-system"), "the cluster's own pods cannot come back"),
    (Asked("UPDATE", "", "pods/status", "kube-system"), "its pods cannot report that they run"),
    (Asked("CREATE", "", "pods/binding", "kube-system"), "its pods cannot be scheduled"),
)  # fmt: skip
"""What a cluster cannot do without, and what becomes of it otherwise."""


def check(scene: Scene) -> Iterator[Diagnosis]:
    """Find the requests of the control plane's that an entry which fails closed is sent."""
    well = True
    for hook in scene.hooks:
        if not hook.fails_closed or _lets_off(hook, scene):
            continue
        hit = [(asked, so) for asked, so in _NEEDED if _is_sent(hook, asked, scene)]
        if not hit:
            continue
        well = False
        level: Level = "warn" if hook.conditions else "fail"
        told = "; ".join(f"{asked}: {so}" for asked, so in hit[:3])
        more = f", and {len(hit) - 3} more like it" if len(hit) > 3 else ""
        unless = " unless its match conditions let them off" if hook.conditions else ""
        yield Diagnosis(
            *(CHECK, level, hook.place, f"while nobody answers it{unless}: {told}{more}"),
            "what a control plane needs is sent to no entry that fails closed",
            "leave out kube-system and kube-node-lease by name, and the control plane by a match "
            "condition, or let it fail open",
        )
    if well:
        number = sum(hook.fails_closed for hook in scene.hooks)
        seen = f"none of the {number} entries that fail closed is sent what a control plane needs"
        yield Diagnosis(CHECK, "ok", "the control plane", seen)


def _is_sent(hook: Hook, asked: Asked, scene: Scene) -> bool:
    return hook.is_sent(asked, scene.labels_of(asked.namespace))


def _lets_off(hook: Hook, scene: Scene) -> bool:
    """Tell whether an entry of ours has every match condition that it should have."""
    wanted = scene.wanted.get(hook.name) if hook.is_ours else None
    if wanted is None or not wanted.conditions:
        return False
    found = {each.get("expression") for each in hook.conditions}
    return all(each.get("expression") in found for each in wanted.conditions)
