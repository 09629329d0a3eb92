"""MCS labels: how their range is written, and which label stands where."""

from itertools import combinations, islice
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.core.model.mcs import Labels, LabelsInUse
from webhook.core.model.ranges import RangeError


def rank(label: str) -> int:
    """Return where a label stands: how many sets of as many categories come before its own."""
    categories = sorted(int(word[1:]) for word in label.rpartition(":")[2].split(","))
    return sum(comb(category, place) for place, category in enumerate(categories, 1))


@pytest.mark.parametrize(
    ("offset", "label"),
    [
        (0, "s0:c1,c0"),
        (5, "s0:c3,c2"),
        (10, "s0:c5,c0"),
        (15, "s0:c6,c0"),
        (20, "s0:c6,c5"),
        (25, "s0:c7,c4"),
        (50, "s0:c10,c5"),
        (330, "s0:c26,c5"),
        (345, "s0:c26,c20"),
        (5000, "s0:c100,c50"),
        (499995, "s0:c1000,c495"),
        (1, "s0:c2,c0"),
        (3, "s0:c3,c0"),
        (521730, "s0:c1021,c1020"),
        (523775, "s0:c1023,c1022"),
    ],
)
def test_openshifts_labels(offset, label):
    assert Labels().label(offset) == label


def test_three_categories():
    assert Labels("s0:", 3).label(121) == "s0:c10,c2,c0"


@pytest.mark.parametrize(
    ("prefix", "label"),
    [
        ("s0:", "s0:c0"),
        ("s0", "s0:c0"),
        ("s0:c9,", "s0:c9,c0"),
        ("", "c0"),
        ("a:b:s1", "a:b:s1:c0"),
    ],
)
def test_a_prefix_is_set_apart(prefix, label):
    assert Labels(prefix, 1).label(0) == label


SETS = st.frozensets(st.integers(0, 5), min_size=1, max_size=4)


@given(st.lists(SETS, max_size=3), SETS)
def test_labels_clash_when_one_has_all_categories_of_the_other(sets, wanted):
    worn = LabelsInUse("s0:" + ",".join(f"c{each}" for each in found) for found in sets)

    assert worn.clash(wanted) == any(found <= wanted or wanted <= found for found in sets)


def test_labels_that_cannot_be_read_or_reach_far_clash_with_none():
    worn = LabelsInUse(["", "s0", "s0:c1,foo", "s0:c1,", "s0:c9.c4", "s0:c0.c1023"])

    assert not any(worn.clash([category, category + 1]) for category in range(1023))


@given(st.integers(1, 5), st.data())
def test_every_place_has_a_label_of_its_own(length, data):
    labels = Labels("s0:", length)
    offset = data.draw(st.integers(0, labels.count - 1))
    label = labels.label(offset)
    categories = [int(word[1:]) for word in label[3:].split(",")]

    assert rank(label) == offset
    assert categories == sorted(set(categories), reverse=True)
    assert len(categories) == length
    assert max(categories) < 1024


def test_the_order_is_that_of_the_largest_category_first():
    sets = sorted(combinations(range(9), 3), key=lambda each: each[::-1])

    assert [Labels("", 3).label(offset) for offset in range(len(sets))] == [
        ",".join(f"c{category}" for category in reversed(each)) for each in islice(sets, len(sets))
    ]


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("s0:/2", Labels()),
        ("s0:/2,1024", Labels()),
        ("s0:/2,512", Labels()),
        ("/1", Labels("", 1)),
        (
            "system_u:system_r:svirt_lxc_net_t:s0/5",
            Labels("system_u:system_r:svirt_lxc_net_t:s0", 5),
        ),
    ],
)
def test_what_is_a_range(text, labels):
    assert Labels.parse(text) == labels
    assert Labels.parse(str(labels)) == labels


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("s0:", 'range not in the format "<prefix>/<numLabel>[,<maxCategory>]"'),
        ("s0:/x", 'range not in the format "<prefix>/<numLabel>[,<maxCategory>]"'),
        ("s0:/2,", 'range not in the format "<prefix>/<numLabel>[,<maxCategory>]"'),
        ("s0:/2,9,9", 'range not in the format "<prefix>/<numLabel>[,<maxCategory>]"'),
        ("s0:/-2", 'range not in the format "<prefix>/<numLabel>[,<maxCategory>]"'),
        ("s0:/6", "range may not include more than 5 labels"),
        ("s0:/2,1025", "range may not include more than 1024 categories"),
        ("s0:/2,0", "label max value must be a positive integer"),
        ("s0:/0", "label length must be a positive integer"),
        ("s 0:/2", 'prefix "s 0:" is no SELinux level'),
    ],
)
def test_what_is_no_range(text, problem):
    with pytest.raises(RangeError) as error:
        Labels.parse(text)

    assert str(error.value) == problem
