"""The serving certificate: issued, checked, exchanged while it serves."""

import socket
import ssl
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from webhook.certs.files import CertificateError, Files, check, context, read_certificates
from webhook.certs.issue import CA_LIFE, LEAF_LIFE, issue, prepare
from webhook.certs.serving import ServingCertificate

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def served(server: ssl.SSLContext, ca: Path, name: str = "localhost") -> bytes:
    """Shake hands over a pair of sockets; return the certificate that the client was shown."""
    ours, theirs = socket.socketpair()
    client = ssl.create_default_context(cafile=ca)

    def serve() -> None:
        with server.wrap_socket(theirs, server_side=True) as connection:
            connection.recv(1)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client.wrap_socket(ours, server_hostname=name) as connection:
            shown = connection.getpeercert(binary_form=True)
            connection.send(b"x")
    finally:
        thread.join()
    assert shown
    return shown


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1", "web.example.com", "10.0.0.7"])
def test_clients_that_trust_the_authority_accept_the_certificate(tmp_path: Path, name: str):
    files = issue(tmp_path, ["web.example.com", "10.0.0.7"])

    served(context(files), files.ca, name)


def test_the_key_is_for_the_owner_only(tmp_path: Path):
    files = issue(tmp_path / "new" / "folder")

    assert stat.S_IMODE(files.key.stat().st_mode) == 0o600
    assert sorted(path.name for path in files.directory.iterdir()) == [
        "ca.crt",
        "tls.crt",
        "tls.key",
    ]


def test_it_says_until_when_it_holds(tmp_path: Path):
    now = datetime(2026, 11, 1, tzinfo=UTC)

    held = check(issue(tmp_path, now=now))

    assert held.leaf == now + LEAF_LIFE
    assert held.ca == now + CA_LIFE


def test_the_certificate_is_elliptic(tmp_path: Path):
    for path in (issue(tmp_path).certificate, tmp_path / "ca.crt"):
        key = read_certificates(path)[0].public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        assert isinstance(key.curve, ec.SECP256R1)


def test_an_empty_folder_gets_one_and_keeps_it(tmp_path: Path):
    assert prepare(tmp_path, issuing=True)
    first = (tmp_path / "tls.crt").read_bytes()
    assert not prepare(tmp_path, issuing=True)

    assert (tmp_path / "tls.crt").read_bytes() == first


def test_inside_a_cluster_none_is_issued(tmp_path: Path):
    with pytest.raises(CertificateError, match="--cert-dir"):
        prepare(tmp_path, issuing=False)

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("days", [-1, 20])
def test_ours_is_renewed_in_the_last_third_of_its_life(tmp_path: Path, days: int):
    issue(tmp_path, now=datetime.now(UTC) - LEAF_LIFE + timedelta(days=days))

    assert prepare(tmp_path, issuing=True)
    assert check(Files(tmp_path)).leaf > datetime.now(UTC) + timedelta(days=80)


def test_inside_a_cluster_ours_is_left_alone(tmp_path: Path):
    issue(tmp_path, now=LONG_AGO)

    assert not prepare(tmp_path, issuing=False)


@pytest.mark.parametrize("missing", ["tls.key", "tls.crt"])
def test_half_a_pair_is_an_error_that_says_what_is_missing(tmp_path: Path, missing: str):
    issue(tmp_path)
    (tmp_path / missing).unlink()

    with pytest.raises(CertificateError, match=f"has no {missing}"):
        prepare(tmp_path, issuing=True)


def test_an_authority_alone_is_no_pair(tmp_path: Path):
    issue(tmp_path)
    (tmp_path / "tls.key").unlink()
    (tmp_path / "tls.crt").unlink()

    with pytest.raises(CertificateError, match=r"has no tls\.crt and tls\.key"):
        prepare(tmp_path, issuing=True)


def test_a_pair_without_its_authority_can_serve(tmp_path: Path):
    issue(tmp_path)
    (tmp_path / "ca.crt").unlink()

    assert not prepare(tmp_path, issuing=False)
    assert check(Files(tmp_path)).ca is None


def test_two_halves_of_different_pairs_are_told_apart(tmp_path: Path):
    files, other = issue(tmp_path / "a"), issue(tmp_path / "b")
    files.key.write_bytes(other.key.read_bytes())

    with pytest.raises(CertificateError, match="is not the key of"):
        check(files)


@pytest.mark.parametrize(
    ("name", "says"),
    [("tls.crt", "no certificate in PEM form"), ("tls.key", "no private key in PEM form")],
)
def test_what_is_no_pem_is_said_so(tmp_path: Path, name: str, says: str):
    files = issue(tmp_path)
    (tmp_path / name).write_text("nothing of the kind")

    with pytest.raises(CertificateError, match=says):
        check(files)


def test_an_encrypted_key_is_an_error_and_no_question(tmp_path: Path):
    files = issue(tmp_path)
    key = ec.generate_private_key(ec.SECP256R1())
    files.key.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    )

    with pytest.raises(CertificateError, match="is encrypted"):
        check(files)


def test_a_folder_that_cannot_be_made_is_said_so(tmp_path: Path):
    (tmp_path / "file").write_text("")

    with pytest.raises(CertificateError, match="--cert-dir"):
        prepare(tmp_path / "file" / "certs", issuing=True)


def test_a_new_pair_is_served_from_the_next_handshake_on(tmp_path: Path):
    files = issue(tmp_path)
    serving = ServingCertificate(files)
    kept = serving.context
    before = served(kept, files.ca)

    assert not serving.refresh()
    issue(tmp_path)
    assert serving.refresh()

    after = served(kept, files.ca)
    assert after != before
    assert after == served(serving.context, files.ca)


def test_half_a_new_pair_leaves_the_old_one_in_use(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    files = issue(tmp_path / "a")
    old_ca = tmp_path / "old.crt"
    old_ca.write_bytes(files.ca.read_bytes())
    serving = ServingCertificate(files)
    before = served(serving.context, old_ca)
    other = issue(tmp_path / "b")

    files.certificate.write_bytes(other.certificate.read_bytes())
    assert not serving.refresh()
    assert "the former certificate stays in use" in caplog.text
    assert served(serving.context, old_ca) == before

    files.key.write_bytes(other.key.read_bytes())
    assert serving.refresh()
    assert served(serving.context, other.ca) != before


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_is_new_enough(tmp_path: Path, version: ssl.TLSVersion):
    made = context(issue(tmp_path))

    assert made.minimum_version == ssl.TLSVersion.TLSv1_2
    assert made.minimum_version <= version
