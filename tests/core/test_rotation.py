"""A rotation is planned from facts: what is due when, and that nobody is ever left without trust."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.rotation_model import Leader, World
from webhook.core.rotation import (
    BACKDATE,
    Certificate,
    Leaf,
    Observed,
    Plan,
    Step,
    Terms,
    Wish,
    plan,
)

T0 = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
DAY = timedelta(days=1)
TERMS = Terms(ca_lifetime=90 * DAY, leaf_lifetime=9 * DAY, settle=timedelta(minutes=5), overlap=DAY)
NAMES = frozenset({"tenantgate.tenantgate-system.svc"})


def authority(name: str, made: datetime = T0, life: timedelta = 90 * DAY) -> Certificate:
    return Certificate(name, made - BACKDATE, made + life)


def leaf(signer: str, made: datetime = T0, life: timedelta = 9 * DAY) -> Leaf:
    return Leaf(f"leaf of {signer}", made - BACKDATE, made + life, signer, NAMES)


def settled(**changes: object) -> Observed:
    """One authority, published everywhere, and a leaf of its own."""
    only = frozenset({"a"})
    seen = Observed(signing=authority("a"), leaf=leaf("a"), beside=only, registered=(only, only))
    return replace(seen, **changes)  # type: ignore[arg-type]  # values of a test's own table


def overlapping(**changes: object) -> Observed:
    """A second authority, published everywhere a while ago."""
    both = frozenset({"a", "b"})
    seen = settled(
        coming=authority("b"),
        beside=both,
        registered=(both, both),
        published_at=T0 - timedelta(minutes=10),
    )
    return replace(seen, **changes)  # type: ignore[arg-type]  # values of a test's own table


def replaced(**changes: object) -> Observed:
    """The second authority has signed the leaf; the first is still trusted."""
    both = frozenset({"a", "b"})
    seen = Observed(
        signing=authority("b"),
        former=(authority("a"),),
        leaf=leaf("b"),
        beside=both,
        registered=(both, both),
        replaced_at=T0 - timedelta(hours=1),
    )
    return replace(seen, **changes)  # type: ignore[arg-type]  # values of a test's own table


def step(seen: Observed, now: datetime = T0, wish: Wish | None = None) -> Step | None:
    return plan(seen, now, TERMS, NAMES, wish).step


def test_nothing_is_done_while_nothing_is_due():
    assert plan(settled(), T0, TERMS, NAMES) == Plan(None, T0 + 6 * DAY)


@pytest.mark.parametrize(
    ("after", "then"),
    [(timedelta(0), None), (6 * DAY - timedelta(seconds=1), None), (6 * DAY, Step.ISSUE), (8 * DAY, Step.ISSUE), (10 * DAY, Step.ISSUE)],
)  # fmt: skip
def test_a_leaf_is_renewed_when_a_third_of_its_life_is_left(after: timedelta, then: Step | None):
    assert step(settled(), T0 + after) == then


@pytest.mark.parametrize(
    ("after", "then"), [(59 * DAY, None), (60 * DAY, Step.CREATE), (89 * DAY, Step.CREATE)]
)
def test_an_authority_is_renewed_when_a_third_of_its_life_is_left(
    after: timedelta, then: Step | None
):
    fresh = leaf("a", T0 + after - DAY)

    assert step(settled(leaf=fresh), T0 + after) == then


def test_one_is_renewed_without_the_other():
    """A leaf whose time has come does not take the authority with it, and the other way round."""
    assert step(settled(signing=authority("a", T0 - 10 * DAY)), T0 + 7 * DAY) == Step.ISSUE
    assert step(settled(signing=authority("a", T0 - 70 * DAY))) == Step.CREATE


def test_what_lives_longer_than_is_allowed_by_now_is_renewed_as_if_it_did_not():
    long = settled(leaf=leaf("a", T0, 365 * DAY), signing=authority("a", T0, 3650 * DAY))

    assert step(long, T0 + 5 * DAY) is None
    assert step(long, T0 + 6 * DAY) == Step.ISSUE


def test_a_leaf_that_ends_with_its_authority_is_not_issued_again_and_again():
    """The authority could not be renewed, as a registration cannot be written: no use in hurrying."""
    end = T0 + 90 * DAY
    now = end - timedelta(minutes=1)
    last = Leaf("last", end - DAY, end, "a", NAMES)
    both = frozenset({"a", "b"})
    stuck = settled(leaf=last, coming=authority("b", T0 + 80 * DAY), beside=both)

    assert step(replace(stuck, registered=(frozenset({"a"}),)), now) == Step.REGISTER


def test_a_name_that_is_missing_is_a_reason_for_a_new_leaf():
    seen = settled(leaf=replace(leaf("a"), names=frozenset({"former.name"})))

    assert step(seen) == Step.ISSUE


@pytest.mark.parametrize(
    ("now", "then"),
    [(T0 - 2 * BACKDATE, Step.CREATE), (T0 - BACKDATE / 2, None)],
    ids=["far before", "a little before"],
)
def test_a_clock_before_the_validity(now: datetime, then: Step | None):
    """A clock that lags is tolerated; certificates from the future are not kept."""
    assert step(settled(), now) == then


def test_a_leaf_from_the_future_is_replaced():
    assert step(settled(leaf=leaf("a", T0 + DAY))) == Step.ISSUE


class TestFromNothing:
    def test_first_an_authority_is_made(self):
        assert step(Observed()) == Step.CREATE

    def test_it_signs_at_once_as_nobody_trusts_anything_yet(self):
        assert step(Observed(coming=authority("a"))) == Step.PROMOTE
        nobody = (frozenset[str](), frozenset[str]())
        assert step(Observed(coming=authority("a"), registered=nobody)) == Step.PROMOTE

    def test_then_it_issues_a_leaf_and_registers(self):
        nobody = (frozenset[str](),)
        assert step(Observed(signing=authority("a"), registered=nobody)) == Step.ISSUE
        seen = settled(registered=nobody)
        assert step(seen) == Step.REGISTER


class TestOverlap:
    def test_a_new_authority_is_published_beside_the_leaf_and_then_in_registrations(self):
        seen = overlapping(beside=frozenset({"a"}), registered=(frozenset({"a"}),))
        seen = replace(seen, published_at=None)
        assert step(seen) == Step.BUNDLE
        seen = replace(seen, beside=frozenset({"a", "b"}))
        assert step(seen) == Step.REGISTER
        seen = replace(seen, registered=(frozenset({"a", "b"}),))
        assert step(seen) == Step.PUBLISHED

    def test_it_signs_after_the_settle_time(self):
        seen = overlapping(published_at=T0)
        assert plan(seen, T0, TERMS, NAMES) == Plan(None, T0 + TERMS.settle)
        assert step(seen, T0 + TERMS.settle) == Step.PROMOTE

    def test_a_registration_without_it_makes_the_time_begin_anew(self):
        """Somebody wrote his own caBundle, or registered with an older one."""
        seen = overlapping(registered=(frozenset({"a", "b"}), frozenset({"a"})))
        assert step(seen) == Step.UNPUBLISH
        assert step(replace(seen, published_at=None)) == Step.REGISTER

    def test_a_note_from_the_future_does_not_count(self):
        assert step(overlapping(published_at=T0 + DAY)) == Step.UNPUBLISH
        assert step(replaced(replaced_at=T0 + DAY)) == Step.UNREPLACE

    def test_the_leaf_follows_the_authority(self):
        seen = replaced(leaf=leaf("a"), replaced_at=None)
        assert step(seen) == Step.ISSUE

    def test_the_old_one_is_trusted_until_the_overlap_has_passed(self):
        assert step(replaced(replaced_at=None)) == Step.REPLACED
        seen = replaced(replaced_at=T0)
        assert plan(seen, T0, TERMS, NAMES) == Plan(None, T0 + DAY)
        assert step(seen, T0 + DAY) == Step.DROP

    def test_an_old_leaf_that_comes_back_makes_the_overlap_begin_anew(self):
        """Somebody restored a backup of the Secret."""
        seen = replaced(leaf=leaf("a"))
        assert step(seen) == Step.UNREPLACE

    def test_an_old_one_that_has_expired_is_trusted_no_longer(self):
        seen = replaced(former=(authority("a", T0 - 91 * DAY),))
        assert step(seen) == Step.DROP

    def test_what_is_trusted_no_longer_goes_from_every_bundle(self):
        both = frozenset({"a", "b"})
        seen = settled(beside=both, registered=(both,), found=(authority("b"),))
        assert step(seen) == Step.BUNDLE
        assert step(replace(seen, beside=frozenset({"a"}))) == Step.REGISTER


class TestDamage:
    def test_a_leaf_that_is_gone_is_issued_by_the_same_authority(self):
        assert step(settled(leaf=None)) == Step.ISSUE
        assert step(overlapping(leaf=None, published_at=T0)) == Step.ISSUE

    def test_a_lost_key_costs_nobody_his_trust(self):
        """The authorities are gone, but the leaf is served and trusted."""
        seen = settled(signing=None, found=(authority("a"),))
        assert step(seen) == Step.ADOPT
        seen = replace(seen, found=(), former=(authority("a"),))
        assert step(seen) == Step.CREATE
        both = frozenset({"a", "b"})
        seen = replace(seen, coming=authority("b"), beside=both, registered=(both,))
        assert step(seen) == Step.PUBLISHED
        seen = replace(seen, published_at=T0)
        assert step(seen, T0 + timedelta(minutes=1)) is None
        assert step(seen, T0 + TERMS.settle) == Step.PROMOTE

    def test_where_everything_is_lost_registrations_learn_first(self):
        """Servers may still hold a leaf whose authority the registrations trust."""
        both = frozenset({"a", "b"})
        seen = Observed(
            coming=authority("b"), former=(authority("a"),), registered=(frozenset({"a"}),)
        )
        assert step(seen) == Step.REGISTER
        seen = replace(seen, registered=(both,))
        assert step(seen) == Step.PUBLISHED
        assert step(replace(seen, published_at=T0)) == Step.PROMOTE

    def test_an_expired_leaf_is_issued_at_once(self):
        assert step(settled(), T0 + 30 * DAY) == Step.ISSUE

    def test_an_expired_authority_is_replaced_without_waiting(self):
        now = T0 + 200 * DAY
        assert step(settled(), now) == Step.CREATE
        both = frozenset({"a", "b"})
        seen = settled(coming=authority("b", now), beside=both, registered=(both,))
        assert step(seen, now) == Step.PUBLISHED
        assert step(replace(seen, published_at=now), now) == Step.PROMOTE

    def test_an_expired_authority_that_is_found_is_left(self):
        old = authority("z", T0 - 200 * DAY)
        assert step(Observed(found=(old,), registered=(frozenset({"z"}),))) == Step.CREATE

    def test_an_authority_that_nobody_trusts_yet_replaces_no_leaf(self):
        """Somebody put another one where ours was; the leaf of the lost one is still good."""
        seen = settled(signing=authority("z"), former=(authority("a"),))
        assert step(seen) == Step.BUNDLE
        both = frozenset({"a", "z"})
        seen = replace(seen, beside=both)
        assert step(seen) == Step.REGISTER
        assert step(replace(seen, registered=(both,))) == Step.ISSUE


class TestWish:
    def test_a_leaf(self):
        assert step(settled(), wish=Wish.LEAF) == Step.ISSUE

    def test_an_authority(self):
        assert step(settled(), wish=Wish.CA) == Step.CREATE

    @pytest.mark.parametrize("seen", [overlapping(published_at=T0), replaced(replaced_at=T0)])
    def test_a_rotation_that_is_under_way_goes_on_and_no_other_begins(self, seen: Observed):
        assert step(seen, wish=Wish.CA) is None

    def test_a_wish_for_a_leaf_does_not_shorten_the_settle_time(self):
        assert step(overlapping(published_at=T0), wish=Wish.LEAF) == Step.ISSUE


@pytest.mark.parametrize(
    ("terms", "says"),
    [
        (Terms(leaf_lifetime=timedelta(0)), "longer than nothing"),
        (Terms(settle=timedelta(seconds=-1)), "negative"),
        (Terms(leaf_lifetime=timedelta(minutes=10)), "a third of the leaf's"),
        (Terms(overlap=timedelta(minutes=1)), "shorter than the settle time"),
        (Terms(ca_lifetime=2 * DAY), "a third of the CA's"),
    ],
)
def test_terms_that_would_leave_somebody_without_trust_are_told(terms: Terms, says: str):
    assert any(says in mistake for mistake in terms.mistakes())


@pytest.mark.parametrize("terms", [Terms(), TERMS, World.TERMS])
def test_sound_terms_have_no_mistakes(terms: Terms):
    assert not list(terms.mistakes())


_LEADER = st.integers(0, 1)
_ACTIONS = st.one_of(
    st.tuples(st.just("work"), _LEADER, st.integers(1, 8)),
    st.tuples(st.just("finish"), _LEADER),
    st.tuples(st.just("crash"), _LEADER),
    st.tuples(st.just("wish"), _LEADER, st.sampled_from(Wish)),
    st.tuples(st.just("wait"), st.sampled_from([1, 30, 61, 121, 400, 1000])),
    st.tuples(st.just("register")),
    st.tuples(st.just("revert")),
    st.tuples(st.just("truncate")),
    st.tuples(st.just("lose")),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(_ACTIONS, max_size=60))
def test_every_leaf_that_is_shown_is_trusted_by_every_bundle(actions: list[tuple[Any, ...]]):
    """Two leaders, interrupted anywhere, slow servers and clients, damage, and any waiting."""
    world = World()
    leaders = (Leader(world), Leader(world))
    leaders[0].finish()
    for name, *arguments in actions:
        if name == "work":
            leaders[arguments[0]].work(arguments[1])
        elif name in ("finish", "crash"):
            getattr(leaders[arguments[0]], name)()
        elif name == "wish":
            leaders[arguments[0]].wish = arguments[1]
        else:
            getattr(world, name)(*arguments)
        world.check()

    for _ in range(3):
        leaders[1].finish()
        world.check()
        world.wait(world.TERMS.overlap.seconds + world.TERMS.settle.seconds)
    leaders[1].finish()
    assert world.at_rest()


@pytest.mark.parametrize("wish", [None, Wish.LEAF, Wish.CA])
@pytest.mark.parametrize("operations", range(40))
def test_a_leader_that_wakes_up_after_a_whole_rotation_harms_nobody(
    operations: int, wish: Wish | None
):
    """It goes on from what it had read, wherever it was interrupted."""
    world = World()
    asleep, awake = Leader(world), Leader(world)
    awake.finish()
    asleep.wish = wish
    asleep.work(operations)
    for turn in range(2):
        world.wait(1)
        awake.wish = Wish.CA
        awake.finish()
        world.wait(world.TERMS.settle.seconds)
        awake.finish()
        world.wait(world.TERMS.overlap.seconds)
        awake.finish()
        for _ in range(30 * turn):
            asleep.work(1)
            world.check()
            world.wait(1)
