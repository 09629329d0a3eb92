"""Isolation on a real API server: two tenants, their people and service accounts, and a platform.

These tests have a control plane of their own, as tenants change what is registered. `cluster` and
`tenantgate` are those of this folder; `world` is what stands in it.
"""

from collections.abc import Iterator

import pytest

from tests.cluster.cluster import Cluster, started
from tests.cluster.envtest import ControlPlane
from tests.cluster.tenancy.api import Api
from tests.cluster.tenancy.world import POLICIES, World, furnish
from tests.cluster.tenantgate import Tenantgate


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A control plane for the tests of this folder."""
    with started(ControlPlane(tmp_path_factory.mktemp("tenancy"))) as made:
        yield made


@pytest.fixture(scope="session")
def tenantgate(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenantgate]:
    """The webhook with two tenants, registered."""
    folder = tmp_path_factory.mktemp("gate")
    policies = folder / "policies"
    policies.mkdir()
    for name, text in POLICIES.items():
        (policies / name).write_text(text)
    made = Tenantgate(cluster, folder, policies=[policies])
    try:
        made.install()
        made.start()
        made.register()
        yield made
    finally:
        made.kill()


@pytest.fixture(scope="session")
def world(cluster: Cluster, tenantgate: Tenantgate) -> World:
    """Namespaces of both tenants, of nobody and of the platform, with something in them."""
    return furnish(cluster)


@pytest.fixture(scope="session")
def api(cluster: Cluster) -> Api:
    """The API, asked as anybody in whatever way."""
    return Api(cluster)
