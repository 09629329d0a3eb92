"""Options that several commands have, spelt and explained once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])

PATH = click.Path(path_type=Path)
POLICY = click.option(
    "-p",
    "--policy",
    metavar="PATH",
    envvar="TENANTGATE_POLICY",
    multiple=True,
    type=PATH,
    help="Policy file or folder; repeatable.  [default: the shipped set]",
)
KUBECONFIG = click.option(
    "--kubeconfig",
    metavar="FILE",
    envvar="TENANTGATE_KUBECONFIG",
    type=PATH,
    help="The kubeconfig file of the cluster.  [default: as kubectl: $KUBECONFIG, ~/.kube/config; "
    "in a pod the cluster around it]",
)
KUBE_CONTEXT = click.option(
    "--kube-context",
    metavar="NAME",
    envvar="TENANTGATE_KUBE_CONTEXT",
    default="",
    help="The kubeconfig context to use.",
)


def output_option(*formats: str, text: str = "How to print it.") -> Callable[[_Command], _Command]:
    """Return the option `--output`; the first of the formats is the default."""
    return click.option(
        "-o",
        "--output",
        envvar="TENANTGATE_OUTPUT",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help=text,
    )
