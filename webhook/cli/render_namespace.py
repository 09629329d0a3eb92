"""`tenantgate render namespace`: a namespace and all that the controller would put into it."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import click

from webhook.cli.manifests import Item, read_manifests
from webhook.cli.options import POLICY, output_option
from webhook.cli.printed import printed
from webhook.cli.receives import adopted
from webhook.core.model.fieldpath import ROOT
from webhook.core.model.marks import PROVISIONED, REQUESTER, TENANT
from webhook.core.model.metadata import label_mistakes
from webhook.core.model.objects import JsonObject
from webhook.core.model.ranges import MCS, SUPPLEMENTAL_GROUPS, UID_RANGE
from webhook.core.model.world import Namespace, annotations, labels
from webhook.core.policyset import PolicySet
from webhook.core.provisioning.choice import why
from webhook.core.provisioning.wanted import Wanted, wanted
from webhook.store import load

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\Z")


@click.command()
@click.argument("name")
@click.option(
    "--tenant",
    metavar="TENANT",
    envvar="TENANTGATE_TENANT",
    default="",
    help="Whose namespace it is.  [default: the tenant whose file claims it]",
)
@click.option(
    "--requester",
    metavar="USER",
    envvar="TENANTGATE_REQUESTER",
    default="",
    help="Who asked for it: the value of the parameter REQUESTER.",
)
@click.option(
    "--label",
    "given",
    metavar="KEY=VALUE",
    envvar="TENANTGATE_LABEL",
    multiple=True,
    help="A label that the namespace has, by which templates may select it; repeatable.",
)
@click.option(
    "--context",
    metavar="PATH",
    envvar="TENANTGATE_CONTEXT",
    multiple=True,
    type=click.Path(exists=True, path_type=str),
    help="Files and folders that describe the cluster: labels and annotations are taken from the "
    "Namespace of this name there. Repeatable.",
)
@POLICY
@output_option("yaml", "json", text="YAML documents, or one JSON List.")
def namespace(
    name: str,
    tenant: str,
    requester: str,
    given: tuple[str, ...],
    context: tuple[str, ...],
    policy: tuple[Path, ...],
    output: str,
) -> None:
    """Print the namespace NAME, and the objects that the controller would create and keep in it.

    What is assumed, and which template serves it and why, is said on standard error. In a cluster
    nobody needs to apply this: it is for looking at, and for comparing with what is there.
    """
    if not _NAME.match(name):
        raise click.BadParameter(f'"{name}" is no name of a namespace', param_hint="NAME")
    policies = load(policy)
    stated = _described(name, context)
    own = {**labels(stated), **_labels(given)}
    noted = {**annotations(stated), **({REQUESTER: requester} if requester else {})}
    owned = _owned(Namespace(name, own, noted), tenant, policies)
    found = wanted(owned.namespace, policies.platform, policies.registry, policies.templates)
    for note in _notes(owned, found, policies):
        click.echo(f"note: {note}", err=True)
    click.echo(printed(list(_objects(owned.namespace, found or Wanted())), output), nl=False)


class _Owned(NamedTuple):
    """A namespace with its stamp, and what the stamp rests on."""

    namespace: Namespace
    reason: str


def _described(name: str, context: Sequence[str]) -> JsonObject:
    """Return the Namespace document of this name, {} when no file has one."""
    found, _ = read_manifests(context, recursive=True)
    for item in found:
        if not isinstance(item, Item):
            error = item.error
            place = ":".join(map(str, filter(None, (item.file, error.line, error.column))))
            raise click.UsageError(f"{place}: {error.message}")
        value = item.value
        if (value["apiVersion"], value["kind"]) == ("v1", "Namespace"):
            metadata = value.get("metadata")
            if isinstance(metadata, dict) and metadata.get("name") == name:
                return value
    return {}


def _labels(given: Sequence[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in given]
    for text, (key, equals, value) in zip(given, pairs, strict=True):
        if not equals or any(label_mistakes({key: value}, ROOT)):
            raise click.BadParameter(f'"{text}" is no label KEY=VALUE', param_hint="--label")
    return {key: value for key, _, value in pairs}


def _owned(namespace: Namespace, tenant: str, policies: PolicySet) -> _Owned:
    """Return the namespace with the stamp that it has, is told to have, or would be given."""
    stamp, known = namespace.labels.get(TENANT, ""), policies.registry.tenants
    if tenant and tenant not in known:
        names = ", ".join(sorted(known)[:20]) or "none, as the policies hold no Tenant"
        raise click.BadParameter(
            f'"{tenant}" is no Tenant; there are: {names}', param_hint="--tenant"
        )
    if tenant and stamp not in ("", tenant):
        raise click.UsageError(
            f"--tenant says {tenant}, and label {TENANT} of the namespace says {stamp}"
        )
    if stamp:
        return _Owned(namespace, f"label {TENANT} says so")
    if tenant:
        return _Owned(_stamped(namespace, tenant), "--tenant says so")
    claimed = adopted(namespace, policies)
    if claimed.labels.get(TENANT):
        return _Owned(claimed, "its file lists or selects it")
    if prefixed := policies.registry.prefix_owner(namespace.name):
        return _Owned(
            _stamped(namespace, prefixed), "the name has its prefix: taken to be made by an owner"
        )
    return _Owned(namespace, "")


def _stamped(namespace: Namespace, tenant: str) -> Namespace:
    return Namespace(namespace.name, {**namespace.labels, TENANT: tenant}, namespace.annotations)


def _notes(owned: _Owned, found: Wanted | None, policies: PolicySet) -> Iterator[str]:
    """Yield what the objects alone do not say."""
    namespace = owned.namespace
    tenant = namespace.labels.get(TENANT, "")
    yield f"of tenant {tenant}: {owned.reason}" if tenant else "of no tenant"
    if tenant and tenant not in policies.registry.tenants:
        yield f"no file describes tenant {tenant}: what is in the namespace already is left as it is"
    yield why(namespace, policies.platform, policies.registry, policies.templates)
    missing = [
        key for key in (UID_RANGE, SUPPLEMENTAL_GROUPS, MCS) if key not in namespace.annotations
    ]
    if missing:
        yield f"the controller allocates annotations {', '.join(missing)}, which no other namespace has"
    if found is not None and found.objects:
        yield f"once all is there, it notes {PROVISIONED}={found.hash}; until then pods wait"


def _objects(namespace: Namespace, found: Wanted) -> Iterator[JsonObject]:
    metadata = {
        "name": namespace.name,
        "labels": {**namespace.labels, **found.labels},
        "annotations": {**namespace.annotations, **found.annotations},
    }
    yield {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {key: value for key, value in metadata.items() if value},
    }
    yield from found.objects
