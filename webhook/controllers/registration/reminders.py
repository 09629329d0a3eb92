"""When to tell of what lasts: as it begins, as it changes, and now and then until it is over."""

from collections.abc import Callable
from dataclasses import dataclass

AGAIN = 600.0
"""Seconds between two times that the same is told."""


@dataclass(slots=True)
class _State:
    text: str
    due: float


class Reminders:
    """What is the matter with each of several subjects, and when it was told.

    Args:
        clock: seconds, from anywhere.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._states: dict[str, _State] = {}

    def due(self, subject: str, text: str, patience: float = 0) -> bool:
        """Return whether to tell now what is the matter with a subject.

        What may be over by itself soon is not told before it has lasted for `patience` seconds.
        """
        clock = self._clock()
        state = self._states.get(subject)
        if state is None or state.text != text:
            state = self._states[subject] = _State(text, clock + patience)
        if clock < state.due:
            return False
        state.due = clock + AGAIN
        return True

    def over(self, subject: str) -> None:
        """Note that all is well with a subject."""
        self._states.pop(subject, None)
