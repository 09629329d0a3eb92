"""The certificate in use: served by one TLS context, exchanged when the files change."""

import logging
import ssl
from pathlib import Path

from webhook.certs.clients import Clients, demand
from webhook.certs.files import (
    CertificateError,
    Files,
    Together,
    Validity,
    check,
    context,
    read_certificates,
    server_context,
    stamp,
    validity,
    write,
)

_log = logging.getLogger(__name__)


class ServingCertificate:
    """A pair of files, and a TLS context that serves it from the next handshake on.

    The context stays the same, for a server that builds its own once. It hands each handshake over
    to another one, made of the files as they are then, so that none sees half of a change.

    Args:
        files: the pair.
        clients: who must show a certificate of theirs; None for nobody.
        keep: a folder for the last good pair, where a process that starts while the files are
            damaged finds it.

    Raises:
        CertificateError: the files cannot serve, and no good pair was kept.
    """

    def __init__(
        self, files: Files, clients: Clients | None = None, keep: Path | None = None
    ) -> None:
        self._files, self._clients = files, clients
        self._kept = Together(keep) if keep else None
        self._stamp, self._ca_stamp = self._stamps()
        self._authorities = clients.read() if clients else ""
        self.validity: Validity
        self._current = self._started()
        self.context = server_context()
        if clients:
            demand(self.context, self._authorities)
        self.context.sni_callback = self._hand_over

    def refresh(self) -> bool:
        """Serve the pair on disk if it is another one that can serve; return whether it is.

        A pair that cannot serve, as while one of two files is replaced, leaves the old one in use.
        """
        pair, ca = self._stamps()
        if ca != self._ca_stamp:
            self._ca_stamp = ca
            self.validity = validity(self._files, self._leaf)
        if pair == self._stamp:
            return False
        self._stamp = pair
        self._follow_clients()
        before = self._leaf
        try:
            self._current = self._taken(self._files)
        except CertificateError as error:
            _log.error("the former certificate stays in use: %s", error)
            return False
        if self._leaf == before:
            return False
        _log.info(
            "a new certificate is served, valid until %s",
            self.validity.leaf.isoformat(),
            extra={"event_type": "certificate_rotated"},
        )
        return True

    def _started(self) -> ssl.SSLContext:
        """Return the first context: of the files, or of what was kept while those are damaged."""
        try:
            return self._taken(self._files)
        except CertificateError as error:
            if self._kept is None or not self._kept.key.exists():
                raise
            _log.error("the certificate that was kept is served: %s", error)
            return self._taken(self._kept)

    def _taken(self, files: Files) -> ssl.SSLContext:
        """Return a context for a pair, once it is sure that it can serve."""
        held, made = check(files), self._context(files)
        self._leaf = read_certificates(files.certificate)[0]
        self.validity = held
        if self._kept and files is not self._kept:
            try:
                both = files.key.read_bytes() + files.certificate.read_bytes()
                write(self._kept.key, both, mode=0o600)
            except OSError as error:
                _log.warning("the certificate could not be kept for new workers: %s", error)
        return made

    def _context(self, files: Files) -> ssl.SSLContext:
        made = context(files)
        if self._clients:
            demand(made, self._authorities)
        return made

    def _follow_clients(self) -> None:
        """Take up the clients' authorities; a file that cannot be used leaves the old ones in use."""
        if self._clients:
            try:
                self._authorities = self._clients.read()
            except CertificateError as error:
                _log.error("the former client authorities stay in use: %s", error)

    def _stamps(self) -> tuple[object, object]:
        clients = (self._clients.ca,) if self._clients else ()
        return stamp(self._files.certificate, self._files.key, *clients), stamp(self._files.ca)

    def _hand_over(
        self, connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, first: ssl.SSLContext
    ) -> None:
        connection.context = self._current
