"""Policy files on disk: found, read, and the set that is in force."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import webhook
from webhook.core.policyset import PolicyError, PolicySet, Problem, parse_policies

SHIPPED = Path(webhook.__path__[0]) / "policies"  # importlib.resources would cost 8 ms to import
"""The policies that come with the program."""

_ENDINGS = frozenset({".yaml", ".yml", ".json"})


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


class PolicyStore:
    """The set in force. `current` is replaced as a whole, never changed.

    `problem` says what is wrong with the files on disk while they are not what is in force.
    """

    def __init__(self, paths: Sequence[Path] = ()) -> None:
        self.paths = tuple(paths) or (SHIPPED,)
        self.problem = ""
        self._seen = self._stamp()
        self.current = load(self.paths)

    def refresh(self) -> None:
        """Take up changed files, or keep the last good set and say what is wrong with the new."""
        stamp = self._stamp()
        if stamp == self._seen:
            return
        self._seen = stamp
        try:
            self.current = load(self.paths)
        except PolicyError as error:
            self.problem = str(error)
        else:
            self.problem = ""

    def _stamp(self) -> tuple[tuple[str, int, int, int], ...]:
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
        if file == path or not file.stem.endswith("_test"):
            shipped = SHIPPED in file.parents
            yield str(file.relative_to(SHIPPED.parent)) if shipped else str(file), file


def _why(error: OSError) -> str:
    return f"cannot be read: {error.strerror or error}"
