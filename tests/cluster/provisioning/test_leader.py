"""Of several replicas one leads; what becomes of the lease when it ends, crashes or hangs."""

import os
import signal
from collections.abc import Iterator

import pytest

from tests.cluster.cluster import ALICE, Cluster
from tests.cluster.process import eventually
from tests.cluster.provisioning.parts import SCCS, Controller, is_provisioned
from tests.cluster.tenantgate import NAMESPACE

pytestmark = pytest.mark.usefixtures("tenantgate")

LEASE = "tenantgate-controller"


@pytest.fixture
def pair(cluster, controller, policies, tmp_path) -> Iterator[tuple[Controller, Controller]]:
    """A leader, and a replica that stands by."""
    controller.stop()
    made = [Controller(cluster, tmp_path, [SCCS, policies.folder], name) for name in ("one", "two")]
    try:
        made[0].start()
        made[1].start(lead=False)
        yield made[0], made[1]
    finally:
        for each in made:
            each.process.kill()
        cluster.kubectl("delete", "lease", LEASE, "-n", NAMESPACE, user="admin")
        controller.start()


def holder(cluster: Cluster) -> str:
    return str(cluster.get("lease", LEASE, NAMESPACE)["spec"].get("holderIdentity", ""))


def provisions(cluster: Cluster, name: str) -> None:
    cluster.kubectl("create", "namespace", name, user=ALICE)
    eventually(lambda: is_provisioned(cluster, name))


def test_one_leads_and_the_other_takes_over_when_it_crashes(cluster, pair):
    one, two = pair
    assert holder(cluster) == "one"
    assert two.metric("tenantgate_controller_leader") == 0

    one.process.kill()
    two.wait_to_lead(timeout=15)

    provisions(cluster, "acme-after-a-crash")
    assert cluster.get("lease", LEASE, NAMESPACE)["spec"]["leaseTransitions"] >= 1


def test_one_that_is_told_to_end_hands_over_at_once(cluster, pair):
    one, two = pair

    assert one.stop() == 0
    two.wait_to_lead(timeout=5)

    provisions(cluster, "acme-after-a-rollout")


def test_one_that_hung_ends_when_it_finds_that_it_has_lost_the_lease(cluster, pair):
    one, two = pair
    os.kill(one.process.pid, signal.SIGSTOP)
    two.wait_to_lead(timeout=15)
    os.kill(one.process.pid, signal.SIGCONT)

    eventually(lambda: not one.process.running(), timeout=15)
    assert holder(cluster) == "two"
    assert "the lease was lost" in one.process.tail()


def test_one_that_cannot_reach_the_api_server_stands_by_again_after_a_restart(cluster, pair):
    one, two = pair
    two.stop()
    cluster.plane.stop_api()
    try:
        eventually(lambda: not one.process.running(), timeout=30)
    finally:
        cluster.plane.start_api()
    one.process.stop()
    one.start()

    provisions(cluster, "acme-after-an-outage")
