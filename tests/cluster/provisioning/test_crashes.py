"""The controller is killed again and again while namespaces are created: nothing is left half done."""

import json
import random
import time
from collections import Counter
from typing import Any

import pytest

from tests.cluster.cluster import ADMIN, ALICE
from tests.cluster.process import eventually
from tests.cluster.provisioning.parts import PROVISIONED, SCCS, TENANT, UID_RANGE, Controller

pytestmark = pytest.mark.usefixtures("tenantgate")

CRASHES, AT_A_TIME = 50, 10
NAMESPACES = CRASHES * AT_A_TIME


def test_fifty_crashes_during_five_hundred_namespaces(cluster, controller, policies, tmp_path):
    """Whatever a crash interrupts is finished by the next leader, and no range is given twice."""
    dice = random.Random(4)  # noqa: S311 - the same moments each time, as far as a machine allows
    controller.stop()
    victim = Controller(cluster, tmp_path, [SCCS, policies.folder], "victim")
    try:
        for number in range(CRASHES):
            victim.process.start()
            namespaces = [
                {
                    "apiVersion": "v1",
                    "kind": "Namespace",
                    "metadata": {"name": f"acme-crash-{number}-{each}"},
                }
                for each in range(AT_A_TIME)
            ]
            listed = {"apiVersion": "v1", "kind": "List", "items": namespaces}
            done = cluster.kubectl("create", "-f", "-", user=ALICE, stdin=listed)
            assert done.returncode == 0, done.stderr
            victim.wait_to_lead()
            time.sleep(dice.uniform(0, 0.8))
            victim.process.kill()
    finally:
        victim.process.kill()
        controller.start()

    def all_provisioned() -> bool:
        return len(crashed()) == NAMESPACES and all(
            PROVISIONED in item["metadata"].get("annotations", {}) for item in crashed()
        )

    def crashed() -> list[Any]:
        done = cluster.kubectl("get", "namespaces", "-o", "json", user=ADMIN)
        items: list[Any] = json.loads(done.stdout)["items"]
        return [item for item in items if item["metadata"]["name"].startswith("acme-crash-")]

    eventually(all_provisioned, timeout=240, every=2)
    ranges = Counter(item["metadata"]["annotations"][UID_RANGE] for item in crashed())
    assert len(ranges) == NAMESPACES
    assert all(int(text.partition("/")[0]) % 10000 == 0 for text in ranges)
    hashes = {item["metadata"]["annotations"][PROVISIONED] for item in crashed()}
    assert len(hashes) == NAMESPACES  # each has objects of its own
    assert {item["metadata"]["labels"][TENANT] for item in crashed()} == {"acme"}
    for kind, count in {
        "resourcequotas": 2,
        "limitranges": 1,
        "networkpolicies": 5,
        "serviceaccounts": 1,
    }.items():
        done = cluster.kubectl("get", kind, "-A", "-o", "json", user=ADMIN)
        found = Counter(
            item["metadata"]["namespace"]
            for item in json.loads(done.stdout)["items"]
            if item["metadata"]["namespace"].startswith("acme-crash-")
        )
        assert set(found.values()) == {count}, kind
        assert len(found) == NAMESPACES
