"""Authorities and serving certificates as they are stored: named pieces of PEM, read with care.

A Secret and a folder hold the same pieces under the same names. Either may be damaged, so what
cannot be read counts as absent, and the rotation replaces it.
"""

import contextlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import NameOID

from webhook.certs.files import CA, CERTIFICATE, KEY
from webhook.certs.signing import (
    Signer,
    SigningKey,
    belong_together,
    certificate_pem,
    key_pem,
    signer_of,
)
from webhook.core.rotation import Certificate, Leaf

SIGNING_KEY, COMING_KEY = "ca.key", "next-ca.key"
PUBLISHED_AT, REPLACED_AT = "published-at", "replaced-at"
PIECES = (CA, SIGNING_KEY, COMING_KEY, PUBLISHED_AT, REPLACED_AT)
"""Of the authorities. Which certificate in `ca.crt` signs, and which one is to, is told by its key."""

AUTHORITY = "tenantgate CA"
"""How the names of our authorities begin; when each was made follows."""

_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\s*", re.DOTALL)
_DAMAGED = ""
"""Stands among ids for what could not be read."""


@dataclass(frozen=True, slots=True)
class Authorities:
    """The authorities that are trusted, and the keys of those that sign or are to sign."""

    signing: Signer | None = None
    coming: Signer | None = None
    former: tuple[x509.Certificate, ...] = ()
    published_at: datetime | None = None
    replaced_at: datetime | None = None

    @classmethod
    def read(cls, pieces: Mapping[str, bytes]) -> "Authorities":
        """Read them from their pieces."""
        known = {
            fingerprint(found): found
            for found in read_bundle(pieces.get(CA, b""))
            if _may_sign(found)
        }
        signing = _signer(known.values(), pieces.get(SIGNING_KEY, b""))
        if signing:
            del known[fingerprint(signing.certificate)]
        coming = _signer(known.values(), pieces.get(COMING_KEY, b""))
        if coming:
            del known[fingerprint(coming.certificate)]
        times = (_time(pieces.get(name, b"")) for name in (PUBLISHED_AT, REPLACED_AT))
        return cls(signing, coming, tuple(known.values()), *times)

    def pieces(self) -> dict[str, bytes]:
        """Return the pieces to store; a name that is left out is not to be there."""
        found = {CA: self.bundle()}
        for name, signer in ((SIGNING_KEY, self.signing), (COMING_KEY, self.coming)):
            if signer:
                found[name] = key_pem(signer.key)
        for name, time in ((PUBLISHED_AT, self.published_at), (REPLACED_AT, self.replaced_at)):
            if time:
                found[name] = time.isoformat().encode()
        return found

    def bundle(self) -> bytes:
        """Return the certificates of all, the one that signs first."""
        signers = [signer.certificate for signer in (self.signing, self.coming) if signer]
        return b"".join(map(certificate_pem, (*signers, *self.former)))


@dataclass(frozen=True, slots=True)
class Serving:
    """The serving certificate; `problem` says why what is there could not be served."""

    certificate: x509.Certificate | None = None
    intermediates: tuple[x509.Certificate, ...] = ()
    problem: str = ""

    @classmethod
    def read(cls, pieces: Mapping[str, bytes]) -> "Serving":
        """Read it from its pieces, and make sure that the key is its own."""
        if CERTIFICATE not in pieces and KEY not in pieces:
            return cls()
        try:
            found, *others = x509.load_pem_x509_certificates(pieces.get(CERTIFICATE, b""))
            found.public_key()
        except (ValueError, UnsupportedAlgorithm):
            return cls(problem=f"{CERTIFICATE} holds no certificate in PEM form")
        key = _key(pieces.get(KEY, b""))
        if key is None:
            return cls(problem=f"{KEY} holds no private key in PEM form that could be used")
        if not belong_together(found, key):
            return cls(problem=f"{KEY} is not the key of {CERTIFICATE}")
        return cls(found, tuple(others))

    def signer(self, authorities: Sequence[x509.Certificate]) -> x509.Certificate | None:
        """Return the authority that it comes from, by way of its intermediates if it has any."""
        at, above = self.certificate, list(self.intermediates)
        while at is not None:
            if found := signer_of(at, authorities):
                return found
            at = signer_of(at, above)
            if at is not None:
                above.remove(at)
        return None

    def leaf(self, authorities: Sequence[x509.Certificate]) -> Leaf | None:
        """Return what the rotation knows of it; its signer is looked for among the authorities."""
        if self.certificate is None:
            return None
        signer = self.signer(authorities)
        return Leaf(
            fingerprint(self.certificate),
            self.certificate.not_valid_before_utc,
            self.certificate.not_valid_after_utc,
            fingerprint(signer) if signer else "",
            names_of(self.certificate),
        )


def fact(certificate: x509.Certificate) -> Certificate:
    """Return what the rotation knows of an authority."""
    return Certificate(
        fingerprint(certificate),
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
    )


def fingerprint(certificate: x509.Certificate) -> str:
    """Return the SHA-256 fingerprint of a certificate, as lower-case digits."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def common_name(name: x509.Name) -> str:
    """Return the CN of a subject or an issuer."""
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""


def is_ours(authority: x509.Name) -> bool:
    """Return whether an authority's name is one that we give."""
    return common_name(authority).startswith(f"{AUTHORITY} ")


def names_of(certificate: x509.Certificate) -> frozenset[str]:
    """Return the DNS names and IP addresses that a certificate is for."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return frozenset()
    addresses = (str(address) for address in found.get_values_for_type(x509.IPAddress))
    return frozenset((*found.get_values_for_type(x509.DNSName), *addresses))


def read_bundle(text: bytes) -> tuple[x509.Certificate, ...]:
    """Return the certificates in a PEM text that can be read, each once."""
    found: dict[str, x509.Certificate] = {}
    for block in _BLOCK.findall(text):
        with contextlib.suppress(ValueError, UnsupportedAlgorithm):
            read = x509.load_pem_x509_certificate(block)
            read.public_key()
            found[fingerprint(read)] = read
    return tuple(found.values())


def ids_in(text: bytes) -> frozenset[str]:
    """Return the ids of a bundle's certificates; with `""` among them if anything is damaged."""
    found = read_bundle(text)
    damaged = _BLOCK.sub(b"", text).strip() or len(_BLOCK.findall(text)) != len(found)
    return frozenset((*map(fingerprint, found), *((_DAMAGED,) if damaged else ())))


def _signer(known: Iterable[x509.Certificate], pem: bytes) -> Signer | None:
    key = _key(pem)
    if not isinstance(key, SigningKey):
        return None
    return next((Signer(ca, key) for ca in known if belong_together(ca, key)), None)


def _key(pem: bytes) -> PrivateKeyTypes | None:
    with contextlib.suppress(ValueError, TypeError, UnsupportedAlgorithm):
        return load_pem_private_key(pem, password=None)
    return None


def _may_sign(certificate: x509.Certificate) -> bool:
    try:
        found = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    return found.ca


def _time(text: bytes) -> datetime | None:
    with contextlib.suppress(ValueError):
        found = datetime.fromisoformat(text.decode().strip())
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    return None
