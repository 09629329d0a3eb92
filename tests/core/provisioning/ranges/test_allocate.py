"""The ledger of blocks: what is claimed, kept, given up and found again."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.core.model.blocks import Blocks
from webhook.core.model.mcs import Labels
from webhook.core.model.ranges import MCS, SUPPLEMENTAL_GROUPS, UID_RANGE, block
from webhook.core.platform import SccSettings
from webhook.core.provisioning.ranges.allocate import (
    AHEAD,
    MOST_CLAIMS,
    Claim,
    Ledger,
    LiveNamespace,
    claim,
    held,
    in_use,
    repair,
    suspects,
)

SHORT = Blocks.parse("10-20/2")
OTHER = Blocks.parse("11-26/3")
FEW, ELSE = SccSettings(uid_allocator_range=SHORT), SccSettings(uid_allocator_range=OTHER)


def live(name: str, ids: str | None = None, **fields: object) -> LiveNamespace:
    annotations = {} if ids is None else {UID_RANGE: ids}
    plain = LiveNamespace(name, f"uid-{name}", "1", annotations, created="2026-01-01T00:00:00Z")
    return replace(plain, **fields)  # type: ignore[arg-type]  # values of a test's own table


def claims(**blocks: int) -> Mapping[str, Claim]:
    return {f"uid-{name}": Claim(number, name, "1") for name, number in blocks.items()}


def claimed(ledger: Ledger) -> dict[str, int]:
    return {each.name: each.block for each in ledger.claims.values()}


def test_the_first_namespace_gets_the_first_block():
    assert claim(Ledger(SHORT), [live("a")], FEW) == Ledger(SHORT, 0b1, claims(a=0))


def test_all_that_wait_are_served_at_once_the_oldest_first():
    waiting = [live("b"), live("a"), live("old", created="2025-01-01T00:00:00Z")]

    assert claimed(claim(Ledger(SHORT), waiting, FEW)) == {"old": 0, "a": 1, "b": 2}


def test_whoever_asks_comes_first():
    assert claimed(claim(Ledger(SHORT), [live("a"), live("b")], FEW, "uid-b")) == {"b": 0, "a": 1}


@pytest.mark.parametrize(
    ("ids", "free"),
    [
        ("10/2", 1),
        ("11/2", 2),  # misaligned: it lies in two
        ("8/3", 1),  # begins outside
        ("12/2", 0),
        ("1/4294967294", None),
        ("foo", 0),
        ("", 0),
    ],
)
def test_a_block_shares_no_id_with_what_was_written_by_hand(ids, free):
    made = claim(Ledger(SHORT), [live("a"), live("b", ids)], FEW)

    assert claimed(made) == ({} if free is None else {"a": free})


def test_groups_count_as_well():
    groups = live("b", annotations={UID_RANGE: "500/1", SUPPLEMENTAL_GROUPS: "5/1,10/1,12/1"})

    assert claimed(claim(Ledger(SHORT), [live("a"), groups], FEW)) == {"a": 2}


def test_groups_that_wait_to_be_replaced_do_not():
    waiting = live("a", annotations={SUPPLEMENTAL_GROUPS: "10/2"})

    assert claimed(claim(Ledger(SHORT), [waiting], FEW)) == {"a": 0}


def test_who_is_annotated_or_being_deleted_gets_nothing():
    namespaces = [live("a", "14/2"), live("b", ""), live("c", terminating=True)]

    assert claim(Ledger(SHORT), namespaces, FEW).claims == {}


def test_a_claim_is_found_again():
    ledger = Ledger(SHORT, 0b1000, claims(a=3))

    assert claim(ledger, [live("a"), live("b")], FEW).claims == claims(a=3, b=0)


def test_a_namespace_made_anew_under_the_same_name_is_another_one():
    ledger = Ledger(SHORT, 0b1, claims(a=0))
    made = claim(ledger, [live("a", uid="another")], FEW)

    assert made.claims == {"another": Claim(1, "a", "1")}


def test_a_claim_moves_on_with_its_namespace():
    ledger = Ledger(SHORT, 0b1, claims(a=0))

    assert claim(ledger, [live("a", version="2")], FEW).claims == {"uid-a": Claim(0, "a", "2")}


def test_a_claim_whose_write_may_still_come_stays_as_it_is():
    """Somebody has written ids of it by hand; to give another block now could make two of it."""
    ledger = Ledger(SHORT, 0b1, claims(a=0))
    namespaces = [live("a"), live("b", "10/2")]

    assert claim(ledger, namespaces, FEW).claims == claims(a=0)
    assert repair(ledger, namespaces, SHORT).claims == claims(a=0)
    assert [each.name for each in suspects(ledger, namespaces, SHORT)] == ["a"]


def test_once_its_write_cannot_come_any_more_another_block_takes_its_place():
    ledger = Ledger(SHORT, 0b1, claims(a=0))
    namespaces = [live("a", version="2"), live("b", "10/2")]

    assert suspects(ledger, namespaces, SHORT) == []
    assert claimed(claim(ledger, namespaces, FEW)) == {"a": 1}
    assert repair(ledger, namespaces, SHORT) == Ledger(SHORT, 0b1)


def test_whose_claims_have_to_be_void_first():
    namespaces = [live("a"), live("b"), live("c", version="2"), live("d", "12/2"), live("e")]
    namespaces.append(live("f", terminating=True))
    ledger = Ledger(SHORT, 0b11111, claims(a=0, b=1, c=2, f=3))

    assert [each.name for each in suspects(ledger, namespaces, SHORT)] == ["b"]
    assert [each.name for each in suspects(ledger, namespaces, OTHER)] == ["a", "b"]
    assert [each.name for each in suspects(None, namespaces, SHORT)] == ["a", "b", "c", "e"]


def test_blocks_of_deleted_namespaces_come_back_at_repair_and_no_sooner():
    ledger = Ledger(SHORT, 0b1111, claims(gone=3))
    namespaces = [live("b", "12/2"), live("c", "14/2", terminating=True), live("new")]

    made = claim(ledger, namespaces, FEW)
    assert claimed(made) == {"new": 4}
    assert repair(made, namespaces, SHORT) == Ledger(SHORT, 0b10110, claims(new=4))


def test_they_come_back_before_the_range_is_full():
    ledger = Ledger(SHORT, 0b11111, claims(b=4))
    namespaces = [live("a", "12/2"), live("b"), live("c"), live("d"), live("e"), live("f")]

    made = claim(ledger, namespaces, FEW)

    assert claimed(made) == {"b": 4, "c": 0, "d": 2, "e": 3}
    assert made.taken == 0b11111


@pytest.mark.parametrize(
    ("range_text", "ids", "taken"),
    [
        ("20-40/5", ["10/5", "25/5"], 0b10),
        ("10-20/2", ["10/2", "10/2"], 0b1),
        ("10-20/2", ["foo", "", "10/0"], 0),
        ("10-20/2", ["10/5"], 0b111),  # OpenShift takes none of them for taken
    ],
)
def test_repair(range_text, ids, taken):
    namespaces = [live(f"n{number}", text) for number, text in enumerate(ids)]

    assert repair(None, namespaces, Blocks.parse(range_text)).taken == taken


def test_a_changed_range_makes_the_ledger_anew():
    namespaces = [live("a", "10/2"), live("b", version="2"), live("c", "20/2")]
    ledger = Ledger(SHORT, 0b11, claims(b=1))

    assert repair(ledger, namespaces, OTHER) == Ledger(OTHER, 0b1001)
    made = claim(ledger, namespaces, ELSE)
    assert made == Ledger(OTHER, 0b1011, {"uid-b": Claim(1, "b", "2")})


def test_only_so_many_have_a_claim_at_once():
    waiting = [live(f"n{number:05}") for number in range(MOST_CLAIMS + 2)]
    ledger = claim(None, waiting, SccSettings())
    assert len(ledger.claims) == AHEAD

    last = waiting[-1].uid
    assert len(claim(ledger, waiting, SccSettings(), last).claims) == AHEAD + 1
    for each in waiting[AHEAD:]:
        ledger = replace(ledger, claims={**ledger.claims, each.uid: Claim(0, each.name, "1")})
        if len(ledger.claims) == MOST_CLAIMS:
            break
    assert last not in claim(ledger, waiting, SccSettings(), last).claims


@pytest.mark.parametrize(
    ("label", "block"),
    [
        ("s0:c1,c0", 1),
        ("s9:c0,c1", 1),
        ("c1", 1),  # whose files a pod with c1 and c0 could read
        ("s0:c7,c1,c0", 1),  # whose pods could read files of c1 and c0
        ("s0:c0.c4", 2),  # so with c3,c2
        ("s0:c0.c1023", 0),  # meant to reach everything
        ("s0:c9,c8", 0),
        ("foo", 0),
        ("", 0),
    ],
)
def test_a_block_whose_label_would_open_files_of_another_namespace_is_passed_over(label, block):
    """As may be where the range of ids or of labels is another one than before."""
    worn = live("b", annotations={UID_RANGE: "500/1", MCS: label})

    made = claim(Ledger(SHORT), [live("a"), worn], FEW)

    assert claimed(made) == {"a": block}
    assert made.taken == 2 ** (block + 1) - 1
    assert repair(made, [live("a"), worn], SHORT).taken == 1 << block


def test_labels_of_more_categories_than_before():
    few, more = Labels("s0:", 2), Labels("s0:", 3)
    old = [live(f"n{number}", f"{100 + number}/1") for number in range(9)]
    old = [
        replace(each, annotations={**each.annotations, MCS: few.label(5 * number)})
        for number, each in enumerate(old)
    ]
    settings = replace(SccSettings(), mcs_allocator_range=more)
    new = [live(f"new{number}") for number in range(40)]

    made = claim(None, [*old, *new], settings)

    worn = [set(few.categories(5 * number)) for number in range(9)]
    assert len(made.claims) == 40
    for each in made.claims.values():
        assert not any(other <= set(settings.mcs_categories(each.block)) for other in worn)


TEXTS = st.sampled_from([None, None, "10/2", "13/2", "16/2", "8/100", "18-19", "30/5", "", "foo"])
NAMESPACES = st.lists(TEXTS, max_size=7).map(
    lambda texts: [live(f"n{number}", text) for number, text in enumerate(texts)]
)


@given(NAMESPACES, st.integers(0, 0b11111), st.sampled_from([FEW, ELSE]))
def test_what_is_claimed_is_free_and_each_has_its_own(namespaces, taken, settings):
    blocks = settings.uid_allocator_range
    made = claim(Ledger(SHORT, taken), namespaces, settings)
    given_out = [each.block for each in made.claims.values()]
    others = [ids for each in namespaces if not each.waits for ids in held(each)]

    assert len(set(given_out)) == len(given_out)
    for number in given_out:
        assert made.taken >> number & 1
        assert not any(number in blocks.touched(ids) for ids in others)
    assert_served(made, namespaces, blocks)


def assert_served(made: Ledger, namespaces: Sequence[LiveNamespace], blocks: Blocks) -> None:
    """Whoever waits has a claim, or no block is left."""
    used = in_use(namespaces, blocks)
    free = blocks.count - used.bit_count()
    waiting = sum(each.waits for each in namespaces)
    assert len(made.claims) == min(waiting, free)


@given(NAMESPACES, NAMESPACES, st.integers(0, 0b11111))
def test_claiming_again_and_repairing_keep_every_claim(before, after, taken):
    ledger = claim(Ledger(SHORT, taken), before, FEW)
    waiting = {each.uid for each in after if each.waits}
    kept = {uid: each for uid, each in ledger.claims.items() if uid in waiting}

    assert kept.items() <= claim(ledger, after, FEW).claims.items()
    assert repair(ledger, after, SHORT).claims == kept
    repaired = repair(ledger, after, SHORT)
    assert repair(repaired, after, SHORT) == repaired


@given(NAMESPACES)
def test_what_is_in_use_is_what_has_an_id_in_common(namespaces):
    bits = in_use(namespaces, SHORT)

    for number in range(SHORT.count):
        ids = SHORT.ids(number)
        meets = any(
            ids.min <= other.max and other.min <= ids.max
            for each in namespaces
            for other in held(each)
        )
        assert bool(bits >> number & 1) == meets


def test_held_is_what_can_be_read():
    both = live("a", annotations={UID_RANGE: "foo", SUPPLEMENTAL_GROUPS: "1/2,5-6"})

    assert list(held(both)) == [block("1/2"), block("5/2")]
