"""Development certificates: an authority of its own for every folder, whose key nobody keeps."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.x509.oid import NameOID

from webhook.certs.files import CertificateError, Files, check, read_certificates, write
from webhook.certs.signing import certificate_pem, new_authority, new_leaf

AUTHORITY = "tenantgate development CA"
LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
CA_LIFE = timedelta(days=3650)
LEAF_LIFE = timedelta(days=90)


def prepare(directory: Path, *, issuing: bool) -> bool:
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
            issue(directory)
            return True
        check(files)
        return False
    if not issuing:
        raise CertificateError(
            f"{directory} holds no certificate; inside a cluster none is issued here: mount the "
            "Secret with tls.crt and tls.key, or name its folder with --cert-dir"
        )
    issue(directory)
    return True


def issue(directory: Path, names: Sequence[str] = (), now: datetime | None = None) -> Files:
    """Write a new authority and a serving certificate for this machine and the given names.

    Raises:
        CertificateError: the folder cannot be written.
    """
    now = now or datetime.now(UTC)
    authority = new_authority(AUTHORITY, now, CA_LIFE)
    leaf = new_leaf(authority, (*LOCAL_NAMES, *names), now, LEAF_LIFE)
    files = Files(directory)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        write(files.key, leaf.key, mode=0o600)
        write(files.certificate, leaf.certificate)
        write(files.ca, certificate_pem(authority.certificate))
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
