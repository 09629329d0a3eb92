"""`tenantgate render`: what the policies mean in Kubernetes' own objects, ready to apply."""

import re
import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from webhook.cli.options import POLICY, output_option
from webhook.cli.printed import printed
from webhook.cli.render_monitoring import alerts, dashboard
from webhook.cli.render_namespace import namespace
from webhook.cli.target import SERVICE, URL, parse_target
from webhook.core.model.objects import JsonObject
from webhook.core.policyset import PolicySet
from webhook.core.registration import Service, Target, Url, registration
from webhook.store import load

_CERTIFICATE = re.compile(
    r"-----BEGIN CERTIFICATE-----\s[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----"
)


@click.group()
def render() -> None:
    """Print Kubernetes objects that follow from the policies."""


render.add_command(alerts)
render.add_command(dashboard)
render.add_command(namespace)


@render.command()
@SERVICE
@URL
@click.option(
    "--ca",
    metavar="FILE",
    envvar="TENANTGATE_CA",
    type=click.Path(path_type=Path),
    help="The certificates (PEM) by which the API server trusts the webhook. Needed with --url; without it, "
    "caBundle is left to cert-manager or whatever else fills it in the cluster.",
)
@POLICY
@output_option("yaml", "json", text="Two YAML documents, or one JSON List.")
def webhooks(
    service: str | None, url: str | None, ca: Path | None, policy: tuple[Path, ...], output: str
) -> None:
    """Print the two webhook configurations for what the policies judge.

    Apply them once the webhook answers: from then on a pod that it cannot be asked about is
    refused. Deleting both (they are named tenantgate) takes it out of the way at once.

    Exits 0, or 2 when there is nothing to print.
    """
    target = parse_target(service, url)
    if ca is None and isinstance(target, Url):
        raise click.UsageError(
            "--url needs --ca FILE: nothing in the cluster can fill in by itself whom to trust there"
        )
    certificates = _certificates(ca) if ca is not None else None
    policies = load(policy)
    objects = registration(policies, target, certificates)
    for note in _notes(policies, objects, target, certificates):
        click.echo(f"note: {note}", err=True)
    click.echo(printed(objects, output), nl=False)


def _notes(
    policies: PolicySet, objects: Sequence[JsonObject], target: Target, certificates: str | None
) -> Iterator[str]:
    """Yield what somebody should know before applying the configurations."""
    own = policies.platform.engine_namespace
    if sum(len(each.get("webhooks", ())) for each in objects) == 1:
        yield "these policies judge nothing, so only edits of the policies themselves are sent"
    elif certificates is None:
        yield (
            "caBundle is left out; until something fills it in, the API server trusts only its system's roots, "
            "and refuses what it would have asked"
        )
    if isinstance(target, Service) and target.namespace != own:
        yield (
            f'the Service is in namespace "{target.namespace}", but the policies call "{own}" tenantgate\'s own: '
            "neither is covered. "
            f"If tenantgate runs there, set engineNamespace: {target.namespace} in the Platform's spec"
        )


def _certificates(path: Path) -> str:
    """Read a CA file, and keep its certificates alone."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise click.BadParameter(
            f"{path} cannot be read: {error.strerror}", param_hint="--ca"
        ) from None
    except UnicodeDecodeError:
        text = ""
    if "PRIVATE KEY-----" in text:
        raise click.BadParameter(
            f"{path} holds a private key, which has no place in a configuration; give the CA's certificate (ca.crt)",
            param_hint="--ca",
        )
    certificates = "".join(f"{found}\n" for found in _CERTIFICATE.findall(text))
    if not certificates:
        raise click.BadParameter(f"{path} holds no PEM certificate", param_hint="--ca")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=certificates)
    except (ssl.SSLError, ValueError):
        raise click.BadParameter(
            f"{path} holds a certificate that cannot be read", param_hint="--ca"
        ) from None
    return certificates
