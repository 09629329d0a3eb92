"""Keeps the certificates: makes and rotates them, mends the Secrets, and has them trusted.

What is done when is decided in `core/rotation.py`, and carried out by `certs/rotate.py`. Any number
of replicas may do it at once; only the leader does, as the others' attempts would be lost races.
The Secrets are read now and then rather than watched: a watch would need the right to list Secrets.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from webhook.certs.registered import (
    PART_OF,
    REGISTRATIONS,
    registrations_path,
    service_names,
    trust_of,
)
from webhook.certs.rotate import Change, ManagedElsewhereError, Outcome, UnsettledError, rotate
from webhook.certs.secret import TLS_SECRET, SecretStore
from webhook.cluster.client import ApiError, ClusterError
from webhook.cluster.events import EventType
from webhook.cluster.watch import Watcher
from webhook.controllers.following import Following
from webhook.controllers.known import Known
from webhook.controllers.loop import Context
from webhook.core.registration import Target, Url
from webhook.core.rotation import Step, Terms
from webhook.metrics import Reading

Source = Literal["managed", "external"]

CHECK_SECONDS = 30.0
"""Between two looks at the Secrets, at most: so soon a damaged one is mended."""

_KEY = "tenantgate"
_ROTATING = frozenset({Step.ADOPT, Step.CREATE, Step.PROMOTE, Step.ISSUE, Step.DROP})
_PUBLISHING = frozenset({Step.BUNDLE, Step.REGISTER})


@dataclass(frozen=True, slots=True)
class Certifying:
    """How the certificates are kept.

    `names` are the DNS names and addresses of the serving certificate. With another `source` than
    `managed`, somebody else keeps the Secret, and nothing is done at all.
    """

    names: tuple[str, ...]
    terms: Terms
    source: Source = "managed"
    every: float = CHECK_SECONDS


def names_of(target: Target, others: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the names by which the API server, and whoever else, calls the webhook."""
    if isinstance(target, Url):
        host = urlsplit(target.base).hostname or ""
        return tuple(dict.fromkeys((host, *others)))
    return tuple(dict.fromkeys((*service_names(target.namespace, target.name), *others)))


class Certificates(Following):
    """Looks at certificates and registrations, and takes the steps of a rotation that are due.

    Args:
        context: what every controller works with.
        certifying: how.
    """

    name = "certificates"

    def __init__(self, context: Context, certifying: Certifying) -> None:
        super().__init__(context)
        self._certifying = certifying
        self._store = SecretStore(context.api, context.namespace)
        self._readings: tuple[Reading, ...] = ()
        self._elsewhere = ""
        api, known = context.api, Known(trust_of, self._changed)
        self._watchers = [
            Watcher(api, f"own {plural}", registrations_path(plural), known, selector=PART_OF)
            for plural in (REGISTRATIONS if certifying.source == "managed" else ())
        ]

    def policies_changed(self) -> None:
        """Certificates do not depend on policies."""

    def resync(self) -> None:
        """Look at everything."""
        if self._certifying.source == "managed":
            self._enqueue(_KEY)

    def readings(self) -> Iterator[Reading]:
        """Return when the certificates expire."""
        yield from self._readings

    def reconcile(self, key: str) -> float | None:
        """Take the steps that are due, and return when to look again."""
        certifying, api = self._certifying, self._context.api
        try:
            outcome = rotate(
                self._store, certifying.terms, certifying.names, api.now, tell=self._tell
            )
        except ManagedElsewhereError as error:
            self._leave(str(error))
            return certifying.every
        except (ClusterError, UnsettledError) as error:
            self._failed(error)
            raise ClusterError(f"the certificates: {error}") from error
        self._elsewhere = ""
        self._note(outcome)
        if outcome.at is None:
            return certifying.every
        return max(0.1, min(certifying.every, (outcome.at - api.now()).total_seconds()))

    def _note(self, outcome: Outcome) -> None:
        serving, signing = outcome.view.serving.certificate, outcome.view.authorities.signing
        found = {"leaf": serving, "ca": signing.certificate if signing else None}
        self._readings = tuple(
            (
                "tenantgate_certificate_expiry_timestamp_seconds",
                {"cert": cert},
                certificate.not_valid_after_utc.timestamp(),
            )
            for cert, certificate in found.items()
            if certificate
        )

    def _leave(self, why: str) -> None:
        """Say once that somebody else looks after the certificates."""
        self._readings = ()
        if self._elsewhere != why:
            self._elsewhere = why
            text = f"the certificates are left alone: {why}"
            self._log("info", text, "certificates_external")
            self._emit("Normal", "CertificatesExternal", text)

    def _failed(self, error: Exception) -> None:
        refused = isinstance(error, ApiError) and error.status in (403, 422)
        if refused or isinstance(error, UnsettledError):
            self._emit("Warning", "CertificateRotationFailed", str(error))

    def _tell(self, change: Change) -> None:
        """Say what was done, where it matters to anybody but us."""
        if change.step in _PUBLISHING:
            self._log("info", change.message, "certificate_published")
        if change.step not in _ROTATING or not change.message:
            return
        if change.step in (Step.ISSUE, Step.CREATE):
            cert = "leaf" if change.step is Step.ISSUE else "ca"
            self._context.metrics.count("tenantgate_certificate_rotations_total", cert)
        if change.repair:
            self._say("Warning", "CertificateRepaired", change.message)
        else:
            self._say("Normal", "CertificateRotated", change.message)

    def _say(self, of_type: EventType, reason: str, text: str) -> None:
        self._log("info" if of_type == "Normal" else "warning", text, "certificate_rotated")
        self._emit(of_type, reason, text)

    def _log(self, level: str, text: str, event_type: str) -> None:
        self._context.lines.event(level, __name__, text, event_type)

    def _emit(self, of_type: EventType, reason: str, text: str) -> None:
        metadata = {"name": TLS_SECRET, "namespace": self._store.namespace}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}
        self._context.events.emit(secret, of_type, reason, text)

    def _changed(self, namespace: str, name: str, before: object, after: object) -> None:
        if after is not None:
            self.resync()
