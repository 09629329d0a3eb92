"""The command line: commands are loaded when they are called, so that each starts fast."""

import atexit
import gc
import sys
from importlib import import_module

import click

from webhook import __version__
from webhook.cli.failure import Failure
from webhook.cli.quick import uncollected

_COMMANDS = {
    "certs": "Issue, show and rotate the serving certificate.",
    "check": "Decide manifests offline, as the cluster would.",
    "controller": "Keep a cluster as the policies want it.",
    "doctor": "Tell whether the registration can lock the cluster up, or be bypassed.",
    "policy": "Check, list and show policies; print their JSON Schemas.",
    "render": "Print Kubernetes objects that follow from the policies.",
    "serve": "Run the webhook.",
}
"""Each command with its summary; it lives in the module of its name."""


class _Commands(click.Group):
    """A group whose commands are imported on demand."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        with uncollected():
            command: click.Command = getattr(import_module(f"webhook.cli.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(sorted(_COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; policies that cannot be used are a usage error of every command."""
        with uncollected():
            from webhook.core.policyset import PolicyError
        try:
            return super().invoke(ctx)
        except PolicyError as error:
            for problem in error.problems:
                click.echo(problem, err=True)
            number = len(error.problems)
            what = "1 mistake" if number == 1 else f"{number} mistakes"
            raise Failure(f"the policies cannot be used: {what}") from None


@click.command(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Options of commands can be set in the environment as well: TENANTGATE_POLICY for --policy. "
    "`tenantgate COMMAND --help` tells a command's options and exit codes.",
)
@click.version_option(__version__, prog_name="tenantgate")
def cli() -> None:
    """Security context constraints, tenant isolation and safe defaults for Kubernetes."""


def main() -> None:
    """Run the program; it calls itself by the name it was called by."""
    atexit.register(gc.freeze)  # what is left at the end goes with the process: no collecting
    name = sys.argv[0].rpartition("/")[2]
    cli(prog_name="kubectl tenantgate" if name == "kubectl-tenantgate" else "tenantgate")
