"""Certificates as the controller keeps them: made, trusted, rotated and mended on a real API server."""

import base64
import json
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from benchmarks.mount import Mount
from tests.cluster.cluster import ADMIN, ALICE, Cluster, service_account, started
from tests.cluster.envtest import ControlPlane
from tests.cluster.objects import pod
from tests.cluster.process import eventually, get
from tests.cluster.running import SCCS, Running
from tests.cluster.tenantgate import NAMESPACE, Tenantgate
from webhook.certs.authorities import Authorities, Serving, fingerprint, read_bundle
from webhook.certs.signing import new_leaf
from webhook.cli import cli
from webhook.controllers.certificates import Certificates, Certifying, names_of
from webhook.controllers.registration.controller import Keeping, Registration
from webhook.core.registration import Service
from webhook.core.rotation import Terms

RIGHTS = Path(__file__).parents[2] / "manifests" / "base" / "21-controller-rbac.yaml"
TERMS = Terms(
    ca_lifetime=timedelta(hours=1),
    leaf_lifetime=timedelta(minutes=30),
    settle=timedelta(seconds=3),
    overlap=timedelta(seconds=4),
)
KUBELET_SECONDS = 1.0
"""After which a changed Secret is mounted here; the settle time covers it."""

VALIDATING = "validatingwebhookconfigurations"
KINDS = f"{VALIDATING},mutatingwebhookconfigurations"


class Site:
    """The webhook, its Secret mounted late, and two replicas of the controller."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster, self.folder = cluster, folder
        self.webhook = Tenantgate(cluster, folder, [SCCS], ["--workers=2"])
        self.target = Service(NAMESPACE, "tenantgate", int(self.webhook.url.rpartition(":")[2]))
        self._mount = Mount(folder / "certs")
        self._mounted: Any = None
        self._ending = threading.Event()
        self._kubelet = threading.Thread(target=self._mounting, daemon=True)
        self.controllers: list[Running] = []

    def install(self) -> None:
        """Create what the manifests hold; nothing runs yet."""
        self.webhook.install()
        metadata = {"name": "tenantgate", "namespace": NAMESPACE}
        spec = {"type": "ExternalName", "externalName": "localhost"}
        self.cluster.create(
            {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec},
            {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {
                    "name": "tenantgate-1",
                    "namespace": NAMESPACE,
                    "labels": {"kubernetes.io/service-name": "tenantgate"},
                },
                "addressType": "IPv4",
                "endpoints": [{"addresses": ["192.0.2.1"], "conditions": {"ready": True}}],
            },
            *yaml.safe_load_all(RIGHTS.read_text()),
        )
        self._kubelet.start()

    def replica(self, **certifying: Any) -> Running:
        """Start a replica of the controller that leads, whoever else does."""
        options = {"names": names_of(self.target), "terms": TERMS, "every": 0.3, **certifying}

        def made(context: Any) -> Sequence[Any]:
            keeping = Keeping(self.target, soon=0.1)
            return (
                Certificates(context, Certifying(**options)),
                Registration(context, keeping),
            )

        folder = self.folder / f"policies-{len(self.controllers)}"
        folder.mkdir()
        user = service_account(NAMESPACE, "tenantgate-controller")
        running = Running(self.cluster, folder, made, {}, user)
        self.controllers.append(running)
        running.start()
        return running

    def secret(self, name: str = "tenantgate-tls") -> Any:
        """Return a Secret's data, None while there is none."""
        done = self.cluster.kubectl(
            "get", "secret", name, "-n", NAMESPACE, "-o", "json", user=ADMIN
        )
        if done.returncode:
            return None
        data = json.loads(done.stdout)["data"]
        return {key: base64.b64decode(text) for key, text in data.items()}

    def change(self, pieces: Mapping[str, bytes], name: str = "tenantgate-tls") -> None:
        """Change a Secret as anybody might who may."""
        data = {key: base64.b64encode(text).decode() for key, text in pieces.items()}
        patch = json.dumps({"data": data})
        done = self.cluster.kubectl(
            *("patch", "secret", name, "-n", NAMESPACE, "--type=merge", "-p", patch), user=ADMIN
        )
        assert done.returncode == 0, done.stderr

    def leaf(self) -> str:
        """Return the fingerprint of the serving certificate, or nothing."""
        found = Serving.read(self.secret() or {}).certificate
        return fingerprint(found) if found else ""

    def configurations(self) -> Sequence[Any]:
        found: Sequence[Any] = self.cluster.listed(KINDS, "default")
        return found

    def bundles(self) -> Sequence[bytes]:
        """Return every caBundle of every webhook."""
        return [
            base64.b64decode(webhook["clientConfig"].get("caBundle", ""))
            for each in self.configurations()
            for webhook in each.get("webhooks", ())
        ]

    def trusted(self) -> bool:
        """Tell whether the leaf is trusted by every registration, and each by just its authorities."""
        pieces, bundles = self.secret(), self.bundles()
        beside = read_bundle(pieces["ca.crt"])
        return bool(
            bundles
            and Serving.read(pieces).signer(beside)
            and all(set(read_bundle(bundle)) == set(beside) for bundle in bundles)
        )

    def at_rest(self) -> bool:
        """Tell whether one authority is left."""
        return self.trusted() and len(read_bundle(self.secret()["ca.crt"])) == 1

    def mounted(self) -> bool:
        """Tell whether the webhook has the serving certificate that is stored."""
        wanted = self.secret()
        shown = (self.folder / "certs" / "tls.crt").read_bytes()
        return bool(shown == wanted["tls.crt"])

    def events(self) -> Sequence[str]:
        """Return the reasons of the events about the Secret."""
        return [each["reason"] for each in self.cluster.listed("events", NAMESPACE)]

    def close(self) -> None:
        """End everything that runs."""
        for running in self.controllers:
            running.close()
        self._ending.set()
        self.webhook.kill()

    def _mounting(self) -> None:
        while not self._ending.wait(KUBELET_SECONDS):
            data = self.secret()
            if data and data != self._mounted:
                self._mount.put(data)
                self._mounted = data


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A control plane in which nothing but this module's own is registered."""
    with started(ControlPlane(tmp_path_factory.mktemp("certified"))) as made:
        yield made


@pytest.fixture(scope="module")
def site(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The webhook, served with what the controller made, and registered."""
    made = Site(cluster, tmp_path_factory.mktemp("site"))
    try:
        made.install()
        made.replica()
        eventually(lambda: (made.folder / "certs" / "tls.key").exists(), timeout=20)
        made.webhook.start()
        eventually(lambda: len(made.bundles()) > 2, timeout=20)
        yield made
    finally:
        made.close()


class Asking:
    """A tenant who creates pods without end."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._core = client.CoreV1Api(cluster.client(ALICE))
        self._namespace = namespace
        self._ending = threading.Event()
        self.wrong: list[str] = []
        self.asked = 0

    def run(self) -> None:
        while not self._ending.is_set():
            good = self.asked % 2 == 0
            wanted: Any = pod() if good else pod(security={"privileged": True})
            try:
                self._core.create_namespaced_pod(self._namespace, wanted, dry_run="All")
                verdict = "admitted"
            except ApiException as error:
                body = str(error.body)
                verdict = "refused" if "privileged is true" in body else f"{error.status} {body}"
            except Exception as error:  # noqa: BLE001 - told by the main thread
                verdict = repr(error)
            if verdict != ("admitted" if good else "refused"):
                self.wrong.append(verdict)
            self.asked += 1

    def end(self) -> None:
        self._ending.set()


@contextmanager
def requests(cluster: Cluster, namespace: str) -> Iterator[Asking]:
    """Create pods meanwhile, and see that every verdict is right."""
    asking = Asking(cluster, namespace)
    threads = [threading.Thread(target=asking.run) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield asking
    finally:
        asking.end()
        for thread in threads:
            thread.join()
    assert asking.wrong == []
    assert asking.asked > 20


def certs(site: Site, *arguments: str, exit_code: int = 0) -> str:
    """Run `tenantgate certs` against the cluster, as the administrator."""
    kubeconfig = f"--kubeconfig={site.cluster.kubeconfig(ADMIN)}"
    terms = ["--ca-lifetime=1h", "--leaf-lifetime=30m", "--cert-settle=3s", "--cert-overlap=4s"]
    result = CliRunner().invoke(cli, ["certs", *arguments, kubeconfig, *terms])
    assert result.exit_code == exit_code, result.output
    return result.stdout


def test_the_controller_makes_everything(site: Site):
    eventually(site.trusted)
    tls, authorities = (
        site.cluster.get("secret", name, NAMESPACE) for name in ("tenantgate-tls", "tenantgate-ca")
    )

    assert tls["type"] == "kubernetes.io/tls"
    assert sorted(tls["data"]) == ["ca.crt", "tls.crt", "tls.key"]
    assert sorted(authorities["data"]) == ["ca.crt", "ca.key"]
    assert tls["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "tenantgate"
    assert get(f"{site.webhook.ops}/readyz") == 200
    assert "CertificateRotated" in site.events()
    readings = {labels["cert"]: value for _, labels, value in site.controllers[0]["certificates"].readings()}  # fmt: skip
    assert time.time() < readings["leaf"] < readings["ca"] < time.time() + 3700


def test_its_pods_are_judged(site: Site, cluster: Cluster, shop: str):
    with requests(cluster, shop) as asking:
        eventually(lambda: asking.asked > 20, timeout=30)


def test_what_is_as_it_should_be_is_not_written(site: Site):
    def versions() -> Sequence[str]:
        names = ("tenantgate-tls", "tenantgate-ca")
        found = [site.cluster.get("secret", name, NAMESPACE) for name in names]
        return [each["metadata"]["resourceVersion"] for each in (*found, *site.configurations())]

    before = versions()
    time.sleep(2)  # in which the controller looks a few times

    assert versions() == before


def test_a_ca_bundle_that_somebody_changed_is_put_right(site: Site):
    change = [{"op": "remove", "path": "/webhooks/0/clientConfig/caBundle"}]
    done = site.cluster.kubectl(
        *("patch", VALIDATING, "tenantgate", "--type=json", "-p", json.dumps(change)), user=ADMIN
    )
    assert done.returncode == 0, done.stderr

    eventually(site.trusted)


def test_certificates_rotate_and_no_request_fails(site: Site, cluster: Cluster, shop: str):
    """Of the leaf alone, then of the authority, which takes the leaf along."""
    with requests(cluster, shop):
        before = site.leaf()
        assert "a serving certificate was issued" in certs(site, "rotate")
        assert site.leaf() != before
        eventually(site.mounted)

        before = site.leaf()
        assert "the new CA signs from" in certs(site, "rotate", "--ca")
        assert site.leaf() == before
        assert all(len(read_bundle(bundle)) == 2 for bundle in site.bundles())
        eventually(lambda: site.leaf() != before, timeout=20)
        assert site.trusted()
        eventually(site.at_rest, timeout=20)
        eventually(site.mounted)
    assert "CertificateRotated" in site.events()
    assert "next-ca.key" not in site.secret("tenantgate-ca")


def test_two_who_lead_do_no_harm(site: Site, cluster: Cluster, shop: str):
    """Each believes that it alone leads, and both are asked to rotate."""
    other = site.replica()
    with requests(cluster, shop):
        for number in range(6):
            certs(site, "rotate", *(["--ca"] if number % 2 else []))
            time.sleep(1)
        eventually(site.at_rest, timeout=40)
        eventually(site.mounted)
    other.stop()
    assert site.trusted()


@pytest.mark.parametrize("name", ["tls.crt", "tls.key", "ca.crt"])
def test_a_truncated_secret_is_mended_while_the_old_pair_serves(
    site: Site, cluster: Cluster, shop: str, name: str
):
    with requests(cluster, shop):
        site.change({name: site.secret()[name][:70]})
        eventually(lambda: site.secret()[name].endswith(b"-----\n"))
        eventually(site.at_rest)
        eventually(site.mounted)


def test_a_lost_authority_is_replaced_and_no_request_fails(site: Site, cluster: Cluster, shop: str):
    with requests(cluster, shop):
        cluster.kubectl("delete", "secret", "tenantgate-ca", "-n", NAMESPACE, user=ADMIN)
        eventually(lambda: "ca.key" in (site.secret("tenantgate-ca") or {}), timeout=20)
        eventually(site.at_rest, timeout=20)
        eventually(site.mounted)
    assert "CertificateRepaired" in site.events()


def test_both_secrets_may_be_lost_while_the_webhook_serves(site: Site, cluster: Cluster, shop: str):
    """It has its certificate in memory, and the registrations still trust that."""
    with requests(cluster, shop):
        names = ("tenantgate-ca", "tenantgate-tls")
        cluster.kubectl("delete", "secret", *names, "-n", NAMESPACE, user=ADMIN)
        eventually(lambda: site.secret() and site.trusted(), timeout=20)
        eventually(site.mounted)
        eventually(site.at_rest, timeout=20)


def test_an_expired_certificate_is_replaced(site: Site, cluster: Cluster, shop: str):
    """Nobody looked after it for too long; pods are refused until the new one is mounted."""
    site.controllers[0].stop()
    signing = Authorities.read(site.secret("tenantgate-ca")).signing
    assert signing
    made = signing.certificate.not_valid_before_utc
    expired = new_leaf(signing, names_of(site.target), made, timedelta(minutes=1))
    site.change({"tls.crt": expired.certificate, "tls.key": expired.key})
    eventually(lambda: get(f"{site.webhook.ops}/readyz") == 503)
    for worker in site.webhook.process.workers():
        os.kill(worker, signal.SIGKILL)  # or the API server would keep the connections that it has

    def refused() -> bool:
        done = cluster.create_as(ALICE, pod(), shop, "--dry-run=server")
        return "certificate has expired" in done.stderr

    eventually(refused)
    assert "expired" in certs(site, "show", exit_code=1)

    site.controllers[0].start()

    eventually(lambda: get(f"{site.webhook.ops}/readyz") == 200)
    cluster.create_until_admitted(ALICE, pod(), shop, "--dry-run=server")


def test_the_command_shows_what_is_stored(site: Site):
    found = json.loads(certs(site, "show", "-ojson"))

    leaf, authority = found["certificates"]
    assert leaf["fingerprint"] == site.leaf()
    assert leaf["signedBy"] == authority["fingerprint"]
    assert leaf["names"] == sorted(names_of(site.target))
    assert found["problems"] == []
    assert found["managedElsewhere"] is None


def test_a_registration_that_others_keep_has_its_ca_bundle_filled_in(site: Site):
    """GitOps applied it without one; only that field is written."""
    found = site.cluster.get(VALIDATING, "tenantgate", "default")
    webhook = {**found["webhooks"][0], "failurePolicy": "Ignore"}
    del webhook["clientConfig"]["caBundle"], webhook["rules"]
    labels = {"app.kubernetes.io/part-of": "tenantgate"}
    made = {
        "apiVersion": found["apiVersion"],
        "kind": found["kind"],
        "metadata": {"name": "tenantgate-other", "labels": labels},
        "webhooks": [webhook],
    }
    site.cluster.create(made)
    try:
        certs(site, "issue")  # the controller may write those of one name only

        stored = site.cluster.get(VALIDATING, "tenantgate-other", "default")
        assert base64.b64decode(stored["webhooks"][0]["clientConfig"].pop("caBundle"))
        assert stored["webhooks"] == [webhook]
    finally:
        site.cluster.kubectl("delete", VALIDATING, "tenantgate-other", user=ADMIN)


class TestElsewhere:
    """Somebody else looks after the certificates: ours are off completely."""

    @pytest.fixture
    def quiet(self, site: Site) -> Iterator[Site]:
        """The site without a controller."""
        site.controllers[0].stop()
        yield site
        site.controllers[0].start()

    @pytest.mark.parametrize(
        ("kind", "name", "mark"),
        [
            (VALIDATING, "tenantgate", "cert-manager.io/inject-ca-from=tenantgate-system/x"),
            ("secret", "tenantgate-tls", "cert-manager.io/certificate-name=tenantgate"),
        ],
    )
    def test_cert_manager_is_recognised(self, quiet: Site, kind: str, name: str, mark: str):
        where = (kind, name, "-n", NAMESPACE)
        key, _, _ = mark.partition("=")
        before = quiet.leaf()
        quiet.cluster.kubectl("annotate", *where, mark, user=ADMIN)
        try:
            result = CliRunner().invoke(
                cli, ["certs", "rotate", f"--kubeconfig={quiet.cluster.kubeconfig(ADMIN)}"]
            )
            assert result.exit_code == 2
            assert "nothing was changed: cert-manager" in result.stderr
            assert json.loads(certs(quiet, "show", "-ojson"))["managedElsewhere"]

            running = quiet.replica()
            quiet.change({"tls.key": b"garbage"})
            eventually(lambda: "CertificatesExternal" in quiet.events())
            time.sleep(1)
            running.stop()
            assert quiet.secret()["tls.key"] == b"garbage"
        finally:
            quiet.cluster.kubectl("annotate", *where, f"{key}-", user=ADMIN)
        quiet.controllers[0].start()
        eventually(lambda: quiet.leaf() not in ("", before))
        quiet.controllers[0].stop()

    def test_so_is_whoever_the_option_names(self, quiet: Site):
        running = quiet.replica(source="external")
        quiet.change({"tls.key": b"garbage"})
        time.sleep(1)
        running.stop()

        assert quiet.secret()["tls.key"] == b"garbage"

    def test_a_given_secret_is_left_alone(self, quiet: Site):
        quiet.cluster.kubectl("delete", "secret", "tenantgate-tls", "-n", NAMESPACE, user=ADMIN)
        given = (
            quiet.cluster.plane.folder / "serving.crt",
            quiet.cluster.plane.folder / "serving.key",
        )
        quiet.cluster.kubectl(
            *("create", "secret", "tls", "tenantgate-tls", "-n", NAMESPACE),
            *(f"--cert={given[0]}", f"--key={given[1]}"),
            user=ADMIN,
        )
        before = quiet.secret()
        running = quiet.replica()
        time.sleep(1)
        running.stop()

        assert quiet.secret() == before
