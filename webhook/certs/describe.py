"""What is stored, described: for people, for programs, and what is wrong with it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509

from webhook.certs.authorities import fingerprint, ids_in, names_of
from webhook.certs.rotate import Snapshot, View, observe
from webhook.certs.trust import objection
from webhook.core.rotation import Certificate, Terms, plan


@dataclass(frozen=True, slots=True)
class Shown:
    """One certificate; `role` says what it is there for, `renewal` when it is due, if it is ours."""

    role: str
    certificate: x509.Certificate
    signer: x509.Certificate | None
    renewal: datetime | None

    def fields(self, now: datetime) -> dict[str, Any]:
        """Return it as JSON."""
        certificate, signer = self.certificate, self.signer
        return {
            "role": self.role,
            "subject": certificate.subject.rfc4514_string(),
            "names": sorted(names_of(certificate)),
            "notBefore": _time(certificate.not_valid_before_utc),
            "notAfter": _time(certificate.not_valid_after_utc),
            "daysLeft": round((certificate.not_valid_after_utc - now).total_seconds() / 86400, 1),
            "serialNumber": f"{certificate.serial_number:x}",
            "fingerprint": fingerprint(certificate),
            "issuer": certificate.issuer.rfc4514_string(),
            "signedBy": fingerprint(signer) if signer else None,
            "renewal": _time(self.renewal) if self.renewal else None,
        }


@dataclass(frozen=True, slots=True)
class Description:
    """Everything that is stored in one place.

    Attributes:
        certificates: the serving certificate first, if it can be read, then the authorities.
        problems: what would keep a client from accepting the webhook, now.
        elsewhere: who else looks after the certificates, nothing if nobody does.
        next: when something is due, if it is ours to do.
    """

    certificates: tuple[Shown, ...]
    problems: tuple[str, ...]
    elsewhere: str
    next: datetime | None

    def fields(self, now: datetime) -> Mapping[str, Any]:
        """Return it as JSON."""
        return {
            "certificates": [shown.fields(now) for shown in self.certificates],
            "problems": list(self.problems),
            "managedElsewhere": self.elsewhere or None,
            "next": _time(self.next) if self.next else None,
        }


def describe(snapshot: Snapshot, terms: Terms, now: datetime) -> Description:
    """Describe what was read."""
    view, elsewhere = observe(snapshot), snapshot.managed_elsewhere()
    return Description(
        tuple(_shown(view, terms, ours=not elsewhere)),
        tuple(dict.fromkeys(_problems(snapshot, view, now))),
        elsewhere,
        None if elsewhere else plan(view.observed, now, terms).at,
    )


def _shown(view: View, terms: Terms, *, ours: bool) -> Iterator[Shown]:
    held, seen = view.authorities, view.observed
    signing = held.signing.certificate if held.signing else None
    coming = held.coming.certificate if held.coming else None
    trusted = [ca for ca in (signing, coming, *held.former, *view.found) if ca]
    if view.serving.certificate:
        leaf = view.serving.certificate
        renewal = seen.leaf.due(terms.leaf_lifetime) if seen.leaf and ours else None
        yield Shown("serving certificate", leaf, view.serving.signer(trusted), renewal)
    for ca in trusted:
        if ca == signing:
            fact, role = seen.signing, "CA that signs"
        elif ca == coming:
            fact, role = seen.coming, "CA that is to sign next"
        else:
            fact, role = None, "CA that is trusted"
        yield Shown(role, ca, None, _due(fact, terms) if ours else None)


def _due(ca: Certificate | None, terms: Terms) -> datetime | None:
    return ca.due(terms.ca_lifetime) if ca else None


def _problems(snapshot: Snapshot, view: View, now: datetime) -> Iterator[str]:
    serving = view.serving
    if serving.certificate is None:
        yield serving.problem or "there is no serving certificate"
        return
    name = min(names_of(serving.certificate), default="")
    beside = snapshot.serving.get("ca.crt", b"")
    if "" in ids_in(beside):
        yield "ca.crt is damaged"
    for who, called, bundle in (("ca.crt", name, beside), *snapshot.trusting):
        if bundle and (why := objection(snapshot.serving["tls.crt"], bundle, called, now)):
            yield f"{who}: {why}"
        elif not bundle and who != "ca.crt":
            yield f"{who}: caBundle is empty"


def _time(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
