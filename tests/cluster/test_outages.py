"""What happens while somebody does not answer: the webhook, the API server, the controller."""

import json
import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from tests.cluster.cluster import ADMIN, ALICE, MCS, UID_RANGE, Cluster, admitted, controller
from tests.cluster.objects import pod
from tests.cluster.process import eventually, get


@pytest.fixture(scope="class")
def killed(tenantgate):
    """The webhook has crashed; it is back after the tests of the class."""
    tenantgate.kill()
    yield
    tenantgate.start()


@pytest.fixture
def unprepared(cluster):
    """A namespace of alice's to which nobody has allotted any range yet."""
    name = cluster.namespace("unprepared", annotations={})
    cluster.grant(ALICE, name)
    return name


class TestWebhookGone:
    """Pods are refused, and everything that a repair needs goes on."""

    pytestmark = pytest.mark.usefixtures("killed")

    def test_pods_are_refused(self, cluster, shop):
        done = cluster.create_as(ALICE, pod(), shop)

        assert done.returncode == 1
        assert 'failed calling webhook "workloads.mutate.tenantgate.io"' in done.stderr

    def test_system_masters_is_not_asked_for(self, cluster, shop):
        admitted(cluster.create_as(ADMIN, pod(), shop))

    def test_kube_system_works(self, cluster):
        wanted = pod("dns", hostNetwork=True)

        made = cluster.create_as(controller("daemon-set-controller"), wanted, "kube-system")

        admitted(made)
        cluster.kubectl("delete", "pod", "dns", "-n", "kube-system", "--wait=false", user=ADMIN)

    @pytest.mark.parametrize(
        ("user", "namespace", "name"),
        [
            ("system:kube-controller-manager", "kube-system", "kube-controller-manager"),
            ("system:node:node-1", "kube-node-lease", "node-1"),
        ],
    )
    def test_leases_are_renewed(self, cluster, user, namespace, name):
        """By the control plane for its leaders, by each node for its heartbeat."""
        lease = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": name},
            "spec": {"holderIdentity": "me"},
        }

        made = admitted(cluster.create_as(user, lease, namespace))
        made["spec"]["holderIdentity"] = "still me"
        renewed = cluster.kubectl("replace", "-f", "-", "-n", namespace, user=user, stdin=made)

        assert renewed.returncode == 0, renewed.stderr

    def test_a_pod_can_be_scheduled_and_report_its_status(self, cluster, shop):
        admitted(cluster.create_as(ADMIN, pod(), shop))
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-2"}}
        admitted(cluster.create_as("system:node:node-2", node, shop))
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": "web"},
            "target": {"apiVersion": "v1", "kind": "Node", "name": "node-2"},
        }
        core = client.CoreV1Api(cluster.client("system:node:node-2"))

        def reported() -> Any:
            try:
                status: Any = {"status": {"phase": "Running"}}
                return core.patch_namespaced_pod_status("web", shop, status)
            except ApiException as error:
                if error.status != 403:  # The API server has not seen yet whose pod it is.
                    raise
                return None

        bound = cluster.kubectl(
            "create", "--raw", f"/api/v1/namespaces/{shop}/pods/web/binding", "-f", "-",
            user="system:kube-scheduler", stdin=binding,
        )  # fmt: skip

        assert bound.returncode == 0, bound.stderr
        assert eventually(reported).status.phase == "Running"

    def test_a_deployment_is_only_not_warned_about(self, cluster, shop):
        done = cluster.kubectl("create", "deployment", "web", "--image=app", "-n", shop, user=ALICE)

        assert done.returncode == 0, done.stderr

    def test_what_is_no_pod_is_none_of_its_business(self, cluster, shop):
        done = cluster.kubectl("create", "configmap", "settings", "-n", shop, user=ALICE)

        assert done.returncode == 0, done.stderr

    def test_a_pod_can_be_deleted(self, cluster, shop):
        admitted(cluster.create_as(ADMIN, pod(), shop))

        done = cluster.kubectl("delete", "pod", "web", "-n", shop, "--wait=false", user=ALICE)

        assert done.returncode == 0, done.stderr


def test_pods_are_admitted_again_when_the_webhook_is_back(cluster, tenantgate, shop):
    tenantgate.kill()
    tenantgate.start()

    admitted(cluster.create_as(ALICE, pod(), shop))


def test_a_worker_that_dies_costs_nobody_a_pod(cluster, tenantgate, shop):
    """Another takes its place at once; who comes meanwhile is asked to try again, and does."""
    before = tenantgate.process.workers()
    for worker in before:
        os.kill(worker, signal.SIGKILL)

    admitted(cluster.create_as(ALICE, pod(), shop))

    eventually(lambda: len(tenantgate.process.workers()) == len(before))
    assert not set(before) & set(tenantgate.process.workers())
    eventually(lambda: get(f"{tenantgate.ops}/readyz") == 200)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_the_webhook_outlives_an_outage_of_the_api_server(cluster, tenantgate, shop, end):
    """Its caches take up where they were: what happens afterwards counts."""
    pid = tenantgate.process.pid
    getattr(cluster.plane.api, end)()
    try:
        assert get(f"{tenantgate.ops}/healthz") == 200
    finally:
        cluster.plane.start_api()

    cluster.grant_scc("anyuid", ALICE, shop)
    as_root = pod(security={"runAsUser": 0})
    made = cluster.create_until_admitted(ALICE, as_root, shop, timeout=40)

    assert made["metadata"]["annotations"]["openshift.io/scc"] == "anyuid"
    assert tenantgate.process.pid == pid
    assert tenantgate.process.running()
    assert get(f"{tenantgate.ops}/readyz") == 200


@pytest.mark.usefixtures("tenantgate")
class TestNamespaceUnprepared:
    """A pod may come before the ranges of its namespace: time will mend that."""

    def test_the_refusal_asks_to_be_tried_again(self, cluster, unprepared):
        core = client.CoreV1Api(cluster.client(ALICE))

        with pytest.raises(ApiException) as caught:
            core.create_namespaced_pod(unprepared, pod())  # type: ignore[arg-type]  # a plain dict, as the client takes it too

        error: Any = caught.value
        assert error.status == 429
        assert error.headers["Retry-After"] == "1"
        status = json.loads(error.body)
        assert status["reason"] == "TooManyRequests"
        assert "openshift.io/sa.scc.uid-range" in status["message"]

    def test_a_client_that_tries_again_succeeds(self, cluster, tenantgate, unprepared):
        """So does kubectl by itself: it waits for the answer's `Retry-After`."""
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(cluster.create_as, ALICE, pod(), unprepared)
            eventually(lambda: unprepared in tenantgate.process.log.read_text())
            _allot(cluster, unprepared)
            done: subprocess.CompletedProcess[str] = running.result()

        assert admitted(done)["metadata"]["annotations"]["openshift.io/scc"] == "restricted-v2"


def _allot(cluster: Cluster, namespace: str) -> None:
    """Do what the controller of namespaces will do."""
    ranges = {
        "openshift.io/sa.scc.uid-range": UID_RANGE,
        "openshift.io/sa.scc.supplemental-groups": UID_RANGE,
        "openshift.io/sa.scc.mcs": MCS,
    }
    pairs = [f"{key}={value}" for key, value in ranges.items()]
    done = cluster.kubectl("annotate", "namespace", namespace, *pairs, user=ADMIN)
    assert done.returncode == 0, done.stderr
