"""How long may a pod take to be created when every webhook is slow?"""

from collections.abc import Iterator

from webhook.core.doctor.diagnosis import Diagnosis, Level
from webhook.core.doctor.hook import Asked
from webhook.core.doctor.scene import Scene

CHECK = "timeouts"

REQUEST = 60
"""Seconds after which the API server gives a request up (`--request-timeout`)."""

_PATIENCE = 30
_POD = Asked("CREATE", "", "pods", "some-namespace")


def check(scene: Scene) -> Iterator[Diagnosis]:
    """Add up what one creation of a pod may wait.

    Mutating webhooks are called one after the other, those with `reinvocationPolicy: IfNeeded` perhaps
    twice; validating ones all at once.
    """
    called = [hook for hook in scene.hooks if hook.is_sent(_POD)]
    mutating = [hook for hook in called if hook.phase == "mutate"]
    validating = [hook for hook in called if hook.phase == "validate"]
    if not called:
        return
    longest = sum(
        hook.timeout * (2 if hook.entry.get("reinvocationPolicy") == "IfNeeded" else 1)
        for hook in mutating
    ) + max((hook.timeout for hook in validating), default=0)
    seen = (
        f"may wait {longest} s for {len(called)} webhooks: {len(mutating)} one after the other, and "
        f"{len(validating)} at once"
    )
    if longest <= _PATIENCE:
        yield Diagnosis(CHECK, "ok", "the creation of a pod", seen)
        return
    slow = sorted(called, key=lambda hook: -hook.timeout)[:3]
    names = ", ".join(f"{hook.name} ({hook.timeout} s)" for hook in slow)
    level: Level = "fail" if longest >= REQUEST else "warn"
    yield Diagnosis(
        *(CHECK, level, "the creation of a pod", seen),
        f"up to {_PATIENCE} s; after {REQUEST} s the API server gives up, and a controller begins anew",
        f"lower timeoutSeconds, most of all of {names}",
    )
