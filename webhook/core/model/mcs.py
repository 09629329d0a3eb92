"""SELinux MCS labels: so many of 1024 categories each, such as `s0:c26,c5`, in a fixed order."""

import re
from bisect import bisect_right
from dataclasses import dataclass
from math import comb

from webhook.core.model.ranges import RangeError

CATEGORIES = 1024
_LONGEST = 5
_TEXT = re.compile(r"([^/]*)/([0-9]+)(?:,([0-9]+))?", re.ASCII)
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

    def label(self, offset: int) -> str:
        """Return the label at a place of the order, which is co-lexicographic, categories falling.

        So `c1,c0` is at 0, `c2,c0` at 1 and `c2,c1` at 2.
        """
        categories = []
        below = CATEGORIES
        for left in range(self.length, 0, -1):
            # The largest category for which so many labels, or fewer, come before it.
            below = bisect_right(range(below), offset, key=lambda n, k=left: comb(n, k)) - 1
            offset -= comb(below, left)
            categories.append(f"c{below}")
        between = ":" if self.prefix and self.prefix[-1] not in ":," else ""
        return f"{self.prefix}{between}{','.join(categories)}"

    def __str__(self) -> str:
        return f"{self.prefix}/{self.length}"
