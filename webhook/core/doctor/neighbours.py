"""Other people's webhooks: do they undo what ours did, or keep our own pods from coming back?"""

from collections.abc import Iterator

from webhook.core.doctor.diagnosis import Diagnosis
from webhook.core.doctor.hook import Asked, Hook
from webhook.core.doctor.scene import Scene

CHECK = "neighbours"

_SOMEWHERE = "some-namespace"


def check(scene: Scene) -> Iterator[Diagnosis]:
    """Look at every entry that is sent our own pods, and at every one that changes pods after us."""
    found = [*_before_our_pods(scene), *_after_us(scene)]
    yield from found
    if not found:
        seen = f"none of {len(scene.others)} entries of others is in the way, or runs after ours"
        yield Diagnosis(CHECK, "ok", "other webhooks", seen)


def _before_our_pods(scene: Scene) -> Iterator[Diagnosis]:
    own = scene.policies.platform.engine_namespace
    pod, labels = Asked("CREATE", "", "pods", own), scene.labels_of(own)
    for hook in scene.others:
        if not hook.fails_closed or not hook.is_sent(pod, labels):
            continue
        home = hook.service[0]
        if (
            home
            and home not in scene.excluded
            and any(
                each.is_sent(Asked("CREATE", "", "pods", home), scene.labels_of(home))
                and each.fails_closed
                for each in scene.ours
            )
        ):
            yield Diagnosis(
                *(CHECK, "fail", hook.place),
                f"is sent the pods in {own}, and its own pods in {home} are sent to tenantgate: once "
                "both are down, neither comes back",
                "one of the two leaves the other's namespace out",
                f"have it leave out {own} by kubernetes.io/metadata.name, or let it fail open there",
            )
        else:
            yield Diagnosis(
                *(CHECK, "warn", hook.place),
                f"is sent the pods in {own}: while nobody answers it, they cannot come back",
                f"{own} is left out",
                f"have it leave out {own} by kubernetes.io/metadata.name",
            )


def _after_us(scene: Scene) -> Iterator[Diagnosis]:
    pod = Asked("CREATE", "", "pods", _SOMEWHERE)
    called = [hook for hook in scene.hooks if hook.phase == "mutate" and hook.is_sent(pod)]
    ours = [place for place, hook in enumerate(called) if hook.is_ours]
    if not ours:
        return
    again = any(
        hook.phase == "validate" and hook.is_ours and hook.fails_closed and hook.is_sent(pod)
        for hook in scene.hooks
    )
    for hook in called[max(ours) + 1 :]:
        if hook.is_ours:
            continue
        if again:
            yield _harmless(hook)
        else:
            yield Diagnosis(
                *(CHECK, "fail", hook.place),
                "changes pods after tenantgate has filled them in, and nothing judges them afterwards",
                "the entry workloads.validate.tenantgate.io, which fails closed",
                "register it: `tenantgate render webhooks` prints it",
            )


def _harmless(hook: Hook) -> Diagnosis:
    seen = "changes pods after tenantgate has filled them in; what it makes of them is judged again"
    return Diagnosis(CHECK, "ok", hook.place, seen)
