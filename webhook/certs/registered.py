"""Webhook configurations, as far as certificates go: whom they trust, and how they call us."""

import base64
import binascii
import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from webhook.certs.authorities import ids_in
from webhook.cluster.client import Api, ClusterError, path_of
from webhook.core.model.objects import JsonObject

PART_OF = "app.kubernetes.io/part-of=tenantgate"
"""By this label a webhook configuration is ours."""

REGISTRATIONS = {
    "mutatingwebhookconfigurations": "MutatingWebhookConfiguration",
    "validatingwebhookconfigurations": "ValidatingWebhookConfiguration",
}

_INJECTED = "cert-manager.io/inject-"
_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Registered:
    """One webhook configuration that is ours, and its URL path."""

    path: str
    object: JsonObject

    def __str__(self) -> str:
        name = mapping(self.object.get("metadata")).get("name")
        return f'{self.object.get("kind")} "{name}"'

    @property
    def injected(self) -> Sequence[str]:
        """The annotations by which cert-manager fills in the `caBundle`."""
        marks = mapping(mapping(self.object.get("metadata")).get("annotations"))
        return sorted(mark for mark in map(str, marks) if mark.startswith(_INJECTED))

    @property
    def bundles(self) -> Sequence[bytes]:
        """The `caBundle` of each webhook in it."""
        return [_bundle(webhook) for webhook in self._webhooks()]

    @property
    def trusting(self) -> Iterator[tuple[str, str, bytes]]:
        """Each webhook: what to call it, the name by which the API server calls us, its `caBundle`."""
        for webhook in self._webhooks():
            yield str(self), _called(mapping(webhook.get("clientConfig"))), _bundle(webhook)

    def with_bundle(self, bundle: bytes) -> JsonObject | None:
        """Return the configuration with these authorities, None if it trusts just these already."""
        wanted, text = ids_in(bundle), base64.b64encode(bundle).decode()
        if all(ids_in(had) == wanted for had in self.bundles):
            return None
        webhooks = [
            {**webhook, "clientConfig": {**mapping(webhook.get("clientConfig")), "caBundle": text}}
            for webhook in self._webhooks()
        ]
        return {**self.object, "webhooks": webhooks}

    def _webhooks(self) -> list[dict[str, Any]]:
        found = self.object.get("webhooks") or ()
        return [webhook for webhook in found if isinstance(webhook, dict)]


def registrations_path(plural: str) -> str:
    """Return the URL path of the webhook configurations of one kind."""
    return path_of("apis", "admissionregistration.k8s.io", "v1", plural)


def registrations(api: Api) -> Iterator[Registered]:
    """Yield the webhook configurations that are ours.

    Raises:
        ClusterError: they cannot be listed.
    """
    for plural, kind in REGISTRATIONS.items():
        path = registrations_path(plural)
        listed = api.get(path, {"labelSelector": PART_OF}, timeout=_TIMEOUT)
        for item in mapping(listed).get("items") or ():
            if not isinstance(item, dict):
                raise ClusterError(f"GET {path}: an item is no object")
            name = str(mapping(item.get("metadata")).get("name"))
            # The items of a list do not say what they are.
            whole = {**item, "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind}
            yield Registered(path + path_of(name), whole)


def trust_of(registration: JsonObject) -> tuple[object, ...]:
    """Return what a webhook configuration says of whom to trust; another value when that changes."""
    found = Registered("", registration)
    return (*found.injected, *map(ids_in, found.bundles))


def service_names(namespace: str, name: str = "tenantgate") -> tuple[str, ...]:
    """Return the names of a Service; the API server uses the first."""
    return tuple(f"{name}.{namespace}{rest}" for rest in (".svc", ".svc.cluster.local", ""))


def decoded(value: object) -> bytes:
    """Return what a field of type `[]byte` holds."""
    if isinstance(value, str):
        with contextlib.suppress(binascii.Error, ValueError):
            return base64.b64decode(value)
    return b""


def mapping(value: object) -> dict[str, Any]:
    """Return a value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def _called(client: JsonObject) -> str:
    service = mapping(client.get("service"))
    if service:
        return service_names(str(service.get("namespace")), str(service.get("name")))[0]
    return urlsplit(str(client.get("url"))).hostname or ""


def _bundle(webhook: JsonObject) -> bytes:
    return decoded(mapping(webhook.get("clientConfig")).get("caBundle"))
