"""Certificate requests: a tenant doesn't get client certificates from the cluster.

A signed certificate is good until it runs out, whatever becomes of the bindings of its holder.
"""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import UNSET, Finding
from webhook.core.tenancy.rule import Case, Intercept, Rule, mapping


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse to write, approve or sign a CertificateSigningRequest."""
    yield Finding(
        path=FieldPath(("spec", "signerName")),
        observed=mapping(mapping(value).get("spec")).get("signerName", UNSET),
        allowed="certificates that are issued inside your namespace",
        fix="request certificates through cert-manager in your namespace",
        why="Tenants can't have certificates signed by the cluster",
    )


RULE = Rule(
    id="T-RBAC-7",
    family="subject",
    intercepts=(
        Intercept(
            ("certificates.k8s.io",),
            (
                "certificatesigningrequests",
                "certificatesigningrequests/approval",
                "certificatesigningrequests/status",
            ),
        ),
    ),
    check=check,
    ratchet=False,
)
