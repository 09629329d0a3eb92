"""Certificates as Secrets: what is written where, whose they are, and races that are lost."""

import base64
import copy
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from tests.certs.stored import NAMES, TERMS
from webhook.certs.authorities import Serving, read_bundle
from webhook.certs.issue import issue
from webhook.certs.rotate import ManagedElsewhereError, Outcome, rotate
from webhook.certs.secret import SecretStore, ca_bundle, secret_path, served
from webhook.cluster.client import Api, ApiError
from webhook.core.rotation import Step, Wish

OWN = "tenantgate-system"
TLS, CA = (secret_path(OWN, name) for name in ("tenantgate-tls", "tenantgate-ca"))
GROUP = "/apis/admissionregistration.k8s.io/v1"
MUTATING, VALIDATING = (
    f"{GROUP}/{kind}webhookconfigurations/tenantgate" for kind in ("mutating", "validating")
)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Cluster:
    """As much of an API server as certificates meet; `before_write` may change it, or raise."""

    def __init__(self) -> None:
        self.objects: dict[str, Any] = {}
        self.writes: list[str] = []
        self.before_write: Callable[[str], None] = lambda path: None
        self._version = 0

    def now(self) -> datetime:
        return NOW

    def find(self, path: str, *, timeout: float) -> Any:
        return copy.deepcopy(self.objects.get(path))

    def get(self, path: str, query: Mapping[str, str], *, timeout: float) -> Any:
        key, _, value = query["labelSelector"].partition("=")
        found = [
            {name: part for name, part in each.items() if name != "kind"}
            for place, each in self.objects.items()
            if place.startswith(f"{path}/") and each["metadata"]["labels"].get(key) == value
        ]
        return {"items": copy.deepcopy(found)}

    def post(self, path: str, body: Any, *, timeout: float) -> None:
        place = f"{path}/{body['metadata']['name']}"
        self.before_write(place)
        if place in self.objects:
            raise ApiError(f"POST {path}: 409 already exists", 409)
        self.store(place, body)

    def put(self, path: str, body: Any, *, timeout: float) -> None:
        self.before_write(path)
        if path not in self.objects:
            raise ApiError(f"PUT {path}: 404 not found", 404)
        stored = self.objects[path]["metadata"]["resourceVersion"]
        if body["metadata"]["resourceVersion"] != stored:
            raise ApiError(f"PUT {path}: 409 changed", 409)
        self.store(path, body)

    def store(self, path: str, body: Any) -> None:
        self._version += 1
        body = copy.deepcopy(body)
        body["metadata"]["resourceVersion"] = str(self._version)
        self.objects[path] = body
        self.writes.append(path)

    # What tests ask

    def rotate(self, wish: Wish | None = None) -> Outcome:
        return rotate(self.secrets, TERMS, NAMES, self.now, wish)

    @property
    def api(self) -> Api:
        return cast(Api, self)

    @property
    def secrets(self) -> SecretStore:
        return SecretStore(self.api, OWN)

    def register(self, path: str, bundle: bytes = b"", **metadata: Any) -> None:
        client: dict[str, Any] = {"service": {"namespace": OWN, "name": "tenantgate"}}
        if bundle:
            client["caBundle"] = base64.b64encode(bundle).decode()
        labels = {"app.kubernetes.io/part-of": "tenantgate"}
        name = path.rpartition("/")[2]
        webhooks = [{"name": f"{number}.x", "clientConfig": client} for number in range(2)]
        self.store(
            path,
            {
                "metadata": {"name": name, "labels": labels, **metadata},
                "webhooks": webhooks,
            },
        )

    def bundles(self, path: str) -> list[bytes]:
        return [
            base64.b64decode(webhook["clientConfig"].get("caBundle", ""))
            for webhook in self.objects[path]["webhooks"]
        ]

    def data(self, path: str) -> dict[str, bytes]:
        found = self.objects[path]["data"].items()
        return {key: base64.b64decode(text) for key, text in found}


@pytest.fixture
def cluster() -> Cluster:
    made = Cluster()
    made.register(MUTATING)
    made.register(VALIDATING)
    return made


def given(cluster: Cluster, data: Mapping[str, bytes], **metadata: Any) -> None:
    """Put a Secret there that somebody else wrote."""
    encoded = {key: base64.b64encode(text).decode() for key, text in data.items()}
    made = {"metadata": {"name": "tenantgate-tls", **metadata}, "data": encoded}
    cluster.store(TLS, made)


def test_two_secrets_are_made_and_everybody_registered_trusts_them(cluster: Cluster):
    cluster.rotate()

    tls, authorities = cluster.objects[TLS], cluster.objects[CA]
    assert tls["type"] == "kubernetes.io/tls"
    assert sorted(tls["data"]) == ["ca.crt", "tls.crt", "tls.key"]
    assert sorted(authorities["data"]) == ["ca.crt", "ca.key"]
    for secret in (tls, authorities):
        assert secret["metadata"]["namespace"] == OWN
        assert secret["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "tenantgate"
    bundle = cluster.data(TLS)["ca.crt"]
    assert {*cluster.bundles(MUTATING), *cluster.bundles(VALIDATING)} == {bundle}
    assert ca_bundle(served(cluster.api, OWN)) == bundle.decode()


def test_nothing_is_written_twice(cluster: Cluster):
    cluster.rotate()
    writes = len(cluster.writes)

    cluster.rotate()

    assert len(cluster.writes) == writes


def test_of_a_registration_only_the_bundle_is_written(cluster: Cluster):
    before = copy.deepcopy(cluster.objects[VALIDATING])

    cluster.rotate()

    after = copy.deepcopy(cluster.objects[VALIDATING])
    for webhook in after["webhooks"]:
        assert webhook["clientConfig"].pop("caBundle")
    assert after["webhooks"] == before["webhooks"]
    assert cluster.writes.count(MUTATING) == 2


def test_a_bundle_that_is_spelt_otherwise_is_no_difference(cluster: Cluster):
    cluster.rotate()
    spelt = b"# the CA of tenantgate\n" + cluster.bundles(MUTATING)[0].replace(b"\n", b"\r\n")
    cluster.register(MUTATING, cluster.bundles(MUTATING)[0].replace(b"\n", b"\r\n"))
    writes = cluster.writes.count(MUTATING)

    cluster.rotate()

    assert cluster.writes.count(MUTATING) == writes
    cluster.register(MUTATING, spelt)
    cluster.rotate()
    assert cluster.bundles(MUTATING) == cluster.bundles(VALIDATING)


def test_what_others_keep_in_the_secrets_stays(cluster: Cluster):
    cluster.rotate()
    cluster.objects[TLS]["data"]["keystore.p12"] = "AAAA"
    cluster.objects[TLS]["metadata"]["annotations"] = {"example.com/owner": "me"}

    cluster.rotate(Wish.LEAF)

    assert cluster.objects[TLS]["data"]["keystore.p12"] == "AAAA"
    assert cluster.objects[TLS]["metadata"]["annotations"] == {"example.com/owner": "me"}


@pytest.mark.parametrize("wish", [Wish.LEAF, Wish.CA])
@pytest.mark.parametrize("path", [TLS, CA, VALIDATING])
def test_a_lost_race_is_read_again(cluster: Cluster, path: str, wish: Wish):
    cluster.rotate()
    races = 3

    def interfere(place: str) -> None:
        nonlocal races
        if place == path and races:
            races -= 1
            cluster.store(path, cluster.objects[path])

    cluster.before_write = interfere
    cluster.rotate(wish)

    bundle = cluster.data(TLS)["ca.crt"]
    assert {*cluster.bundles(MUTATING), *cluster.bundles(VALIDATING)} == {bundle}


@pytest.mark.parametrize("path", [TLS, CA])
def test_a_secret_that_vanishes_under_a_write_is_made_anew(cluster: Cluster, path: str):
    cluster.rotate()

    def delete(place: str) -> None:
        if place == path:
            cluster.before_write = lambda place: None
            del cluster.objects[path]

    cluster.before_write = delete
    cluster.rotate(Wish.LEAF if path == TLS else Wish.CA)

    found = Serving.read(cluster.data(TLS))
    assert found.signer(read_bundle(cluster.bundles(MUTATING)[0]))


def test_two_who_find_nothing_make_one_authority(cluster: Cluster):
    def overtake(place: str) -> None:
        cluster.before_write = lambda place: None
        cluster.rotate()

    cluster.before_write = overtake
    cluster.rotate()

    assert len(read_bundle(cluster.data(CA)["ca.crt"])) == 1
    assert cluster.data(CA)["ca.crt"] == cluster.data(TLS)["ca.crt"]


def test_one_registration_that_cannot_be_written_keeps_no_other_from_it(cluster: Cluster):
    def forbid(place: str) -> None:
        if place == MUTATING:
            raise ApiError("forbidden", 403)

    cluster.before_write = forbid
    with pytest.raises(ApiError, match="forbidden"):
        cluster.rotate()

    assert all(cluster.bundles(VALIDATING))


def test_an_authority_signs_only_once_all_registrations_have_it(cluster: Cluster):
    """However long one of them cannot be written."""
    cluster.rotate()
    leaf = cluster.data(TLS)["tls.crt"]

    def forbid(place: str) -> None:
        if place == MUTATING:
            raise ApiError("forbidden", 403)

    cluster.before_write = forbid
    for _ in range(3):
        with pytest.raises(ApiError):
            cluster.rotate(Wish.CA)
    assert cluster.data(TLS)["tls.crt"] == leaf
    assert "published-at" not in cluster.data(CA)


@pytest.mark.parametrize("metadata", [{}, {"labels": {"app.kubernetes.io/part-of": "tenantgate"}}])
@pytest.mark.parametrize("data", [{}, {"tls.crt": b"", "tls.key": b""}, {"tls.crt": b"rubbish"}])
def test_a_secret_that_holds_nothing_usable_is_taken_over(
    cluster: Cluster, data: Mapping[str, bytes], metadata: Mapping[str, Any]
):
    given(cluster, data, **metadata)

    cluster.rotate()

    assert Serving.read(cluster.data(TLS)).certificate


class TestElsewhere:
    def left_alone(self, cluster: Cluster, says: str) -> None:
        writes = len(cluster.writes)
        with pytest.raises(ManagedElsewhereError, match=says):
            cluster.rotate(Wish.CA)
        assert len(cluster.writes) == writes

    @pytest.mark.parametrize(
        "mark", ["inject-ca-from", "inject-ca-from-secret", "inject-apiserver-ca"]
    )
    def test_cert_manager_fills_in_the_bundle(self, cluster: Cluster, mark: str):
        cluster.rotate()
        cluster.register(VALIDATING, annotations={f"cert-manager.io/{mark}": "x/y"})

        self.left_alone(cluster, 'caBundle of ValidatingWebhookConfiguration "tenantgate"')

    @pytest.mark.parametrize(
        "metadata",
        [
            {"annotations": {"cert-manager.io/certificate-name": "tenantgate"}},
            {"labels": {"controller.cert-manager.io/fao": "true"}},
        ],
    )
    def test_cert_manager_writes_the_secret(self, cluster: Cluster, metadata: Any):
        given(cluster, {"tls.crt": b"", "tls.key": b""}, **metadata)

        self.left_alone(cluster, "cert-manager writes Secret")

    def test_somebody_gave_a_certificate(self, cluster: Cluster, tmp_path: Any):
        files = issue(tmp_path)
        given(cluster, {path.name: path.read_bytes() for path in files.directory.iterdir()})

        self.left_alone(cluster, "was not issued here")

    def test_somebody_gives_one_in_place_of_ours(self, cluster: Cluster, tmp_path: Any):
        cluster.rotate()
        files = issue(tmp_path)
        given(cluster, {path.name: path.read_bytes() for path in files.directory.iterdir()})

        self.left_alone(cluster, "was not issued here")

    def test_the_registrations_trust_somebody_else(self, cluster: Cluster, tmp_path: Any):
        """The webhook runs elsewhere, perhaps on a machine, with a certificate that is not here."""
        cluster.register(MUTATING, issue(tmp_path).ca.read_bytes())

        self.left_alone(cluster, "trusts others")

    def test_ours_is_ours_though_somebody_took_its_label(self, cluster: Cluster):
        cluster.rotate()
        cluster.objects[TLS]["metadata"]["labels"] = {}

        assert [change.step for change in cluster.rotate(Wish.LEAF).changes] == [Step.ISSUE]


def test_there_is_no_bundle_while_there_is_no_secret(cluster: Cluster):
    assert ca_bundle(served(cluster.api, OWN)) is None
    given(cluster, {"tls.crt": b"", "tls.key": b"", "ca.crt": b"rubbish"})
    assert ca_bundle(served(cluster.api, OWN)) is None
