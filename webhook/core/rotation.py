"""Certificate facts and the time in, the next step of a rotation out.

An authority (CA) signs the serving certificate (leaf). Servers take up a new leaf in their own time,
and so do clients a new authority, so an authority is exchanged in an overlap:

1. A new authority is made and published next to the old one: beside the leaf, and in the `caBundle`
   of every registration. It signs nothing yet.
2. When all of them have had it for the settle time, it signs: a leaf of its own replaces the old one.
3. When no server can still show a leaf of the old authority, the old one is published no longer.

So every leaf that any server may show is trusted by every bundle that any client may have. Each
step is one write, and what is left of an interrupted rotation says which step is next.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

BACKDATE = timedelta(hours=1)
"""By how much a certificate is valid before it is made: so far may a client's clock lag behind."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How long certificates live, and how long an overlap lasts.

    `settle` has to cover the time in which a mounted Secret reaches the pods: kubelet takes a
    minute or two. `overlap` is how long the old authority stays published once the leaf is signed
    by the new one.
    """

    ca_lifetime: timedelta = timedelta(days=3650)
    leaf_lifetime: timedelta = timedelta(days=90)
    settle: timedelta = timedelta(minutes=5)
    overlap: timedelta = timedelta(days=1)

    def mistakes(self) -> Iterator[str]:
        """Yield why a rotation with these terms could leave somebody without trust."""
        if min(self.ca_lifetime, self.leaf_lifetime) <= timedelta(0):
            yield "the lifetime of a certificate must be longer than nothing"
            return
        if self.settle < timedelta(0):
            yield "the settle time cannot be negative"
        if self.settle > self.leaf_lifetime / 3:
            yield (
                "the settle time is longer than a third of the leaf's lifetime: a leaf is renewed when "
                "a third is left, and could expire before its successor has reached every server"
            )
        if self.overlap < self.settle:
            yield (
                "the overlap is shorter than the settle time: a server could still show a leaf whose "
                "authority is trusted no longer"
            )
        if self.settle + self.overlap > self.ca_lifetime / 3:
            yield (
                "the settle time and the overlap are together longer than a third of the CA's "
                "lifetime: a CA is renewed when a third is left, and could expire before its successor "
                "has taken over"
            )


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a rotation has to know of a certificate; `id` tells it from every other."""

    id: str
    not_before: datetime
    not_after: datetime

    def holds(self, now: datetime) -> bool:
        """Return whether it is valid at a time."""
        return self.not_before <= now < self.not_after

    def due(self, lifetime: timedelta) -> datetime:
        """Return when it is to be renewed: when a third of its life is left.

        Its life begins where it was made. One that lives longer than is allowed by now is renewed
        as if it did not.
        """
        made = self.not_before + BACKDATE
        life = max(min(self.not_after - made, lifetime), timedelta(0))
        return made + life * 2 / 3


@dataclass(frozen=True, slots=True)
class Leaf(Certificate):
    """A serving certificate whose key is there; `signer` is its authority's id if that is known."""

    signer: str = ""
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Observed:
    """What is stored, as far as it can be used.

    Attributes:
        signing: the authority whose key signs.
        coming: the authority that is to sign next; its key is there, too.
        former: authorities that sign no more, and whose leaves may still be shown.
        found: authorities of ours that are published, and that are none of those.
        leaf: the serving certificate; None when there is none that could be served.
        beside: the authorities published beside the leaf.
        registered: the authorities in each registration.
        published_at: since when `coming` was in every registration.
        replaced_at: since when the leaf has been signed by `signing`.
    """

    signing: Certificate | None = None
    coming: Certificate | None = None
    former: tuple[Certificate, ...] = ()
    found: tuple[Certificate, ...] = ()
    leaf: Leaf | None = None
    beside: frozenset[str] = frozenset()
    registered: tuple[frozenset[str], ...] = ()
    published_at: datetime | None = None
    replaced_at: datetime | None = None

    @property
    def authorities(self) -> tuple[Certificate, ...]:
        """The authorities that are to be trusted: the one that signs comes first."""
        return (*filter(None, (self.signing, self.coming)), *self.former)

    def usable(self, now: datetime) -> bool:
        """Return whether a server can show the leaf to clients that trust what is published."""
        known = (*self.authorities, *self.found)
        return self.leaf is not None and all(
            (
                self.leaf.holds(now),
                any(ca.id == self.leaf.signer and ca.holds(now) for ca in known),
            )
        )


class Step(StrEnum):
    """One write."""

    ADOPT = "keep trusting authorities whose keys are lost"
    CREATE = "make and publish a new authority"
    UNPUBLISH = "forget since when the new authority was published"
    UNREPLACE = "forget since when the leaf was signed by the new authority"
    PROMOTE = "have the new authority sign"
    ISSUE = "issue a new leaf"
    BUNDLE = "publish the authorities beside the leaf"
    REGISTER = "publish the authorities in every registration"
    PUBLISHED = "note that the new authority is published everywhere"
    REPLACED = "note that the leaf is signed by the new authority"
    DROP = "trust the old authority no longer"


class Wish(StrEnum):
    """What somebody asks for before it is due."""

    LEAF = "leaf"
    CA = "ca"


@dataclass(frozen=True, slots=True)
class Plan:
    """The step to take now; without one, when to look again."""

    step: Step | None = None
    at: datetime | None = None


def plan(
    seen: Observed,
    now: datetime,
    terms: Terms,
    names: frozenset[str] = frozenset(),
    wish: Wish | None = None,
) -> Plan:
    """Return the next step of a rotation.

    A rotation of the authority that is wished for while one is under way changes nothing: that one
    goes on.

    Args:
        seen: what is stored.
        now: the time, best by the clock of those who verify.
        terms: how long things live.
        names: the names and addresses that the leaf must have.
        wish: what is asked for before it is due.
    """
    step = _step(seen, now, terms, names, wish)
    return Plan(step) if step else Plan(at=min(_later(seen, now, terms), default=None))


def _step(
    seen: Observed, now: datetime, terms: Terms, names: frozenset[str], wish: Wish | None
) -> Step | None:
    coming = seen.coming
    if _lost(seen, now):
        return Step.ADOPT
    if coming is None and (_due(seen.signing, now, terms) or (wish is Wish.CA and not seen.former)):
        return Step.CREATE
    if coming is not None and _due(coming, now, terms):
        return Step.CREATE
    if _too_soon(seen, now):
        return Step.UNPUBLISH
    if seen.replaced_at and (seen.replaced_at > now or not _replaced(seen)):
        return Step.UNREPLACE
    if coming is not None and _settled(seen, now, terms):
        return Step.PROMOTE
    if _wants_leaf(seen, now, terms, names, wish):
        return Step.ISSUE
    trusted = frozenset(ca.id for ca in seen.authorities)
    if seen.leaf is not None and seen.beside != trusted:
        return Step.BUNDLE
    if any(bundle != trusted for bundle in seen.registered):
        return Step.REGISTER
    if coming is not None and seen.published_at is None:
        return Step.PUBLISHED
    if seen.former and _replaced(seen) and seen.replaced_at is None:
        return Step.REPLACED
    return Step.DROP if _droppable(seen, now, terms) else None


def _lost(seen: Observed, now: datetime) -> bool:
    """Return whether something that is published must be kept, though we have lost sight of it."""
    found = {ca.id for ca in seen.found if ca.not_after > now}
    if seen.signing is None and seen.coming is None and found:
        return True
    return seen.leaf is not None and seen.leaf.signer in found


def _due(ca: Certificate | None, now: datetime, terms: Terms) -> bool:
    return ca is None or not ca.holds(now) or now >= ca.due(terms.ca_lifetime)


def _published(seen: Observed) -> bool:
    """Return whether everybody has all authorities now."""
    trusted = frozenset(ca.id for ca in seen.authorities)
    beside = seen.leaf is None or seen.beside == trusted
    return beside and all(bundle == trusted for bundle in seen.registered)


def _too_soon(seen: Observed, now: datetime) -> bool:
    """Return whether the note about the publication is not true, or no longer."""
    noted = seen.published_at
    return noted is not None and (seen.coming is None or noted > now or not _published(seen))


def _settled(seen: Observed, now: datetime, terms: Terms) -> bool:
    """Return whether the new authority may sign.

    Where nothing is served that could be trusted, and nothing can be signed, there is nothing to
    wait for; where no registration trusts anybody, its turn to learn of it comes afterwards.
    """
    helpless = not (seen.usable(now) or (seen.signing and seen.signing.holds(now)))
    if seen.published_at is None or not _published(seen):
        return helpless and not any(seen.registered)
    return helpless or now >= seen.published_at + terms.settle


def _wants_leaf(
    seen: Observed, now: datetime, terms: Terms, names: frozenset[str], wish: Wish | None
) -> bool:
    signing, leaf = seen.signing, seen.leaf
    if signing is None or not signing.holds(now):
        return False
    if leaf is None or not seen.usable(now):
        return True
    if leaf.signer != signing.id:
        return all(signing.id in bundle for bundle in (seen.beside, *seen.registered))
    if wish is Wish.LEAF or not names <= leaf.names:
        return True
    return now >= leaf.due(terms.leaf_lifetime) and not _capped(leaf, signing)


def _capped(leaf: Leaf, signing: Certificate) -> bool:
    """Return whether no leaf can live longer, as its authority ends."""
    return leaf.not_after >= signing.not_after


def _replaced(seen: Observed) -> bool:
    """Return whether the leaf is signed by the authority that signs now."""
    return bool(seen.signing and seen.leaf and seen.leaf.signer == seen.signing.id)


def _droppable(seen: Observed, now: datetime, terms: Terms) -> bool:
    if any(ca.not_after <= now for ca in seen.former):
        return True
    replaced = seen.replaced_at
    return bool(seen.former) and replaced is not None and now >= replaced + terms.overlap


def remaining(seen: Observed, now: datetime, terms: Terms) -> tuple[Certificate, ...]:
    """Return the former authorities that are still to be trusted after `Step.DROP`."""
    if seen.replaced_at is not None and now >= seen.replaced_at + terms.overlap:
        return ()
    return tuple(ca for ca in seen.former if ca.not_after > now)


def _later(seen: Observed, now: datetime, terms: Terms) -> Iterator[datetime]:
    """Yield the times after now at which something becomes due."""
    times = [ca.not_after for ca in seen.former]
    if seen.leaf is not None:
        times.append(seen.leaf.not_after)
        if seen.signing is not None and not _capped(seen.leaf, seen.signing):
            times.append(seen.leaf.due(terms.leaf_lifetime))
    times += [ca.due(terms.ca_lifetime) for ca in (seen.signing, seen.coming) if ca is not None]
    if seen.coming is not None and seen.published_at is not None:
        times.append(seen.published_at + terms.settle)
    if seen.former and seen.replaced_at is not None:
        times.append(seen.replaced_at + terms.overlap)
    yield from (time for time in times if time > now)
