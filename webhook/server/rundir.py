"""A folder in memory where the processes of one `serve` leave what they tell each other."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "tenantgate-"
_HELD = "held"
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it


@contextmanager
def run_folder() -> Iterator[Path]:
    """Make a folder, and take it away in the end.

    A lock says that it is in use, for as long as any process lives that had it from here. Folders
    that nobody holds any more, as their processes were killed, are taken away too.
    """
    usable = os.access(_SHARED_MEMORY, os.W_OK)
    parent = _SHARED_MEMORY if usable else Path(tempfile.gettempdir())
    _sweep(parent)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    lock = os.open(folder / "new", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        (folder / "new").rename(folder / _HELD)  # only now can anybody else find it
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _sweep(parent: Path) -> None:
    for folder in parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # held, somebody else's, or about to be held
            lock = os.open(folder / _HELD, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)
