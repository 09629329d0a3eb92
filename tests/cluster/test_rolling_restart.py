"""Three replicas are restarted one by one under load, and no request is lost.

There is no Service network here, so a balancer stands in for it: it takes each replica out before it
stops, as the endpoint controller would.
"""

import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.cluster.balancer import Balancer
from tests.cluster.cluster import ALICE, Cluster, started
from tests.cluster.envtest import ControlPlane
from tests.cluster.objects import pod
from tests.cluster.process import eventually
from tests.cluster.tenantgate import Tenantgate
from webhook.cluster.client import connect

STEADY, HESITANT = 3, 8
"""Creators without a pause, and those that take up a connection again which has idled for a while."""

NOTICE = 2.0
"""Seconds between the removal of an endpoint and the signal to its pod: a `preStop` that sleeps."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A control plane of its own: what is registered here is in nobody else's way."""
    with started(ControlPlane(tmp_path_factory.mktemp("rolling"))) as made:
        yield made


@pytest.fixture(scope="module")
def balancer() -> Iterator[Balancer]:
    made = Balancer()
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def replicas(
    cluster: Cluster, balancer: Balancer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Tenantgate]]:
    """Three replicas with one certificate, registered under the balancer's address."""
    folders = [tmp_path_factory.mktemp(f"replica-{number}") for number in range(3)]
    certs = folders[0] / "certs"
    made = [
        Tenantgate(cluster, folder, options=["--workers=1", f"--cert-dir={certs}"])
        for folder in folders
    ]
    made[0].install()
    try:
        for each in made:
            each.start()
            balancer.put(_port(each))
        made[0].url = f"https://127.0.0.1:{balancer.port}"
        made[0].register()
        yield made
    finally:
        for each in made:
            each.kill()


class Creators:
    """Tenants that create pods from `start` to `stop`."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self.created = 0
        self.failures: list[str] = []
        self._kubeconfig = kubeconfig
        self._path = f"/api/v1/namespaces/{namespace}/pods"
        self._ending = threading.Event()
        self._pool = ThreadPoolExecutor(STEADY + HESITANT)

    def start(self) -> None:
        """Begin to create pods."""
        for pause in (*[0.0] * STEADY, *[0.4] * HESITANT):
            self._pool.submit(self._create, pause)

    def create(self, number: int) -> None:
        """Return when so many more pods were created."""
        enough = self.created + number
        eventually(lambda: self.created > enough, timeout=60)

    def stop(self) -> None:
        """End, when every request is answered."""
        self._ending.set()
        self._pool.shutdown()

    def _create(self, pause: float) -> None:
        api = connect(self._kubeconfig)
        wanted = pod()
        wanted["metadata"] = {"generateName": "web-"}
        while not self._ending.wait(random.uniform(0, 2 * pause)):  # noqa: S311 - only a pause
            try:
                made = api.post(self._path, wanted, timeout=30)
                annotations = made["metadata"]["annotations"]
                assert annotations["openshift.io/scc"] == "restricted-v2"
                self.created += 1
            except Exception as error:  # noqa: BLE001 - whatever it is, a request was lost
                self.failures.append(f"{type(error).__name__}: {error}")
        api.close()


def test_a_rolling_restart_loses_no_request(
    cluster: Cluster, balancer: Balancer, replicas: list[Tenantgate]
) -> None:
    namespace = cluster.namespace("rolling")
    cluster.grant(ALICE, namespace)
    creators = Creators(cluster.kubeconfig(ALICE), namespace)
    creators.start()
    try:
        creators.create(100)
        for replica in replicas:
            port = _port(replica)
            balancer.take_out(port)
            time.sleep(NOTICE)
            replica.stop()
            assert balancer.connections(port) == 0
            replica.start()
            balancer.put(port)
            creators.create(100)
    finally:
        creators.stop()

    assert creators.failures == []
    assert balancer.lost == 0


def _port(replica: Tenantgate) -> int:
    return next(
        int(word.rpartition(":")[2])
        for word in replica.process.command
        if word.startswith("--listen=")
    )
