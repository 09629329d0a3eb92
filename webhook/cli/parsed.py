"""Values of options that have a notation of their own, and the one option that servers share."""

from collections.abc import Callable
from typing import Any

import click

from webhook.settings import OPS_LISTEN, OPS_LISTEN_IN_CLUSTER, Address


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


LISTENER = click.option(
    "--ops-listen",
    metavar="HOST:PORT",
    envvar="TENANTGATE_OPS_LISTEN",
    type=Parsed("HOST:PORT", Address.parse),
    help=f"Where /healthz, /readyz and /metrics are answered, in plain HTTP.  [default: {OPS_LISTEN}; "
    f"in a cluster {OPS_LISTEN_IN_CLUSTER}]",
)
"""The option of every process that is watched."""
