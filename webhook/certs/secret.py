"""The certificates in a cluster: two Secrets, and the `caBundle` of the webhook configurations.

`tenantgate-tls` is what serving pods mount, of type kubernetes.io/tls with `ca.crt`, as cert-manager
writes it. `tenantgate-ca` holds the authorities' keys, and no pod mounts it.
"""

import base64
import contextlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus

from webhook.certs.authorities import PIECES, Serving, is_ours, read_bundle
from webhook.certs.files import CA, CERTIFICATE, KEY
from webhook.certs.registered import (
    Registered,
    decoded,
    mapping,
    registrations,
    service_names,
)
from webhook.certs.rotate import Conflict
from webhook.certs.signing import certificate_pem
from webhook.cluster.client import Api, ApiError, ClusterError, namespace_path
from webhook.core.model.objects import JsonObject

TLS_SECRET, CA_SECRET = "tenantgate-tls", "tenantgate-ca"
_MANAGED_BY = "app.kubernetes.io/managed-by"
_OWNER = "tenantgate"
_LABELS = {
    "app.kubernetes.io/name": "tenantgate",
    "app.kubernetes.io/component": "certificates",
    "app.kubernetes.io/part-of": "tenantgate",
    _MANAGED_BY: _OWNER,
}
_TIMEOUT = 10.0


def ca_bundle(pieces: Mapping[str, bytes]) -> str | None:
    """Return the certificates (PEM) by which the API server is to trust the webhook.

    They are those beside the serving certificate, whoever issued it; None while there are none.
    """
    bundle = pieces.get(CA, b"")
    return b"".join(map(certificate_pem, read_bundle(bundle))).decode() or None


def served(api: Api, namespace: str, name: str = TLS_SECRET) -> Mapping[str, bytes]:
    """Return the pieces of the Secret that serving pods mount; none while there is no such Secret.

    Raises:
        ClusterError: the Secret cannot be read.
    """
    return _data(mapping(api.find(secret_path(namespace, name), timeout=_TIMEOUT)))


def secret_path(namespace: str, name: str = "") -> str:
    """Return the URL path of a Secret, or of all of them in a namespace."""
    return namespace_path(namespace, "secrets", *filter(None, [name]))


class SecretStore:
    """The Secrets of one installation."""

    def __init__(self, api: Api, namespace: str) -> None:
        self.api = api
        self.namespace = namespace

    always_named = True

    @property
    def names(self) -> Sequence[str]:
        """The names of the Service, which every serving certificate has."""
        return service_names(self.namespace)

    def now(self) -> datetime:
        """Return the time by the API server's clock."""
        return self.api.now()

    def read(self) -> "SecretSnapshot":
        """Return what is stored; registrations first, the authorities last.

        Raises:
            ClusterError: something of it cannot be read.
        """
        found = list(registrations(self.api))
        tls, ca = (
            mapping(self.api.find(secret_path(self.namespace, name), timeout=_TIMEOUT))
            for name in (TLS_SECRET, CA_SECRET)
        )
        return SecretSnapshot(self, found, tls, ca)


class SecretSnapshot:
    """What the Secrets and registrations held when they were read; writes go to those very versions."""

    def __init__(
        self,
        store: SecretStore,
        found: Sequence[Registered],
        tls: JsonObject,
        ca: JsonObject,
    ) -> None:
        self._store = store
        self._found = found
        self.tls, self.ca = tls, ca
        self.serving: Mapping[str, bytes] = _data(tls)
        self.authorities: Mapping[str, bytes] = _data(ca)
        self.registered: Sequence[bytes] = [bundle for each in found for bundle in each.bundles]

    @property
    def trusting(self) -> Sequence[tuple[str, str, bytes]]:
        """Each webhook that is registered, the name that it is called by, and its `caBundle`."""
        return [webhook for each in self._found for webhook in each.trusting]

    def managed_elsewhere(self) -> str:
        """Return who else looks after the certificates, nothing if nobody does.

        cert-manager does where it fills in a `caBundle` or wrote the Secret. Somebody does, too,
        where the Secret holds a working pair that is not ours and does not say that it is, or where
        there is none of ours and the registrations trust others.
        """
        for each in self._found:
            if each.injected:
                return f"cert-manager fills in the caBundle of {each}"
        metadata = mapping(self.tls.get("metadata"))
        marks = {**mapping(metadata.get("annotations")), **mapping(metadata.get("labels"))}
        name = f'Secret "{self._store.namespace}/{TLS_SECRET}"'
        if any("cert-manager.io/" in str(mark) for mark in marks):
            return f"cert-manager writes {name}"
        if marks.get(_MANAGED_BY) == _OWNER:
            return ""
        serving = Serving.read(self.serving).certificate
        if serving and not is_ours(serving.issuer):
            return f"{name} holds a certificate that was not issued here"
        if serving or self.ca:
            return ""
        for each in self._found:
            trusted = [ca for bundle in each.bundles for ca in read_bundle(bundle)]
            if trusted and not any(is_ours(ca.subject) for ca in trusted):
                return (
                    f"the caBundle of {each} trusts others, and there is no {name}; without that "
                    "caBundle, one is issued"
                )
        return ""

    def write_authorities(self, pieces: Mapping[str, bytes]) -> None:
        """Write the Secret of the authorities."""
        kept = {key: value for key, value in self.authorities.items() if key not in PIECES}
        self._write(CA_SECRET, self.ca, {**kept, **pieces}, "Opaque")

    def write_serving(self, pieces: Mapping[str, bytes]) -> None:
        """Write the Secret that pods mount."""
        kept = {CERTIFICATE: b"", KEY: b"", **self.serving}
        self._write(TLS_SECRET, self.tls, {**kept, **pieces}, "kubernetes.io/tls")

    def register(self, bundle: bytes) -> None:
        """Write the `caBundle` of each webhook where it differs, and nothing else.

        One that cannot be written keeps none of the others from it.
        """
        problems: list[ClusterError | Conflict] = []
        for each in self._found:
            if (changed := each.with_bundle(bundle)) is not None:
                try:
                    with _conflicts(HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND):
                        self._store.api.put(each.path, changed, timeout=_TIMEOUT)
                except (ClusterError, Conflict) as error:
                    problems.append(error)
        if problems:
            raise problems[0]

    def _write(self, name: str, found: JsonObject, data: Mapping[str, bytes], kind: str) -> None:
        encoded = {key: base64.b64encode(value).decode() for key, value in data.items()}
        store, metadata = self._store, mapping(found.get("metadata"))
        labels = {**mapping(metadata.get("labels")), **_LABELS}
        if found:
            body = {**found, "metadata": {**metadata, "labels": labels}, "data": encoded}
            with _conflicts(HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND):
                store.api.put(secret_path(store.namespace, name), body, timeout=_TIMEOUT)
            return
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": store.namespace, "labels": labels},
            "type": kind,
            "data": encoded,
        }
        with _conflicts(HTTPStatus.CONFLICT):
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


def _data(secret: JsonObject) -> dict[str, bytes]:
    return {str(key): decoded(value) for key, value in mapping(secret.get("data")).items()}
