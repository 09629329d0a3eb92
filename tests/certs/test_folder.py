"""Certificates in a folder: rotated in steps, each of which may be the last before an end."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.certs.stored import TERMS, Crash
from webhook.certs.authorities import Authorities, Serving, read_bundle
from webhook.certs.files import CertificateError, Files, check
from webhook.certs.folder import FolderSnapshot, FolderStore
from webhook.certs.issue import issue
from webhook.certs.rotate import ManagedElsewhereError, rotate
from webhook.core.rotation import Step, Wish


class Folder(FolderStore):
    """A folder with a clock of its own, whose process may end before any of its writes."""

    def __init__(self, directory: Path, **options: Any) -> None:
        super().__init__(directory, **options)
        directory.mkdir(exist_ok=True)
        self.time = datetime.now(UTC)
        self.left = -1

    def now(self) -> datetime:
        return self.time

    def read(self) -> FolderSnapshot:
        folder = self

        class Snapshot(FolderSnapshot):
            def _write(self, name: str, text: bytes | None) -> None:
                if folder.left == 0:
                    raise Crash
                folder.left -= 1
                super()._write(name, text)

        return Snapshot(self.directory, takes_over=self._takes_over)

    def rotate(self, wish: Wish | None = None) -> list[Step]:
        outcome = rotate(self, TERMS, self.names, self.now, wish)
        return [change.step for change in outcome.changes]

    def trusts(self) -> bool:
        """Tell whether the leaf is that of an authority in ca.crt, and could be served."""
        check(Files(self.directory))
        snapshot = super().read()
        return bool(Serving.read(snapshot.serving).signer(read_bundle(snapshot.serving["ca.crt"])))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path / "certs")
    made.rotate()
    return made


def names(folder: Folder) -> list[str]:
    return sorted(path.name for path in folder.directory.iterdir())


def test_a_new_folder_holds_a_pair_its_authority_and_the_key_of_that(folder: Folder):
    assert names(folder) == ["ca.crt", "ca.key", "tls.crt", "tls.key"]
    assert folder.trusts()
    for name in ("ca.key", "tls.key"):
        assert stat.S_IMODE((folder.directory / name).stat().st_mode) == 0o600


def test_during_an_overlap_ca_crt_holds_both_authorities(folder: Folder):
    assert folder.rotate(Wish.CA) == [Step.CREATE, Step.PUBLISHED]
    assert len(read_bundle((folder.directory / "ca.crt").read_bytes())) == 2
    assert stat.S_IMODE((folder.directory / "next-ca.key").stat().st_mode) == 0o600
    before = (folder.directory / "tls.crt").read_bytes()

    folder.time += TERMS.settle
    assert folder.rotate() == [Step.PROMOTE, Step.ISSUE, Step.REPLACED]
    assert len(read_bundle((folder.directory / "ca.crt").read_bytes())) == 2
    assert (folder.directory / "tls.crt").read_bytes() != before

    folder.time += TERMS.overlap
    assert folder.rotate() == [Step.DROP]
    assert len(read_bundle((folder.directory / "ca.crt").read_bytes())) == 1
    assert names(folder) == ["ca.crt", "ca.key", "tls.crt", "tls.key"]


@pytest.mark.parametrize("writes", range(8))
def test_an_end_before_any_write_is_made_good_by_the_next_run(tmp_path: Path, writes: int):
    folder = Folder(tmp_path / "certs")
    folder.left = writes
    with pytest.raises(Crash):
        folder.rotate()
    folder.left = -1
    folder.rotate()
    assert folder.trusts()

    for wait in (timedelta(0), TERMS.settle, TERMS.overlap, timedelta(days=7)):
        folder.time += wait
        folder.left = writes
        try:
            folder.rotate(Wish.CA)
        except Crash:
            bundle = read_bundle((folder.directory / "ca.crt").read_bytes())
            assert bundle
            certificate = Serving.read(FolderStore(folder.directory).read().serving).certificate
            assert certificate is None or Serving(certificate).signer(bundle)
        folder.left = -1
        folder.rotate()
        assert folder.trusts()


def test_a_folder_whose_key_nobody_kept_is_left_alone(tmp_path: Path):
    issue(tmp_path / "certs")
    folder = Folder(tmp_path / "certs")

    with pytest.raises(ManagedElsewhereError, match="rotate --ca"):
        folder.rotate(Wish.LEAF)
    assert names(folder) == ["ca.crt", "tls.crt", "tls.key"]


def test_a_new_authority_may_take_such_a_folder_over(tmp_path: Path):
    issue(tmp_path / "certs")
    folder = Folder(tmp_path / "certs", takes_over=True)
    before = (folder.directory / "tls.crt").read_bytes()

    assert folder.rotate(Wish.CA) == [Step.CREATE, Step.PUBLISHED]
    assert (folder.directory / "tls.crt").read_bytes() == before
    assert folder.trusts()

    folder = Folder(tmp_path / "certs")
    folder.time += TERMS.settle + timedelta(minutes=1)
    assert Step.ISSUE in folder.rotate()
    assert folder.trusts()


def test_an_authority_of_ones_own_signs(tmp_path: Path):
    """Whoever has a CA puts its certificate and key there, and nothing else."""
    other = Folder(tmp_path / "other")
    other.rotate()
    own = tmp_path / "certs"
    own.mkdir()
    for name in ("ca.crt", "ca.key"):
        (own / name).write_bytes((other.directory / name).read_bytes())
    folder = Folder(own)

    assert folder.rotate() == [Step.ISSUE]
    signing = Authorities.read(folder.read().authorities).signing
    assert signing
    assert signing.pem().key == (other.directory / "ca.key").read_bytes()


def test_nobody_else_rotates_it_at_the_same_time(folder: Folder):
    with (
        folder.locked(),
        pytest.raises(CertificateError, match="another process"),
        FolderStore(folder.directory).locked(),
    ):
        raise AssertionError("both have the lock")

    with FolderStore(folder.directory).locked():
        assert folder.trusts()
