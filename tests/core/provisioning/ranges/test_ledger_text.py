"""The ledger as a ConfigMap: it comes back as it was, or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.core.model.blocks import Blocks
from webhook.core.provisioning.ranges.allocate import MOST_CLAIMS, Claim, Ledger
from webhook.core.provisioning.ranges.ledger_text import UnreadableLedgerError, read, written

LEDGER = Ledger(
    Blocks.parse("10-20/2"),
    0b10011,
    {"uid-b": Claim(4, "b", "12"), "uid-a": Claim(1, "a", "7")},
)
DATA = written(LEDGER, "own")


def test_what_it_looks_like():
    assert {key: text for key, text in DATA.items() if key != "checksum"} == {
        "range": "10-20/2",
        "taken": "13",
        "claims": "1 uid-a 7 a\n4 uid-b 12 b\n",
    }


LEDGERS = st.builds(
    Ledger,
    st.sampled_from([Blocks(), Blocks.parse("10-20/2")]),
    st.integers(0, 2**64),
    st.dictionaries(
        st.uuids().map(str), st.builds(Claim, st.integers(0, 99), st.just("ns"), st.just("5"))
    ),
)


@given(LEDGERS)
def test_it_comes_back(ledger):
    assert read(written(ledger, "own"), "own") == ledger


@given(st.sampled_from(sorted(DATA)), st.data())
def test_a_mended_one_is_not_trusted(key, data):
    text = DATA[key]
    place = data.draw(st.integers(0, len(text) - 1))
    put = data.draw(st.sampled_from(["", "0", "1", "9", " ", "\n"]))
    changed = text[:place] + put + text[place + 1 :]
    if changed == text:
        return

    with pytest.raises(UnreadableLedgerError):
        read({**DATA, key: changed}, "own")


@pytest.mark.parametrize("key", DATA)
def test_nor_is_one_that_lacks_something(key):
    with pytest.raises(UnreadableLedgerError):
        read({name: text for name, text in DATA.items() if name != key}, "own")


def test_nor_a_copy_in_another_config_map():
    with pytest.raises(UnreadableLedgerError, match="checksum"):
        read(DATA, "another")


def test_an_empty_one_says_what_it_lacks():
    with pytest.raises(UnreadableLedgerError, match="it has no range, taken, claims"):
        read({}, "own")


def test_the_largest_is_far_below_what_a_config_map_holds():
    claims = {
        f"{number:08}-6c54-4f8b-9d6b-1fdf1c2a3b4c": Claim(99999, "n" * 63, "1234567890")
        for number in range(MOST_CLAIMS)
    }
    usual = written(Ledger(Blocks(), 2**100_000 - 1, claims), "own")
    widest = written(Ledger(Blocks.parse("1-1000000/1"), 2**1_000_000 - 1, claims), "own")

    assert sum(map(len, usual.values())) < 450_000
    assert sum(map(len, widest.values())) < 700_000
