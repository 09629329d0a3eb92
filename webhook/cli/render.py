"""`tenantgate render`: what the policies mean in Kubernetes' own objects, ready to apply."""

import json
import re
import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import click
import yaml

from webhook.core.model.objects import JsonObject
from webhook.core.policyset import PolicySet
from webhook.core.registration import Service, Target, Url, registration
from webhook.store import load

_CERTIFICATE = re.compile(
    r"-----BEGIN CERTIFICATE-----\s[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----"
)
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@click.group()
def render() -> None:
    """Print Kubernetes objects that follow from the policies."""


@render.command()
@click.option(
    "--service",
    metavar="NAMESPACE/NAME[:PORT]",
    envvar="TENANTGATE_SERVICE",
    help="The Service in front of the webhook; port 443 when none is given.",
)
@click.option(
    "--url",
    metavar="URL",
    envvar="TENANTGATE_URL",
    help="Where the webhook answers outside the cluster: https://HOST[:PORT].",
)
@click.option(
    "--ca",
    metavar="FILE",
    envvar="TENANTGATE_CA",
    type=click.Path(path_type=Path),
    help="The certificates (PEM) by which the API server trusts the webhook. Needed with --url; without it, "
    "caBundle is left to cert-manager or whatever else fills it in the cluster.",
)
@click.option(
    "-p",
    "--policy",
    metavar="PATH",
    envvar="TENANTGATE_POLICY",
    multiple=True,
    type=click.Path(path_type=Path),
    show_default="the shipped set",
    help="Policy file or folder; repeatable.",
)
@click.option(
    "-o",
    "--output",
    envvar="TENANTGATE_OUTPUT",
    type=click.Choice(["yaml", "json"]),
    default="yaml",
    show_default=True,
    help="Two YAML documents, or one JSON List.",
)
def webhooks(
    service: str | None, url: str | None, ca: Path | None, policy: tuple[Path, ...], output: str
) -> None:
    """Print the two webhook configurations for what the policies judge.

    Apply them once the webhook answers: from then on a pod that it cannot be asked about is
    refused. Deleting both (they are named tenantgate) takes it out of the way at once.

    Exits 0, or 2 when there is nothing to print.
    """
    target = _target(service, url)
    if ca is None and isinstance(target, Url):
        raise click.UsageError(
            "--url needs --ca FILE: nothing in the cluster can fill in by itself whom to trust there"
        )
    certificates = _certificates(ca) if ca is not None else None
    policies = load(policy)
    objects = registration(policies, target, certificates)
    for note in _notes(policies, target, certificates):
        click.echo(f"note: {note}", err=True)
    click.echo(_text(objects, output), nl=False)


def _notes(policies: PolicySet, target: Target, certificates: str | None) -> Iterator[str]:
    """Yield what somebody should know before applying the configurations."""
    own = policies.platform.engine_namespace
    if not (policies.sccs or policies.registry):
        yield "these policies judge nothing, so both configurations are empty"
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


def _target(service: str | None, url: str | None) -> Target:
    """Return where the webhook is, from whichever of the two options names it."""
    if service is not None and url is not None:
        raise click.UsageError("--service and --url exclude each other: give one of them")
    if service is not None:
        return _service(service)
    if url is not None:
        return _url(url)
    raise click.UsageError(
        "say where the webhook answers: --service NAMESPACE/NAME[:PORT], or --url URL with --ca FILE"
    )


def _service(text: str) -> Service:
    """Read `NAMESPACE/NAME[:PORT]`."""
    namespace, slash, rest = text.partition("/")
    name, colon, port = rest.partition(":")
    if not (slash and _NAME.fullmatch(namespace) and _NAME.fullmatch(name)):
        raise click.BadParameter(
            f"{text!r} is no NAMESPACE/NAME[:PORT]; for example tenantgate-system/tenantgate",
            param_hint="--service",
        )
    if not colon:
        return Service(namespace, name)
    if not (port.isascii() and port.isdecimal() and 1 <= int(port) <= 65535):
        raise click.BadParameter(
            f"port {port!r} of {text!r} is no number from 1 to 65535", param_hint="--service"
        )
    return Service(namespace, name, int(port))


def _url(text: str) -> Url:
    """Read a URL that the API server accepts: https, a host, no user, query or fragment."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    else:
        usable = usable and "@" not in parts.netloc and "?" not in text and "#" not in text
    if not usable:
        raise click.BadParameter(
            f"{text!r} is no https://HOST[:PORT] without user, query and fragment",
            param_hint="--url",
        )
    return Url(text)


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


def _text(objects: Sequence[JsonObject], output: str) -> str:
    """Return objects as kubectl reads them."""
    if output == "json":
        items = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        return json.dumps(items, indent=2) + "\n"
    return yaml.dump_all(objects, Dumper=_Plain, sort_keys=False, width=2**16)


class _Plain(yaml.SafeDumper):
    """Writes each value where it stands, never as a reference to an equal one before."""

    def ignore_aliases(self, data: object) -> bool:
        return True
