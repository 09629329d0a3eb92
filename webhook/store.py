"""Policy files on disk: found, read, and the set that is in force."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import webhook
from webhook.core.policyset import PolicyError, PolicySet, Problem, is_policy_file, parse_policies

SHIPPED = Path(webhook.__path__[0]) / "policies"  # importlib.resources would cost 8 ms to import
"""The policies that come with the program."""

_ENDINGS = frozenset({".yaml", ".yml", ".json"})
_ATTEMPTS = 3
"""To read files that are being exchanged, before the next time that somebody looks."""

_Stamp = tuple[tuple[str, int, int, int], ...]


def load(paths: Sequence[Path] = ()) -> PolicySet:
    """Return the policies in files and folders, read as one set; the shipped ones if none is named.

    A folder counts with all its subfolders. Hidden files and folders, files that are neither YAML
    nor JSON, and policy tests (`*_test.yaml`) are passed over; a link counts as what it leads to, so
    the files of a mounted ConfigMap are found.

    Raises:
        PolicyError: a path cannot be read, or the set has mistakes.
    """
    texts: dict[str, str] = {}
    problems: list[Problem] = []
    for path in paths or (SHIPPED,):
        try:
            found = list(_files(path))
        except OSError as error:
            problems.append(Problem(str(error.filename or path), 1, 1, _why(error)))
            continue
        for name, file in found:
            try:
                texts[name] = file.read_text(encoding="utf-8-sig")
            except OSError as error:
                problems.append(Problem(name, 1, 1, _why(error)))
            except UnicodeDecodeError as error:
                problems.append(Problem(name, 1, 1, f"is not UTF-8 text: {error.reason}"))
    if problems:
        raise PolicyError(tuple(problems))
    return parse_policies(texts)


class LastGood:
    """The texts of the set that loaded last, kept in a file for processes that are yet to start."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "last-good-policies"

    def keep(self, texts: Mapping[str, str]) -> None:
        """Replace what was kept before, in one step."""
        new = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        try:
            new.write_text(json.dumps(dict(texts)), encoding="utf-8")
            new.replace(self._file)
        finally:
            new.unlink(missing_ok=True)  # half of it would take the room of what is more needed

    def recall(self) -> PolicySet | None:
        """Return the set that was kept, None when there is none."""
        try:
            return parse_policies(json.loads(self._file.read_text(encoding="utf-8")))
        except OSError:
            return None


class PolicyStore:
    """The set in force. `current` is replaced as a whole, never changed.

    `problem` says what is wrong with the files on disk while they are not what is in force.

    Args:
        paths: files and folders; the shipped set if none is named.
        last_good: what to begin with while the files do not load, and where to keep those that do.

    Raises:
        PolicyError: the files do not load, and there is no good set to begin with.
    """

    def __init__(self, paths: Sequence[Path] = (), last_good: LastGood | None = None) -> None:
        self.paths = tuple(paths) or (SHIPPED,)
        self.problem = ""
        self._last_good = last_good
        self._seen: _Stamp = ()
        try:
            self.current = self._load()
        except PolicyError as error:
            kept = last_good.recall() if last_good else None
            if kept is None:
                raise
            self.current, self.problem = kept, str(error)
        else:
            self._keep()

    def refresh(self) -> None:
        """Take up changed files, or keep the last good set and say what is wrong with the new."""
        if self._stamp() == self._seen:
            return
        try:
            self.current = self._load()
        except PolicyError as error:
            self.problem = str(error)
        else:
            self.problem = ""
            self._keep()

    def _load(self) -> PolicySet:
        """Load the files; once more if they were exchanged meanwhile, as some may be the old ones."""
        for _ in range(_ATTEMPTS):
            self._seen = self._stamp()
            try:
                loaded = load(self.paths)
            except PolicyError:
                if self._stamp() == self._seen:
                    raise
            else:
                if self._stamp() == self._seen:
                    return loaded
        self._seen = self._stamp()
        return load(self.paths)

    def _keep(self) -> None:
        if self._last_good:
            with suppress(OSError):  # the set is in force all the same
                self._last_good.keep(self.current.texts)

    def _stamp(self) -> _Stamp:
        """Return what changes when a file does, for the price of looking at the files."""
        stamps = []
        with suppress(OSError):  # half gone: `load` says what is wrong with it
            for path in self.paths:
                for name, file in _files(path):
                    stat = file.stat()
                    stamps.append((name, stat.st_mtime_ns, stat.st_ino, stat.st_size))
        return tuple(stamps)


def yaml_files(path: Path) -> Iterator[Path]:
    """Yield the YAML and JSON files at a path, those of a folder's subfolders too, in lexical order.

    Hidden files and folders are passed over.

    Raises:
        OSError: a folder cannot be read.
    """
    if not path.is_dir():
        yield path
        return
    for entry in sorted(path.iterdir(), key=lambda entry: entry.name):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from yaml_files(entry)
        elif entry.suffix in _ENDINGS:
            yield entry


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    """Yield the policy files at a path, with the names to call them by."""
    for file in yaml_files(path):
        if file == path or is_policy_file(file.name):
            shipped = SHIPPED in file.parents
            yield str(file.relative_to(SHIPPED.parent)) if shipped else str(file), file


def _why(error: OSError) -> str:
    return f"cannot be read: {error.strerror or error}"
