"""What the readers of YAML and of JSON have in common."""

from typing import Protocol

from webhook.core.model.fieldpath import FieldPath

MAX_DEPTH = 256
"""Levels of nesting that are read; Kubernetes' own objects need about thirty."""


class Broken(Exception):
    """A document cannot be read; line and column are those of the file, from 1."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


class Source(Protocol):
    """A document's text, which knows where its values stand."""

    def locate(self, path: FieldPath) -> tuple[int, int]:
        """Return line and column, from 1, of the value at a path, or of its nearest ancestor."""
        ...


def duplicate(key: str, line: int, column: int, first: int) -> Broken:
    """Return the error of a key that is set twice, told where it is set again."""
    where = "on the same line" if line == first else f"on line {first}"
    return Broken(f'duplicate key "{key}", already set {where}; keep one of them', line, column)
