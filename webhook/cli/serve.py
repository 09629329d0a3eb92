"""`tenantgate serve`: the webhook."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from webhook.cli.failure import Failure
from webhook.cli.options import KUBE_CONTEXT, PATH, POLICY
from webhook.cli.parsed import LISTENER, Parsed
from webhook.settings import (
    LISTEN,
    OPS_LISTEN,
    OPS_LISTEN_IN_CLUSTER,
    Address,
    Settings,
    default_workers,
    in_cluster,
    parse_rate,
    tracing_is_configured,
)

_SAMPLE = Path(__file__).parent.parent / "server" / "sample-review.json"


@click.command()
@click.option(
    "--listen",
    metavar="HOST:PORT",
    envvar="TENANTGATE_LISTEN",
    type=Parsed("HOST:PORT", Address.parse),
    default=LISTEN,
    show_default=str(LISTEN),
    help="Where reviews are answered, over TLS.",
)
@LISTENER
@POLICY
@click.option(
    "--cert-dir",
    metavar="DIR",
    envvar="TENANTGATE_CERT_DIR",
    type=PATH,
    default=Path("certs"),
    show_default=True,
    help="The folder of ca.crt, tls.crt and tls.key. Outside a cluster, an empty one gets a "
    "development certificate.",
)
@click.option(
    "--client-ca",
    metavar="FILE",
    envvar="TENANTGATE_CLIENT_CA",
    type=PATH,
    help="Answer only clients with a certificate of these authorities (PEM).  [default: anybody]",
)
@click.option(
    "--client-name",
    metavar="NAME",
    envvar="TENANTGATE_CLIENT_NAME",
    multiple=True,
    help="With --client-ca: a common or alternative name that the client's certificate must have; "
    "repeatable.  [default: any]",
)
@click.option(
    "--kubeconfig",
    metavar="FILE",
    envvar="TENANTGATE_KUBECONFIG",
    type=PATH,
    help="Follow the cluster that this file names. In a pod, the cluster around it is followed.",
)
@KUBE_CONTEXT
@click.option(
    "--context",
    metavar="PATH",
    envvar="TENANTGATE_CONTEXT",
    multiple=True,
    type=PATH,
    help="Files that describe a cluster, in place of one: Namespaces, ServiceAccounts, Roles and "
    "bindings; repeatable.",
)
@click.option(
    "--workers",
    metavar="N",
    envvar="TENANTGATE_WORKERS",
    type=click.IntRange(min=1),
    help="Worker processes.  [default: the CPU limit in cores]",
)
@click.option(
    "--access",
    envvar="TENANTGATE_ACCESS",
    type=click.Choice(["rbac", "sar"]),
    default="rbac",
    show_default=True,
    help="Who may use an SCC: by the cluster's RBAC objects, or by asking the API server "
    "(SubjectAccessReview), for clusters with other authorizers.",
)
@click.option(
    "--server",
    envvar="TENANTGATE_SERVER",
    type=click.Choice(["asgi", "gthread"]),
    default="asgi",
    show_default=True,
    help="What carries reviews: the asgi worker, or Flask under threads, which is portable.",
)
@click.option(
    "--log-allowed",
    metavar="all|none|RATE",
    envvar="TENANTGATE_LOG_ALLOWED",
    type=Parsed("all|none|RATE", parse_rate),
    default="all",
    show_default=True,
    help="How many admissions are logged; refusals always are.",
)
@click.option(
    "--events/--no-events",
    envvar="TENANTGATE_EVENTS",
    default=None,
    help="Tell of refusals by Kubernetes Events, at the workload that a pod was for or at the "
    "namespace.  [default: in a cluster only]",
)
@click.option(
    "--tracing/--no-tracing",
    envvar="TENANTGATE_TRACING",
    default=None,
    help="Send OpenTelemetry spans of reviews, by OTLP over HTTP; needs the extra tenantgate[otel].  "
    "[default: where OTEL_EXPORTER_OTLP_ENDPOINT is set]",
)
@click.pass_context
def serve(
    ctx: click.Context,
    /,
    ops_listen: Address | None,
    policy: tuple[Path, ...],
    workers: int | None,
    events: bool | None,
    tracing: bool | None,
    client_name: tuple[str, ...],
    **options: Any,
) -> None:
    """Run the webhook: answer the API server's admission reviews.

    Without a cluster it runs all the same, on a development certificate that it issues itself: a
    namespace that no --context file describes is taken to be an ordinary one.

    Runs until it is told to end (SIGTERM, or Ctrl-C). Exits 2 when it cannot start.
    """
    inside = in_cluster()
    settings = Settings(
        ops_listen=ops_listen or (OPS_LISTEN_IN_CLUSTER if inside else OPS_LISTEN),
        policies=policy,
        workers=workers or default_workers(),
        client_names=client_name,
        in_cluster=inside,
        events=inside if events is None else events,
        tracing=_traces(tracing),
        **options,
    )
    if settings.context and (settings.kubeconfig or settings.kube_context):
        raise click.UsageError(
            "--context describes a cluster by files, --kubeconfig and --kube-context name a live "
            "one: give one or the other"
        )
    if settings.client_names and not settings.client_ca:
        raise click.UsageError("--client-name needs --client-ca FILE: nobody else vouches for it")
    if settings.access == "sar" and not settings.live:
        raise click.UsageError("--access sar asks an API server: name one with --kubeconfig FILE")
    ctx.exit(_serve(settings))


def _traces(wanted: bool | None) -> bool:
    """Return whether spans are sent; who asks for them has to have installed the libraries."""
    if wanted is False or (wanted is None and not tracing_is_configured()):
        return False
    from webhook.server.tracing import EXTRA, is_installed

    if is_installed():
        return True
    missing = f"the libraries for tracing are not installed: pip install '{EXTRA}'"
    if wanted:
        raise Failure(missing)
    click.echo(f"warning: OTEL_EXPORTER_OTLP_ENDPOINT is set, but {missing}", err=True)
    return False


def _serve(settings: Settings) -> int:
    """Check everything that can be checked before anybody is answered, then serve."""
    from webhook.certs.clients import Clients
    from webhook.certs.files import CertificateError
    from webhook.certs.issue import prepare
    from webhook.server.supervisor import ListenError, bind, run

    policies = _check_facts(settings)
    try:
        issued = prepare(settings.cert_dir, issuing=not settings.in_cluster)
        if settings.client_ca:
            Clients(settings.client_ca).read()
        main, ops = bind(settings.listen), bind(settings.ops_listen)
    except (CertificateError, ListenError) as error:
        raise Failure(str(error)) from None
    reviews = Address(settings.listen.host, main.getsockname()[1])
    watched = Address(settings.ops_listen.host, ops.getsockname()[1])

    def announce() -> None:
        click.echo(
            f"tenantgate is ready: reviews on https://{reviews}, "
            f"/healthz /readyz /metrics on http://{watched}",
            err=True,
        )
        if not settings.live:
            click.echo(_trial(settings, reviews, issued), err=True)

    return run(settings, main, ops, announce, policies)


def _check_facts(settings: Settings) -> Mapping[str, str]:
    """Make sure that policies load, and that there is a way to the facts; return the policies' texts.

    The texts, and not the set: nobody here decides by it, and each worker reads its own.
    """
    from webhook.cluster.client import ConfigurationError
    from webhook.core.rbac import RbacError
    from webhook.server.context import ContextError
    from webhook.server.service import cluster
    from webhook.store import PolicyStore

    store = PolicyStore(settings.policies)
    for warning in store.current.warnings:
        click.echo(f"warning: {warning}", err=True)
    try:
        cluster(settings, store)
    except (ContextError, RbacError) as error:
        raise Failure(f"--context cannot be used:\n{error}") from None
    except ConfigurationError as error:
        raise Failure(str(error)) from None
    return store.current.texts


def _trial(settings: Settings, reviews: Address, issued: bool) -> str:
    """Return how to try the webhook by hand."""
    ca = settings.cert_dir / "ca.crt"
    host = "localhost" if reviews.host in ("0.0.0.0", "::") else reviews.host  # noqa: S104 - an address that is read, not bound
    url = f"https://{Address(host, reviews.port)}/mutate"
    command = [
        *("curl", "-sS", "--cacert", str(ca), "-H", "Content-Type: application/json"),
        *("--data-binary", f"@{_SAMPLE}", url),
    ]
    origin = "issued just now" if issued else "as it was there"
    return (
        f"development certificate in {settings.cert_dir} ({origin}); clients trust {ca}\n"
        f"no cluster is followed: facts come from files and assumptions\n\n"
        f"Try it with a sample review, a pod of an ordinary user:\n\n"
        f"  {shlex.join(command)}\n\n"
        'Expect "allowed":true, with a patch (base64) that fills in a UID from the namespace\'s range, '
        "an SELinux level,\na seccomp profile and dropped capabilities, and that notes the SCC: "
        "openshift.io/scc is restricted-v2."
    )
