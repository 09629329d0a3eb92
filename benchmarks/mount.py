"""A Secret or ConfigMap as a folder, swapped in one step, as a kubelet does it."""

import itertools
import shutil
from collections.abc import Mapping
from pathlib import Path


class Mount:
    """A folder whose files are links through `..data`, which is what changes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers = itertools.count(1)
        self._last: Path | None = None
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, files: Mapping[str, bytes]) -> None:
        """Replace all files at once."""
        version = self.folder / f"..{next(self._numbers):06}"
        version.mkdir()
        for name, content in files.items():
            (version / name).write_bytes(content)
        new = self.folder / "..data_tmp"
        new.symlink_to(version.name)
        new.replace(self.folder / "..data")
        for name in files:
            link = self.folder / name
            if not link.is_symlink():
                link.symlink_to(Path("..data") / name)
        for link in self.folder.iterdir():
            if not link.name.startswith("..") and link.name not in files:
                link.unlink()
        if self._last is not None:
            shutil.rmtree(self._last)
        self._last = version
