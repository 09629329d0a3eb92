"""What a check has to say about one thing."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "unknown", "warn", "fail"]
"""From all is well to the worst; `unknown` is what nobody could find out."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One result: which check, how bad, where, what was seen, what would be well, what to do.

    `allowed` and `fix` are empty where all is well; `fix` is an imperative without a full stop.
    """

    check: str
    level: Level
    where: str
    seen: str
    allowed: str = ""
    fix: str = ""

    def __str__(self) -> str:
        text = f"{self.where}: {self.seen}"
        if self.allowed:
            text += f"; allowed: {self.allowed}"
        return f"{text}. Fix: {self.fix}." if self.fix else text
