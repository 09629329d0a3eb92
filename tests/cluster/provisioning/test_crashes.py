"""The controller is killed again and again while namespaces are created: nothing is left half done."""

import json
import random
import time
from collections import Counter
from typing import Any

import pytest

from tests.cluster.cluster import ADMIN, ALICE, Cluster
from tests.cluster.process import eventually
from tests.cluster.provisioning.parts import PROVISIONED, SCCS, TENANT, UID_RANGE, Controller

pytestmark = pytest.mark.usefixtures("tenantgate")

CRASHES, AT_A_TIME = 50, 10
NAMESPACES = CRASHES * AT_A_TIME
WHOLE = (("LimitRange", 1), ("NetworkPolicy", 5), ("ResourceQuota", 2), ("ServiceAccount", 1))
"""What the shipped template holds."""


def test_fifty_crashes_during_five_hundred_namespaces(cluster, controller, policies, tmp_path):
    """Whatever a crash interrupts is finished by the next leader, and no range is given twice."""
    dice = random.Random(4)  # noqa: S311 - the same moments each time, as far as a machine allows
    controller.stop()
    victim = Controller(cluster, tmp_path, [SCCS, policies.folder], "victim")
    try:
        for number in range(CRASHES):
            victim.process.start()
            made = [
                {
                    "apiVersion": "v1",
                    "kind": "Namespace",
                    "metadata": {"name": f"acme-crash-{number}-{each}"},
                }
                for each in range(AT_A_TIME)
            ]
            done = cluster.kubectl(
                *("create", "-f", "-"),
                user=ALICE,
                stdin={"apiVersion": "v1", "kind": "List", "items": made},
            )
            assert done.returncode == 0, done.stderr
            victim.wait_to_lead()
            time.sleep(dice.uniform(0, 1.2))
            victim.process.kill()
            if number % 10 == 9:
                assert set(contents(cluster)) <= {WHOLE}
    finally:
        victim.process.kill()
        controller.start()

    eventually(lambda: sum(contents(cluster).values()) == NAMESPACES, timeout=240, every=2)
    assert set(contents(cluster)) == {WHOLE}
    found = namespaces(cluster)
    ranges = Counter(item["metadata"]["annotations"][UID_RANGE] for item in found)
    assert len(ranges) == NAMESPACES
    assert all(int(text.partition("/")[0]) % 10000 == 0 for text in ranges)
    assert {item["metadata"]["labels"][TENANT] for item in found} == {"acme"}


def listed(cluster: Cluster, kinds: str) -> list[Any]:
    """Return objects of all namespaces."""
    done = cluster.kubectl("get", kinds, "-A", "-o", "json", user=ADMIN)
    items: list[Any] = json.loads(done.stdout)["items"]
    return items


def namespaces(cluster: Cluster) -> list[Any]:
    """Return the namespaces of this test."""
    return [
        item
        for item in listed(cluster, "namespaces")
        if item["metadata"]["name"].startswith("acme-crash-")
    ]


def contents(cluster: Cluster) -> Counter[Any]:
    """Return how many of the namespaces that say that they are provisioned hold what."""
    done = [
        item["metadata"]["name"]
        for item in namespaces(cluster)
        if PROVISIONED in item["metadata"].get("annotations", {})
    ]
    held: dict[str, Counter[str]] = {name: Counter() for name in done}
    for item in listed(cluster, ",".join(dict(WHOLE))):
        if (name := item["metadata"]["namespace"]) in held:
            held[name][item["kind"]] += 1
    return Counter(tuple(sorted(found.items())) for found in held.values())
