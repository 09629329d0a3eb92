"""Values of options that have a notation of their own."""

from collections.abc import Callable
from typing import Any

import click


class Parsed(click.ParamType[Any]):
    """A value in a notation of its own: `parse` raises a ValueError that says what is wrong."""

    def __init__(self, name: str, parse: Callable[[str], Any]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the value; click reports what is wrong with it, and exits 2."""
        if not isinstance(value, str):
            return value
        try:
            return self._parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
