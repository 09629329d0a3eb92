"""Namespaces as the controller provisions them, on a control plane of these tests' own.

`tenantgate` is the webhook, `controller` the one that leads; both have the policies in `policies`, to
which a test adds a tenant of its own.
"""

from collections.abc import Iterator

import pytest

from tests.cluster.cluster import Cluster, started
from tests.cluster.envtest import ControlPlane
from tests.cluster.provisioning.parts import (
    SCCS,
    Controller,
    Policies,
    install,
    shipped_template,
    tenant,
)
from tests.cluster.tenantgate import Tenantgate


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A control plane for the tests of this folder."""
    with started(ControlPlane(tmp_path_factory.mktemp("provisioning"))) as made:
        yield made


@pytest.fixture(scope="session")
def policies(tmp_path_factory: pytest.TempPathFactory) -> Policies:
    """The tenants acme, which the shipped template serves, and globex with role bindings, too."""
    made = Policies(tmp_path_factory.mktemp("policies"))
    bindings = [{"clusterRole": "view", "to": "owners"}]
    made.write(
        acme=tenant("acme"),
        globex=tenant("globex", roleBindings=bindings),
        nobody=tenant("nobody"),
        shipped=shipped_template("acme", "globex"),
    )
    return made


@pytest.fixture(scope="session")
def tenantgate(
    cluster: Cluster, policies: Policies, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Tenantgate]:
    """The webhook, registered."""
    folder = tmp_path_factory.mktemp("gate")
    made = Tenantgate(cluster, folder, policies=[SCCS, policies.folder])
    try:
        made.install()
        install(cluster)
        made.start()
        made.register()
        yield made
    finally:
        made.kill()


@pytest.fixture(scope="session")
def controller(
    cluster: Cluster,
    tenantgate: Tenantgate,
    policies: Policies,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Controller]:
    """The controller that leads."""
    folder = tmp_path_factory.mktemp("controller")
    made = Controller(cluster, folder, [SCCS, policies.folder], "first")
    try:
        made.start()
        yield made
    finally:
        made.process.kill()
