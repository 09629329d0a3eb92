"""`tenantgate policy`: what is in a policy set, and whether it can be used."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from webhook.cli.options import POLICY, output_option
from webhook.core.policyset import Named, PolicySet
from webhook.store import load

PATHS = click.argument("paths", nargs=-1, type=click.Path(path_type=Path))


@click.group()
def policy() -> None:
    """Check, list and show policies; print their JSON Schemas."""


@policy.command()
@PATHS
def lint(paths: tuple[Path, ...]) -> None:
    """Read the policies at PATHS as the webhook would, and tell every mistake.

    Without PATHS, the shipped set. Exits 0 when the set can be used, 2 when it cannot.
    """
    policies = load(paths)
    for warning in policies.warnings:
        click.echo(f"warning: {warning}", err=True)
    number = len(policies.documents)
    click.echo(f"{number} policies in force together, {policies.hash}")


@policy.command("list")
@POLICY
@click.option(
    "--rules",
    envvar="TENANTGATE_RULES",
    is_flag=True,
    help="List the built-in rules instead.",
)
@output_option("table", "json", "markdown")
@click.option(
    "--no-headers",
    envvar="TENANTGATE_NO_HEADERS",
    is_flag=True,
    help="Leave out the first line of a table.",
)
def list_(policy: tuple[Path, ...], rules: bool, output: str, no_headers: bool) -> None:
    """List the policies, SCCs in the order in which they are tried; or the built-in rules."""
    if rules:
        _rules(output, no_headers)
        return
    policies = load(policy)
    rows = [(named.kind, named.name, f"{named.file}:{named.line}") for named in _ordered(policies)]
    if output == "json":
        keys = ("kind", "name", "place")
        click.echo(json.dumps([dict(zip(keys, row, strict=True)) for row in rows], indent=2))
    elif output == "markdown":
        click.echo("| kind | name | place |\n|---|---|---|")
        for row in rows:
            click.echo(f"| {' | '.join(row)} |")
    else:
        _table([("KIND", "NAME", "PLACE")][no_headers:] + rows)


@policy.command()
@POLICY
@click.argument("what", metavar="KIND/NAME")
def show(policy: tuple[Path, ...], what: str) -> None:
    """Show one policy as it is in force; of an SCC, its defaults written out and its place."""
    import yaml

    kind, _, name = what.partition("/")
    policies = load(policy)
    for named in policies.documents:
        if named.name == name and named.kind.lower().startswith(_full(kind)):
            click.echo(f"# {named.file}:{named.line}{_place(named, policies)}")
            shown = yaml.safe_dump(_in_force(named), sort_keys=False, allow_unicode=True)
            click.echo(shown, nl=False)
            return
    known = ", ".join(f"{named.kind}/{named.name}" for named in policies.documents[:40])
    raise click.UsageError(f'"{what}" is no policy of this set; it holds: {known}')


@policy.command()
@click.argument("kind", required=False)
def schema(kind: str | None) -> None:
    """Print the JSON Schema of a KIND, or of all kinds of our own, for editors."""
    known = schemas()
    if kind is not None and kind not in known:
        raise click.UsageError(f'"{kind}" is no kind of policy; allowed: {", ".join(known)}')
    click.echo(json.dumps(known[kind] if kind else {"anyOf": list(known.values())}, indent=2))


def schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON Schema of each kind of policy that is not Kubernetes' own."""
    from webhook.core import platform
    from webhook.core.mutation import document as defaults
    from webhook.core.provisioning.templates import document as template
    from webhook.core.provisioning.templates import openshift
    from webhook.core.scc import document
    from webhook.core.tenancy import document as tenant

    kinds = {
        document.KIND: (document.API_VERSION, document.SCHEMA),
        platform.KIND: (platform.API_VERSION, platform.SCHEMA),
        tenant.KIND: (tenant.API_VERSION, tenant.SCHEMA),
        defaults.KIND: (defaults.API_VERSION, defaults.SCHEMA),
        template.KIND: (template.API_VERSION, template.SCHEMA),
        openshift.KIND: (openshift.API_VERSION, openshift.SCHEMA),
    }
    found = {}
    for name, (version, shape) in kinds.items():
        described = shape.json_schema()
        described["properties"] |= {"apiVersion": {"const": version}, "kind": {"const": name}}
        described["required"] = ["apiVersion", "kind", *described.get("required", ())]
        found[name] = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": f"{version} {name}",
            **described,
        }
    return found


def _rules(output: str, no_headers: bool) -> None:
    from webhook.core.catalogue import entries, markdown

    if output == "markdown":
        click.echo(markdown(), nl=False)
    elif output == "json":
        click.echo(
            json.dumps(
                [
                    {
                        "id": entry.id,
                        "family": entry.family,
                        "summary": entry.summary,
                        "reads": entry.reads,
                        "action": entry.action,
                        "explanation": entry.explanation,
                    }
                    for entry in entries()
                ],
                indent=2,
            )
        )
    else:
        rows = [(entry.id, entry.family, entry.action, entry.summary) for entry in entries()]
        _table([("ID", "FAMILY", "ACTION", "SUMMARY")][no_headers:] + rows)


def _ordered(policies: PolicySet) -> list[Named]:
    places = {scc.name: place for place, scc in enumerate(policies.sccs)}

    def key(named: Named) -> tuple[bool, int]:
        is_scc = named.kind == "SecurityContextConstraints"
        return not is_scc, places.get(named.name, 0) if is_scc else 0

    return sorted(policies.documents, key=key)


def _full(kind: str) -> str:
    return "securitycontextconstraints" if kind.lower() in ("scc", "sccs") else kind.lower()


def _place(named: Named, policies: PolicySet) -> str:
    names = [scc.name for scc in policies.sccs]
    if named.kind != "SecurityContextConstraints":
        return ""
    return f", tried {names.index(named.name) + 1} of {len(names)}"


def _in_force(named: Named) -> dict[str, Any]:
    from webhook.core.scc.defaulting import default

    if named.kind == "SecurityContextConstraints":
        scc = default(named.value)
        metadata = {key: scc.pop(key) for key in ("apiVersion", "kind", "metadata")}
        return {**metadata, **scc}
    return dict(named.value)


def _table(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))] if rows else []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        click.echo("  ".join(cells).rstrip())
