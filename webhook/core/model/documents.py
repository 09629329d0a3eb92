"""Manifests and policy files: YAML and JSON, read as kubectl reads them.

Two things are stricter than kubectl. A duplicate key is an error, where kubectl keeps the last
value and says nothing. A broken document costs itself only: the documents after it are read, with
their right line numbers.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from webhook.core.model import yamltext
from webhook.core.model.broken import Broken, Source
from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.objects import Json

_SEPARATOR = re.compile(r"^---(?=\s|\Z)", re.MULTILINE)
_SEPARATOR_AND_SPACE = re.compile(r"(?:---)?\s*")
_JSON_LIKE = re.compile(r'\{\s*(?:"|\})')


@dataclass(frozen=True, slots=True)
class DocumentError:
    """Why a document could not be read, and where in the file (line and column from 1)."""

    message: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file.

    `value` is what kubectl would send as JSON: a tree that nothing else refers to. With an `error`
    it is None. `line` is that of the first content line, from 1.
    """

    file: str
    line: int
    value: Json = None
    error: DocumentError | None = None
    source: Source | None = field(default=None, repr=False, compare=False)

    def locate(self, path: FieldPath) -> tuple[int, int]:
        """Return line and column, from 1, of the value at a path, or of its nearest ancestor.

        A value that came through an alias or a merge key is where its anchor defines it.
        """
        if self.error:
            return self.error.line, self.error.column
        return self.source.locate(path) if self.source else (self.line, 1)


def read(text: str, file: str) -> list[Document]:
    """Return the documents of a file in order; empty ones and mere comments are left out.

    The stream is split at its `---` lines before anything is parsed. A part that opens with a
    brace is read as JSON, one object after the other, and as YAML if it is none, as kubectl does.
    """
    text = text.removeprefix("\ufeff")
    documents: list[Document] = []
    line = at = 0
    for start, end in _parts(text):
        line += text.count("\n", at, start)
        at = start
        documents += _read_part(text[start:end], file, line)
    return documents


def _parts(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each part of the stream begins and ends; directives stay with their document."""
    start = 0
    for separator in _SEPARATOR.finditer(text):
        at = separator.start()
        if at > start and not yamltext.DIRECTIVES.match(text, start, at):
            yield start, at
            start = at
    yield start, len(text)


def _read_part(text: str, file: str, line: int) -> list[Document]:
    opening = _SEPARATOR_AND_SPACE.match(text)
    start = opening.end() if opening else 0
    if not text.startswith("{", start):
        return _documents(yamltext.read(text, line), file)
    from webhook.core.model import jsontext  # JSON is rare, and its decoder takes time to import

    found = _documents(jsontext.read(text, start, line), file)
    if not found[0].error:
        return found
    as_yaml = _documents(yamltext.read(text, line), file)
    return found if as_yaml[0].error and _JSON_LIKE.match(text, start) else as_yaml


def _documents(values: Iterator[tuple[Json, Source]], file: str) -> list[Document]:
    """Return what a reader yields as documents; the error that ends it is one too."""
    documents: list[Document] = []
    try:
        for value, source in values:
            if value is not None:
                documents.append(Document(file, source.locate(FieldPath())[0], value, None, source))
    except Broken as broken:
        error = DocumentError(broken.message, broken.line, broken.column)
        documents.append(Document(file, broken.line, None, error))
    return documents
