"""Who gets which block, and what becomes of the ledger, against an API server in memory."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import pytest

from tests.controllers.ranges.memory_api import NAMESPACES, MemoryApi, Object
from tests.controllers.ranges.stepping import Died, Running, taking_turns
from webhook.cluster.client import Api, ApiError, ClusterError
from webhook.controllers.ranges.claims import OutdatedError, Ranges, UIDRangeFullError
from webhook.core.model.blocks import Blocks
from webhook.core.model.marks import UID_RANGE_AWAITED
from webhook.core.model.ranges import MCS, SUPPLEMENTAL_GROUPS, UID_RANGE
from webhook.core.platform import SccSettings

LEDGER = f"{NAMESPACES}/tenantgate-system/configmaps/tenantgate-scc-uid"
USUAL = SccSettings()
SHORT = replace(USUAL, uid_allocator_range=Blocks.parse("10-20/2"))


@pytest.fixture
def api() -> MemoryApi:
    return MemoryApi()


@pytest.fixture
def ranges(api: MemoryApi) -> Ranges:
    """A controller, in a cluster where the first repair has been."""
    made = controller(api)
    made.repair(SHORT)
    return made


def controller(api: MemoryApi) -> Ranges:
    return Ranges(cast(Api, api), "tenantgate-system", pause=lambda attempt: None)


def read(api: MemoryApi, name: str) -> Object:
    return cast(Object, api.find(f"{NAMESPACES}/{name}", timeout=1))


def write(api: MemoryApi, seen: Object, changes: Mapping[str, Any]) -> None:
    metadata = {key: seen["metadata"][key] for key in ("uid", "resourceVersion")}
    path = f"{NAMESPACES}/{seen['metadata']['name']}"
    api.merge(path, {"metadata": {**metadata, "annotations": changes}}, timeout=1)


def allot(ranges: Ranges, api: MemoryApi, name: str, settings: SccSettings = SHORT) -> str | None:
    """Bring one namespace to its ranges as a controller does; return its uid range."""
    while True:
        seen = read(api, name)
        try:
            changes = ranges.annotations_for(seen, settings).annotations
        except OutdatedError:
            continue
        if changes:
            write(api, seen, changes)
        return api.annotations(name).get(UID_RANGE)


def ledger(api: MemoryApi) -> dict[str, str]:
    data: dict[str, str] = api.objects[LEDGER]["data"]
    return data


def writes(api: MemoryApi) -> int:
    return sum(path == LEDGER and verb == "PUT" for verb, path in api.requests)


def test_a_new_namespace_gets_its_ranges(api, ranges):
    api.namespace("shop")

    assert allot(ranges, api, "shop") == "10/2"

    assert api.annotations("shop") == {
        UID_RANGE: "10/2",
        SUPPLEMENTAL_GROUPS: "10/2",
        MCS: "s0:c1,c0",
    }
    assert (ledger(api)["range"], ledger(api)["taken"]) == ("10-20/2", "1")


def test_without_a_repair_first_as_well(api):
    api.namespace("shop")
    api.namespace("old", {UID_RANGE: "10/2"})

    assert allot(controller(api), api, "shop") == "12/2"
    assert UID_RANGE_AWAITED not in api.annotations("shop")


def test_the_block_is_claimed_before_it_is_written(api, ranges):
    shop = api.namespace("shop")["metadata"]

    ranges.annotations_for(read(api, "shop"), SHORT)

    assert ledger(api)["claims"] == f"0 {shop['uid']} {shop['resourceVersion']} shop\n"
    assert api.annotations("shop") == {}


def test_who_dies_between_the_two_writes_leaks_nothing(api, ranges):
    api.namespace("shop")
    api.namespace("another")
    ranges.annotations_for(read(api, "shop"), SHORT)

    successor = controller(api)
    assert allot(successor, api, "another") == "12/2"
    assert allot(successor, api, "shop") == "10/2"
    successor.repair(SHORT)
    assert (ledger(api)["taken"], ledger(api)["claims"]) == ("3", "")


def test_whoever_was_slower_cannot_write(api, ranges):
    api.namespace("shop")
    slow, seen = controller(api), read(api, "shop")
    changes = slow.annotations_for(seen, SHORT).annotations
    allot(ranges, api, "shop")
    api.annotate("shop", {UID_RANGE: None})

    with pytest.raises(ApiError, match="another resourceVersion"):
        write(api, seen, changes)
    with pytest.raises(OutdatedError, match='namespace "shop" has changed since it was read'):
        controller(api).annotations_for(seen, SHORT)


def test_a_range_that_is_there_is_never_asked_about(api, ranges):
    api.namespace("shop", {UID_RANGE: "foo", MCS: "s0:c1", SUPPLEMENTAL_GROUPS: "1/1"})
    before = len(api.requests)

    allotment = ranges.annotations_for(read(api, "shop"), SHORT)

    assert allotment.annotations == {}
    assert allotment.problem
    assert allotment.problem.reason == "UIDRangeUnusable"
    assert len(api.requests) == before + 1


def test_what_is_missing_beside_a_block_is_filled_in(api, ranges):
    api.namespace("shop", {UID_RANGE: "14/2"})

    assert allot(ranges, api, "shop") == "14/2"
    assert api.annotations("shop")[MCS] == "s0:c5,c0"


def test_a_namespace_that_is_being_deleted_gets_nothing(api, ranges):
    api.namespace("shop")
    api.objects[f"{NAMESPACES}/shop"]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"

    assert ranges.annotations_for(read(api, "shop"), SHORT).annotations == {}


def test_hundreds_at_once_take_few_writes(api, ranges):
    for number in range(400):
        api.namespace(f"n{number}")
    ranges.repair(USUAL)
    before = writes(api)

    given = {allot(ranges, api, f"n{number}", USUAL) for number in range(400)}

    assert len(given) == 400
    assert writes(api) - before == 1


def test_more_than_have_a_claim_at_once(api, ranges):
    for number in range(1100):
        api.namespace(f"n{number}")
    ranges.repair(USUAL)
    before = writes(api)

    given = {allot(ranges, api, f"n{number}", USUAL) for number in range(1100)}

    assert len(given) == 1100
    assert writes(api) - before < 10


def test_blocks_of_deleted_namespaces_come_back_at_repair(api, ranges):
    for name in "abc":
        api.namespace(name)
        allot(ranges, api, name)
    del api.objects[f"{NAMESPACES}/a"]
    api.objects[f"{NAMESPACES}/b"]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    api.namespace("d")
    assert allot(ranges, api, "d") == "16/2"

    assert ranges.repair(SHORT) == ()

    api.namespace("e")
    assert allot(ranges, api, "e") == "10/2"
    api.namespace("f")
    assert allot(ranges, api, "f") == "18/2"


def test_a_full_range_says_so_and_whose_namespace_goes_makes_room(api, ranges):
    for name in "abcdef":
        api.namespace(name)
    for name in "abcde":
        allot(ranges, api, name)

    with pytest.raises(UIDRangeFullError, match="uid range exceeded: all 5 blocks "):
        allot(ranges, api, "f")

    del api.objects[f"{NAMESPACES}/c"]
    assert allot(ranges, api, "f") == "14/2"


def test_a_wider_range_makes_room_and_changes_nobody(api, ranges):
    api.namespace("a")
    api.namespace("b")
    allot(ranges, api, "a")
    ranges.annotations_for(read(api, "b"), SHORT)

    wider = replace(SHORT, uid_allocator_range=Blocks.parse("11-2000/3"))

    assert allot(ranges, api, "b", wider) == "14/3"
    assert api.annotations("a")[UID_RANGE] == "10/2"
    assert ledger(api)["range"] == "11-2000/3"


@pytest.mark.parametrize("kind", ["deleted", "cut off", "edited", "emptied"])
def test_a_lost_ledger_is_made_anew_from_the_namespaces(api, ranges, kind):
    for name in "abc":
        api.namespace(name)
    for name in "ab":
        allot(ranges, api, name)
    match kind:
        case "deleted":
            del api.objects[LEDGER]
        case "cut off":
            api.objects[LEDGER]["data"] = {"range": "10-20"}
        case "edited":
            api.objects[LEDGER]["data"]["taken"] = "0"
        case _:
            del api.objects[LEDGER]["data"]
    api.changed(f"{NAMESPACES}/c")

    assert allot(ranges, api, "c") == "14/2"

    assert ledger(api)["taken"] == "7"
    assert set(api.annotations("c")) == {UID_RANGE, SUPPLEMENTAL_GROUPS, MCS}


@pytest.mark.parametrize("restored", [False, True])
def test_what_was_claimed_in_a_lost_ledger_can_no_longer_be_written(api, ranges, restored):
    """Else the next namespace, which gets the same block, would share it."""
    backup = dict(ledger(api))
    api.namespace("slow")
    seen = read(api, "slow")
    changes = ranges.annotations_for(seen, SHORT).annotations
    del api.objects[LEDGER]
    if restored:
        api.create(LEDGER)
        api.objects[LEDGER]["data"] = backup
    api.namespace("next")

    another = controller(api)
    next_one = read(api, "next")
    with pytest.raises(OutdatedError):
        another.annotations_for(next_one, SHORT)
    assert allot(another, api, "next") is not None

    with pytest.raises(ApiError, match="another resourceVersion"):
        write(api, seen, changes)
    assert allot(ranges, api, "slow") != api.annotations("next")[UID_RANGE]


def test_a_stale_repair_gives_up_no_claim(api, ranges):
    """It began when the namespace had a range, which has been taken off since."""
    api.namespace("a", {UID_RANGE: "30/5"})
    taking_turns(api)
    stale = Running(lambda: keep(controller(api).repair(SHORT)))
    stale.step()
    api.annotate("a", {UID_RANGE: None})
    seen = read(api, "a")
    changes = ranges.annotations_for(seen, SHORT).annotations

    while not stale.over:
        stale.step()
    api.namespace("b")
    allot(controller(api), api, "b")
    write(api, seen, changes)

    assert [api.annotations(name)[UID_RANGE] for name in "ab"] == ["10/2", "12/2"]


def test_a_block_that_somebody_took_by_hand_goes_to_no_one_else(api, ranges):
    api.namespace("shop")
    ranges.annotations_for(read(api, "shop"), SHORT)
    api.namespace("hand", {UID_RANGE: "11/1", MCS: "s0:c1,c0"})

    assert allot(controller(api), api, "shop") == "12/2"


def test_who_overlaps_is_told_at_repair(api, ranges):
    api.namespace("shop")
    allot(ranges, api, "shop")
    api.namespace("copy", dict(api.annotations("shop")))

    (problem,) = ranges.repair(SHORT)

    assert (problem.reason, problem.namespace) == ("UIDRangeOverlap", "copy")
    assert api.annotations("copy") == api.annotations("shop")


def test_a_race_for_the_ledger_is_run_again(api, ranges):
    api.namespace("a")
    lost = iter([True, True, False])

    def beaten(verb: str, path: str) -> None:
        if verb == "PUT" and next(lost):
            api.changed(LEDGER)

    api.before = beaten

    assert allot(ranges, api, "a") == "10/2"


def test_who_always_loses_the_race_gives_up(api):
    waits: list[int] = []
    ranges = Ranges(cast(Api, api), "tenantgate-system", pause=waits.append)
    api.namespace("a")
    api.before = lambda verb, path: api.changed(LEDGER) if verb == "PUT" else None

    with pytest.raises(ClusterError, match="somebody else wrote it first, 12 times"):
        ranges.annotations_for(read(api, "a"), SHORT)
    assert waits == list(range(1, 12))


def test_what_the_api_server_refuses_is_told(api):
    api.namespace("a")

    def refuse(verb: str, path: str) -> None:
        if verb == "POST":
            raise ApiError('namespaces "tenantgate-system" not found', 404)

    api.before = refuse

    with pytest.raises(ApiError, match='"tenantgate-system" not found'):
        controller(api).annotations_for(read(api, "a"), SHORT)


def test_a_list_that_expires_is_begun_again(api, ranges):
    for number in range(600):
        api.namespace(f"n{number}")
    expired = iter([False, True, False])

    def expire(verb: str, path: str) -> None:
        if path == NAMESPACES and next(expired, False):
            raise ApiError("the provided continue parameter is too old", 410)

    api.before = expire

    assert ranges.repair(USUAL) == ()


def test_a_died_write_is_found_again(api, ranges):
    api.namespace("a")
    taking_turns(api)
    dying = Running(lambda: keep(ranges.annotations_for(read(api, "a"), SHORT)))
    while dying.next != "PUT":
        dying.step()
    dying.step(Died(), late=True)
    assert dying.over

    assert allot(controller(api), api, "a") == "10/2"


def test_how_many_blocks_are_left(api, ranges):
    api.namespace("a")
    allot(ranges, api, "a")

    assert list(ranges.readings()) == [
        ("tenantgate_uid_blocks", {"state": "free"}, 4),
        ("tenantgate_uid_blocks", {"state": "taken"}, 1),
    ]
    assert list(controller(api).readings()) == []


def keep(value: object) -> None:
    """Take any value for no result."""
