"""`--service` and `--url`: where the API server reaches the webhook."""

import re
from urllib.parse import urlsplit

import click

from webhook.core.registration import Service, Target, Url

SERVICE = click.option(
    "--service",
    metavar="NAMESPACE/NAME[:PORT]",
    envvar="TENANTGATE_SERVICE",
    help="The Service in front of the webhook; port 443 when none is given.",
)
URL = click.option(
    "--url",
    metavar="URL",
    envvar="TENANTGATE_URL",
    help="Where the webhook answers outside the cluster: https://HOST[:PORT].",
)
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def parse_target(service: str | None, url: str | None) -> Target:
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
