"""Where certificates are kept, as `tenantgate certs` is told: in a cluster, or in a folder."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from webhook.cli.failure import Failure
from webhook.cli.options import KUBE_CONTEXT, KUBECONFIG, PATH

if TYPE_CHECKING:
    from webhook.certs.folder import FolderStore
    from webhook.certs.secret import SecretStore

_Command = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Place:
    """A folder, or the Secrets of a namespace."""

    cert_dir: Path | None
    kubeconfig: Path | None
    kube_context: str
    namespace: str

    def __str__(self) -> str:
        return str(self.cert_dir or f'namespace "{self.namespace}"')


def place_options(command: _Command) -> _Command:
    """Give a command the options that say where certificates are; it gets them as `place`."""

    def called(
        cert_dir: Path | None,
        kubeconfig: Path | None,
        kube_context: str,
        namespace: str | None,
        **others: Any,
    ) -> Any:
        if cert_dir and (kubeconfig or kube_context or namespace):
            raise click.UsageError(
                "--cert-dir names a folder; --kubeconfig, --kube-context and --namespace name a "
                "cluster: give one or the other"
            )
        place = Place(cert_dir, kubeconfig, kube_context, namespace or "tenantgate-system")
        return command(place=place, **others)

    called.__name__, called.__doc__ = command.__name__, command.__doc__
    called.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]  # where click keeps what decorators add
    for option in reversed(_PLACES):
        option(called)
    return called


_PLACES = (
    click.option(
        "--cert-dir",
        metavar="DIR",
        envvar="TENANTGATE_CERT_DIR",
        type=PATH,
        help="A folder of ca.crt, tls.crt and tls.key; with it, no cluster is needed.",
    ),
    KUBECONFIG,
    KUBE_CONTEXT,
    click.option(
        "-n",
        "--namespace",
        metavar="NAME",
        envvar="TENANTGATE_NAMESPACE",
        help="The namespace of the Secrets tenantgate-tls and tenantgate-ca.  [default: "
        "tenantgate-system]",
    ),
)


@contextlib.contextmanager
def opened(
    place: Place, *, writing: bool = False, takes_over: bool = False
) -> "Iterator[SecretStore | FolderStore]":
    """Open the store.

    Args:
        place: where it is.
        writing: make the folder where it is missing, and let nobody else change it meanwhile.
        takes_over: rotate a folder's certificates, too, whose authority's key is not there.
    """
    if place.cert_dir is not None:
        from webhook.certs.folder import FolderStore

        folder = FolderStore(place.cert_dir, takes_over=takes_over)
        with folder.locked() if writing else contextlib.nullcontext():
            yield folder
        return
    from webhook.certs.secret import SecretStore
    from webhook.cluster.client import connect_as_kubectl

    api = connect_as_kubectl(place.kubeconfig, place.kube_context)
    try:
        yield SecretStore(api, place.namespace)
    finally:
        api.close()


@contextlib.contextmanager
def failures() -> Iterator[None]:
    """Have what goes wrong told, and the program exit 2."""
    from webhook.certs.files import CertificateError
    from webhook.certs.rotate import ManagedElsewhereError, UnsettledError
    from webhook.cluster.client import ClusterError

    try:
        yield
    except ManagedElsewhereError as error:
        raise Failure(f"nothing was changed: {error}") from None
    except (CertificateError, ClusterError, UnsettledError) as error:
        raise Failure(str(error)) from None


def names_for(store: "SecretStore | FolderStore", names: Sequence[str]) -> Sequence[str]:
    """Return the names for a leaf: those given, those that it has, or those that are expected."""
    from webhook.certs.authorities import Serving, names_of

    if names:
        return (*store.names, *names) if store.always_named else names
    found = Serving.read(store.read().serving).certificate
    return sorted(names_of(found)) if found and names_of(found) else store.names
