"""`tenantgate controller`: keeps a cluster as the policies want it."""

import os
import signal
import socket
import threading
import uuid
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from webhook.cli.failure import Failure
from webhook.cli.options import KUBE_CONTEXT, KUBECONFIG, POLICY
from webhook.cli.parsed import LISTENER
from webhook.cli.target import SERVICE, URL, parse_target
from webhook.cli.terms import name_options, read_terms, term_options
from webhook.settings import OPS_LISTEN, OPS_LISTEN_IN_CLUSTER, Address, in_cluster

if TYPE_CHECKING:
    from flask import Flask

    from webhook.cluster.client import Api
    from webhook.controllers.certificates import Certifying, Source
    from webhook.controllers.registration.controller import Keeping
    from webhook.controllers.run import Runner
    from webhook.core.registration.keeping import Mode
    from webhook.metrics import Metrics
    from webhook.store import PolicyStore

_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


@click.command()
@POLICY
@KUBECONFIG
@KUBE_CONTEXT
@click.option(
    "--namespace",
    metavar="NAME",
    envvar="TENANTGATE_NAMESPACE",
    default="",
    help="tenantgate's own namespace, where the lease is.  [default: $POD_NAMESPACE, else the "
    "pod's own, else engineNamespace of the Platform]",
)
@click.option(
    "--identity",
    metavar="NAME",
    envvar="TENANTGATE_IDENTITY",
    default="",
    help="The name of this replica in the lease.  [default: the host's name and a random part]",
)
@LISTENER
@SERVICE
@URL
@click.option(
    "--registration",
    envvar="TENANTGATE_REGISTRATION",
    type=click.Choice(["managed", "external"]),
    default="managed",
    show_default=True,
    help="Who keeps the webhook configurations: this controller, or GitOps (external); then it only "
    "tells where they differ from what the policies ask for.",
)
@click.option(
    "--cert-source",
    envvar="TENANTGATE_CERT_SOURCE",
    type=click.Choice(["managed", "external"]),
    default="managed",
    show_default=True,
    help="Who keeps the certificates: this controller, or whoever writes the Secret tenantgate-tls "
    "(external). cert-manager is recognised by its annotations.",
)
@name_options
@term_options
@click.pass_context
def controller(
    ctx: click.Context,
    /,
    policy: tuple[Path, ...],
    kubeconfig: Path | None,
    kube_context: str,
    namespace: str,
    identity: str,
    ops_listen: Address | None,
    service: str | None,
    url: str | None,
    registration: "Mode",
    cert_source: "Source",
    dns: tuple[str, ...],
    ip: tuple[str, ...],
    **durations: timedelta,
) -> None:
    """Keep a cluster as the policies want it: what namespaces are given, and what that needs.

    Of several replicas one leads, by a Lease; the others stand by and take over when it ends.

    Runs until it is told to end (SIGTERM, or Ctrl-C), and then gives the lease back. Exits 1 when
    it has lost the lease, to be started anew; 2 when it cannot start.
    """
    from webhook.cluster.client import ConfigurationError, connect_as_kubectl
    from webhook.controllers.certificates import Certifying, names_of
    from webhook.controllers.registration.controller import Keeping
    from webhook.core.registration import Service
    from webhook.store import PolicyStore

    terms = read_terms(**durations)
    store = PolicyStore(policy)
    for warning in store.current.warnings:
        click.echo(f"warning: {warning}", err=True)
    try:
        api = connect_as_kubectl(kubeconfig, kube_context)
    except ConfigurationError as error:
        raise Failure(str(error)) from None
    own = namespace or _own_namespace() or store.current.platform.engine_namespace
    name = identity or f"{socket.gethostname()}_{uuid.uuid4()}"
    listen = ops_listen or (OPS_LISTEN_IN_CLUSTER if in_cluster() else OPS_LISTEN)
    front = parse_target(service, url) if service or url else Service(own, "tenantgate")
    keeping = Keeping(front, registration)
    certifying = Certifying(names_of(front, (*dns, *ip)), terms, cert_source)
    ctx.exit(_run(api, store, own, name, listen, keeping, certifying))


def _run(
    api: "Api",
    store: "PolicyStore",
    namespace: str,
    identity: str,
    listen: Address,
    keeping: "Keeping",
    certifying: "Certifying",
) -> int:
    from webhook import log
    from webhook.cluster.events import Events
    from webhook.controllers.lease import Election
    from webhook.controllers.loop import Context
    from webhook.controllers.plugged import controllers
    from webhook.controllers.run import Runner
    from webhook.metrics import Metrics
    from webhook.server.supervisor import ListenError, bind

    try:
        listener = bind(listen)
    except ListenError as error:
        raise Failure(str(error)) from None
    lines = log.configure()
    events = Events(api, instance=identity)
    metrics = Metrics()
    context = Context(api, store, events, lines, metrics, namespace, identity)
    make = partial(controllers, keeping=keeping, certifying=certifying)
    runner = Runner(context, Election(api, namespace, identity), make)
    for caught in (signal.SIGTERM, signal.SIGINT):
        signal.signal(caught, lambda *_: runner.stopping.set())
    _serve_ops(listener, _ops(store, runner, metrics))
    click.echo(f"/healthz /readyz /metrics on http://{listen}", err=True)
    events.start()
    try:
        return runner.run()
    finally:
        events.stop()
        lines.close()


def _own_namespace() -> str:
    """Return the namespace of the pod that this process runs in, or nothing."""
    try:
        return os.environ.get("POD_NAMESPACE") or _SERVICE_ACCOUNT.read_text().strip()
    except OSError:
        return ""


def _ops(store: "PolicyStore", runner: "Runner", metrics: "Metrics") -> "Flask":
    from flask import Flask

    from webhook.metrics import exposition
    from webhook.ops import Check, add_ops

    def checks() -> list[Check]:
        kept = (
            f"the last good set is in use; the files on disk do not load: {store.problem}"
            if store.problem
            else store.current.hash
        )
        state = "leading" if runner.leading else "standing by"
        return [
            Check("policies", "", kept),
            Check("controllers", "; ".join(runner.problems()), state),
        ]

    app = Flask("webhook.controllers", static_folder=None)
    add_ops(app, checks, lambda: exposition(metrics, runner.readings))
    return app


def _serve_ops(listener: socket.socket, app: "Flask") -> None:
    """Answer on a thread of its own, which ends with the process."""
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        """Probes come every few seconds, and are no news."""

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None: ...

    listener.listen()
    host, port = listener.getsockname()[:2]
    number = listener.fileno()
    server = make_server(host, port, app, threaded=True, request_handler=Quiet, fd=number)
    listener.close()  # the server has a copy
    threading.Thread(target=server.serve_forever, name="ops", daemon=True).start()
