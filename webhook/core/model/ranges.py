"""UID, group and SELinux ranges of a namespace: the annotations `openshift.io/sa.scc.*`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

UID_RANGE = "openshift.io/sa.scc.uid-range"
SUPPLEMENTAL_GROUPS = "openshift.io/sa.scc.supplemental-groups"
MCS = "openshift.io/sa.scc.mcs"

_SPACE = r"[\t\v\f\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*"
_SIZED = re.compile(rf"{_SPACE}([0-9]+)/{_SPACE}([0-9]+)")
_SPANNED = re.compile(rf"{_SPACE}([0-9]+)-{_SPACE}([0-9]+)")
_LIMIT = 2**32


class RangeError(ValueError):
    """A namespace annotation cannot be read; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Range:
    """The ids from `min` to `max`, both included."""

    min: int
    max: int

    def __contains__(self, value: int) -> bool:
        return self.min <= value <= self.max

    def __str__(self) -> str:
        return str(self.min) if self.min == self.max else f"{self.min}-{self.max}"


def block(text: str) -> Range:
    """Read one block: `<start>/<size>` or `<start>-<end>`, 32-bit, as OpenShift scans it.

    Text after the second number is ignored and 32-bit arithmetic wraps, so `1000/0` is the empty
    range 1000-999.

    Raises:
        RangeError: the text is no block, or a number does not fit 32 bits.
    """
    sized = "/" in text
    match = (_SIZED if sized else _SPANNED).match(text)
    if not match:
        raise RangeError(f'"{text}" is neither <start>/<size> nor <start>-<end>')
    start, other = int(match[1]), int(match[2])
    if start >= _LIMIT or other >= _LIMIT:
        raise RangeError(f'"{text}" holds a number of more than 32 bits')
    return Range(start, (start + other - 1) % _LIMIT if sized else other)


def uid_range(annotations: Mapping[str, str]) -> Range:
    """Return the namespace's uid range: its first block, text after it ignored.

    Raises:
        RangeError: the annotation is absent, empty or no block.
    """
    return _parse(UID_RANGE, _present(annotations, UID_RANGE))


def group_ranges(annotations: Mapping[str, str]) -> tuple[Range, ...]:
    """Return the namespace's supplemental groups, a comma list of blocks.

    Only where the annotation is absent does the uid range stand in for it (OpenShift's rule); a
    present but empty one is an error.

    Raises:
        RangeError: neither annotation is usable.
    """
    key = SUPPLEMENTAL_GROUPS if SUPPLEMENTAL_GROUPS in annotations else UID_RANGE
    text = _present(annotations, key)
    return tuple(_parse(key, part) for part in text.split(","))


def mcs_label(annotations: Mapping[str, str]) -> str:
    """Return the namespace's SELinux level, as it is written.

    Raises:
        RangeError: the annotation is absent or empty.
    """
    return _present(annotations, MCS)


def _present(annotations: Mapping[str, str], key: str) -> str:
    text = annotations.get(key)
    if not text:
        raise RangeError(f"annotation {key} is {'empty' if text == '' else 'absent'}")
    return text


def _parse(key: str, text: str) -> Range:
    try:
        return block(text)
    except RangeError as error:
        raise RangeError(f"annotation {key}: {error}") from None
