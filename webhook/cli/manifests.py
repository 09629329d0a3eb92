"""Manifests on disk and on standard input: found, read, and taken apart into objects."""

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from webhook.core.model.documents import Document, DocumentError, read
from webhook.core.model.fieldpath import ROOT, FieldPath
from webhook.core.model.finding import shown
from webhook.core.model.objects import Json, JsonObject

ENDINGS = (".json", ".yaml", ".yml")
"""Files with these endings count in a folder, as for kubectl; a file that is named always does."""

STDIN = "<stdin>"


class Item(NamedTuple):
    """One object of a document: all of it, or one of a `List`. `value` names its own kind."""

    document: Document
    path: FieldPath
    value: JsonObject

    @property
    def place(self) -> tuple[int, int]:
        """Line and column of the object."""
        return self.document.locate(self.path)

    def locate(self, path: FieldPath) -> int:
        """Return the line of a value in the object."""
        return self.document.locate(FieldPath((*self.path, *path)))[0]


class Unreadable(NamedTuple):
    """What could not be read: a file (line 0), a document, or a value that is no object."""

    file: str
    error: DocumentError


def read_manifests(paths: Sequence[str], *, recursive: bool) -> tuple[list[Item | Unreadable], int]:
    """Return the objects of files, folders and standard input (`-`), and the number of files.

    Each file counts once, in the order of the arguments; a folder's files in lexical order, with
    those of its subfolders where `recursive`.
    """
    found: list[Item | Unreadable] = []
    seen: set[str] = set()
    for path in paths:
        try:
            for name in _files(path, recursive):
                if (same := os.path.realpath(name) if name != "-" else name) not in seen:
                    seen.add(same)
                    found += _read(name)
        except OSError as error:
            found.append(_unreadable(str(error.filename or path), error))
    return found, len(seen)


def _files(path: str, recursive: bool) -> Iterator[str]:
    if path == "-" or not Path(path).is_dir():
        yield path
        return
    for folder, folders, files in os.walk(path, onerror=_raise):
        folders.sort()
        if not recursive:
            folders.clear()
        yield from (str(Path(folder, file)) for file in sorted(files) if file.endswith(ENDINGS))


def _raise(error: OSError) -> NoReturn:
    raise error


def _read(name: str) -> Iterator[Item | Unreadable]:
    file = STDIN if name == "-" else name
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        text = data.decode("utf-8-sig")
    except OSError as error:
        yield _unreadable(file, error)
    except UnicodeDecodeError as error:
        why = f"is not UTF-8 text (byte {error.start + 1})"
        yield Unreadable(file, DocumentError(why, 0, 0))
    else:
        for document in read(text, file):
            yield from objects(document)


def _unreadable(file: str, error: OSError) -> Unreadable:
    why = f"cannot be read: {error.strerror}"
    if "://" in file:
        why = "is a URL, and this command reads none; download the file, or pipe it in"
    return Unreadable(file, DocumentError(why, 0, 0))


def objects(document: Document) -> Iterator[Item | Unreadable]:
    """Yield the objects of a document; a `List`, and a list of one kind, counts as its items.

    The items of a list of one kind, such as a PodList, need not name their kind, as in the API's
    own answers.
    """
    if document.error is not None:
        yield Unreadable(document.file, document.error)
    else:
        yield from _objects(document, ROOT, document.value, {})


def _objects(
    document: Document, path: FieldPath, value: Json, implied: JsonObject
) -> Iterator[Item | Unreadable]:
    def unfit(message: str, at: FieldPath = path) -> Unreadable:
        return Unreadable(document.file, DocumentError(message, *document.locate(at)))

    if not isinstance(value, dict):
        yield unfit(f"is {shown(value)}; a manifest is an object with apiVersion and kind")
        return
    value = {**implied, **value} if implied else value
    for key in ("apiVersion", "kind"):
        if not isinstance(value.get(key), str) or not value[key]:
            seen = shown(value[key]) if key in value else "not set"
            yield unfit(
                f"{key} is {seen}; a manifest names its apiVersion and its kind", path / key
            )
            return
    kind: str = value["kind"]
    if not kind.endswith("List") or (kind != "List" and "items" not in value):
        yield Item(document, path, value)
        return
    items = value.get("items")
    if items is not None and not isinstance(items, list):
        yield unfit(f"items is {shown(items)}; allowed: a list of objects", path / "items")
        return
    of_one_kind = {"apiVersion": value["apiVersion"], "kind": kind.removesuffix("List")}
    for index, item in enumerate(items or ()):
        at = path / "items" / index
        yield from _objects(document, at, item, {} if kind == "List" else of_one_kind)
