"""Carries a rotation out: reads what is stored, takes the step that is due, and reads again.

Several may do so at once, and any of them may end between two writes. Each write replaces what was
read and nothing newer; whoever comes second reads again. What is read first depends on what is read
later: registrations on the certificate, and that on the authorities. So a write that follows from
old authorities meets a certificate or a registration that is newer than it thinks, and fails.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from cryptography import x509

from webhook.certs.authorities import (
    AUTHORITY,
    Authorities,
    Serving,
    fact,
    fingerprint,
    ids_in,
    is_ours,
    read_bundle,
)
from webhook.certs.files import CA, CERTIFICATE, KEY
from webhook.certs.signing import new_authority, new_leaf
from webhook.core.rotation import Observed, Step, Terms, Wish, plan, remaining

_MOST = 50
"""Steps and lost races in a row; a rotation from nothing takes six."""


class Conflict(Exception):
    """Somebody else wrote meanwhile: what was read is no longer what is stored."""


class UnsettledError(Exception):
    """Others write all the time, or what is written does not stay."""


class ManagedElsewhereError(Exception):
    """Somebody else looks after these certificates: they are left alone. The message says who."""


class Snapshot(Protocol):
    """What is stored, as it was read. A write raises `Conflict` if it is no longer so."""

    authorities: Mapping[str, bytes]
    serving: Mapping[str, bytes]
    registered: Sequence[bytes]

    @property
    def trusting(self) -> Sequence[tuple[str, str, bytes]]:
        """Who else has to accept the webhook, under which name, by which bundle."""
        ...

    def managed_elsewhere(self) -> str:
        """Return who else looks after the certificates, nothing if nobody does."""
        ...

    def write_authorities(self, pieces: Mapping[str, bytes]) -> None:
        """Replace the authorities; of the names in `PIECES`, those left out are removed."""
        ...

    def write_serving(self, pieces: Mapping[str, bytes]) -> None:
        """Replace these pieces of the serving certificate, all at once."""
        ...

    def register(self, bundle: bytes) -> None:
        """Have every registration trust these authorities and no others."""
        ...


class Store(Protocol):
    """Where certificates are kept."""

    def read(self) -> Snapshot:
        """Return what is stored: registrations first, then the certificate, then authorities."""
        ...


@dataclass(frozen=True, slots=True)
class Change:
    """One step that was taken, and what it means to somebody who watches.

    It is a repair where something was damaged or lost. What interests nobody has no message.
    """

    step: Step
    message: str
    repair: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """A snapshot, understood."""

    authorities: Authorities
    serving: Serving
    found: tuple[x509.Certificate, ...]
    observed: Observed


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was changed, what is stored now, and when to look again."""

    changes: tuple[Change, ...]
    view: View
    at: datetime | None


def rotate(
    store: Store,
    terms: Terms,
    names: Sequence[str],
    now: Callable[[], datetime],
    wish: Wish | None = None,
    tell: Callable[[Change], None] = lambda change: None,
) -> Outcome:
    """Take every step that is due.

    Args:
        store: where the certificates are kept.
        terms: how long things live.
        names: what a new leaf is for; a leaf that lacks one of them is replaced.
        now: tells the time, best by the clock of those who verify.
        wish: what to do before it is due.
        tell: hears of each step as soon as it is taken.

    Raises:
        ManagedElsewhereError: somebody else looks after these certificates.
        UnsettledError: it does not come to an end.
    """
    changes: list[Change] = []
    for _ in range(_MOST):
        snapshot = store.read()
        if elsewhere := snapshot.managed_elsewhere():
            raise ManagedElsewhereError(elsewhere)
        view, time = observe(snapshot), now()
        what = plan(view.observed, time, terms, frozenset(names), wish)
        if what.step is None:
            return Outcome(tuple(changes), view, what.at)
        try:
            _take(what.step, snapshot, view, terms, names, time)
        except Conflict:
            continue
        change = _change(what.step, view)
        changes.append(change)
        tell(change)
        if (what.step, wish) in _FULFILLED:
            wish = None
    raise UnsettledError(
        "the certificates do not settle: somebody else keeps changing them, or reverts each change"
    )


_FULFILLED = {(Step.ISSUE, Wish.LEAF), (Step.CREATE, Wish.CA)}


def observe(snapshot: Snapshot) -> View:
    """Return what a snapshot means."""
    authorities = Authorities.read(snapshot.authorities)
    serving = Serving.read(snapshot.serving)
    signers = [signer for signer in (authorities.signing, authorities.coming) if signer]
    trusted = [*(signer.certificate for signer in signers), *authorities.former]
    known = {fingerprint(ca) for ca in trusted}
    bundles = (snapshot.serving.get(CA, b""), *snapshot.registered)
    found = {
        fingerprint(ca): ca for text in bundles for ca in read_bundle(text) if is_ours(ca.subject)
    }
    lost = tuple(ca for id_, ca in found.items() if id_ not in known)
    return View(
        authorities,
        serving,
        lost,
        Observed(
            signing=fact(authorities.signing.certificate) if authorities.signing else None,
            coming=fact(authorities.coming.certificate) if authorities.coming else None,
            former=tuple(map(fact, authorities.former)),
            found=tuple(map(fact, lost)),
            leaf=serving.leaf((*trusted, *lost)),
            beside=ids_in(snapshot.serving.get(CA, b"")),
            registered=tuple(map(ids_in, snapshot.registered)),
            published_at=authorities.published_at,
            replaced_at=authorities.replaced_at,
        ),
    )


def _take(
    step: Step,
    snapshot: Snapshot,
    view: View,
    terms: Terms,
    names: Sequence[str],
    now: datetime,
) -> None:
    match step:
        case Step.ISSUE:
            snapshot.write_serving(_leaf(view.authorities, names, terms, now))
        case Step.BUNDLE:
            snapshot.write_serving({CA: view.authorities.bundle()})
        case Step.REGISTER:
            snapshot.register(view.authorities.bundle())
        case _:
            snapshot.write_authorities(_changed(step, view, terms, now).pieces())


def _leaf(
    authorities: Authorities, names: Sequence[str], terms: Terms, now: datetime
) -> Mapping[str, bytes]:
    if authorities.signing is None:
        raise AssertionError("a leaf is issued only where an authority can sign")
    pair = new_leaf(authorities.signing, names, now, terms.leaf_lifetime)
    return {CA: authorities.bundle(), CERTIFICATE: pair.certificate, KEY: pair.key}


def _changed(step: Step, view: View, terms: Terms, now: datetime) -> Authorities:
    """Return the authorities after a step."""
    had = view.authorities
    match step:
        case Step.CREATE:
            name = f"{AUTHORITY} {now:%Y-%m-%dT%H:%M:%SZ}"
            made = new_authority(name, now, terms.ca_lifetime)
            return replace(had, coming=made, published_at=None)
        case Step.PROMOTE:
            former = (had.signing.certificate, *had.former) if had.signing else had.former
            return Authorities(signing=had.coming, former=former)
        case Step.ADOPT:
            return replace(had, former=(*had.former, *view.found), replaced_at=None)
        case Step.DROP:
            kept = {ca.id for ca in remaining(view.observed, now, terms)}
            former = tuple(ca for ca in had.former if fingerprint(ca) in kept)
            return replace(had, former=former, replaced_at=had.replaced_at if former else None)
        case Step.PUBLISHED:
            return replace(had, published_at=now)
        case Step.UNPUBLISH:
            return replace(had, published_at=None)
        case Step.REPLACED:
            return replace(had, replaced_at=now)
        case Step.UNREPLACE:
            return replace(had, replaced_at=None)
        case _:
            raise AssertionError(f"{step.name} changes no authority")


def _change(step: Step, view: View) -> Change:
    """Return a step in words, for those who watch."""
    seen, problem = view.observed, view.serving.problem
    match step:
        case Step.CREATE if seen.signing or seen.former:
            message = "a new CA was made; it is published next to the old one, and signs later"
        case Step.CREATE:
            message = "a CA was made"
        case Step.ADOPT:
            message = "the key of the CA is lost: it stays trusted until a new one has taken over"
            return Change(step, message, repair=True)
        case Step.PROMOTE if seen.signing or seen.former:
            message = "the new CA signs from now on"
        case Step.ISSUE if problem:
            return Change(step, f"a serving certificate was issued, as {problem}", repair=True)
        case Step.ISSUE:
            message = "a serving certificate was issued"
        case Step.DROP:
            message = "the old CA is trusted no longer"
        case Step.BUNDLE:
            message = "ca.crt was brought up to date"
        case Step.REGISTER:
            message = "caBundle was brought up to date in the webhook configurations"
        case _:
            message = ""
    return Change(step, message)
