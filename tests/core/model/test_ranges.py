"""The blocks of ids in a namespace's annotations, read as OpenShift scans them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.core.model.ranges import (
    MCS,
    SUPPLEMENTAL_GROUPS,
    UID_RANGE,
    Range,
    RangeError,
    block,
    group_ranges,
    mcs_label,
    uid_range,
)

IDS = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1/5", Range(1, 5)),
        ("1-5", Range(1, 5)),
        ("0/1", Range(0, 0)),
        ("7-7", Range(7, 7)),
        ("1000660000/10000", Range(1000660000, 1000669999)),
        ("0007/08", Range(7, 14)),
        (" 1/ 5", Range(1, 5)),
        ("\t1-\xa05", Range(1, 5)),
        ("1/5 and more", Range(1, 5)),
        ("1/5,6/5", Range(1, 5)),
        ("1-5-9", Range(1, 5)),
        ("4294967295/1", Range(4294967295, 4294967295)),
        # nothing checks that a block ends after it begins, and 32 bits wrap
        ("1000/0", Range(1000, 999)),
        ("5-1", Range(5, 1)),
        ("4294967295/2", Range(4294967295, 0)),
        ("0/0", Range(0, 4294967295)),
    ],
)
def test_a_block(text, expected):
    assert block(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "foo", "1000", "/", "-", "1/", "/5", "1-", "-5", "1 /5", "1 -5", "+1/5", "1/-5", "1.5/5",
     "0x10/5", "1_0/5", "1\n/5", "\n1/5", "٣/5", "1:5", "1-5/3"],
)  # fmt: skip
def test_what_is_no_block_is_told_with_what_a_block_is(text):
    with pytest.raises(RangeError) as error:
        block(text)

    assert str(error.value) == f'"{text}" is neither <start>/<size> nor <start>-<end>'


@pytest.mark.parametrize("text", ["4294967296/1", "1/4294967296", "0-99999999999999999999"])
def test_a_number_of_more_than_32_bits_is_an_error(text):
    with pytest.raises(RangeError) as error:
        block(text)

    assert str(error.value) == f'"{text}" holds a number of more than 32 bits'


@given(start=IDS, size=st.integers(1, 2**31))
def test_a_block_holds_as_many_ids_as_it_says(start: int, size: int) -> None:
    ids = block(f"{start}/{size}")

    assert ids.min == start
    assert (ids.max - start + 1) % 2**32 == size


@given(low=IDS, high=IDS)
def test_a_span_is_what_is_written(low: int, high: int) -> None:
    assert block(f"{low}-{high}") == Range(low, high)


def test_a_range_holds_its_bounds_and_nothing_outside() -> None:
    ids = Range(2, 4)

    assert [n for n in range(7) if n in ids] == [2, 3, 4]
    assert not any(n in Range(1000, 999) for n in (998, 999, 1000, 1001))


def test_a_range_of_one_reads_as_one() -> None:
    assert (str(Range(7, 7)), str(Range(7, 9))) == ("7", "7-9")


@pytest.mark.parametrize(
    ("read", "annotations", "message"),
    [
        (uid_range, {}, f"annotation {UID_RANGE} is absent"),
        (uid_range, {UID_RANGE: ""}, f"annotation {UID_RANGE} is empty"),
        (
            uid_range,
            {UID_RANGE: "foo"},
            f'annotation {UID_RANGE}: "foo" is neither <start>/<size> nor <start>-<end>',
        ),
        (mcs_label, {}, f"annotation {MCS} is absent"),
        (mcs_label, {MCS: ""}, f"annotation {MCS} is empty"),
        (group_ranges, {}, f"annotation {UID_RANGE} is absent"),
        (
            group_ranges,
            {SUPPLEMENTAL_GROUPS: "", UID_RANGE: "1/5"},
            f"annotation {SUPPLEMENTAL_GROUPS} is empty",
        ),
        (
            group_ranges,
            {SUPPLEMENTAL_GROUPS: "1/5,,6/5"},
            f'annotation {SUPPLEMENTAL_GROUPS}: "" is neither <start>/<size> nor <start>-<end>',
        ),
        (
            group_ranges,
            {UID_RANGE: "1/4294967296"},
            f'annotation {UID_RANGE}: "1/4294967296" holds a number of more than 32 bits',
        ),
    ],
)
def test_the_annotation_at_fault_is_named(read, annotations, message):
    with pytest.raises(RangeError) as error:
        read(annotations)

    assert str(error.value) == message
