"""Rotations as they are carried out: with real certificates, races and crashes, in memory."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from tests.certs.stored import NAMES, TERMS, Memory, crashing
from webhook.certs.authorities import Authorities, Serving, names_of, read_bundle
from webhook.certs.rotate import ManagedElsewhereError, UnsettledError
from webhook.core.rotation import BACKDATE, Step, Wish


@pytest.fixture
def store() -> Memory:
    made = Memory()
    made.rotate()
    return made


def steps(store: Memory, wish: Wish | None = None) -> list[Step]:
    return [change.step for change in store.rotate(wish).changes]


def test_from_nothing_to_a_certificate_that_everybody_trusts():
    store = Memory()

    outcome = store.rotate()

    assert [change.step for change in outcome.changes] == [
        Step.CREATE,
        Step.PROMOTE,
        Step.ISSUE,
        Step.REGISTER,
    ]
    assert outcome.at == store.now + TERMS.leaf_lifetime * 2 / 3
    assert store.trusts()
    assert all(store.registered)
    assert sorted(store.serving) == ["ca.crt", "tls.crt", "tls.key"]
    assert sorted(store.authorities) == ["ca.crt", "ca.key"]
    assert store.rotate().changes == ()


def test_certificates_are_elliptic_backdated_and_for_their_names(store: Memory):
    leaf = Serving.read(store.serving).certificate
    signing = Authorities.read(store.authorities).signing
    assert leaf
    assert signing

    for certificate, life in (
        (leaf, TERMS.leaf_lifetime),
        (signing.certificate, TERMS.ca_lifetime),
    ):
        key = certificate.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        assert isinstance(key.curve, ec.SECP256R1)
        assert certificate.not_valid_before_utc == store.now - BACKDATE
        assert certificate.not_valid_after_utc == store.now + life
    assert names_of(leaf) == set(NAMES)
    usage = leaf.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert not usage.ca


def test_a_leaf_ends_with_its_authority_at_the_latest(store: Memory):
    store.wait(days=59)
    store.rotate()
    store.registered.append(b"")  # which nobody can write from now on

    def unwritable() -> None:
        if store.versions["registered"] >= 2:
            raise PermissionError

    store.wait(days=30)
    store.before_write = unwritable
    with pytest.raises(PermissionError):
        store.rotate()
    signing = Authorities.read(store.authorities).signing
    leaf = Serving.read(store.serving).certificate
    assert signing
    assert leaf
    assert leaf.not_valid_after_utc <= signing.certificate.not_valid_after_utc


def test_a_whole_rotation_of_the_authority(store: Memory):
    before = store.leaf()

    assert steps(store, Wish.CA) == [Step.CREATE, Step.BUNDLE, Step.REGISTER, Step.PUBLISHED]
    assert store.leaf() == before
    assert all(len(read_bundle(text)) == 2 for text in (store.serving["ca.crt"], *store.registered))
    assert steps(store) == []

    store.wait(minutes=5)
    assert steps(store) == [Step.PROMOTE, Step.ISSUE, Step.REPLACED]
    assert store.leaf() != before
    assert store.trusts()
    assert steps(store) == []

    store.wait(hours=1)
    assert steps(store) == [Step.DROP, Step.BUNDLE, Step.REGISTER]
    assert store.trusts()
    assert all(len(read_bundle(text)) == 1 for text in (store.serving["ca.crt"], *store.registered))


def test_the_key_of_the_old_authority_is_not_kept(store: Memory):
    old = store.authorities["ca.key"]
    store.rotate(Wish.CA)
    store.wait(minutes=5)
    store.rotate()

    assert old not in store.authorities.values()
    assert "next-ca.key" not in store.authorities


def test_a_registration_that_comes_later_is_trusted_in(store: Memory):
    store.registered.append(b"")

    assert steps(store) == [Step.REGISTER]
    assert store.trusts()


def test_what_is_right_is_not_written(store: Memory):
    writes = store.writes
    for _ in range(5):
        store.wait(hours=1)
        store.rotate()

    assert store.writes == writes


@pytest.mark.parametrize("wish", [None, Wish.LEAF, Wish.CA])
@pytest.mark.parametrize("writes", range(12))
def test_a_crash_before_any_write_is_made_good_by_the_next(wish: Wish | None, writes: int):
    """First while nothing was there, then in the middle of a rotation, then at its end."""
    store = Memory()
    crashing(store, writes)
    store.before_write = lambda: None
    store.rotate()
    assert store.trusts()

    for time in ({}, {"minutes": 5}, {"hours": 1}, {"days": 7}):
        store.wait(**time)
        crashing(store, writes % 4, wish)
        assert store.trusts()
        store.before_write = lambda: None
        store.rotate()
        assert store.trusts()


@pytest.mark.parametrize("wish", list(Wish))
def test_two_who_rotate_at_once_agree(wish: Wish):
    """The second comes between any read and any write of the first."""
    store = Memory()
    busy = False

    def interrupt() -> None:
        nonlocal busy
        if not busy:
            busy = True
            store.rotate(wish)
            busy = False

    store.before_write = interrupt
    for time in ({}, {"minutes": 5}, {"hours": 1}, {"days": 7}):
        store.wait(**time)
        store.rotate()
        assert store.trusts()


def test_who_never_gets_to_write_says_so():
    store = Memory()

    def overtake() -> None:
        store.versions["authorities"] += 1

    store.before_write = overtake
    with pytest.raises(UnsettledError, match="somebody else keeps changing"):
        store.rotate()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tls.crt", b""),
        ("tls.crt", b"garbage"),
        ("tls.key", b"garbage"),
        ("tls.key", b""),
        ("tls.crt", None),
        ("ca.crt", b"garbage"),
    ],
)
def test_a_damaged_certificate_is_replaced_by_one_of_the_same_authority(
    store: Memory, name: str, text: bytes | None
):
    authority = store.authorities["ca.crt"]
    store.serving[name] = store.serving[name][:100] if text is None else text

    outcome = store.rotate()

    assert store.authorities["ca.crt"] == authority
    assert store.serving["ca.crt"] == authority
    assert Serving.read(store.serving).problem == ""
    assert store.trusts()
    repairs = [change.message for change in outcome.changes if change.repair]
    assert all(name in message for message in repairs)
    assert bool(repairs) == (name != "ca.crt")


def test_a_key_of_another_pair_is_noticed(store: Memory):
    other = Memory()
    other.rotate()
    store.serving["tls.key"] = other.serving["tls.key"]

    outcome = store.rotate()

    assert "tls.key is not the key of tls.crt" in outcome.changes[0].message
    assert store.trusts()


@pytest.mark.parametrize("damage", ["gone", "no key", "garbage", "another key"])
def test_a_lost_authority_is_replaced_without_anybody_noticing(store: Memory, damage: str):
    match damage:
        case "gone":
            store.authorities.clear()
        case "no key":
            del store.authorities["ca.key"]
        case "garbage":
            store.authorities = dict.fromkeys(store.authorities, b"garbage")
        case _:
            other = Memory()
            other.rotate()
            store.authorities["ca.key"] = other.authorities["ca.key"]
    before = store.leaf()

    assert Step.CREATE in steps(store)
    assert store.leaf() == before
    assert store.trusts()
    store.wait(minutes=5)
    assert Step.ISSUE in steps(store)
    assert store.trusts()
    store.wait(hours=1)
    store.rotate()
    assert len(read_bundle(store.serving["ca.crt"])) == 1
    assert store.trusts()


def test_where_both_are_lost_the_old_authority_stays_trusted(store: Memory):
    """Servers may still show a leaf of it, which they have in memory."""
    old = read_bundle(store.registered[0])[0]
    store.authorities.clear()
    store.serving.clear()

    store.rotate()

    assert store.trusts()
    assert all(old in read_bundle(bundle) for bundle in store.registered)


def test_an_expired_leaf_is_replaced(store: Memory):
    store.wait(days=30)

    assert steps(store) == [Step.ISSUE]


def test_an_expired_authority_is_replaced(store: Memory):
    store.wait(days=200)

    store.rotate()

    assert store.trusts()
    assert store.rotate().view.observed.usable(store.now)


@pytest.mark.parametrize("days", [-1, -100, -10_000])
def test_a_clock_that_was_far_ahead_when_certificates_were_made(days: int):
    """They are not valid yet, so nobody can use them."""
    store = Memory()
    store.rotate()
    store.wait(days=days)

    store.rotate()

    assert store.trusts()
    assert store.rotate().view.observed.usable(store.now)


def test_a_clock_that_lags_a_little_is_tolerated(store: Memory):
    store.now -= BACKDATE - timedelta(minutes=1)

    assert steps(store) == []


def test_a_new_name_asks_for_a_new_leaf(store: Memory):
    outcome = store.rotate(names=(*NAMES, "10.0.0.7"))

    assert [change.step for change in outcome.changes] == [Step.ISSUE]
    found = Serving.read(store.serving).certificate
    assert found
    assert names_of(found) == {*NAMES, "10.0.0.7"}


def test_an_authority_that_somebody_else_made_may_sign(store: Memory):
    """Put into the Secret by hand, with its key; it is an authority like ours."""
    other = Memory()
    other.rotate()
    store.authorities = dict(other.authorities)

    taken = steps(store)

    assert taken.index(Step.REGISTER) < taken.index(Step.ISSUE)
    assert store.authorities["ca.key"] == other.authorities["ca.key"]
    assert store.trusts()


def test_what_somebody_else_looks_after_is_left_alone(store: Memory):
    store.elsewhere = "cert-manager writes it"
    store.wait(days=30)
    writes = store.writes

    with pytest.raises(ManagedElsewhereError, match="cert-manager"):
        store.rotate(Wish.CA)
    assert store.writes == writes
