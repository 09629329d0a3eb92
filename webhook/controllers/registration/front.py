"""Whether anybody would answer the API server, and by which authorities it could trust who does."""

import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from webhook.certs.files import CA, CERTIFICATE
from webhook.certs.secret import TLS_SECRET, ca_bundle, served
from webhook.certs.trust import objection
from webhook.cluster.client import Api, path_of
from webhook.core.registration import Service, Target, Url

_TIMEOUT = 10.0
_HANDSHAKE = 3.0


@dataclass(frozen=True, slots=True)
class Front:
    """How the webhook stands towards the API server.

    `ca` are the authorities to trust, PEM, or None while there are none. `silence` says why nobody
    would answer, or nobody would be trusted; it is empty when all is well.
    """

    ca: str | None
    silence: str = ""


def look(
    api: Api,
    namespace: str,
    target: Target,
    secret: str = TLS_SECRET,
) -> Front:
    """Find out how the webhook stands.

    Of a Service, one endpoint that is ready is enough, as a replica is ready only once it can judge;
    what it shows is in the Secret that it mounts. A URL is connected to.

    Raises:
        ClusterError: the API server does not say.
    """
    pieces = served(api, namespace, secret)
    ca = ca_bundle(pieces)
    if ca is None:
        return Front(None, f'Secret "{namespace}/{secret}" holds no authority to trust ({CA}) yet')
    if isinstance(target, Url):
        return Front(ca, _handshake(target, ca))
    name = f"{target.name}.{target.namespace}.svc"
    problem = objection(pieces.get(CERTIFICATE, b""), ca.encode(), name, api.now())
    if problem:
        return Front(
            ca, f'the certificate in Secret "{namespace}/{secret}" would be refused: {problem}'
        )
    return Front(ca, _unready(api, target))


def _unready(api: Api, service: Service) -> str:
    path = path_of(
        *("apis", "discovery.k8s.io", "v1", "namespaces", service.namespace, "endpointslices")
    )
    query = {"labelSelector": f"kubernetes.io/service-name={service.name}"}
    found = api.get(path, query, timeout=_TIMEOUT)
    slices = found.get("items") if isinstance(found, Mapping) else None
    if any(is_ready(endpoint) for each in slices or () for endpoint in each.get("endpoints") or ()):
        return ""
    return f'no replica behind Service "{service.namespace}/{service.name}" is ready'


def is_ready(endpoint: Mapping[str, object]) -> bool:
    """Tell whether an endpoint of an EndpointSlice is ready; one that does not say counts as ready."""
    conditions = endpoint.get("conditions")
    ready = conditions.get("ready") if isinstance(conditions, Mapping) else None
    return ready is not False


def _handshake(url: Url, ca: str) -> str:
    parts = urlsplit(url.base)
    host, port = parts.hostname or "", parts.port or 443
    context = ssl.create_default_context(cadata=ca)
    try:
        with (
            socket.create_connection((host, port), _HANDSHAKE) as plain,
            context.wrap_socket(plain, server_hostname=host),
        ):
            return ""
    except (OSError, ValueError) as error:  # what TLS objects to is an OSError, too
        return f"{url.base} does not answer as it should: {error}"
