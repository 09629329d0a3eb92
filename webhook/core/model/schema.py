"""The shape of a policy kind, held strictly: an unknown field or a wrong type is a mistake.

A schema is data, so that the same table that reads a file can describe it to an editor.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from webhook.core.model.fieldpath import ROOT, FieldPath
from webhook.core.model.finding import shown


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong in a document: where, and a sentence that says what and how to mend it."""

    path: FieldPath
    message: str


class Schema:
    """What a value has to be."""

    def mistakes(self, value: Any, path: FieldPath = ROOT) -> Iterator[Mistake]:
        """Yield everything that is wrong with a value that stands at a path."""
        raise NotImplementedError

    def json_schema(self) -> dict[str, Any]:
        """Return the same as a JSON Schema, for editors; null is absent, as Kubernetes reads it."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Scalar(Schema):
    """A value of one JSON type; `choices`, where there are any, list what it may be."""

    kind: type
    choices: tuple[str, ...] = ()

    def mistakes(self, value: Any, path: FieldPath = ROOT) -> Iterator[Mistake]:
        """Yield a mistake for another type, or for a word that is no choice."""
        if type(value) is not self.kind:
            yield _mistake(path, value, ", ".join(self.choices) or _NAMES[self.kind])
        elif self.choices and value not in self.choices:
            yield _mistake(path, value, ", ".join(self.choices), _like(value, self.choices))

    def json_schema(self) -> dict[str, Any]:
        """Return the type, and the choices."""
        return (
            {"type": [_TYPES[self.kind], "null"]}
            if not self.choices
            else {"enum": [*self.choices, None]}
        )


@dataclass(frozen=True, slots=True)
class Integer(Schema):
    """A whole number of so many bits, as Go reads it."""

    bits: int = 64

    def mistakes(self, value: Any, path: FieldPath = ROOT) -> Iterator[Mistake]:
        """Yield a mistake for another type, or for a number that does not fit."""
        limit = 2 ** (self.bits - 1)
        if type(value) is not int:
            yield _mistake(path, value, "a whole number")
        elif not -limit <= value < limit:
            yield _mistake(path, value, f"a whole number of {self.bits} bits")

    def json_schema(self) -> dict[str, Any]:
        """Return the type, and its bounds."""
        limit = 2 ** (self.bits - 1)
        return {"type": ["integer", "null"], "minimum": -limit, "maximum": limit - 1}


@dataclass(frozen=True, slots=True)
class StringOrInteger(Schema):
    """A value that Kubernetes spells either way: a quantity, a port."""

    def mistakes(self, value: Any, path: FieldPath = ROOT) -> Iterator[Mistake]:
        """Yield a mistake for anything else."""
        if type(value) not in (str, int, float):
            yield _mistake(path, value, "a string or a number")

    def json_schema(self) -> dict[str, Any]:
        """Return both types."""
        return {"type": ["string", "number", "null"]}


@dataclass(frozen=True, slots=True)
class Anything(Schema):
    """A value that is read, and judged, elsewhere."""

    def mistakes(self, value: Any, path: FieldPath = ROOT) -> Iterator[Mistake]:
        """Yield nothing."""
        return iter(())

    def json_schema(self) -> dict[str, Any]:
        """Return a schema that everything meets."""
        return {}


@dataclass(frozen=True, slots=True)
class ListOf(Schema):
    """A list whose items all have one schema."""

    item: Schema

    def mistakes(self, value: Any, path: FieldPath = ROOT) -> Iterator[Mistake]:
        """Yield a mistake for what is no list, and those of the items."""
        if type(value) is not list:
            yield _mistake(path, value, "a list")
            return
        for index, item in enumerate(value):
            yield from self.item.mistakes(item, path / index)

    def json_schema(self) -> dict[str, Any]:
        """Return a list of what the items are."""
        return {"type": ["array", "null"], "items": self.item.json_schema()}


@dataclass(frozen=True, slots=True)
class MapOf(Schema):
    """An object with free keys whose values all have one schema."""

    item: Schema

    def mistakes(self, value: Any, path: FieldPath = ROOT) -> Iterator[Mistake]:
        """Yield a mistake for what is no object, and those of the values."""
        if type(value) is not dict:
            yield _mistake(path, value, "an object")
            return
        for key, item in value.items():
            yield from self.item.mistakes(item, path / key)

    def json_schema(self) -> dict[str, Any]:
        """Return an object of what the values are."""
        return {"type": ["object", "null"], "additionalProperties": self.item.json_schema()}


@dataclass(frozen=True, slots=True)
class Object(Schema):
    """An object with known fields; null reads as absent.

    `required` names fields that may not be absent. An `open` object may hold other fields too.
    """

    fields: Mapping[str, Schema]
    required: tuple[str, ...] = ()
    open: bool = False
    hints: Mapping[str, str] = field(default_factory=dict)

    def mistakes(self, value: Any, path: FieldPath = ROOT) -> Iterator[Mistake]:
        """Yield a mistake for each unknown or missing field, and those of the known ones."""
        if type(value) is not dict:
            yield _mistake(path, value, "an object")
            return
        for key, item in value.items():
            schema = self.fields.get(key)
            if schema is not None:
                if item is not None:
                    yield from schema.mistakes(item, path / key)
            elif not self.open:
                hint = self.hints.get(key) or _like(key, tuple(self.fields))
                known = ", ".join(self.fields)
                yield Mistake(
                    path / key, f'"{path / key}" is no known field; allowed here: {known}.{hint}'
                )
        for key in self.required:
            if value.get(key) is None:
                where = f" in {path}" if path else ""
                yield Mistake(path, f'"{key}" is missing{where}; it is required')

    def json_schema(self) -> dict[str, Any]:
        """Return an object of these fields and, unless it is open, no others."""
        schema: dict[str, Any] = {
            "type": ["object", "null"],
            "properties": {key: field.json_schema() for key, field in self.fields.items()},
        }
        if self.required:
            schema |= {"type": "object", "required": list(self.required)}
        if not self.open:
            schema["additionalProperties"] = False
        return schema


STRING = Scalar(str)
BOOLEAN = Scalar(bool)
INTEGER = Integer()
INTEGER_32 = Integer(32)
STRINGS = ListOf(STRING)
STRING_OR_INTEGER = StringOrInteger()
ANYTHING = Anything()
_TYPES = {str: "string", bool: "boolean"}
_NAMES = {str: "a string", bool: "true or false"}

METADATA = Object(
    {"name": STRING, "labels": MapOf(STRING), "annotations": MapOf(STRING)},
    required=("name",),
    open=True,
)
"""`metadata` as it comes from files and from clusters: what is not read may hold anything."""


def _mistake(path: FieldPath, value: Any, allowed: str, hint: str = "") -> Mistake:
    return Mistake(path, f"{path or 'the document'} is {shown(value)}; allowed: {allowed}.{hint}")


def _like(word: Any, words: tuple[str, ...]) -> str:
    from difflib import get_close_matches  # only for a mistake: it is slow to import

    lowered = {known.lower(): known for known in words}
    near = get_close_matches(str(word).lower(), lowered, n=1)
    return f' Did you mean "{lowered[near[0]]}"?' if near else ""
