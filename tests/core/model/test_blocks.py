"""Blocks of ids: how a range is written, and which ids are whose."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.core.model.blocks import Blocks
from webhook.core.model.ranges import Range, RangeError, block

SHORT = Blocks.parse("10-20/2")


@st.composite
def blocks(draw: st.DrawFn) -> Blocks:
    start, size = draw(st.integers(1, 50)), draw(st.integers(1, 9))
    return Blocks.parse(f"{start}-{start + size + draw(st.integers(0, 40))}/{size}")


ANY_IDS = st.builds(Range, st.integers(0, 110), st.integers(0, 110))


def test_the_default_is_openshifts():
    assert str(Blocks()) == "1000000000-1999999999/10000"
    assert Blocks().count == 100000
    assert Blocks.parse(str(Blocks())) == Blocks()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", 'range not in the format "<start>-<end>/<blockSize>"'),
        ("10-20", 'range not in the format "<start>-<end>/<blockSize>"'),
        ("10-20/2x", 'range not in the format "<start>-<end>/<blockSize>"'),
        ("-1-20/2", 'range not in the format "<start>-<end>/<blockSize>"'),
        ("10-20/٢", 'range not in the format "<start>-<end>/<blockSize>"'),
        ("21-20/2", "start 21 must be less than end 20"),
        ("10-20/0", "block size must be a positive integer"),
        ("10-20/11", "block size must be less than or equal to the range"),
        ("10-19/10", "block size must be less than or equal to the range"),
        ("0-20/2", "start must not be 0, which is root"),
        ("10-2147483648/2", "end must not exceed 2147483647, the largest id that a pod may have"),
        ("1-2000000/1", "range has 2000000 blocks, and there may be 1000000; make them larger"),
    ],
)
def test_what_is_no_range(text, problem):
    with pytest.raises(RangeError) as error:
        Blocks.parse(text)

    assert str(error.value) == problem


@pytest.mark.parametrize("text", ["10-20/10", "1-2147483647/10000", "20-40/5"])
def test_what_is_a_range(text):
    assert str(Blocks.parse(text)) == text


def test_what_makes_no_whole_block_belongs_to_none():
    assert SHORT.count == 5
    assert SHORT.text(0) == "10/2"
    assert SHORT.text(4) == "18/2"
    assert SHORT.index(Range(20, 21)) is None
    assert list(SHORT.touched(Range(20, 20))) == []


@pytest.mark.parametrize(
    ("ids", "index"),
    [
        ("10/2", 0),
        ("18-19", 4),
        ("11/2", None),  # misaligned
        ("10/4", None),  # of another size
        ("8/2", None),
        ("10/5", None),
        ("10/0", None),
    ],
)
def test_which_ids_are_a_block(ids, index):
    assert SHORT.index(block(ids)) == index


@pytest.mark.parametrize(
    ("ids", "touched"),
    [
        ("10/2", [0]),
        ("11/2", [0, 1]),
        ("13/1", [1]),
        ("0/4294967295", [0, 1, 2, 3, 4]),
        ("1/9", []),
        ("1/10", [0]),
        ("19-100", [4]),
        ("30/5", []),
        ("12/0", []),
    ],
)
def test_which_blocks_foreign_ids_reach_into(ids, touched):
    assert list(SHORT.touched(block(ids))) == touched


@given(blocks(), ANY_IDS)
def test_touched_is_what_has_an_id_in_common(made, ids):
    shared = [
        index
        for index in range(made.count)
        if any(number in made.ids(index) for number in range(ids.min, ids.max + 1))
    ]

    assert list(made.touched(ids)) == shared


@given(blocks())
def test_each_block_is_itself_and_touches_no_other(made):
    for index in range(made.count):
        assert made.index(made.ids(index)) == index
        assert list(made.touched(made.ids(index))) == [index]
        assert block(made.text(index)) == made.ids(index)
