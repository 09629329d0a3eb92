"""Which namespace has which block of ids: the ledger, and what may be written into it.

Two objects cannot be written at once, so a block is first claimed in the ledger and then written on
the namespace. What keeps ranges disjoint, whoever races with whom or dies on the way:

- A claim names the namespace by uid and resourceVersion, and the namespace is written only at that
  very resourceVersion. Once it has moved on, the write that a claim stands for can never happen.
- Namespaces are listed after the ledger was read, and the ledger is written only if it is still
  what was read. So a claim that is given up is one whose namespace was seen to have moved on.
- A namespace that has not moved on keeps its claim, whoever asks. Where such a claim has to go
  (`suspects`), the namespace is moved on by a write that says nothing.
"""

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from webhook.core.model.blocks import Blocks
from webhook.core.model.mcs import LabelsInUse
from webhook.core.model.objects import JsonObject
from webhook.core.model.ranges import (
    MCS,
    UID_RANGE,
    Range,
    RangeError,
    group_ranges,
    uid_range,
)
from webhook.core.platform import SccSettings

AHEAD = 500
"""So many namespaces have claims before anybody has asked for them."""

MOST_CLAIMS = 3000
"""So many claims are open at once; more would not fit into one object with the blocks."""


@dataclass(frozen=True, slots=True)
class LiveNamespace:
    """A namespace as the API server has it; `version` is its resourceVersion."""

    name: str
    uid: str
    version: str
    annotations: Mapping[str, str] = field(default_factory=dict)
    terminating: bool = False
    created: str = ""

    @classmethod
    def from_object(cls, namespace: JsonObject) -> "LiveNamespace":
        """Take what is needed of a Namespace object."""
        metadata = namespace["metadata"]
        return cls(
            name=metadata["name"],
            uid=metadata["uid"],
            version=metadata["resourceVersion"],
            annotations=metadata.get("annotations") or {},
            terminating="deletionTimestamp" in metadata,
            created=metadata.get("creationTimestamp") or "",
        )

    @property
    def waits(self) -> bool:
        """Whether it is still to get a block: it has no uid range at all, not even a wrong one."""
        return UID_RANGE not in self.annotations and not self.terminating


@dataclass(frozen=True, slots=True)
class Claim:
    """A block that a namespace, at one of its versions, is about to get."""

    block: int
    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Ledger:
    """Bit i of `taken` is set when block i is taken; `claims` are by the uid of the namespace.

    A block stays taken when its namespace is deleted, until the next repair.
    """

    blocks: Blocks
    taken: int = 0
    claims: Mapping[str, Claim] = field(default_factory=dict)


def suspects(
    ledger: Ledger | None, namespaces: Iterable[LiveNamespace], blocks: Blocks
) -> list[LiveNamespace]:
    """Return the namespaces that have to move on before the ledger may be written.

    They are those that somebody may still write a block on that cannot be left to them: a block of
    another range than now, one that meanwhile was written on another namespace by hand, or, when
    nobody knows what was claimed, any block.
    """
    waiting = [namespace for namespace in namespaces if namespace.waits]
    if ledger is None:
        return waiting
    used = in_use(namespaces, blocks)
    found = []
    for namespace in waiting:
        claim = ledger.claims.get(namespace.uid)
        if claim is None or claim.version != namespace.version:
            continue
        if ledger.blocks != blocks or used >> claim.block & 1:
            found.append(namespace)
    return found


def claim(
    ledger: Ledger | None,
    namespaces: Collection[LiveNamespace],
    settings: SccSettings,
    first: str = "",
) -> Ledger:
    """Return the ledger with a claim for each namespace that waits, as far as there are blocks.

    Each gets the lowest block that is neither taken nor has an id in common with any uid range or
    supplemental groups, whoever wrote those, and whose label does not clash with another one. One
    that has a claim already keeps the block. Blocks of deleted namespaces are taken only once no
    others are left.

    Args:
        ledger: as it was read before the namespaces were listed, None if it could not be read.
        namespaces: all that there are, when the suspects had moved on.
        settings: what is configured; a ledger of another range is made anew.
        first: the uid of the namespace that comes before all others, however many wait.
    """
    blocks = settings.uid_allocator_range
    if ledger is None or ledger.blocks != blocks:
        ledger = repair(ledger, namespaces, blocks)
    used = in_use(namespaces, blocks)
    labels = LabelsInUse(each.annotations.get(MCS, "") for each in namespaces)
    claims = _kept(ledger, namespaces, used)
    taken = ledger.taken | used
    repaired = False
    waiting = [each for each in namespaces if each.waits and each.uid not in claims]
    for namespace in sorted(waiting, key=lambda each: (each.uid != first, each.created, each.name)):
        if len(claims) >= (MOST_CLAIMS if namespace.uid == first else AHEAD):
            break
        taken, block = _next(taken, settings, labels)
        if block is None and not repaired:
            repaired = True
            taken = used | _bits(claim.block for claim in claims.values())
            taken, block = _next(taken, settings, labels)
        if block is None:
            break
        claims[namespace.uid] = Claim(block, namespace.name, namespace.version)
    return Ledger(blocks, taken, claims)


def repair(ledger: Ledger | None, namespaces: Collection[LiveNamespace], blocks: Blocks) -> Ledger:
    """Return the ledger that the namespaces make: blocks of deleted ones are free again.

    Args:
        ledger: as for `claim`, None if it could not be read.
        namespaces: as for `claim`.
        blocks: as for `claim`.
    """
    used = in_use(namespaces, blocks)
    same = ledger is not None and ledger.blocks == blocks
    claims = _kept(ledger, namespaces, used) if ledger is not None and same else {}
    return Ledger(blocks, used | _bits(claim.block for claim in claims.values()), claims)


def in_use(namespaces: Iterable[LiveNamespace], blocks: Blocks) -> int:
    """Return, as bits, the blocks that have an id in common with one that is annotated."""
    bits = 0
    for namespace in namespaces:
        if UID_RANGE in namespace.annotations:
            for ids in held(namespace):
                touched = blocks.touched(ids)
                bits |= ((1 << len(touched)) - 1) << touched.start
    return bits


def held(namespace: LiveNamespace) -> Iterable[Range]:
    """Yield the ids that a namespace's annotations give to its pods, as far as they can be read."""
    with suppress(RangeError):
        yield uid_range(namespace.annotations)
    with suppress(RangeError):
        yield from group_ranges(namespace.annotations)


def _kept(ledger: Ledger, namespaces: Iterable[LiveNamespace], used: int) -> dict[str, Claim]:
    """Return the claims of namespaces that still wait, at the versions that these now have.

    Where the namespace has moved on, nobody can write the claim's block any more, so that it need
    not stay the same if somebody else's ids have come to lie in it.
    """
    waiting = {namespace.uid: namespace for namespace in namespaces if namespace.waits}
    kept = {}
    for uid, claim in ledger.claims.items():
        namespace = waiting.get(uid)
        if namespace is None:
            continue
        if claim.version == namespace.version or not used >> claim.block & 1:
            kept[uid] = replace(claim, version=namespace.version)
    return kept


def _bits(blocks: Iterable[int]) -> int:
    bits = 0
    for block in blocks:
        bits |= 1 << block
    return bits


def _next(taken: int, settings: SccSettings, labels: LabelsInUse) -> tuple[int, int | None]:
    """Return the bits with the next block taken, and that block; None when there is none.

    Blocks that are passed over for their labels are taken as well, lest they be tried each time.
    """
    while True:
        block = (~taken & (taken + 1)).bit_length() - 1
        if block >= settings.uid_allocator_range.count:
            return taken, None
        taken |= 1 << block
        if not labels.clash(settings.mcs_categories(block)):
            return taken, block
