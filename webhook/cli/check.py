"""`tenantgate check`: manifests decided offline, as the cluster would decide them."""

import os
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import click

from webhook.cli.dryrun import dry_run
from webhook.cli.failure import Failure
from webhook.cli.manifests import ENDINGS, read_manifests
from webhook.cli.options import POLICY
from webhook.cli.quick import uncollected
from webhook.cli.who import ORDINARY, Who, as_client
from webhook.reports import text
from webhook.reports.result import Report
from webhook.store import load

FORMATS = ("text", "json")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\Z")
_EXISTING = click.Path(exists=True, path_type=str)


@click.command()
@click.argument("paths", metavar="[PATH]...", nargs=-1)
@click.option(
    "-f",
    "--filename",
    metavar="PATH",
    envvar="TENANTGATE_FILENAME",
    multiple=True,
    type=click.Path(),
    help="A file or folder of manifests, as if given as PATH; - is standard input. Repeatable.",
)
@click.option(
    "-R",
    "--recursive",
    envvar="TENANTGATE_RECURSIVE",
    is_flag=True,
    help="Also read the subfolders of folders.",
)
@POLICY
@click.option(
    "--context",
    metavar="PATH",
    envvar="TENANTGATE_CONTEXT",
    multiple=True,
    type=_EXISTING,
    help="Files and folders that describe the cluster: Namespaces, ServiceAccounts, Roles and "
    "bindings. They are not decided. Repeatable.",
)
@click.option(
    "-n",
    "--namespace",
    metavar="NAME",
    envvar="TENANTGATE_NAMESPACE",
    default="",
    help="The namespace of manifests that name none; one that names another is an error.  "
    "[default: an ordinary one]",
)
@click.option(
    "--as",
    "as_user",
    metavar="USER",
    envvar="TENANTGATE_AS",
    default="",
    help="Who creates bare pods; workloads' pods are created by their controllers.  "
    "[default: an ordinary user]",
)
@click.option(
    "--as-group",
    metavar="GROUP",
    envvar="TENANTGATE_AS_GROUP",
    multiple=True,
    help="A group of the --as user, besides system:authenticated; repeatable.",
)
@click.option(
    "-z",
    "--serviceaccount",
    metavar="NAME",
    envvar="TENANTGATE_SERVICEACCOUNT",
    default="",
    help="Judge for a service account, by its name or as system:serviceaccount:NAMESPACE:NAME: it "
    "runs the pods that name none, in place of default, and creates bare pods. Excludes --as.",
)
@click.option(
    "-o",
    "--output",
    "outputs",
    metavar="FORMAT[=FILE]",
    envvar="TENANTGATE_OUTPUT",
    multiple=True,
    help=f"{' or '.join(FORMATS)}, to standard output or into a file; repeatable.  [default: text]",
)
@click.option(
    "--only-failures",
    envvar="TENANTGATE_ONLY_FAILURES",
    is_flag=True,
    help="Tell nothing of what is admitted.",
)
@click.option(
    "-q",
    "--quiet",
    envvar="TENANTGATE_QUIET",
    is_flag=True,
    help="Tell no assumptions in text, nor what namespaces would receive, and no summary.",
)
@click.option(
    "-v",
    "--verbose",
    envvar="TENANTGATE_VERBOSE",
    is_flag=True,
    help="Also tell which SCC admits each object, what WorkloadDefaults fill in, and what was not "
    "judged.",
)
@click.option(
    "--color",
    envvar="TENANTGATE_COLOR",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="Colours in text; NO_COLOR turns them off.",
)
@click.option(
    "--fail-on",
    envvar="TENANTGATE_FAIL_ON",
    type=click.Choice(["deny", "warn", "never"]),
    default="deny",
    show_default=True,
    help="From which verdict on the exit code is 1.",
)
@click.option(
    "--allow-empty",
    envvar="TENANTGATE_ALLOW_EMPTY",
    is_flag=True,
    help="Exit 0 when there is no manifest.",
)
@click.option(
    "--allow-incomplete",
    envvar="TENANTGATE_ALLOW_INCOMPLETE",
    is_flag=True,
    help="Exit 0 in place of 3.",
)
@click.pass_context
def check(
    ctx: click.Context,
    paths: tuple[str, ...],
    filename: tuple[str, ...],
    recursive: bool,
    policy: tuple[Path, ...],
    context: tuple[str, ...],
    namespace: str,
    as_user: str,
    as_group: tuple[str, ...],
    serviceaccount: str,
    outputs: tuple[str, ...],
    only_failures: bool,
    quiet: bool,
    verbose: bool,
    color: str,
    fail_on: str,
    allow_empty: bool,
    allow_incomplete: bool,
) -> None:
    """Decide manifests as the cluster would, without one.

    PATH is a file, a folder (its .yaml, .yml and .json files) or - for standard input. Workloads
    are judged as the pods that they become. Namespaces, ServiceAccounts, Roles and bindings among
    the manifests count as if they were applied already; what nobody describes is assumed, and said.

    Exits 0 when everything is admitted, 1 when something is refused, 2 when there is no verdict at
    all, and 3 when something could not be read or decided and nothing else is refused.
    """
    started = time.monotonic()
    given = (*paths, *filename)
    if not given:
        raise click.UsageError("nothing to check: give files or folders, or - for standard input")
    who = _who(as_user, as_group, serviceaccount)
    if namespace and not _NAME.match(namespace):
        raise click.BadParameter(f'"{namespace}" is no name of a namespace', param_hint="-n")
    targets = _targets(outputs)
    with uncollected():
        policies = load(policy)
        described, _ = read_manifests(context, recursive=True)
        items, files = read_manifests(given, recursive=recursive)
        results = dry_run(items, described, policies, who, namespace)
    told = any(format_ != "text" for format_, _ in targets)  # people are spared the hash
    report = Report(tuple(results), files, policies.hash if told else "")
    if not report.results and not allow_empty:
        raise Failure(_nothing(given, recursive))
    renderers: Mapping[str, Callable[[bool], str]] = {
        "text": lambda terminal: text.render(
            report,
            verbose=verbose,
            only_failures=only_failures,
            quiet=quiet,
            color=_colored(color, terminal),
        ),
        "json": lambda _: _json(report, only_failures),
    }
    for format_, file in targets:
        _write(renderers[format_](not file and sys.stdout.isatty()), file)
    if not quiet:
        for warning in policies.warnings:
            click.echo(f"warning: {warning}", err=True)
        if any(format_ == "text" for format_, _ in targets):
            click.echo(text.summary(report, time.monotonic() - started), err=True)
    ctx.exit(exit_code(report, fail_on, allow_incomplete))


def exit_code(report: Report, fail_on: str, allow_incomplete: bool) -> int:
    """Return 0, 1, 2 or 3 for what was found; the format that tells it never matters."""
    counts = report.counts
    if report.results and all(not result.kind for result in report.results):
        return 2
    if fail_on != "never" and (counts["deny"] or (fail_on == "warn" and counts["warn"])):
        return 1
    return 3 if counts["error"] and not allow_incomplete else 0


def _who(as_user: str, as_group: Sequence[str], account: str) -> Who:
    """Return who asks, from the options that say so."""
    if as_user and account:
        raise click.UsageError("--as and -z exclude each other: the pods have one creator")
    if as_group and not as_user:
        raise click.UsageError("--as-group needs --as: groups belong to a user")
    if as_user:
        return Who(as_client(as_user, as_group))
    if not account:
        return Who(ORDINARY, assumed=True)
    parts = account.split(":")
    full = parts[:2] == ["system", "serviceaccount"] and len(parts) == 4
    if not all(map(_NAME.match, parts[2:] if full else parts)) or not (full or len(parts) == 1):
        raise click.BadParameter(
            f'"{account}" is no name of a service account, and no '
            "system:serviceaccount:NAMESPACE:NAME",
            param_hint="-z",
        )
    return Who(account=parts[-1], home=parts[2] if full else "")


def _targets(outputs: Sequence[str]) -> list[tuple[str, str]]:
    """Return each format with its file, "" for standard output, which gets text if nothing else."""
    targets: list[tuple[str, str]] = []
    for output in outputs:
        format_, equals, file = output.partition("=")
        if format_ not in FORMATS:
            raise click.BadParameter(
                f'"{format_}" is no format; allowed: {", ".join(FORMATS)}', param_hint="-o"
            )
        if equals and not file:
            raise click.BadParameter(f'"{output}" names no file', param_hint="-o")
        targets.append((format_, file))
    printed = [format_ for format_, file in targets if not file]
    if len(printed) > 1:
        raise click.UsageError(
            f"{' and '.join(printed)} would both go to standard output: "
            f"give one a file, as in -o {printed[1]}=FILE"
        )
    return targets if printed else [("text", ""), *targets]


def _json(report: Report, only_failures: bool) -> str:
    from webhook.reports import json  # only where it is asked for

    return json.render(report, only_failures=only_failures)


def _colored(color: str, terminal: bool) -> bool:
    if color == "never" or os.environ.get("NO_COLOR"):
        return False
    return color == "always" or terminal


def _write(content: str, file: str) -> None:
    if not file:
        click.echo(content, nl=False, color=True)
        return
    try:
        Path(file).write_text(content, encoding="utf-8")
    except OSError as error:
        raise Failure(f"{file} cannot be written: {error.strerror}") from None


def _nothing(given: Sequence[str], recursive: bool) -> str:
    endings = " or ".join((", ".join(ENDINGS[:-1]), ENDINGS[-1]))
    hint = (
        ""
        if recursive or not any(Path(path).is_dir() for path in given)
        else (f"; folders count with their {endings} files, and with subfolders if -R is given")
    )
    return f"nothing to check: no manifest in {', '.join(given)}{hint}"
