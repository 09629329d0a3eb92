"""Real controllers make the pods: what a Deployment or a Job leads to in a cluster.

envtest's binaries hold no kube-controller-manager; these tests skip where nobody has put one, of
the API server's version, beside them.
"""

import os
from collections.abc import Iterator

import pytest

from tests.cluster.cluster import ALICE, Cluster, service_account
from tests.cluster.envtest import ASSETS
from tests.cluster.objects import deployment, pod
from tests.cluster.process import Process, eventually

CONTROLLERS = (
    "cronjob-controller",
    "daemonset-controller",
    "deployment-controller",
    "job-controller",
    "replicaset-controller",
    "statefulset-controller",
)


@pytest.fixture(scope="module", autouse=True)
def _controllers(tenantgate, cluster: Cluster) -> Iterator[None]:
    """The controllers of workloads, each acting as its own service account."""
    binary = ASSETS / "kube-controller-manager"
    if not os.access(binary, os.X_OK):
        pytest.skip(f"no kube-controller-manager in {ASSETS}: put the API server's version there")
    running = Process(
        [
            binary,
            f"--kubeconfig={cluster.kubeconfig('system:kube-controller-manager')}",
            f"--controllers={','.join(CONTROLLERS)}",
            "--use-service-account-credentials",
            "--leader-elect=false",
            "--secure-port=0",
        ],
        cluster.plane.folder / "kube-controller-manager.log",
    )
    running.start()
    yield
    running.stop()


def test_the_pods_of_a_deployment_are_filled_in(cluster, shop):
    done = cluster.kubectl("create", "-f", "-", "-n", shop, user=ALICE, stdin=deployment(pod()))
    assert done.returncode == 0, done.stderr

    made = eventually(lambda: cluster.listed("pods", shop), timeout=30)[0]

    assert made["metadata"]["ownerReferences"][0]["kind"] == "ReplicaSet"
    assert made["metadata"]["annotations"]["openshift.io/scc"] == "restricted-v2"
    assert made["spec"]["containers"][0]["securityContext"]["runAsUser"] == 1000660000


def test_a_deployment_says_why_it_has_no_pods(cluster, shop):
    """The refusal stands in the ReplicaSet's condition, where `kubectl describe` shows it."""
    wanted = deployment(pod(hostNetwork=True))
    cluster.kubectl("create", "-f", "-", "-n", shop, user=ALICE, stdin=wanted)

    def failure() -> str:
        for each in cluster.listed("replicasets", shop):
            for condition in each.get("status", {}).get("conditions", []):
                if condition["type"] == "ReplicaFailure":
                    return str(condition["message"])
        return ""

    assert "spec.hostNetwork is true" in eventually(failure, timeout=30)
    assert cluster.listed("pods", shop) == []


def test_a_job_runs_under_the_scc_of_its_service_account(cluster, shop):
    cluster.grant_scc("anyuid", service_account(shop, "default"), shop)
    template = {"spec": {**pod()["spec"], "restartPolicy": "Never"}}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "once"},
        "spec": {"template": template},
    }
    cluster.create_until_admitted(ALICE, pod("probe", security={"runAsUser": 0}), shop)

    cluster.kubectl("create", "-f", "-", "-n", shop, user=ALICE, stdin=job)

    made = eventually(
        lambda: [p for p in cluster.listed("pods", shop) if p["metadata"]["name"] != "probe"]
    )
    annotations = made[0]["metadata"]["annotations"]
    assert annotations["openshift.io/scc"] == "anyuid"
    assert annotations["security.openshift.io/validated-scc-subject-type"] == "serviceaccount"
