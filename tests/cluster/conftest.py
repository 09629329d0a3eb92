"""Tests against a real API server, each of which bears the marker `cluster`.

    KUBEBUILDER_ASSETS=$(setup-envtest use -p path) pytest -m cluster

One control plane serves them all, so a test makes namespaces of its own (`shop`, or
`cluster.namespace`), acts as an ordinary user (`ALICE`, `controller(...)`), and leaves the cluster as
it found it. `tenantgate` is the webhook, registered; a test that names neither sees a plain cluster.
The logs of a failed run stay in pytest's temporary folder.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.cluster import ALICE, Cluster, started
from tests.cluster.envtest import ControlPlane, missing
from tests.cluster.tenantgate import Tenantgate

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    why = missing()
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.cluster)
            if why:
                item.add_marker(pytest.mark.skip(reason=why))


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A control plane of its own for this run of the tests; nothing is registered in it."""
    with started(ControlPlane(tmp_path_factory.mktemp("cluster"))) as made:
        yield made


@pytest.fixture
def shop(cluster: Cluster) -> str:
    """A namespace that alice may edit."""
    name = cluster.namespace("shop")
    cluster.grant(ALICE, name)
    return name


@pytest.fixture(scope="session")
def tenantgate(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenantgate]:
    """`tenantgate serve` with the shipped policies, registered in the cluster."""
    made = Tenantgate(cluster, tmp_path_factory.mktemp("tenantgate"))
    try:
        made.install()
        made.start()
        made.register()
        yield made
        made.unregister()
    finally:
        made.stop()
