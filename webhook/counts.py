"""The files in which `prometheus_client` keeps the counts of several processes: reserved, buried, read.

Each process maps files of its own into memory. Where the file system has no room for a page of
such a file, writing to it ends the process, so room is taken beforehand. When a process has ended,
its counts are added to those of the dead, or its files would stay as long as there are others.
"""

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

TYPES = ("counter", "histogram")
_ROOM = 256 * 1024
"""For a few times as many series as there usually are."""

_DEAD = "dead"


def reserve(directory: Path, pid: int) -> bool:
    """Take the room that a process needs before it counts; tell whether there was any."""
    try:
        for kind in TYPES:
            _make(directory / f"{kind}_{pid}.db", _ROOM)
    except OSError:
        for kind in TYPES:
            (directory / f"{kind}_{pid}.db").unlink(missing_ok=True)
        return False
    return True


def bury(directory: Path, pid: int) -> None:
    """Add what a process that has ended counted to the counts of the dead."""
    for kind in TYPES:
        dead, grave = directory / f"{kind}_{pid}.db", directory / f"{kind}_{_DEAD}.db"
        if not dead.exists():
            continue
        new = grave.with_suffix(".new")
        with suppress(OSError, RuntimeError, struct.error):  # no room, or half written: it stays
            _merge([path for path in (grave, dead) if path.exists()], new)
            with _alone(directory, fcntl.LOCK_EX):
                new.replace(grave)
                dead.unlink()
        new.unlink(missing_ok=True)


@contextmanager
def steady(directory: Path) -> Iterator[None]:
    """Keep the files as they are, so that nothing is counted twice or not at all."""
    with _alone(directory, fcntl.LOCK_SH):
        yield


def _merge(sources: list[Path], target: Path) -> None:
    from prometheus_client.mmap_dict import MmapedDict

    values: dict[str, float] = {}
    for path in sources:
        for key, value, _, _ in MmapedDict.read_all_values_from_file(path):  # type: ignore[no-untyped-call]
            values[key] = values.get(key, 0.0) + value
    target.unlink(missing_ok=True)
    _make(target, max(_ROOM, sum(path.stat().st_size for path in sources)))
    merged = MmapedDict(target)  # type: ignore[no-untyped-call]
    for key, value in values.items():
        merged.write_value(key, value, 0.0)  # type: ignore[no-untyped-call]
    merged.close()  # type: ignore[no-untyped-call]


def _make(path: Path, size: int) -> None:
    new = path.with_name(f"{path.name}.new")
    descriptor = os.open(new, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, size)
        new.rename(path)  # nobody may read one that is empty
    finally:
        os.close(descriptor)
        new.unlink(missing_ok=True)


@contextmanager
def _alone(directory: Path, how: int) -> Iterator[None]:
    descriptor = os.open(directory / "counts.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)
