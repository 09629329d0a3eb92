"""The certificates outside a cluster: one folder, with the authorities' keys in it.

A folder is rotated by one at a time, under a lock. Each file is replaced in one step, and every
change of the authorities is one file, so an end at any moment leaves something to go on from.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from webhook.certs.authorities import COMING_KEY, PIECES, PUBLISHED_AT, REPLACED_AT, SIGNING_KEY
from webhook.certs.files import CA, CERTIFICATE, KEY, CertificateError, write
from webhook.certs.issue import LOCAL_NAMES

_SERVING = (KEY, CERTIFICATE)
_NOTES = frozenset({PUBLISHED_AT, REPLACED_AT})
_SECRET = frozenset({KEY, SIGNING_KEY, COMING_KEY})


class FolderStore:
    """The folder of `--cert-dir`.

    Args:
        directory: the folder.
        takes_over: rotate certificates, too, whose authority's key is not there.
    """

    def __init__(self, directory: Path, *, takes_over: bool = False) -> None:
        self.directory = directory
        self._takes_over = takes_over

    names = LOCAL_NAMES
    """Of a serving certificate, where nobody names others."""

    always_named = False

    def now(self) -> datetime:
        """Return the time."""
        return datetime.now(UTC)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Make the folder where it is missing, and keep others from rotating it meanwhile.

        Raises:
            CertificateError: it cannot be made, or somebody else is at it.
        """
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise CertificateError(
                f"{self.directory} cannot be used: {error.strerror}; name another folder with "
                "--cert-dir"
            ) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise CertificateError(
                f"{self.directory} is being rotated by another process; try again when it has ended"
            ) from None
        finally:
            os.close(descriptor)

    def read(self) -> "FolderSnapshot":
        """Return what the folder holds.

        Raises:
            CertificateError: a file in it cannot be read.
        """
        return FolderSnapshot(self.directory, takes_over=self._takes_over)


class FolderSnapshot:
    """What the folder held when it was read."""

    def __init__(self, directory: Path, *, takes_over: bool) -> None:
        self._directory = directory
        self._takes_over = takes_over
        found = {name: self._read(name) for name in dict.fromkeys((*_SERVING, *PIECES))}
        held = {name: text for name, text in found.items() if text is not None}
        self.serving: Mapping[str, bytes] = {
            name: text for name, text in held.items() if name in (CA, *_SERVING)
        }
        self.authorities: Mapping[str, bytes] = {
            name: text for name, text in held.items() if name in PIECES
        }
        self.registered: Sequence[bytes] = ()

    @property
    def trusting(self) -> Sequence[tuple[str, str, bytes]]:
        """Nobody that we know of, besides those who read `ca.crt`."""
        return ()

    def managed_elsewhere(self) -> str:
        """Return why the certificates here are not ours to rotate, nothing if they are."""
        if (
            self._takes_over
            or not self.serving
            or self.authorities.keys() & {SIGNING_KEY, COMING_KEY}
        ):
            return ""
        return (
            f"{self._directory} has no {SIGNING_KEY}, as nobody kept the key of its CA; "
            "tenantgate certs rotate --ca has a new CA take over"
        )

    def write_authorities(self, pieces: Mapping[str, bytes]) -> None:
        """Write the authorities: a new key before its certificate, another one's turn in one step.

        A note that no longer holds goes before everything, and a new one comes last.
        """
        for name in _NOTES - pieces.keys():
            self._write(name, None)
        signing, coming = pieces.get(SIGNING_KEY), pieces.get(COMING_KEY)
        if coming is None and signing not in (None, self.authorities.get(SIGNING_KEY)):
            self._write(COMING_KEY, signing)
            with _told(self._directory):
                (self._directory / COMING_KEY).replace(self._directory / SIGNING_KEY)
        else:
            self._write(COMING_KEY, coming)
        for name in (CA, *sorted(_NOTES & pieces.keys())):
            self._write(name, pieces[name])

    def write_serving(self, pieces: Mapping[str, bytes]) -> None:
        """Write the pair; a server that sees one file without the other keeps what it has."""
        for name in (CA, *_SERVING):
            if name in pieces:
                self._write(name, pieces[name])

    def register(self, bundle: bytes) -> None:
        """Nobody is registered here: who trusts the folder's `ca.crt` reads it."""

    def _read(self, name: str) -> bytes | None:
        try:
            return (self._directory / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise CertificateError(
                f"{self._directory / name} cannot be read: {error.strerror}"
            ) from None

    def _write(self, name: str, text: bytes | None) -> None:
        path = self._directory / name
        with _told(self._directory):
            if text is None:
                path.unlink(missing_ok=True)
            elif self._read(name) != text:
                write(path, text, mode=0o600 if name in _SECRET else 0o644)


@contextlib.contextmanager
def _told(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CertificateError(
            f"{directory} cannot be written: {error.strerror}; name another folder with --cert-dir"
        ) from None
