"""An API server that proves who it is, as docs/certificates.md sets it up."""

import json
from collections.abc import Iterator

import pytest

from tests.cluster.certificates import Authority
from tests.cluster.cluster import ALICE, Cluster, admitted, refused
from tests.cluster.envtest import ControlPlane
from tests.cluster.objects import pod
from tests.cluster.process import eventually
from tests.cluster.tenantgate import Tenantgate

CLIENTS = Authority("clients of webhooks")
PLUGINS = ("ValidatingAdmissionWebhook", "MutatingAdmissionWebhook")


def introduce(plane: ControlPlane, name: str) -> None:
    """Have the API server show a certificate to every webhook."""
    pair, folder = CLIENTS.client(name), plane.folder
    (folder / "webhooks.crt").write_bytes(pair.certificate)
    (folder / "webhooks.key").write_bytes(pair.key)
    user = {
        "client-certificate": str(folder / "webhooks.crt"),
        "client-key": str(folder / "webhooks.key"),
    }
    config = {"apiVersion": "v1", "kind": "Config", "users": [{"name": "*", "user": user}]}
    (folder / "webhooks.kubeconfig").write_text(json.dumps(config))
    configuration = {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "WebhookAdmissionConfiguration",
        "kubeConfigFile": str(folder / "webhooks.kubeconfig"),
    }
    admission = {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AdmissionConfiguration",
        "plugins": [{"name": plugin, "configuration": configuration} for plugin in PLUGINS],
    }
    (folder / "admission.json").write_text(json.dumps(admission))
    plane.api.command.append(f"--admission-control-config-file={folder / 'admission.json'}")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A control plane whose API server has a client certificate."""
    plane = ControlPlane(tmp_path_factory.mktemp("introduced"))
    introduce(plane, "kube-apiserver")
    made = Cluster(plane)
    try:
        plane.start()
        made.prepare()
        yield made
    finally:
        made.close()
        plane.stop()


@pytest.fixture(scope="module", params=["asgi", "gthread"])
def tenantgate(
    request: pytest.FixtureRequest, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Tenantgate]:
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "clients.crt").write_bytes(CLIENTS.certificate)
    options = [
        f"--server={request.param}",
        f"--client-ca={folder / 'clients.crt'}",
        "--client-name=kube-apiserver",
    ]
    made = Tenantgate(cluster, folder, options=options)
    try:
        if request.param == "asgi":
            made.install()
        made.start()
        made.register()
        yield made
        made.unregister()
    finally:
        made.kill()


@pytest.mark.usefixtures("tenantgate")
def test_the_api_server_is_answered(cluster: Cluster, shop: str):
    made = admitted(cluster.create_as(ALICE, pod(), shop, "--dry-run=server"))
    assert made["metadata"]["annotations"]["openshift.io/scc"] == "restricted-v2"

    bad = pod(security={"privileged": True})
    assert "privileged is true" in refused(cluster.create_as(ALICE, bad, shop))


def test_another_authority_shuts_the_api_server_out(
    cluster: Cluster, tenantgate: Tenantgate, shop: str
):
    """It fails closed, and our log says why; the old authority brings it back."""
    tenantgate.stop()
    file = tenantgate.ca.parents[1] / "clients.crt"
    file.write_bytes(Authority("somebody else").certificate)
    tenantgate.start()

    done = cluster.create_as(ALICE, pod(), shop, "--dry-run=server")
    assert "failed calling webhook" in done.stderr
    told = eventually(lambda: tenantgate.process.log.read_text().partition("turned away")[2])
    assert told.startswith(" in the TLS handshake: ")

    file.write_bytes(CLIENTS.certificate)
    cluster.create_until_admitted(ALICE, pod(), shop, "--dry-run=server")
