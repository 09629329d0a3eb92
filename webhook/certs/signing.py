"""Authorities and the serving certificates that they sign: ECDSA on P-256, as PEM."""

import contextlib
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from webhook.core.rotation import BACKDATE

SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
"""Ours are elliptic; an authority that somebody else made may have the other kind."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key, both as PEM."""

    certificate: bytes
    key: bytes


@dataclass(frozen=True, slots=True)
class Signer:
    """An authority and its key."""

    certificate: x509.Certificate
    key: SigningKey

    def pem(self) -> Pair:
        """Return it as it is stored."""
        return Pair(certificate_pem(self.certificate), key_pem(self.key))


def new_authority(name: str, now: datetime, lifetime: timedelta) -> Signer:
    """Make an authority that may sign serving certificates, and no authorities."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        _certificate(subject, subject, key, _identifier(key), now, now + lifetime)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(ca=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Signer(certificate, key)


def new_leaf(signer: Signer, names: Iterable[str], now: datetime, lifetime: timedelta) -> Pair:
    """Make a serving certificate for DNS names and IP addresses; it ends with its authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tenantgate")])
    end = min(now + lifetime, signer.certificate.not_valid_after_utc)
    issuer = signer.certificate
    san = x509.SubjectAlternativeName([_general_name(name) for name in dict.fromkeys(names)])
    certificate = (
        _certificate(subject, issuer.subject, key, _identifier(signer.key, issuer), now, end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(san, critical=False)
        .sign(signer.key, hashes.SHA256())
    )
    return Pair(certificate_pem(certificate), key_pem(key))


def certificate_pem(certificate: x509.Certificate) -> bytes:
    """Return a certificate as PEM."""
    return certificate.public_bytes(Encoding.PEM)


def key_pem(key: SigningKey) -> bytes:
    """Return a private key as PEM."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def belong_together(certificate: x509.Certificate, key: PrivateKeyTypes) -> bool:
    """Return whether a private key is that of a certificate."""
    own, certified = (
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        for public in (key.public_key(), certificate.public_key())
    )
    return own == certified


def signer_of(
    certificate: x509.Certificate, authorities: Iterable[x509.Certificate]
) -> x509.Certificate | None:
    """Return the authority that signed a certificate."""
    for authority in authorities:
        with contextlib.suppress(ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            certificate.verify_directly_issued_by(authority)
            return authority
    return None


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    identifier: x509.AuthorityKeyIdentifier,
    now: datetime,
    end: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(identifier, critical=False)
    )


def _identifier(
    key: SigningKey, issuer: x509.Certificate | None = None
) -> x509.AuthorityKeyIdentifier:
    """Return what names the issuer's key: as the issuer itself does, if it does."""
    if issuer is not None:
        with contextlib.suppress(x509.ExtensionNotFound):
            own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
            return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


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
