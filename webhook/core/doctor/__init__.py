"""Can this registration lock the cluster up, or be bypassed? Everything that is known in, results out.

Each check is a module of its own. It looks at a `Scene` and says what it found, of what is well, too.
"""

from collections.abc import Callable, Iterator

from webhook.core.doctor import (
    agreement,
    availability,
    conditions,
    coverage,
    lockout,
    neighbours,
    rights,
    selectors,
    timeouts,
    trust,
)
from webhook.core.doctor.diagnosis import Diagnosis
from webhook.core.doctor.scene import Scene

__all__ = ["CHECKS", "Diagnosis", "Scene", "examine"]

CHECKS: tuple[Callable[[Scene], Iterator[Diagnosis]], ...] = (
    coverage.check,
    selectors.check,
    conditions.check,
    lockout.check,
    availability.check,
    trust.check,
    timeouts.check,
    neighbours.check,
    agreement.check,
    rights.check,
)


def examine(scene: Scene) -> list[Diagnosis]:
    """Return what all checks found, and what nobody could find out."""
    found = [diagnosis for check in CHECKS for diagnosis in check(scene)]
    unknown = [Diagnosis("reading", "unknown", "the cluster", text) for text in scene.lacking]
    return [*found, *unknown]
