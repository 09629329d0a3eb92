"""Whose client certificates the webhook accepts, where it asks for any.

An API server shows one only if its AdmissionConfiguration names a kubeconfig file for the webhook.
"""

import logging
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from webhook.certs.files import CertificateError, read_certificates
from webhook.certs.signing import certificate_pem

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Clients:
    """Who may connect: the file of the authorities (PEM), and names; none means all they vouch for."""

    ca: Path
    names: frozenset[str] = frozenset()

    def read(self) -> str:
        """Return the certificates of the authorities.

        Raises:
            CertificateError: the file cannot be read, or holds none.
        """
        try:
            return b"".join(map(certificate_pem, read_certificates(self.ca))).decode()
        except CertificateError as error:
            raise CertificateError(f"{error}; name the clients' CA with --client-ca") from None

    def objection(self, shown: Mapping[str, Any] | None) -> str:
        """Return why a client whose certificate the authorities vouch for may not ask, or nothing.

        Args:
            shown: its certificate, as `SSLObject.getpeercert` tells it.
        """
        if not self.names:
            return ""
        found = names_shown(shown or {})
        if found & self.names:
            return ""
        return (
            f"the client certificate is for {_listed(found)}; allowed: {_listed(self.names)}. "
            "Fix: name the API server's certificate with --client-name"
        )


def demand(context: ssl.SSLContext, authorities: str) -> None:
    """Have a server's context refuse whoever shows no certificate of these authorities (PEM).

    As in Go, each of them is trusted by itself, be it a root or not. Sessions are not resumed: that
    would pass by the authorities, which may have changed since.
    """
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    context.load_verify_locations(cadata=authorities)
    context.sslobject_class = _Connection
    context.sslsocket_class = _Socket


class _Doorkeeper:
    """Says who is turned away, now and then: nobody else would, and clients see a mere reset."""

    def __init__(self) -> None:
        self._silent_until = 0.0

    def tell(self, error: ssl.SSLError) -> None:
        """Log a refusal, unless one was logged a moment ago."""
        if error.reason not in _REFUSED or time.monotonic() < self._silent_until:
            return
        self._silent_until = time.monotonic() + _SILENCE
        why = getattr(error, "verify_message", "") or "it showed no certificate"
        _log.warning("a client was turned away in the TLS handshake: %s", why)


_REFUSED = frozenset({"CERTIFICATE_VERIFY_FAILED", "PEER_DID_NOT_RETURN_A_CERTIFICATE"})
_SILENCE = 10.0
_doorkeeper = _Doorkeeper()


class _Connection(ssl.SSLObject):
    """A connection of an event loop."""

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except ssl.SSLError as error:
            _doorkeeper.tell(error)
            raise


class _Socket(ssl.SSLSocket):
    """A connection of a thread."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except ssl.SSLError as error:
            _doorkeeper.tell(error)
            raise


def names_shown(certificate: Mapping[str, Any]) -> frozenset[str]:
    """Return the common name and the alternative names of a certificate."""
    common = [
        value
        for part in certificate.get("subject", ())
        for key, value in part
        if key == "commonName"
    ]
    return frozenset((*common, *(value for _, value in certificate.get("subjectAltName", ()))))


def _listed(names: frozenset[str]) -> str:
    return ", ".join(f'"{name}"' for name in sorted(names)) or "nobody"
