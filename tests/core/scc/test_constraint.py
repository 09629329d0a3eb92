"""What a namespace gives to an SCC that leaves values to it."""

from typing import Any

import pytest

from tests.core.samples import ANNOTATIONS, GROUPS, MCS, UID_RANGE, scc
from webhook.core.model.ranges import Range, RangeError
from webhook.core.scc.constraint import Constraint, complete, namespace_values

USER: dict[str, Any] = {"runAsUser": {"type": "MustRunAsRange"}}
LABEL: dict[str, Any] = {"seLinuxContext": {"type": "MustRunAs"}}
FS_GROUP: dict[str, Any] = {"fsGroup": {"type": "MustRunAs"}}
EXTRA_GROUPS: dict[str, Any] = {"supplementalGroups": {"type": "MustRunAs"}}


def completed(fields: dict[str, Any], **annotations: str | None) -> Constraint:
    keys = {"uids": UID_RANGE, "groups": GROUPS, "mcs": MCS}
    texts = {**ANNOTATIONS, **{keys[key]: text for key, text in annotations.items()}}
    given = {key: text for key, text in texts.items() if text is not None}
    return complete(scc(**fields), namespace_values(given))


def test_the_uid_range_becomes_the_range_of_users() -> None:
    assert completed(USER).run_as_user.range == Range(1, 3)
    assert completed(USER, uids="1000660000/10000").run_as_user.range == Range(
        1000660000, 1000669999
    )


def test_only_the_first_block_of_the_uid_range_counts() -> None:
    assert completed(USER, uids="1/5,100/5").run_as_user.range == Range(1, 5)


def test_the_mcs_label_is_taken_as_it_is_written() -> None:
    assert completed(LABEL, mcs="anything: at all").se_linux.level == "anything: at all"


def test_the_level_completes_a_label_that_lacks_one_and_keeps_the_rest() -> None:
    fields = {"seLinuxContext": {"type": "MustRunAs", "seLinuxOptions": {"user": "myuser"}}}
    stored = scc(**fields)

    label = complete(stored, namespace_values(ANNOTATIONS)).se_linux

    assert (label.user, label.level) == ("myuser", "s0:c1,c0")
    assert stored.se_linux.level == ""


def test_a_level_of_its_own_stays() -> None:
    fields = {"seLinuxContext": {"type": "MustRunAs", "seLinuxOptions": {"level": "s9"}}}

    assert completed(fields, mcs=None).se_linux.level == "s9"


def test_supplemental_groups_are_whole_blocks_and_fs_group_the_start_of_the_first() -> None:
    both = completed({**FS_GROUP, **EXTRA_GROUPS}, groups="1/5,6/5,11-15")

    assert both.supplemental_groups.ranges == (Range(1, 5), Range(6, 10), Range(11, 15))
    assert both.fs_group.ranges == (Range(1, 1),)


def test_without_groups_of_its_own_a_namespace_gives_its_uid_range() -> None:
    both = completed({**FS_GROUP, **EXTRA_GROUPS}, groups=None, uids="7/2")

    assert both.supplemental_groups.ranges == (Range(7, 8),)
    assert both.fs_group.ranges == (Range(7, 7),)


@pytest.mark.parametrize(
    ("fields", "annotations"),
    [
        (USER, {"uids": None}),
        (USER, {"uids": ""}),
        (USER, {"uids": "foo"}),
        (USER, {"uids": "1000"}),
        (LABEL, {"mcs": None}),
        (LABEL, {"mcs": ""}),
        (FS_GROUP, {"groups": ""}),
        (FS_GROUP, {"groups": "foo"}),
        (FS_GROUP, {"groups": None, "uids": ""}),
        (FS_GROUP, {"groups": None, "uids": None}),
        (EXTRA_GROUPS, {"groups": ""}),
        (EXTRA_GROUPS, {"groups": "1/5,foo"}),
        (EXTRA_GROUPS, {"groups": "1/5,"}),
    ],
    ids=str,
)
def test_a_value_that_is_needed_and_cannot_be_read_is_an_error(fields, annotations):
    with pytest.raises(RangeError, match=r"^annotation openshift\.io/sa\.scc\."):
        completed(fields, **annotations)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"runAsUser": {"type": "MustRunAsRange", "uidRangeMin": 5, "uidRangeMax": 6}},
        {"runAsUser": {"type": "MustRunAsNonRoot"}},
        {"runAsUser": {"type": "MustRunAs", "uid": 5}},
        {"seLinuxContext": {"type": "MustRunAs", "seLinuxOptions": {"level": "s0"}}},
        {"fsGroup": {"type": "MustRunAs", "ranges": [{"min": 1, "max": 2}]}},
        {"supplementalGroups": {"type": "MustRunAs", "ranges": [{"min": 1, "max": 2}]}},
    ],
    ids=str,
)
def test_what_an_scc_gives_itself_it_does_not_ask_of_the_namespace(fields):
    stored = scc(**fields)

    assert complete(stored, namespace_values({})) is stored


def test_an_scc_is_completed_for_each_namespace_anew() -> None:
    stored = scc(**USER)

    one = complete(stored, namespace_values({**ANNOTATIONS, UID_RANGE: "10/2"}))
    two = complete(stored, namespace_values({**ANNOTATIONS, UID_RANGE: "20/2"}))

    assert (one.run_as_user.range, two.run_as_user.range) == (Range(10, 11), Range(20, 21))
    assert stored.run_as_user.range is None
