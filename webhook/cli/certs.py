"""`tenantgate certs`: the serving certificate and its authorities, in a cluster or in a folder."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from webhook.cli.failure import Failure
from webhook.cli.options import output_option
from webhook.cli.place import Place, failures, names_for, opened, place_options
from webhook.cli.terms import name_options, read_terms, spell, term_options

if TYPE_CHECKING:
    from webhook.certs.describe import Description, Shown
    from webhook.certs.rotate import Outcome
    from webhook.core.rotation import Terms, Wish


@click.group()
def certs() -> None:
    """Issue, show and rotate the serving certificate."""


@certs.command()
@place_options
@name_options
@term_options
def issue(place: Place, dns: tuple[str, ...], ip: tuple[str, ...], **durations: timedelta) -> None:
    """Make what is missing and renew what is due; leave alone what is fine.

    A folder gets a certificate for this machine's own names, unless --dns or --ip name others. Run
    it now and then: it takes each step of a rotation when its time has come.

    Exits 0, or 2 when nothing could be done.
    """
    _work(place, (*dns, *ip), read_terms(**durations), None)


@certs.command()
@click.option(
    "--ca",
    is_flag=True,
    help="Begin to exchange the CA, too: a new one is published next to the old one, signs after "
    "the settle time, and is trusted alone after the overlap.",
)
@place_options
@name_options
@term_options
def rotate(
    place: Place,
    ca: bool,
    dns: tuple[str, ...],
    ip: tuple[str, ...],
    **durations: timedelta,
) -> None:
    """Renew the serving certificate now, or begin to exchange its CA.

    It is safe while the webhook serves. While a CA is being exchanged, --ca takes the next step of
    that when its time has come, and begins no other.

    Exits 0, or 2 when nothing could be done.
    """
    from webhook.core.rotation import Wish

    _work(place, (*dns, *ip), read_terms(**durations), Wish.CA if ca else Wish.LEAF)


@certs.command()
@output_option("text", "json", text="How to print it.")
@place_options
@term_options
@click.pass_context
def show(ctx: click.Context, /, place: Place, output: str, **durations: timedelta) -> None:
    """Print the certificates: whose they are, until when, who signed them, when they are renewed.

    Exits 0, 1 when one has expired or is not the one that is trusted, 2 when there is none.
    """
    from webhook.certs.describe import describe

    terms = read_terms(**durations)
    with failures(), opened(place) as store:
        snapshot, now = store.read(), store.now()
        found = describe(snapshot, terms, now)
    if not (found.certificates or snapshot.serving):
        raise Failure(f"{place} holds no certificate; tenantgate certs issue makes one")
    if output == "json":
        click.echo(json.dumps(found.fields(now), indent=2))
    else:
        click.echo("\n".join(_lines(found, now)))
    ctx.exit(1 if found.problems else 0)


def _work(place: Place, names: Sequence[str], terms: "Terms", wish: "Wish | None") -> None:
    """Take the steps that are due, or wished for, and say what was done and what comes next."""
    from webhook.certs.rotate import Change, rotate
    from webhook.core.rotation import Wish

    told: list[str] = []

    def tell(change: Change) -> None:
        if change.message:
            told.append(change.message)
            click.echo(change.message)

    with failures(), opened(place, writing=True, takes_over=wish is Wish.CA) as store:
        outcome = rotate(store, terms, names_for(store, names), store.now, wish, tell)
        now = store.now()
    if not told:
        click.echo("nothing was to be done")
    for line in _next(outcome, terms, now, folder=place.cert_dir is not None):
        click.echo(line)


def _next(outcome: "Outcome", terms: "Terms", now: datetime, *, folder: bool) -> Iterator[str]:
    """Yield what comes next, by itself or not."""
    seen = outcome.view.observed
    if seen.coming and seen.published_at:
        at = seen.published_at + terms.settle
        yield f"the new CA signs from {_at(at, now)}"
        if folder:
            yield "until then, give ca.crt, which holds both CAs, to every client"
    if seen.former and seen.replaced_at:
        yield f"the old CA is trusted until {_at(seen.replaced_at + terms.overlap, now)}"
    if seen.leaf:
        yield f"the serving certificate is valid until {_at(seen.leaf.not_after, now)}"
        yield f"it is renewed from {_at(seen.leaf.due(terms.leaf_lifetime), now)}"
    if folder and (seen.coming or seen.former):
        yield "run tenantgate certs issue again then, or as often as you like"


def _lines(found: "Description", now: datetime) -> Iterator[str]:
    """Yield a description as text."""
    for shown in found.certificates:
        yield f"{shown.role}"
        yield from (f"  {what:<12} {value}" for what, value in _rows(shown, now) if value)
    if found.elsewhere:
        yield f"not ours: {found.elsewhere}"
    for problem in found.problems:
        yield f"problem: {problem}"
    if found.next and not found.elsewhere:
        yield f"next: {_at(found.next, now)}"


def _rows(shown: "Shown", now: datetime) -> Iterator[tuple[str, str]]:
    fields = shown.fields(now)
    yield "subject", fields["subject"]
    yield "names", ", ".join(fields["names"])
    yield "valid", f"{_utc(shown.certificate.not_valid_before_utc)} to {_until(shown, now)}"
    yield "signed by", fields["issuer"] if shown.role == "serving certificate" else ""
    digits = fields["fingerprint"].upper()
    yield "SHA-256", ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))
    yield "renewal", _at(shown.renewal, now) if shown.renewal else ""


def _until(shown: "Shown", now: datetime) -> str:
    end = shown.certificate.not_valid_after_utc
    left = f"{spell(end - now)} left" if end > now else f"expired {spell(now - end)} ago"
    return f"{_utc(end)} ({left})"


def _at(time: datetime, now: datetime) -> str:
    return f"{_utc(time)} (in {spell(time - now)})" if time > now else f"{_utc(time)} (now)"


def _utc(time: datetime) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC")
