"""The options that say how certificates are kept: how long they live, for which names."""

import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from ipaddress import ip_address
from typing import Any, TypeVar

import click

from webhook.cli.parsed import Parsed
from webhook.core.rotation import Terms

_Command = TypeVar("_Command", bound=Callable[..., Any])

_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_NAME = re.compile(
    r"(\*\.)?([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.)*[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
)
_LONGEST = timedelta(days=36500)


def parse_duration(text: str) -> timedelta:
    """Read a duration such as `90d`, `12h`, `1h30m` or `45s`.

    Raises:
        ValueError: the text is none.
    """
    found = _DURATION.fullmatch(text)
    if not text or found is None:
        raise ValueError(f'"{text}" is no duration, such as 90d, 12h, 1h30m or 45s')
    parts = zip(_UNITS.values(), found.groups(), strict=True)
    try:
        read = timedelta(**{unit: int(number) for unit, number in parts if number})
    except OverflowError:
        read = _LONGEST + timedelta(1)
    if read > _LONGEST:
        raise ValueError(f'"{text}" is longer than a hundred years')
    return read


def spell(duration: timedelta) -> str:
    """Return a duration as `parse_duration` reads it, in its two largest units."""
    seconds = max(0, round(duration.total_seconds()))
    numbers = (seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60, seconds % 60)
    parts = [f"{number}{unit}" for number, unit in zip(numbers, _UNITS, strict=True) if number]
    return "".join(parts[:2]) or "0s"


def _parse_dns(text: str) -> str:
    if len(text) > 253 or not _NAME.fullmatch(text.lower()):
        raise ValueError(f'"{text}" is no DNS name, such as webhook.example.com')
    try:
        ip_address(text)
    except ValueError:
        return text.lower()
    raise ValueError(f'"{text}" is an address: give it with --ip')


def _parse_ip(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise ValueError(f'"{text}" is no IP address, such as 10.0.0.7 or fd00::7') from None


def _duration(name: str, default: timedelta, text: str) -> Callable[[_Command], _Command]:
    return click.option(
        f"--{name}",
        metavar="DURATION",
        envvar=f"TENANTGATE_{name.replace('-', '_').upper()}",
        type=Parsed("DURATION", parse_duration),
        default=default,
        help=f"{text}  [default: {spell(default)}]",
    )


_DEFAULT = Terms()
_NAMES: Sequence[Callable[[Any], Any]] = (
    click.option(
        "--dns",
        metavar="NAME",
        envvar="TENANTGATE_DNS",
        multiple=True,
        type=Parsed("NAME", _parse_dns),
        help="A DNS name of the serving certificate, besides those of the Service; repeatable.",
    ),
    click.option(
        "--ip",
        metavar="ADDRESS",
        envvar="TENANTGATE_IP",
        multiple=True,
        type=Parsed("ADDRESS", _parse_ip),
        help="An IP address of the serving certificate; repeatable.",
    ),
)
_TERMS: Sequence[Callable[[Any], Any]] = (
    _duration("ca-lifetime", _DEFAULT.ca_lifetime, "How long a CA lives. It is renewed when a third is left."),
    _duration(
        "leaf-lifetime",
        _DEFAULT.leaf_lifetime,
        "How long a serving certificate lives. It is renewed when a third is left.",
    ),
    _duration(
        "cert-settle",
        _DEFAULT.settle,
        "How long a new CA is published before it signs, and the least time for a mounted Secret to "
        "reach every pod.",
    ),
    _duration(
        "cert-overlap",
        _DEFAULT.overlap,
        "How long the old CA stays trusted after the new one has signed.",
    ),
)  # fmt: skip


def name_options(command: _Command) -> _Command:
    """Give a command the options that name what a certificate is for: `dns` and `ip`."""
    return _given(command, _NAMES)


def term_options(command: _Command) -> _Command:
    """Give a command the options that `read_terms` takes."""
    return _given(command, _TERMS)


def _given(command: _Command, options: Sequence[Callable[[Any], Any]]) -> _Command:
    for option in reversed(options):
        command = option(command)
    return command


def read_terms(
    ca_lifetime: timedelta,
    leaf_lifetime: timedelta,
    cert_settle: timedelta,
    cert_overlap: timedelta,
) -> Terms:
    """Return the terms that the options name.

    Raises:
        UsageError: they would leave somebody without trust.
    """
    terms = Terms(ca_lifetime, leaf_lifetime, cert_settle, cert_overlap)
    if mistakes := list(terms.mistakes()):
        told = {
            "--ca-lifetime": ca_lifetime,
            "--leaf-lifetime": leaf_lifetime,
            "--cert-settle": cert_settle,
            "--cert-overlap": cert_overlap,
        }
        given = " ".join(f"{name} {spell(value)}" for name, value in told.items())
        raise click.UsageError("\n".join([f"{given}:", *mistakes]))
    return terms
