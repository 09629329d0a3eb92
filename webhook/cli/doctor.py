"""`tenantgate doctor`: can this registration lock the cluster up, or be bypassed?"""

import json
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from webhook.cli.failure import Failure
from webhook.cli.options import KUBE_CONTEXT, KUBECONFIG, PATH, output_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from webhook.core.doctor import Diagnosis, Scene


@click.command()
@click.option(
    "-f",
    "--filename",
    metavar="PATH",
    envvar="TENANTGATE_FILENAME",
    multiple=True,
    type=PATH,
    help="Look at manifests instead of a cluster: files or folders; repeatable.",
)
@click.option(
    "-p",
    "--policy",
    metavar="PATH",
    envvar="TENANTGATE_POLICY",
    multiple=True,
    type=PATH,
    help="Policy file or folder; repeatable.  [default: those in the cluster; with -f, the shipped set]",
)
@click.option(
    "-n",
    "--namespace",
    metavar="NAME",
    envvar="TENANTGATE_NAMESPACE",
    default="tenantgate-system",
    show_default=True,
    help="tenantgate's own namespace.",
)
@KUBECONFIG
@KUBE_CONTEXT
@output_option("text", "json")
@click.option(
    "-v", "--verbose", envvar="TENANTGATE_VERBOSE", is_flag=True, help="Tell also what is well."
)
@click.option(
    "--fail-on",
    envvar="TENANTGATE_FAIL_ON",
    type=click.Choice(["fail", "warn", "never"]),
    default="fail",
    show_default=True,
    help="From which level on a finding makes the exit code 1.",
)
@click.option(
    "--allow-incomplete",
    envvar="TENANTGATE_ALLOW_INCOMPLETE",
    is_flag=True,
    help="Exit 0 also where something could not be read.",
)
@click.pass_context
def doctor(
    ctx: click.Context,
    /,
    filename: tuple[Path, ...],
    policy: tuple[Path, ...],
    namespace: str,
    kubeconfig: Path | None,
    kube_context: str,
    output: str,
    verbose: bool,
    fail_on: str,
    allow_incomplete: bool,
) -> None:
    """Tell whether the registration can lock the cluster up, or be bypassed.

    Looks at the webhook configurations of a cluster, tenantgate's and everybody else's, at who
    answers, at certificates, at the policies that the replicas have, and at who may change all that.
    With -f it looks at manifests, as far as they go.

    Exits 0 when all is well, 1 when there is a finding at or above --fail-on, 2 when there was nothing
    to look at, 3 when something could not be read.
    """
    if filename and (kubeconfig or kube_context):
        raise click.UsageError(
            "-f looks at files, --kubeconfig and --kube-context at a cluster: give one"
        )
    from webhook.core.doctor import examine

    scene = (
        _of_files(filename, policy)
        if filename
        else _of_cluster(policy, namespace, kubeconfig, kube_context)
    )
    found = examine(scene)
    if output == "json":
        click.echo(json.dumps(_report(found, scene), indent=2))
    else:
        for each in found:
            if each.level != "ok" or verbose:
                click.echo(f"{each.level.upper():<8}{each.check}: {each}")
        counts = _counts(found)
        click.echo(", ".join(f"{level} {counts[level]}" for level in _LEVELS), err=True)
    ctx.exit(_code(found, fail_on, allow_incomplete))


_LEVELS = ("ok", "warn", "fail", "unknown")


def _of_files(filename: tuple[Path, ...], policy: tuple[Path, ...]) -> "Scene":
    from webhook.cli.examination import of_files
    from webhook.server.context import ContextError, read_context

    try:
        objects = read_context(filename)
    except ContextError as error:
        raise Failure(str(error)) from None
    scene = of_files(objects, policy, datetime.now(UTC))
    if not scene.configurations:
        names = ", ".join(map(str, filename))
        raise Failure(
            f"{names}: no webhook configuration in it; `tenantgate render webhooks` prints them"
        )
    return scene


def _of_cluster(
    policy: tuple[Path, ...], namespace: str, kubeconfig: Path | None, kube_context: str
) -> "Scene":
    from webhook.cli.examination import of_cluster
    from webhook.cluster.client import ClusterError, connect_as_kubectl

    try:
        return of_cluster(connect_as_kubectl(kubeconfig, kube_context), policy, namespace)
    except ClusterError as error:
        raise Failure(f"the cluster cannot be asked: {error}") from None


def _report(found: "Sequence[Diagnosis]", scene: "Scene") -> dict[str, object]:
    counts = _counts(found)
    return {
        "policySetHash": scene.policies.hash,
        "summary": {level: counts[level] for level in _LEVELS},
        "findings": [asdict(each) for each in found],
    }


def _counts(found: "Sequence[Diagnosis]") -> Counter[str]:
    return Counter(str(each.level) for each in found)


def _code(found: "Sequence[Diagnosis]", fail_on: str, allow_incomplete: bool) -> int:
    levels = {each.level for each in found}
    bad = {"fail": {"fail"}, "warn": {"fail", "warn"}, "never": set()}[fail_on]
    if levels & bad:
        return 1
    return 3 if "unknown" in levels and not allow_incomplete else 0
