"""The certificate in use: served by one TLS context, exchanged when the files change."""

import logging
import ssl

from webhook.certs.files import CertificateError, Files, Validity, check, context, load

_log = logging.getLogger(__name__)


class ServingCertificate:
    """A pair of files and the TLS context that serves it.

    The context that was handed out first is kept and given the new pair, for a server that builds
    its context once; a server that asks for one with each connection gets a new one.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self._stamp = files.stamp()
        self.validity: Validity = check(files)
        self.context: ssl.SSLContext = context(files)
        self._first = self.context

    def refresh(self) -> bool:
        """Serve the pair on disk if it is another one that can serve; return whether it is.

        A pair that cannot serve, as while one of two files is replaced, leaves the old one in use.
        """
        stamp = self._files.stamp()
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            validity = check(self._files)
            fresh = context(self._files)
            load(self._first, self._files)
        except CertificateError as error:
            _log.error("the former certificate stays in use: %s", error)
            return False
        self.validity, self.context = validity, fresh
        _log.info(
            "a new certificate is served, valid until %s",
            validity.leaf.isoformat(),
            extra={"event_type": "certificate_rotated"},
        )
        return True
