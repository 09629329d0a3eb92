"""Certificates kept in memory, by a clock of the tests' own, with races and crashes as they like."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from webhook.certs.authorities import PIECES, Authorities, Serving, fingerprint, ids_in
from webhook.certs.rotate import Conflict, Outcome, rotate
from webhook.core.rotation import Terms, Wish

NAMES = ("tenantgate.tenantgate-system.svc",)
TERMS = Terms(
    ca_lifetime=timedelta(days=90),
    leaf_lifetime=timedelta(days=9),
    settle=timedelta(minutes=5),
    overlap=timedelta(hours=1),
)


class Crash(Exception):
    """The process ends here."""


class Memory:
    """A store; `before_write` may change things, or raise, before each write."""

    def __init__(self, registrations: int = 2) -> None:
        self.now = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
        self.authorities: dict[str, bytes] = {}
        self.serving: dict[str, bytes] = {}
        self.registered = [b""] * registrations
        self.versions = {"authorities": 0, "serving": 0, "registered": 0}
        self.before_write: Callable[[], None] = lambda: None
        self.elsewhere = ""
        self.writes = 0

    def read(self) -> "MemorySnapshot":
        return MemorySnapshot(self)

    def rotate(self, wish: Wish | None = None, names: Sequence[str] = NAMES) -> Outcome:
        return rotate(self, TERMS, names, lambda: self.now, wish)

    def wait(self, **time: float) -> None:
        self.now += timedelta(**time)

    def leaf(self) -> str:
        certificate = Serving.read(self.serving).certificate
        assert certificate
        return fingerprint(certificate)

    def trusts(self) -> bool:
        """Tell whether everybody who is registered trusts the leaf."""
        held = Authorities.read(self.authorities)
        signers = [signer.certificate for signer in (held.signing, held.coming) if signer]
        signer = Serving.read(self.serving).signer([*signers, *held.former])
        assert signer
        bundles = [self.serving["ca.crt"], *filter(None, self.registered)]
        return all(fingerprint(signer) in ids_in(bundle) for bundle in bundles)


class MemorySnapshot:
    def __init__(self, store: Memory) -> None:
        self._store = store
        self._versions = dict(store.versions)
        self.registered: Sequence[bytes] = list(store.registered)
        self.serving: Mapping[str, bytes] = dict(store.serving)
        self.authorities: Mapping[str, bytes] = dict(store.authorities)

    @property
    def trusting(self) -> Sequence[tuple[str, str, bytes]]:
        return ()

    def managed_elsewhere(self) -> str:
        return self._store.elsewhere

    def write_authorities(self, pieces: Mapping[str, bytes]) -> None:
        self._check("authorities")
        kept = {key: text for key, text in self._store.authorities.items() if key not in PIECES}
        self._store.authorities = {**kept, **pieces}

    def write_serving(self, pieces: Mapping[str, bytes]) -> None:
        self._check("serving")
        self._store.serving |= pieces

    def register(self, bundle: bytes) -> None:
        for number in range(len(self.registered)):
            self._check("registered")
            self._store.registered[number] = bundle
            self._versions["registered"] = self._store.versions["registered"]

    def _check(self, what: str) -> None:
        store = self._store
        store.before_write()
        if store.versions[what] != self._versions[what]:
            raise Conflict(what)
        store.versions[what] += 1
        store.writes += 1


def crashing(store: Memory, after: int, wish: Wish | None = None) -> bool:
    """Rotate until the process ends before a write; return whether it did."""
    left = after

    def count() -> None:
        nonlocal left
        if left == 0:
            raise Crash
        left -= 1

    store.before_write = count
    with contextlib.suppress(Crash):
        store.rotate(wish)
        return False
    store.before_write = lambda: None
    return True
