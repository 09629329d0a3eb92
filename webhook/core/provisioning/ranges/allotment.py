"""What a namespace's block means on the namespace: its three annotations, and what is wrong there."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from webhook.core.model.blocks import Blocks
from webhook.core.model.marks import UID_RANGE_AWAITED
from webhook.core.model.ranges import (
    MCS,
    SUPPLEMENTAL_GROUPS,
    UID_RANGE,
    Range,
    RangeError,
    group_ranges,
    mcs_label,
    uid_range,
)
from webhook.core.platform import SccSettings
from webhook.core.provisioning.ranges.allocate import LiveNamespace, held

OVERLAP = "UIDRangeOverlap"
UNUSABLE = "UIDRangeUnusable"

_MOST_PROBLEMS = 100
_MOST_NAMES = 3


@dataclass(frozen=True, slots=True)
class Problem:
    """What an administrator has to mend at a namespace, as an Event of this reason and message.

    `reason` is `UIDRangeOverlap` (it has ids of another one) or `UIDRangeUnusable` (annotations by
    which no pod can be admitted, or from which the missing ones cannot be derived).
    """

    reason: str
    namespace: str
    uid: str
    message: str


@dataclass(frozen=True, slots=True)
class Allotment:
    """What to write on a namespace; a value of None takes an annotation away (JSON merge patch)."""

    annotations: Mapping[str, str | None] = field(default_factory=dict)
    problem: Problem | None = None


def granted(namespace: LiveNamespace, block: int, settings: SccSettings) -> Allotment:
    """Return the annotations that give a namespace its block.

    As on OpenShift, supplemental groups that are there are replaced and an MCS label is kept.
    """
    annotations: dict[str, str | None] = {
        UID_RANGE: settings.uid_allocator_range.text(block),
        SUPPLEMENTAL_GROUPS: settings.uid_allocator_range.text(block),
    }
    if MCS not in namespace.annotations:
        annotations[MCS] = settings.mcs_label(block)
    if UID_RANGE_AWAITED in namespace.annotations:
        annotations[UID_RANGE_AWAITED] = None
    return _judged(namespace, annotations)


def completed(namespace: LiveNamespace, settings: SccSettings) -> Allotment:
    """Return what a namespace lacks beside the uid range that it has, which stays as it is.

    OpenShift adds nothing then, and the namespace's pods wait for ever. Only one of our own blocks
    tells what the others would have been.
    """
    blocks = settings.uid_allocator_range
    annotations: dict[str, str | None] = {}
    try:
        block = blocks.index(uid_range(namespace.annotations))
    except RangeError:
        block = None
    if block is not None:
        if SUPPLEMENTAL_GROUPS not in namespace.annotations:
            annotations[SUPPLEMENTAL_GROUPS] = blocks.text(block)
        if MCS not in namespace.annotations:
            annotations[MCS] = settings.mcs_label(block)
    if UID_RANGE_AWAITED in namespace.annotations:
        annotations[UID_RANGE_AWAITED] = None
    return _judged(namespace, annotations)


def overlaps(namespaces: Iterable[LiveNamespace], blocks: Blocks) -> tuple[Problem, ...]:
    """Return a problem for each namespace that has ids of another one, by whosever hand.

    Of two it is the one whose uid range is none of our blocks, or else the younger; the other one
    is in its right. No more than a hundred are returned.
    """
    ranges = [(ids, each) for each in namespaces if (ids := _uids(each)) is not None]
    ranges.sort(key=lambda item: (blocks.index(item[0]) is None, item[1].created, item[1].name))
    problems: list[Problem] = []
    rightful = _Apart()
    for ids, namespace in ranges:
        if rightful.add(ids):
            continue
        others = sorted(
            each.name for other, each in ranges if each is not namespace and _meet(ids, other)
        )
        message = (
            f'{UID_RANGE} "{namespace.annotations[UID_RANGE]}" has ids of '
            f"{_some(others)}: their pods may run as the same users. Fix: take the three "
            "annotations openshift.io/sa.scc.* off the namespace whose files can be given new "
            "owners, and it gets a block of its own; or put up with it"
        )
        problems.append(Problem(OVERLAP, namespace.name, namespace.uid, message))
        if len(problems) == _MOST_PROBLEMS:
            break
    return tuple(problems)


def exceeded(namespaces: Iterable[LiveNamespace], blocks: Blocks) -> str:
    """Return the sentence that there is no block left, with those who have more than one."""
    wide = sorted(
        (
            (sum(len(blocks.touched(ids)) for ids in set(held(each))), each)
            for each in namespaces
            if UID_RANGE in each.annotations
        ),
        key=lambda item: (-item[0], item[1].name),
    )
    told = [f'"{each.name}" alone has ids in {count}' for count, each in wide[:3] if count > 1]
    return (
        f"uid range exceeded: all {blocks.count} blocks of {blocks}, or their MCS labels, are taken"
        f"{''.join(f'; namespace {one}' for one in told)}. Fix: widen "
        "spec.scc.uidAllocatorRange of the Platform, or delete namespaces"
    )


def _judged(namespace: LiveNamespace, annotations: Mapping[str, str | None]) -> Allotment:
    """Return the allotment, with what would still be wrong when it is written."""
    changed = {**namespace.annotations, **annotations}
    final = {key: value for key, value in changed.items() if value is not None}
    try:
        ids = uid_range(final)
        if ids.min > ids.max:
            raise RangeError(f'annotation {UID_RANGE} is "{final[UID_RANGE]}", which holds no id')
        group_ranges(final)
        mcs_label(final)
    except RangeError as error:
        text = (
            f"no pod can be admitted by its ranges: {error}. Fix: write the annotation, or take "
            f"{UID_RANGE} off, and the namespace gets a block of its own"
        )
        return Allotment(annotations, Problem(UNUSABLE, namespace.name, namespace.uid, text))
    return Allotment(annotations)


class _Apart:
    """Ranges that have no id in common."""

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []

    def add(self, ids: Range) -> bool:
        """Take a range in if it meets none that is there; tell whether it was taken."""
        place = bisect_left(self._lasts, ids.min)
        if place < len(self._firsts) and self._firsts[place] <= ids.max:
            return False
        self._firsts.insert(place, ids.min)
        self._lasts.insert(place, ids.max)
        return True


def _uids(namespace: LiveNamespace) -> Range | None:
    try:
        ids = uid_range(namespace.annotations)
    except RangeError:
        return None
    return ids if ids.min <= ids.max else None


def _meet(one: Range, other: Range) -> bool:
    return one.min <= other.max and other.min <= one.max


def _some(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMES
    shown = ", ".join(f'"{name}"' for name in names[:_MOST_NAMES])
    return (
        f"namespace{'s' if len(names) > 1 else ''} {shown}{f' and {more} more' if more > 0 else ''}"
    )
