"""Other ways to run the webhook, each answering the API server in place of the usual one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.cluster import ADMIN, ALICE, Cluster, admitted, refused, service_account
from tests.cluster.objects import pod
from tests.cluster.tenantgate import Tenantgate

SHIPPED_SCCS = Path(__file__).parents[2] / "policies" / "scc"

OBSERVING = """\
apiVersion: tenantgate.io/v1
kind: Platform
metadata: {name: platform}
spec: {enforcement: warn}
"""


@pytest.fixture(scope="class")
def instead(
    request: pytest.FixtureRequest,
    cluster: Cluster,
    tenantgate: Tenantgate,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Tenantgate]:
    """A webhook that runs as the class says, registered in place of the usual one."""
    made = request.cls.run(cluster, tmp_path_factory.mktemp("variant"))
    try:
        made.start()
        made.register()
        yield made
    finally:
        made.kill()
        tenantgate.register()


@pytest.mark.usefixtures("instead")
class TestAccessReviews:
    """`--access sar`: the API server itself is asked who may use an SCC."""

    @staticmethod
    def run(cluster: Cluster, folder: Path) -> Tenantgate:
        return Tenantgate(cluster, folder, options=["--access=sar"])

    def test_a_plain_pod_is_filled_in(self, cluster, shop):
        made = admitted(cluster.create_as(ALICE, pod(), shop))

        assert made["metadata"]["annotations"]["openshift.io/scc"] == "restricted-v2"

    def test_a_pod_that_asks_for_too_much_is_refused(self, cluster, shop):
        message = refused(cluster.create_as(ALICE, pod(hostNetwork=True), shop))

        assert "spec.hostNetwork is true" in message

    @pytest.mark.parametrize("who", ["user", "serviceaccount"])
    def test_a_grant_counts(self, cluster, shop, who):
        cluster.grant_scc(
            "anyuid", ALICE if who == "user" else service_account(shop, "default"), shop
        )

        made = admitted(cluster.create_as(ALICE, pod(security={"runAsUser": 0}), shop))

        notes = made["metadata"]["annotations"]
        assert notes["openshift.io/scc"] == "anyuid"
        assert notes["security.openshift.io/validated-scc-subject-type"] == who


@pytest.mark.usefixtures("instead")
class TestThreads:
    """`--server gthread`: Flask carries the reviews."""

    @staticmethod
    def run(cluster: Cluster, folder: Path) -> Tenantgate:
        return Tenantgate(cluster, folder, options=["--server=gthread"])

    def test_a_plain_pod_is_filled_in(self, cluster, shop):
        made = admitted(cluster.create_as(ALICE, pod(), shop))

        assert made["metadata"]["annotations"]["openshift.io/scc"] == "restricted-v2"

    def test_a_pod_that_asks_for_too_much_is_refused(self, cluster, shop):
        message = refused(cluster.create_as(ALICE, pod(hostNetwork=True), shop))

        assert "spec.hostNetwork is true" in message

    def test_a_pod_beyond_her_rights_is_closed(self, cluster, shop):
        admitted(cluster.create_as(ADMIN, pod("old", security={"privileged": True}), shop))

        message = refused(cluster.kubectl("exec", "old", "-n", shop, "--", "true", user=ALICE))

        assert "spec.containers[0].securityContext.privileged is true" in message


@pytest.mark.usefixtures("instead")
class TestObserving:
    """`enforcement: warn`: told, and nothing else."""

    @staticmethod
    def run(cluster: Cluster, folder: Path) -> Tenantgate:
        platform = folder / "platform.yaml"
        platform.write_text(OBSERVING)
        return Tenantgate(cluster, folder, policies=[platform, SHIPPED_SCCS])

    def test_a_pod_that_asks_for_too_much_is_admitted_with_a_warning(self, cluster, shop):
        done = cluster.create_as(ALICE, pod(hostNetwork=True), shop)

        made = admitted(done)
        assert made["spec"]["hostNetwork"]
        assert "Warning: " in done.stderr
        assert "spec.hostNetwork is true" in done.stderr

    def test_a_plain_pod_is_left_alone(self, cluster, shop):
        done = cluster.create_as(ALICE, pod(), shop)

        made = admitted(done)
        assert "annotations" not in made["metadata"]
        assert made["spec"]["securityContext"] == {}
        assert done.stderr == ""

    def test_nobody_waits_for_it(self, cluster, instead: Any, shop):
        instead.kill()
        try:
            admitted(cluster.create_as(ALICE, pod(), shop))
        finally:
            instead.start()
