"""JSON text to values: one object, or several one after the other, as kubectl takes them."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from webhook.core.model import scalars
from webhook.core.model.broken import MAX_DEPTH, Broken, Source, duplicate
from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.objects import Json

_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER_TOO_LONG = 400


class _Unfit(Exception):
    """The decoder met something that the grammar allows and we do not."""


def read(text: str, start: int, before: int) -> Iterator[tuple[Json, Source]]:
    """Yield the values from a place in a text that begins after so many lines of its file.

    Raises:
        Broken: what follows is no JSON.
    """
    at = _skip(text, start)
    while at < len(text):
        source = _Text(text, at, before)
        try:
            value, at = _DECODER.raw_decode(text, at)
        except json.JSONDecodeError as error:
            line, column = _place(text, error.pos, before)
            raise Broken(f"not valid JSON: {_lower(error.msg)}", line, column) from None
        except _Unfit as unfit:
            raise _located(unfit, source) from None
        except RecursionError:
            raise _too_deep(source) from None
        if text.count("{", source.start, at) + text.count("[", source.start, at) > MAX_DEPTH:
            _check_depth(value, source)
        yield value, source
        at = _skip(text, at)


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise _Unfit("duplicate")
    return result


def _integer(digits: str) -> int:
    if len(digits) > _NUMBER_TOO_LONG:
        raise _Unfit("a number is out of range")
    return int(digits)


def _float(digits: str) -> Json:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise _Unfit("a number is out of range")
    return scalars.integral(value)


def _constant(word: str) -> NoReturn:
    raise _Unfit(f"{word} has no place in JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant
)
_SKIPPER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class _Text:
    """The text that a document was read from; places are looked up only when asked for."""

    text: str
    start: int
    before: int

    def locate(self, path: FieldPath) -> tuple[int, int]:
        """Return line and column, from 1, of the value at a path, or of its nearest ancestor."""
        at = self.start
        for step in path:
            found = (value for key, _, value in _members(self.text, at) if key == step)
            if (child := next(found, None)) is None:
                break
            at = child
        return _place(self.text, at, self.before)


def _members(text: str, at: int) -> Iterator[tuple[str | int, int, int]]:
    """Yield key or index, its place and its value's place, for each member of the value there."""
    opening = text[at]
    if opening not in "{[":
        return
    at = _skip(text, at + 1)
    index = 0
    while text[at] not in "}]":
        key: str | int = index
        place = at
        if opening == "{":
            key, at = _SKIPPER.raw_decode(text, at)
            at = _skip(text, _skip(text, at) + 1)
        yield key, place, at
        _, at = _SKIPPER.raw_decode(text, at)
        at = _skip(text, at)
        if text[at] == ",":
            at = _skip(text, at + 1)
        index += 1


def _located(unfit: _Unfit, source: _Text) -> Broken:
    line, column = _place(source.text, source.start, source.before)
    if str(unfit) == "duplicate":
        try:
            return _duplicate(source, source.start) or Broken("a duplicate key", line, column)
        except (json.JSONDecodeError, RecursionError, IndexError):
            return Broken("a duplicate key, and not valid JSON after it", line, column)
    return Broken(str(unfit), line, column)


def _duplicate(source: _Text, at: int) -> Broken | None:
    """Return the error of the first duplicate key, in the order of the text."""
    places: dict[str | int, int] = {}
    for key, place, value in _members(source.text, at):
        if key in places:
            line, column = _place(source.text, place, source.before)
            return duplicate(str(key), line, column, _line(source, places[key]))
        places[key] = place
        if inner := _duplicate(source, value):
            return inner
    return None


def _line(source: _Text, at: int) -> int:
    return _place(source.text, at, source.before)[0]


def _check_depth(value: Json, source: _Text) -> None:
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
    if level:
        raise _too_deep(source)


def _too_deep(source: _Text) -> Broken:
    line, column = _place(source.text, source.start, source.before)
    return Broken(f"nested deeper than {MAX_DEPTH} levels", line, column)


def _skip(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at


def _place(text: str, at: int, before: int) -> tuple[int, int]:
    return text.count("\n", 0, at) + before + 1, at - text.rfind("\n", 0, at)


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]
