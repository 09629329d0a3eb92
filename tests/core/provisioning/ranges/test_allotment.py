"""What is written on a namespace, what is left alone, and what is told of what is wrong."""

from dataclasses import replace

import pytest

from webhook.core.model.blocks import Blocks
from webhook.core.model.marks import UID_RANGE_AWAITED
from webhook.core.model.mcs import Labels
from webhook.core.model.ranges import MCS, SUPPLEMENTAL_GROUPS, UID_RANGE
from webhook.core.platform import SccSettings
from webhook.core.provisioning.ranges.allocate import LiveNamespace
from webhook.core.provisioning.ranges.allotment import completed, exceeded, granted, overlaps

USUAL = SccSettings()
SHORT = replace(USUAL, uid_allocator_range=Blocks.parse("10-20/2"))


def live(name: str = "shop", created: str = "2026-01-01", **annotations: str) -> LiveNamespace:
    keys = {"uids": UID_RANGE, "groups": SUPPLEMENTAL_GROUPS, "mcs": MCS, "due": UID_RANGE_AWAITED}
    named = {keys[key]: text for key, text in annotations.items()}
    return LiveNamespace(name, f"uid-{name}", "1", named, created=created)


def test_a_block_as_on_openshift():
    allotment = granted(live(), 66, USUAL)

    assert allotment.annotations == {
        UID_RANGE: "1000660000/10000",
        SUPPLEMENTAL_GROUPS: "1000660000/10000",
        MCS: "s0:c26,c5",
    }
    assert allotment.problem is None


def test_the_first_of_a_short_range():
    assert granted(live(), 0, SHORT).annotations == {
        UID_RANGE: "10/2",
        SUPPLEMENTAL_GROUPS: "10/2",
        MCS: "s0:c1,c0",
    }


def test_labels_as_configured():
    settings = replace(SHORT, mcs_allocator_range=Labels("s1", 3), mcs_labels_per_project=2)

    assert granted(live(), 1, settings).annotations[MCS] == "s1:c3,c2,c0"


def test_a_label_that_is_there_is_kept_and_groups_are_replaced():
    allotment = granted(live(mcs="s0:c9,c8", groups="1/1"), 0, SHORT)

    assert allotment.annotations == {UID_RANGE: "10/2", SUPPLEMENTAL_GROUPS: "10/2"}


def test_the_mark_of_waiting_goes():
    assert granted(live(due="5"), 0, SHORT).annotations[UID_RANGE_AWAITED] is None
    assert completed(live(uids="10/2", groups="", mcs="x", due="5"), SHORT).annotations == {
        UID_RANGE_AWAITED: None
    }


@pytest.mark.parametrize("uids", ["12/2", "12-13", "12/2,whatever"])
def test_what_is_missing_beside_one_of_our_blocks_is_filled_in(uids):
    allotment = completed(live(uids=uids), SHORT)

    assert allotment.annotations == {SUPPLEMENTAL_GROUPS: "12/2", MCS: "s0:c3,c2"}
    assert allotment.problem is None


@pytest.mark.parametrize(
    "annotations",
    [
        {"uids": "12/2", "groups": "5/1", "mcs": "s9:c1"},
        {"uids": "500/100", "mcs": "s9:c1"},  # its groups are those of the uid range
        {"uids": "13/2", "groups": "5/1", "mcs": "s9:c1"},
    ],
)
def test_what_is_complete_is_left_alone(annotations):
    allotment = completed(live(**annotations), SHORT)

    assert allotment.annotations == {}
    assert allotment.problem is None


@pytest.mark.parametrize(
    ("annotations", "told"),
    [
        ({"uids": "500/100"}, "annotation openshift.io/sa.scc.mcs is absent"),
        ({"uids": "13/2"}, "annotation openshift.io/sa.scc.mcs is absent"),
        ({"uids": ""}, "annotation openshift.io/sa.scc.uid-range is empty"),
        ({"uids": "foo"}, 'annotation openshift.io/sa.scc.uid-range: "foo" is neither'),
        ({"uids": "12/0"}, 'annotation openshift.io/sa.scc.uid-range is "12/0", which holds no id'),
        ({"uids": "12/2", "mcs": ""}, "annotation openshift.io/sa.scc.mcs is empty"),
        ({"uids": "12/2", "groups": ""}, "annotation openshift.io/sa.scc.supplemental-groups is e"),
    ],
)
def test_what_no_pod_can_run_by_is_told_and_nothing_is_guessed(annotations, told):
    allotment = completed(live(**annotations), SHORT)

    assert UID_RANGE not in allotment.annotations
    assert allotment.problem is not None
    assert allotment.problem.reason == "UIDRangeUnusable"
    assert (allotment.problem.namespace, allotment.problem.uid) == ("shop", "uid-shop")
    assert allotment.problem.message.startswith(f"no pod can be admitted by its ranges: {told}")


def test_nobody_overlaps():
    namespaces = [live("a", uids="10/2"), live("b", uids="12/2"), live("c"), live("d", uids="foo")]

    assert overlaps(namespaces, SHORT.uid_allocator_range) == ()


def test_of_two_with_the_same_block_the_younger_is_told():
    namespaces = [live("a", "2026-02-02", uids="10/2"), live("b", "2026-01-01", uids="10-11")]

    (problem,) = overlaps(namespaces, SHORT.uid_allocator_range)

    assert (problem.reason, problem.namespace, problem.uid) == ("UIDRangeOverlap", "a", "uid-a")
    assert problem.message.startswith(
        f'{UID_RANGE} "10/2" has ids of namespace "b": their pods may run as the same users. Fix: '
    )


def test_what_is_no_block_is_told_even_if_it_is_older():
    namespaces = [live("a", "2026-02-02", uids="10/2"), live("b", "2026-01-01", uids="11/5")]
    namespaces += [live(f"n{number}", uids=f"{12 + 2 * number}/2") for number in range(4)]

    (problem,) = overlaps(namespaces, SHORT.uid_allocator_range)

    assert problem.namespace == "b"
    assert 'has ids of namespaces "a", "n0", "n1": ' in problem.message


def test_many_are_counted():
    namespaces = [live(f"n{number:04}", uids="10/2") for number in range(300)]

    problems = overlaps(namespaces, SHORT.uid_allocator_range)

    assert len(problems) == 100
    assert problems[0].namespace == "n0001"
    assert 'namespaces "n0000", "n0002", "n0003" and 296 more: ' in problems[0].message


def test_a_full_range_names_who_has_much_of_it():
    namespaces = [live("a", uids="10/2"), live("wide", uids="0/100"), live("two", uids="13/2")]

    assert exceeded(namespaces, SHORT.uid_allocator_range) == (
        "uid range exceeded: all 5 blocks of 10-20/2, or their MCS labels, are taken; namespace "
        '"wide" alone has ids in 5; namespace "two" alone has ids in 2. Fix: widen '
        "spec.scc.uidAllocatorRange of the Platform, or delete namespaces"
    )
