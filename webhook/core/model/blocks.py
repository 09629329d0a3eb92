"""The ids of a cluster, and the blocks of equal size that its namespaces get of them."""

import re
from dataclasses import dataclass

from webhook.core.model.ranges import Range, RangeError

MOST_BLOCKS = 1_000_000
LARGEST_ID = 2**31 - 1
"""Kubernetes refuses pods that ask for a larger user or group."""

_TEXT = re.compile(r"([0-9]+)-([0-9]+)/([0-9]+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Blocks:
    """`uidAllocatorRange`: the ids from `start` to `end`, cut into blocks of `size`, counted from 0.

    What is left over at the end and makes no whole block belongs to none.
    """

    start: int = 1_000_000_000
    end: int = 1_999_999_999
    size: int = 10_000

    @classmethod
    def parse(cls, text: str) -> "Blocks":
        """Read `<start>-<end>/<blockSize>`.

        What OpenShift refuses is refused in its words. Beyond that the ids have to be some that
        Kubernetes takes, 0 is not among them, as it would make the first namespace's pods root,
        and there are at most a million blocks, as all of them have to fit into one object.

        Raises:
            RangeError: the text is no such range.
        """
        match = _TEXT.fullmatch(text)
        if not match:
            raise RangeError('range not in the format "<start>-<end>/<blockSize>"')
        start, end, size = (int(number) for number in match.groups())
        if start > end:
            raise RangeError(f"start {start} must be less than end {end}")
        if size == 0:
            raise RangeError("block size must be a positive integer")
        if end - start < size:
            raise RangeError("block size must be less than or equal to the range")
        if start == 0:
            raise RangeError("start must not be 0, which is root")
        if end > LARGEST_ID:
            raise RangeError(
                f"end must not exceed {LARGEST_ID}, the largest id that a pod may have"
            )
        blocks = cls(start, end, size)
        if blocks.count > MOST_BLOCKS:
            raise RangeError(
                f"range has {blocks.count} blocks, and there may be {MOST_BLOCKS}; make them larger"
            )
        return blocks

    @property
    def count(self) -> int:
        """How many blocks there are."""
        return (self.end - self.start + 1) // self.size

    def ids(self, index: int) -> Range:
        """Return the ids of a block."""
        first = self.start + index * self.size
        return Range(first, first + self.size - 1)

    def text(self, index: int) -> str:
        """Return a block as annotations write it, such as `1000660000/10000`."""
        return f"{self.start + index * self.size}/{self.size}"

    def index(self, ids: Range) -> int | None:
        """Return which block these ids are, None if they are none of them."""
        index, rest = divmod(ids.min - self.start, self.size)
        whole = rest == 0 and ids.max - ids.min + 1 == self.size
        return index if whole and 0 <= index < self.count else None

    def touched(self, ids: Range) -> range:
        """Return the blocks that have an id in common with these, however they lie."""
        if ids.min > ids.max:
            return range(0)
        first = max(ids.min - self.start, 0) // self.size
        after = (ids.max - self.start) // self.size + 1
        return range(first, max(min(after, self.count), first))

    def __str__(self) -> str:
        return f"{self.start}-{self.end}/{self.size}"
