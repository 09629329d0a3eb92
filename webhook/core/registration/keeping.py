"""What to do about the registration: stored configurations and circumstances in, steps out.

Three rules, for whoever is up at night. What was deleted by hand stays deleted: that is how
tenantgate is taken out of the way, and nothing may bring it back but a person. While nobody would
answer, nothing is touched: an entry more, or one that fails closed again, would only stop a cluster
that somebody is trying to repair. Everything else that somebody changed is put right at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from webhook.core.model.objects import JsonObject
from webhook.core.registration.compare import Difference, differences

Mode = Literal["managed", "external"]
"""Whether the controller keeps the registration, or GitOps does and it only watches."""

Move = Literal["create", "repair", "keep", "leave", "wait", "report"]
"""`keep`: all is as it should be; `leave`: it was deleted by hand; `wait`: nobody would answer."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is the case.

    `stored` are the configurations as they are, None for one that is not there. `before` are the
    kinds that are known to have been registered. `silence` says why nobody would answer; it is empty
    when somebody would.
    """

    stored: Mapping[str, JsonObject | None]
    before: frozenset[str] = frozenset()
    silence: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """What to do about one configuration; `differences` are what is to be put right, or reported."""

    kind: str
    move: Move
    differences: tuple[Difference, ...] = ()


def steps(wanted: Mapping[str, JsonObject], seen: Seen, mode: Mode = "managed") -> list[Step]:
    """Return what to do about each configuration."""
    return [_step(kind, wanted[kind], seen, mode) for kind in wanted]


def _step(kind: str, wanted: JsonObject, seen: Seen, mode: Mode) -> Step:
    stored = seen.stored.get(kind)
    if stored is None:
        if mode == "external":
            return Step(kind, "report")
        if kind in seen.before:
            return Step(kind, "leave")
        return Step(kind, "wait" if seen.silence else "create")
    found = tuple(differences(wanted, stored))
    if not found:
        return Step(kind, "keep")
    if mode == "external":
        return Step(kind, "report", found)
    return Step(kind, "wait" if seen.silence else "repair", found)
