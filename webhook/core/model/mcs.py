"""SELinux MCS labels: so many of 1024 categories each, such as `s0:c26,c5`, in a fixed order."""

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from math import comb

from webhook.core.model.ranges import RangeError

CATEGORIES = 1024
_LONGEST = 5
_TEXT = re.compile(r"([^/]*)/([0-9]+)(?:,([0-9]+))?", re.ASCII)
_CATEGORY = re.compile(r"c([0-9]{1,4})(?:\.c([0-9]{1,4}))?", re.ASCII)
_LEVEL = re.compile(r"[0-9A-Za-z_.:,-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Labels:
    """`mcsAllocatorRange`: every label of a prefix and `length` different categories."""

    prefix: str = "s0:"
    length: int = 2

    @classmethod
    def parse(cls, text: str) -> "Labels":
        """Read `<prefix>/<length>[,<categories>]`; what OpenShift refuses is refused in its words.

        The number of categories has to be right but means nothing: OpenShift makes labels of all
        1024 whatever it says.

        Raises:
            RangeError: the text is no such range.
        """
        match = _TEXT.fullmatch(text)
        if not match:
            raise RangeError('range not in the format "<prefix>/<numLabel>[,<maxCategory>]"')
        prefix, length, categories = match[1], int(match[2]), int(match[3] or CATEGORIES)
        if length > _LONGEST:
            raise RangeError(f"range may not include more than {_LONGEST} labels")
        if categories > CATEGORIES:
            raise RangeError(f"range may not include more than {CATEGORIES} categories")
        if match[3] and categories == 0:
            raise RangeError("label max value must be a positive integer")
        if length == 0:
            raise RangeError("label length must be a positive integer")
        if not _LEVEL.fullmatch(prefix):
            raise RangeError(f'prefix "{prefix}" is no SELinux level')
        return cls(prefix, length)

    @property
    def count(self) -> int:
        """How many labels there are."""
        return comb(CATEGORIES, self.length)

    def categories(self, offset: int) -> tuple[int, ...]:
        """Return the categories at a place of the order, which is co-lexicographic, falling.

        So 1 and 0 are at 0, 2 and 0 at 1, 2 and 1 at 2.
        """
        found: list[int] = []
        below = CATEGORIES
        for left in range(self.length, 0, -1):
            below = _largest(below, left, offset)
            offset -= comb(below, left)
            found.append(below)
        return tuple(found)

    def label(self, offset: int) -> str:
        """Return the label at a place of the order: `s0:c1,c0` is the first."""
        between = ":" if self.prefix and self.prefix[-1] not in ":," else ""
        categories = ",".join(f"c{category}" for category in self.categories(offset))
        return f"{self.prefix}{between}{categories}"

    def __str__(self) -> str:
        return f"{self.prefix}/{self.length}"


class LabelsInUse:
    """Labels that somebody has, and which others would undo what they are for.

    SELinux lets a process at a file when the process has all categories of the file. So besides the
    same label, one with more categories or with fewer counts as well.

    Args:
        labels: as they are annotated. Left aside are those that cannot be read, and those of more
            categories than a range may give: whoever writes `s0:c0.c1023` means it.
    """

    def __init__(self, labels: Iterable[str]) -> None:
        self._sets = {found for label in labels if (found := _categories(label))}
        self._parts = {
            frozenset(part)
            for whole in self._sets
            for size in range(1, len(whole))
            for part in combinations(whole, size)
        }

    def clash(self, categories: Iterable[int]) -> bool:
        """Tell whether a label of these categories would be one to keep from giving out."""
        wanted = frozenset(categories)
        return (
            wanted in self._sets
            or wanted in self._parts
            or any(
                frozenset(part) in self._sets
                for size in range(1, len(wanted))
                for part in combinations(wanted, size)
            )
        )


def _largest(below: int, size: int, offset: int) -> int:
    """Return the largest category of whose lower ones no more than `offset` sets can be made."""
    return bisect_right(range(below), offset, key=lambda category: comb(category, size)) - 1


def _categories(label: str) -> frozenset[int]:
    """Return the categories of a label, none if it cannot be read or has too many."""
    found: set[int] = set()
    for word in label.rpartition(":")[2].split(","):
        match = _CATEGORY.fullmatch(word)
        if not match:
            return frozenset()
        first = int(match[1])
        found.update(range(first, int(match[2] or first) + 1))
    return frozenset(found) if len(found) <= _LONGEST else frozenset()
