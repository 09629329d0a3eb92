"""What waits to be reconciled: each key once, worked on by one thread at a time, later after errors.

client-go's work queue is the example followed. A key that is added while it is worked on is handed
out again when that work is done, so no change is missed and no key is worked on twice at once. What is
looked at anew without need, such as everything when policies change, waits behind what has changed.
"""

import heapq
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BackOff:
    """How long a key waits after failures: `first` seconds, then twice as long, up to `longest`.

    A random part of up to a half is taken off, so that what failed together is not tried together.
    """

    first: float = 0.05
    longest: float = 60

    def delay(self, failures: int, dice: Callable[[], float]) -> float:
        """Return the seconds to wait after so many failures in a row; `dice` rolls 0 to 1."""
        full = min(self.longest, self.first * 2.0 ** min(failures - 1, 30))
        return full * (1 - dice() / 2)


BACK_OFF = BackOff()


class Queue:
    """Keys that are due, and keys that are due later; threads share it.

    Args:
        back_off: how long failed keys wait.
        clock: the time in seconds, from anywhere.
        dice: a number from 0 to 1, anew each time.
    """

    def __init__(
        self,
        back_off: BackOff = BACK_OFF,
        *,
        clock: Callable[[], float] = time.monotonic,
        dice: Callable[[], float] = random.random,
    ) -> None:
        self._back_off = back_off
        self._clock = clock
        self._dice = dice
        self._changed = threading.Condition()
        self._due: deque[str] = deque()
        self._idle: dict[str, None] = {}
        self._wanted: set[str] = set()
        self._in_hand: set[str] = set()
        self._later: list[tuple[float, str]] = []
        self._at: dict[str, float] = {}
        self._failures: dict[str, int] = {}
        self._ending = False

    def __len__(self) -> int:
        """Return how many keys are due and not yet in hand."""
        with self._changed:
            self._ripen()
            return len(self._due) + len(self._idle)

    def add(self, key: str) -> None:
        """Have a key worked on as soon as possible."""
        with self._changed:
            self._add(key)

    def add_idle(self, key: str) -> None:
        """Have a key worked on when no other is due."""
        with self._changed:
            if not self._ending and key not in self._wanted:
                self._idle[key] = None
                self._changed.notify()

    def add_after(self, key: str, seconds: float) -> None:
        """Have a key worked on in `seconds`, or earlier where that was asked for already."""
        if seconds <= 0:
            self.add(key)
            return
        due = self._clock() + seconds
        with self._changed:
            if self._ending or self._at.get(key, float("inf")) <= due:
                return
            self._at[key] = due
            heapq.heappush(self._later, (due, key))
            self._changed.notify()

    def retry(self, key: str, at_least: float = 0) -> float:
        """Have a key that failed worked on again, later each time; return the seconds until then."""
        with self._changed:
            failures = self._failures[key] = self._failures.get(key, 0) + 1
        wait = max(at_least, self._back_off.delay(failures, self._dice))
        self.add_after(key, wait)
        return wait

    def forget(self, key: str) -> None:
        """Forget the failures of a key: it went well."""
        with self._changed:
            self._failures.pop(key, None)

    def get(self, timeout: float | None = None) -> str | None:
        """Take a key in hand, waiting for one; None at the end, or when the time is up.

        Whoever took it says when it is `done`.
        """
        end = None if timeout is None else self._clock() + timeout
        with self._changed:
            while True:
                if self._ending:
                    return None
                next_due = self._ripen()
                if (key := self._take()) is not None:
                    return key
                waits = [when - self._clock() for when in (end, next_due) if when is not None]
                if end is not None and end <= self._clock():
                    return None
                self._changed.wait(max(0.0, min(waits)) if waits else None)

    def done(self, key: str) -> None:
        """Put a key out of hand; it is due again if it was added meanwhile."""
        with self._changed:
            self._in_hand.discard(key)
            if key in self._wanted and not self._ending:
                self._due.append(key)
            if key in self._wanted or key in self._idle:
                self._changed.notify()

    def end(self) -> None:
        """Hand out no more keys, and wake whoever waits for one."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()

    def _add(self, key: str) -> None:
        if self._ending or key in self._wanted:
            return
        self._wanted.add(key)
        if key not in self._in_hand:
            self._due.append(key)
            self._changed.notify()

    def _take(self) -> str | None:
        """Take in hand what is due, or else what is idle and not in hand."""
        if self._due:
            key = self._due.popleft()
            self._wanted.discard(key)
        else:
            found = next((idle for idle in self._idle if idle not in self._in_hand), None)
            if found is None:
                return None
            key = found
        self._idle.pop(key, None)
        self._in_hand.add(key)
        return key

    def _ripen(self) -> float | None:
        """Make keys due whose time has come; return when the next one's does."""
        now = self._clock()
        while self._later:
            when, key = self._later[0]
            if self._at.get(key) != when:  # an earlier time took its place
                heapq.heappop(self._later)
            elif when > now:
                return when
            else:
                heapq.heappop(self._later)
                del self._at[key]
                self._add(key)
        return None
