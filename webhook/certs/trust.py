"""Whether a client that trusts a bundle would accept a serving certificate, before anybody has to."""

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509

from webhook.certs.authorities import common_name, names_of, read_bundle
from webhook.certs.signing import signer_of

_LONGEST = 8
"""Certificates in a chain, far more than there ever are."""


def objection(shown: bytes, bundle: bytes, name: str, now: datetime) -> str:
    """Return why a client would not accept what a server shows, nothing if it would.

    Args:
        shown: the serving certificate and its intermediates, PEM, as the server sends them.
        bundle: the authorities that the client trusts, PEM.
        name: the DNS name or address by which the client calls the server.
        now: the client's time.
    """
    chain, trusted = read_bundle(shown), read_bundle(bundle)
    if not chain:
        return "there is no serving certificate"
    if not trusted:
        return "no authority is trusted"
    leaf = chain[0]
    if not _is_for(leaf, name):
        known = ", ".join(sorted(names_of(leaf))) or "no name at all"
        return f"the serving certificate is for {known}, and not for {name}"
    found = leaf
    for _ in range(_LONGEST):
        if problem := _expired(found, now):
            return problem
        valid = [ca for ca in trusted if not _expired(ca, now)]
        if found in trusted or signer_of(found, valid):
            return ""
        signer = signer_of(found, (*trusted, *chain[1:]))
        if signer is None or signer == found:
            return (
                f'"{common_name(found.issuer)}", who signed the serving certificate, is not among the '
                "trusted authorities"
            )
        found = signer
    return "the chain of the serving certificate does not end"


def expiries(bundle: bytes) -> Sequence[datetime]:
    """Return when each certificate of a bundle expires, in its order."""
    return [found.not_valid_after_utc for found in read_bundle(bundle)]


def _is_for(leaf: x509.Certificate, name: str) -> bool:
    names = {known.lower() for known in names_of(leaf)}
    _, _, parent = name.lower().partition(".")
    return name.lower() in names or f"*.{parent}" in names


def _expired(certificate: x509.Certificate, now: datetime) -> str:
    what = f'the certificate of "{common_name(certificate.subject)}"'
    if now < certificate.not_valid_before_utc:
        return f"{what} is not valid before {certificate.not_valid_before_utc.isoformat()}"
    if now >= certificate.not_valid_after_utc:
        return f"{what} expired at {certificate.not_valid_after_utc.isoformat()}"
    return ""
