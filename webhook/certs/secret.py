"""The certificates in a cluster: two Secrets, and the `caBundle` of the webhook configurations.

`tenantgate-tls` is what serving pods mount, of type kubernetes.io/tls with `ca.crt`, as cert-manager
writes it. `tenantgate-ca` holds the authorities' keys, and no pod mounts it.
"""

import base64
import binascii
import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from webhook.certs.authorities import PIECES, Serving, ids_in, is_ours, read_bundle
from webhook.certs.files import CA, CERTIFICATE, KEY
from webhook.certs.rotate import Conflict
from webhook.certs.signing import certificate_pem
from webhook.cluster.client import Api, ApiError, ClusterError, path_of
from webhook.core.model.objects import JsonObject

TLS_SECRET, CA_SECRET = "tenantgate-tls", "tenantgate-ca"
PART_OF = "app.kubernetes.io/part-of=tenantgate"
"""By this label a webhook configuration is ours."""

REGISTRATIONS = ("mutatingwebhookconfigurations", "validatingwebhookconfigurations")

_MANAGED_BY = "app.kubernetes.io/managed-by"
_OWNER = "tenantgate"
_LABELS = {
    "app.kubernetes.io/name": "tenantgate",
    "app.kubernetes.io/component": "certificates",
    "app.kubernetes.io/part-of": "tenantgate",
    _MANAGED_BY: _OWNER,
}
_INJECTED = "cert-manager.io/inject-"
_TIMEOUT = 10.0
_NOT_FOUND, _CONFLICT = 404, 409


def ca_bundle(api: Api, namespace: str, name: str = TLS_SECRET) -> str | None:
    """Return the certificates (PEM) by which the API server is to trust the webhook.

    They are those beside the serving certificate, whoever issued it; None while there are none.

    Raises:
        ClusterError: the Secret cannot be read.
    """
    bundle = served(api, namespace, name).get(CA, b"")
    return b"".join(map(certificate_pem, read_bundle(bundle))).decode() or None


def served(api: Api, namespace: str, name: str = TLS_SECRET) -> Mapping[str, bytes]:
    """Return the pieces of the Secret that serving pods mount; none while there is no such Secret.

    Raises:
        ClusterError: the Secret cannot be read.
    """
    return _data(_mapping(api.find(secret_path(namespace, name), timeout=_TIMEOUT)))


def secret_path(namespace: str, name: str = "") -> str:
    """Return the URL path of a Secret, or of all of them in a namespace."""
    return path_of("api", "v1", "namespaces", namespace, "secrets", *filter(None, [name]))


def registrations_path(plural: str) -> str:
    """Return the URL path of the webhook configurations of one kind."""
    return path_of("apis", "admissionregistration.k8s.io", "v1", plural)


def trust_of(registration: JsonObject) -> tuple[object, ...]:
    """Return what a webhook configuration says of whom to trust; another value when that changes."""
    marks = _mapping(_mapping(registration.get("metadata")).get("annotations"))
    injected = sorted(mark for mark in map(str, marks) if mark.startswith(_INJECTED))
    return (*injected, *(ids_in(_bundle(webhook)) for webhook in _webhooks(registration)))


class SecretStore:
    """The Secrets of one installation."""

    def __init__(
        self, api: Api, namespace: str, tls: str = TLS_SECRET, ca: str = CA_SECRET
    ) -> None:
        self.api = api
        self.namespace = namespace
        self.tls, self.ca = tls, ca

    def read(self) -> "SecretSnapshot":
        """Return what is stored; registrations first, the authorities last.

        Raises:
            ClusterError: something of it cannot be read.
        """
        found = list(_registrations(self.api))
        tls, ca = (
            _mapping(self.api.find(secret_path(self.namespace, name), timeout=_TIMEOUT))
            for name in (self.tls, self.ca)
        )
        return SecretSnapshot(self, found, tls, ca)


class SecretSnapshot:
    """What the Secrets and registrations held when they were read; writes go to those very versions."""

    def __init__(
        self,
        store: SecretStore,
        registrations: Sequence[tuple[str, JsonObject]],
        tls: JsonObject,
        ca: JsonObject,
    ) -> None:
        self._store = store
        self._registrations = registrations
        self.tls, self.ca = tls, ca
        self.serving: Mapping[str, bytes] = _data(tls)
        self.authorities: Mapping[str, bytes] = _data(ca)
        self.registered: Sequence[bytes] = [
            _bundle(webhook) for _, found in registrations for webhook in _webhooks(found)
        ]

    @property
    def registrations(self) -> Sequence[JsonObject]:
        """The webhook configurations that are ours."""
        return [found for _, found in self._registrations]

    def managed_elsewhere(self) -> str:
        """Return who else looks after the certificates, nothing if nobody does.

        cert-manager does where it fills in a `caBundle` or wrote the Secret. Somebody does, too,
        where the Secret holds a working pair that is not ours and does not say that it is.
        """
        for found in self.registrations:
            metadata = _mapping(found.get("metadata"))
            marks = _mapping(metadata.get("annotations"))
            if any(str(mark).startswith(_INJECTED) for mark in marks):
                return f'cert-manager fills in the caBundle of {found.get("kind")} "{metadata.get("name")}"'
        metadata = _mapping(self.tls.get("metadata"))
        marks = {**_mapping(metadata.get("annotations")), **_mapping(metadata.get("labels"))}
        name = f'Secret "{self._store.namespace}/{self._store.tls}"'
        if any("cert-manager.io/" in str(mark) for mark in marks):
            return f"cert-manager writes {name}"
        serving = Serving.read(self.serving)
        if serving.certificate is None or marks.get(_MANAGED_BY) == _OWNER:
            return ""
        if is_ours(serving.certificate.issuer):
            return ""
        return f"{name} holds a certificate that was not issued here"

    def write_authorities(self, pieces: Mapping[str, bytes]) -> None:
        """Write the Secret of the authorities."""
        kept = {key: value for key, value in self.authorities.items() if key not in PIECES}
        self._write(self._store.ca, self.ca, {**kept, **pieces}, "Opaque")

    def write_serving(self, pieces: Mapping[str, bytes]) -> None:
        """Write the Secret that pods mount."""
        kept = {CERTIFICATE: b"", KEY: b"", **self.serving}
        self._write(self._store.tls, self.tls, {**kept, **pieces}, "kubernetes.io/tls")

    def register(self, bundle: bytes) -> None:
        """Write the `caBundle` of each webhook where it differs, and nothing else."""
        wanted = ids_in(bundle)
        text = base64.b64encode(bundle).decode()
        for path, found in self._registrations:
            if all(ids_in(_bundle(webhook)) == wanted for webhook in _webhooks(found)):
                continue
            webhooks = [
                {
                    **webhook,
                    "clientConfig": {**_mapping(webhook.get("clientConfig")), "caBundle": text},
                }
                for webhook in _webhooks(found)
            ]
            with _conflicts(_CONFLICT, _NOT_FOUND):
                self._store.api.put(path, {**found, "webhooks": webhooks}, timeout=_TIMEOUT)

    def _write(self, name: str, found: JsonObject, data: Mapping[str, bytes], kind: str) -> None:
        encoded = {key: base64.b64encode(value).decode() for key, value in data.items()}
        store, metadata = self._store, _mapping(found.get("metadata"))
        labels = {**_mapping(metadata.get("labels")), **_LABELS}
        if found:
            body = {**found, "metadata": {**metadata, "labels": labels}, "data": encoded}
            with _conflicts(_CONFLICT, _NOT_FOUND):
                store.api.put(secret_path(store.namespace, name), body, timeout=_TIMEOUT)
            return
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": store.namespace, "labels": labels},
            "type": kind,
            "data": encoded,
        }
        with _conflicts(_CONFLICT):
            store.api.post(secret_path(store.namespace), body, timeout=_TIMEOUT)


@contextlib.contextmanager
def _conflicts(*losing: int) -> Iterator[None]:
    """Tell a write that came too late: somebody wrote, made or deleted the object meanwhile."""
    try:
        yield
    except ApiError as error:
        if error.status in losing:
            raise Conflict(str(error)) from error
        raise


def _registrations(api: Api) -> Iterator[tuple[str, JsonObject]]:
    """Yield the webhook configurations that are ours, each with its URL path."""
    for plural in REGISTRATIONS:
        path = registrations_path(plural)
        kind = "Mutating" if plural.startswith("mutating") else "Validating"
        listed = api.get(path, {"labelSelector": PART_OF}, timeout=_TIMEOUT)
        for item in _mapping(listed).get("items") or ():
            if not isinstance(item, dict):
                raise ClusterError(f"GET {path}: an item is no object")
            name = str(_mapping(item.get("metadata")).get("name"))
            # The items of a list do not say what they are.
            made = {
                **item,
                "apiVersion": "admissionregistration.k8s.io/v1",
                "kind": f"{kind}WebhookConfiguration",
            }
            yield path + path_of(name), made


def _webhooks(found: JsonObject) -> list[dict[str, Any]]:
    return [webhook for webhook in found.get("webhooks") or () if isinstance(webhook, dict)]


def _bundle(webhook: JsonObject) -> bytes:
    return _decoded(_mapping(webhook.get("clientConfig")).get("caBundle"))


def _data(secret: JsonObject) -> dict[str, bytes]:
    return {str(key): _decoded(value) for key, value in _mapping(secret.get("data")).items()}


def _decoded(value: object) -> bytes:
    if not isinstance(value, str):
        return b""
    with contextlib.suppress(binascii.Error, ValueError):
        return base64.b64decode(value)
    return b""


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
