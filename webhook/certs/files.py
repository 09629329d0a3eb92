"""The serving certificate as files: what a folder holds, whether it can serve, until when."""

import contextlib
import os
import ssl
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import Certificate, load_pem_x509_certificates

from webhook.certs.signing import belong_together, signer_of

CA, CERTIFICATE, KEY = "ca.crt", "tls.crt", "tls.key"


class CertificateError(Exception):
    """The files cannot serve; the message says which one, why, and how to mend it."""


@dataclass(frozen=True, slots=True)
class Files:
    """The three files of a folder, named as in a Secret of type kubernetes.io/tls."""

    directory: Path

    @property
    def ca(self) -> Path:
        """The certificates that clients trust."""
        return self.directory / CA

    @property
    def certificate(self) -> Path:
        """The serving certificate, with its intermediates if it has any."""
        return self.directory / CERTIFICATE

    @property
    def key(self) -> Path:
        """The serving certificate's private key."""
        return self.directory / KEY

    def present(self) -> frozenset[str]:
        """Return the names of the files that are there."""
        paths = (self.ca, self.certificate, self.key)
        return frozenset(path.name for path in paths if path.exists())


@dataclass(frozen=True, slots=True)
class Together(Files):
    """One file that holds certificate and key, so that neither is ever there without the other."""

    name: str = "tls.pem"

    @property
    def certificate(self) -> Path:
        """The file."""
        return self.directory / self.name

    @property
    def key(self) -> Path:
        """The file."""
        return self.directory / self.name


Stamp = tuple[tuple[int, int, int], ...]


def stamp(*paths: Path) -> Stamp:
    """Return what changes when one of the files does, for the price of looking at them."""
    stamps = []
    for path in paths:
        try:
            stat = path.stat()
            stamps.append((stat.st_mtime_ns, stat.st_ino, stat.st_size))
        except OSError:
            stamps.append((0, 0, 0))
    return tuple(stamps)


@dataclass(frozen=True, slots=True)
class Validity:
    """Until when the certificates hold; `ca` is None without a readable ca.crt.

    `ca` is that of the authority that signed the leaf, where it is among those in ca.crt.
    """

    leaf: datetime
    ca: datetime | None = None


def check(files: Files) -> Validity:
    """Make sure that the pair can serve TLS.

    An expired certificate passes: whether it is still valid is for readiness to say, and a new
    one may arrive while the process runs.

    Raises:
        CertificateError: a file is missing or unreadable, or the two do not belong together.
    """
    missing = [path for path in (files.certificate, files.key) if not path.exists()]
    if missing:
        names = " and ".join(path.name for path in missing)
        raise CertificateError(
            f"{files.directory} has no {names}; put the whole pair {CERTIFICATE} and {KEY} there, "
            "or empty the folder to have a development certificate issued"
        )
    leaf = read_certificates(files.certificate)[0]
    _check_key(files, leaf)
    context(files)
    return validity(files, leaf)


def validity(files: Files, leaf: Certificate) -> Validity:
    """Return until when a serving certificate and its authority hold."""
    return Validity(leaf.not_valid_after_utc, _ca_expiry(files, leaf))


def context(files: Files) -> ssl.SSLContext:
    """Return a server's TLS context for the pair.

    Raises:
        CertificateError: OpenSSL does not take the pair.
    """
    made = server_context()
    try:
        made.load_cert_chain(files.certificate, files.key, password=_no_password)
    except (OSError, ValueError) as error:
        raise CertificateError(
            f"{files.certificate} and {files.key.name} cannot serve TLS: {error}"
        ) from None
    return made


def server_context() -> ssl.SSLContext:
    """Return a server's TLS context without a certificate: TLS 1.2 or later, HTTP/1.1 only.

    The API server speaks HTTP/2 to loopback addresses only, and there is nothing to win by it.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_alpn_protocols(["http/1.1"])
    return made


def read_certificates(path: Path) -> list[Certificate]:
    """Return the certificates of a PEM file, at least one.

    Raises:
        CertificateError: the file cannot be read or holds none.
    """
    try:
        return load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        raise CertificateError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError:
        raise CertificateError(f"{path} holds no certificate in PEM form") from None


def write(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write a file in one step, so that nobody ever reads half of it."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _check_key(files: Files, leaf: Certificate) -> None:
    try:
        key = load_pem_private_key(files.key.read_bytes(), password=None)
    except OSError as error:
        raise CertificateError(f"{files.key} cannot be read: {error.strerror}") from None
    except TypeError:
        raise CertificateError(
            f"{files.key} is encrypted; the server can ask nobody for the password: decrypt it"
        ) from None
    except ValueError:
        raise CertificateError(f"{files.key} holds no private key in PEM form") from None
    if not belong_together(leaf, key):
        raise CertificateError(
            f"{files.key} is not the key of {files.certificate}; "
            "put the two files of one pair there"
        )


def _ca_expiry(files: Files, leaf: Certificate) -> datetime | None:
    """Return when the leaf's authority expires, or the first of all where it is none of them."""
    with contextlib.suppress(CertificateError):
        authorities = read_certificates(files.ca)
        own = signer_of(leaf, authorities)
        return min(found.not_valid_after_utc for found in ([own] if own else authorities))
    return None


def _no_password() -> str:
    """Answer OpenSSL, which would ask the terminal."""
    raise ValueError("the key is encrypted")
