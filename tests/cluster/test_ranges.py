"""Ranges of hundreds of namespaces, given out by processes that race and are killed."""

import itertools
import os
import random
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.cluster import ADMIN, Cluster
from tests.cluster.envtest import ControlPlane
from tests.cluster.process import Process, eventually
from tests.cluster.ranges_driver import NAMESPACES, reconcile
from webhook.cluster.client import Api, ClusterError, connect, path_of
from webhook.controllers.ranges.claims import CONFIG_MAP, OutdatedError, Ranges, UIDRangeFullError
from webhook.core.model.blocks import Blocks
from webhook.core.model.marks import UID_RANGE_AWAITED
from webhook.core.model.ranges import MCS, SUPPLEMENTAL_GROUPS, UID_RANGE, Range, block
from webhook.core.platform import SccSettings

ROOT = Path(__file__).parents[2]
OWN = "ledger"
BLOCKS = "1000000000-1000999999/1000"
SETTINGS = SccSettings(uid_allocator_range=Blocks.parse(BLOCKS))
LEDGER = path_of("api", "v1", "namespaces", OWN, "configmaps", CONFIG_MAP)

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of its own: every namespace in it gets its ranges."""
    control_plane = ControlPlane(tmp_path_factory.mktemp("ranges"))
    made = Cluster(control_plane)
    try:
        control_plane.start()
        yield made
    finally:
        made.close()
        control_plane.stop()


@pytest.fixture(scope="module")
def api(plane: Cluster) -> Iterator[Api]:
    made = connect(plane.kubeconfig(ADMIN))
    create(made, OWN)
    yield made
    made.close()


def create(api: Api, name: str, **annotations: str) -> str:
    api.post(NAMESPACES, {"metadata": {"name": name, "annotations": annotations}}, timeout=10)
    return name


def annotate(api: Api, name: str, value: str | None) -> None:
    """Write a uid range by hand, as kubectl does: whatever was there before."""
    annotations = {UID_RANGE: value, MCS: None if value is None else "s0:c1,c0"}
    api.merge(NAMESPACES + path_of(name), {"metadata": {"annotations": annotations}}, timeout=10)


def delete(api: Api, name: str) -> None:
    """Delete a namespace for good; no controller runs that would do the second half."""
    path = NAMESPACES + path_of(name)
    api.delete(path, timeout=10)
    found = api.get(path, timeout=10)
    api.put(f"{path}/finalize", {**found, "spec": {"finalizers": []}}, timeout=10)


def annotations(api: Api) -> dict[str, dict[str, Any]]:
    return {
        item["metadata"]["name"]: item["metadata"].get("annotations") or {}
        for item in api.get(NAMESPACES, timeout=10)["items"]
    }


def allot(api: Api, ranges: Ranges, name: str, settings: SccSettings = SETTINGS) -> Range:
    """Bring one namespace to its ranges, as a controller does."""
    path = NAMESPACES + path_of(name)

    def attempt() -> bool:
        try:
            reconcile(api, ranges, api.get(path, timeout=10), settings)
        except UIDRangeFullError:
            raise
        except ClusterError:
            return False
        return True

    eventually(attempt)
    return block(api.get(path, timeout=10)["metadata"]["annotations"][UID_RANGE])


def shared(found: list[Range]) -> list[tuple[Range, Range]]:
    """Return neighbours that have an id in common, of ranges in any order."""
    ordered = sorted(found, key=lambda ids: ids.min)
    return [(one, two) for one, two in itertools.pairwise(ordered) if two.min <= one.max]


def driver(plane: Cluster, number: int) -> Process:
    command = [sys.executable, "-m", "tests.cluster.ranges_driver"]
    log = plane.plane.folder / f"driver-{number}.log"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return Process([*command, plane.kubeconfig(ADMIN), OWN, BLOCKS], log, env)


def test_two_that_race_and_are_killed_while_hundreds_of_namespaces_come(plane, api):
    dice = random.Random(1)  # noqa: S311 - a test's own
    drivers = [driver(plane, 0), driver(plane, 1)]
    ours: list[str] = []
    by_hand: dict[str, str] = {}
    try:
        for each in drivers:
            each.start()
        with ThreadPoolExecutor(4) as pool:
            for turn in range(15):
                names = [f"race-{next(_numbers)}" for _ in range(24)]
                made = pool.map(lambda name: create(api, name), names)
                time.sleep(dice.uniform(0.2, 1.5))
                victim = dice.choice(drivers)
                victim.kill()
                edited = dice.choice(list(made))
                wrong = ["1000001500/700", f"{1000000000 + 1000 * turn}/1000", "5/10", "none"]
                by_hand[edited] = dice.choice(wrong)
                annotate(api, edited, by_hand[edited])
                ours += [name for name in names if name != edited]
                if turn == 7:
                    api.delete(LEDGER, timeout=10)
                victim.start()

        def waiting() -> list[str]:
            return [name for name, found in annotations(api).items() if MCS not in found]

        eventually(lambda: not waiting(), timeout=60, every=0.3)
    finally:
        for each in drivers:
            each.kill()

    assert all("Traceback" not in each.log.read_text() for each in drivers)
    found = annotations(api)
    assert len(ours) + len(by_hand) == 360
    assert not shared([block(found[name][UID_RANGE]) for name in ours])
    assert len({found[name][MCS] for name in ours}) == len(ours)
    for name in ours:
        assert found[name][SUPPLEMENTAL_GROUPS] == found[name][UID_RANGE]
        assert UID_RANGE_AWAITED not in found[name]
    assert {name: found[name][UID_RANGE] for name in by_hand} == by_hand


def test_threads_of_several_controllers_at_once(api):
    """Two replicas that both take themselves for the leader."""
    names = [create(api, f"threads-{number}") for number in range(200)]
    controllers = [Ranges(api, OWN) for _ in range(2)]

    with ThreadPoolExecutor(8) as pool:
        jobs = [(controllers[place % 2], name) for place, name in enumerate([*names, *names])]
        given = list(pool.map(lambda job: allot(api, *job), jobs))

    assert given[:200] == given[200:]
    assert not shared(given[:200])


def test_deleted_namespaces_make_room_and_others_do_not(api):
    ranges = Ranges(api, OWN)
    names = [create(api, f"gone-{number}") for number in range(5)]
    given = {name: allot(api, ranges, name) for name in names}
    delete(api, "gone-1")
    delete(api, "gone-3")
    api.delete(NAMESPACES + path_of("gone-4"), timeout=10)  # terminating
    annotate(api, "gone-2", None)  # it gets a block again, which may be the same one

    assert allot(api, ranges, create(api, "before-repair")) not in given.values()
    ranges.repair(SETTINGS)
    after = {allot(api, ranges, create(api, f"after-repair-{number}")) for number in range(3)}

    assert {given["gone-1"], given["gone-3"]} <= after
    assert given["gone-4"] not in after
    assert not shared([*after, given["gone-0"], given["gone-4"]])


def test_a_full_range_until_somebody_goes(api):
    # Of five blocks the first has the label of a namespace of another range, and is passed over.
    short = SccSettings(
        uid_allocator_range=Blocks.parse("4990-5039/10"), mcs_labels_per_project=100_000
    )
    ranges = Ranges(api, OWN)
    for name, found in annotations(api).items():
        if UID_RANGE not in found:
            allot(api, ranges, name)
    for number in range(4):
        assert allot(api, ranges, create(api, f"full-{number}"), short).min == 5000 + 10 * number

    create(api, "full-4")
    with pytest.raises(UIDRangeFullError, match="uid range exceeded: all 5 blocks of 4990-5039/10"):
        allot(api, ranges, "full-4", short)
    delete(api, "full-2")

    assert allot(api, ranges, "full-4", short).min == 5020


def test_a_ledger_cut_off_by_hand(api):
    ranges = Ranges(api, OWN)
    allot(api, ranges, create(api, "cut-1"))
    late = api.get(NAMESPACES + path_of(create(api, "cut-2")), timeout=10)
    claimed = ranges.annotations_for(late, SETTINGS).annotations
    api.merge(LEDGER, {"data": {"claims": None}}, timeout=10)

    after = allot(api, Ranges(api, OWN), create(api, "cut-3"))

    with pytest.raises(OutdatedError):
        Ranges(api, OWN).annotations_for(late, SETTINGS)
    metadata = {key: late["metadata"][key] for key in ("uid", "resourceVersion")}
    body = {"metadata": {**metadata, "annotations": dict(claimed)}}
    with pytest.raises(ClusterError, match="409"):
        api.merge(NAMESPACES + path_of("cut-2"), body, timeout=10)
    assert not shared([after, allot(api, ranges, "cut-1"), allot(api, ranges, "cut-2")])
