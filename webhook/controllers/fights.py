"""Who undoes what we do: repairs are counted for each object, and a fight is fought slowly."""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

MOST = 5
"""So many repairs of one object are borne in `PERIOD` seconds; with one more it is a fight."""

PERIOD = 600.0
_FIRST, _LONGEST = 10.0, 300.0
_MOST_OBJECTS = 10_000

Key = tuple[str, str, str, str]
"""Namespace, API group, kind and name of an object."""


def _times() -> deque[float]:
    return deque(maxlen=MOST + 1)


@dataclass(slots=True)
class _Record:
    times: deque[float] = field(default_factory=_times)
    until: float = 0.0
    pause: float = 0.0


class Fights:
    """How often each object had to be repaired; threads share it.

    In a fight the object is repaired after ten seconds only, then after twice as long each time, up
    to five minutes. It is over when nobody has undone a repair for ten minutes.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._records: OrderedDict[Key, _Record] = OrderedDict()
        self._guard = threading.Lock()

    def wait(self, key: Key) -> float:
        """Return the seconds for which an object is to be left as it is, 0 for none."""
        with self._guard:
            record = self._records.get(key)
            return max(0.0, record.until - self._clock()) if record else 0.0

    def repaired(self, key: Key) -> bool:
        """Note that an object was repaired; return whether that is a fight."""
        now = self._clock()
        with self._guard:
            record = self._records.setdefault(key, _Record())
            self._records.move_to_end(key)
            if len(self._records) > _MOST_OBJECTS:
                self._records.popitem(last=False)
            if record.times and self._is_over(record, now):
                record.times.clear()
                record.pause = 0.0
            record.times.append(now)
            while not record.pause and record.times[0] < now - PERIOD:
                record.times.popleft()
            if len(record.times) > MOST:
                record.pause = min(_LONGEST, max(_FIRST, record.pause * 2))
                record.until = now + record.pause
            return record.pause > 0

    def forget(self, namespace: str) -> None:
        """Forget the objects of a namespace that is gone."""
        with self._guard:
            for key in [key for key in self._records if key[0] == namespace]:
                del self._records[key]

    def fighting(self) -> int:
        """Return how many objects are fought over."""
        now = self._clock()
        with self._guard:
            return sum(
                record.pause > 0 and not self._is_over(record, now)
                for record in self._records.values()
            )

    def _is_over(self, record: _Record, now: float) -> bool:
        return record.times[-1] < now - PERIOD
