"""Development certificates: an authority of its own for every folder, whose key nobody keeps."""

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from webhook.certs.files import CertificateError, Files, check, read_certificates, write

AUTHORITY = "tenantgate development CA"
LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
CA_LIFE = timedelta(days=3650)
LEAF_LIFE = timedelta(days=90)

_SKEW = timedelta(minutes=5)
"""How far a client's clock may lag behind ours."""


def prepare(directory: Path, *, issuing: bool, names: Sequence[str] = ()) -> bool:
    """See to it that the folder holds a pair that can serve; return whether one was issued.

    A development certificate is issued into a folder that holds none of the files, and a former
    one of ours is renewed in the last third of its life. Anybody else's files are left alone.

    Raises:
        CertificateError: what is there cannot serve, or there is nothing and none may be issued.
    """
    files = Files(directory)
    present = files.present()
    if present:
        if issuing and _is_ours(files) and _is_due(files, datetime.now(UTC)):
            issue(directory, names)
            return True
        check(files)
        return False
    if not issuing:
        raise CertificateError(
            f"{directory} holds no certificate; inside a cluster none is issued here: mount the "
            "Secret with tls.crt and tls.key, or name its folder with --cert-dir"
        )
    issue(directory, names)
    return True


def issue(directory: Path, names: Sequence[str] = (), now: datetime | None = None) -> Files:
    """Write a new authority and a serving certificate for this machine and the given names.

    Raises:
        CertificateError: the folder cannot be written.
    """
    now = now or datetime.now(UTC)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, AUTHORITY)])
    leaf_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tenantgate")])
    ca = (
        _certificate(ca_name, ca_name, ca_key, ca_key, now, CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(ca=True), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    names_of_leaf = [_general_name(name) for name in dict.fromkeys((*LOCAL_NAMES, *names))]
    leaf = (
        _certificate(leaf_name, ca_name, key, ca_key, now, LEAF_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names_of_leaf), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    files = Files(directory)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        write(
            files.key,
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            mode=0o600,
        )
        write(files.certificate, leaf.public_bytes(Encoding.PEM))
        write(files.ca, ca.public_bytes(Encoding.PEM))
    except OSError as error:
        raise CertificateError(
            f"{directory} cannot be written: {error.strerror}; name another folder with --cert-dir"
        ) from None
    return files


def _is_ours(files: Files) -> bool:
    """Return whether the serving certificate is one that `issue` wrote."""
    try:
        issuer = read_certificates(files.certificate)[0].issuer
    except CertificateError:
        return False
    return [a.value for a in issuer.get_attributes_for_oid(NameOID.COMMON_NAME)] == [AUTHORITY]


def _is_due(files: Files, now: datetime) -> bool:
    return read_certificates(files.certificate)[0].not_valid_after_utc - now < LEAF_LIFE / 3


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    ca_key: ec.EllipticCurvePrivateKey,
    now: datetime,
    life: timedelta,
) -> x509.CertificateBuilder:
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(identifier, critical=False)
    )


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
