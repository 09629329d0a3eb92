"""The Platform document: what holds for the whole cluster."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from webhook.core.model.schema import METADATA, STRING, STRINGS, Object, Scalar

API_VERSION = "tenantgate.io/v1"
KIND = "Platform"

Enforcement = Literal["deny", "warn", "audit"]

SCHEMA = Object(
    {
        "apiVersion": STRING,
        "kind": STRING,
        "metadata": METADATA,
        "spec": Object(
            {
                "engineNamespace": STRING,
                "enforcement": Scalar(str, ("deny", "warn", "audit")),
                "scc": Object(
                    {
                        "exemptNamespaces": STRINGS,
                        "exemptionLabels": Scalar(str, ("ignore", "honour")),
                        "podUpdates": Scalar(str, ("ratchet", "openshift")),
                        "workloads": Scalar(str, ("warn", "ignore")),
                    }
                ),
            }
        ),
    },
    required=("metadata", "spec"),
)

EXEMPT_NAMESPACES = frozenset(
    {"default", "kube-public", "kube-system", "openshift", "openshift-infra", "openshift-node"}
)
"""The namespaces that OpenShift's SCC admission leaves alone."""


@dataclass(frozen=True, slots=True)
class SccSettings:
    """`spec.scc`: which pods SCC admission judges, and how."""

    exempt_namespaces: frozenset[str] = EXEMPT_NAMESPACES
    exemption_labels: Literal["ignore", "honour"] = "ignore"
    pod_updates: Literal["ratchet", "openshift"] = "ratchet"
    workloads: Literal["warn", "ignore"] = "warn"


@dataclass(frozen=True, slots=True)
class Platform:
    """The Platform's spec with its defaults; a policy set without the document has these."""

    engine_namespace: str = "tenantgate-system"
    enforcement: Enforcement = "deny"
    scc: SccSettings = field(default_factory=SccSettings)

    @classmethod
    def from_object(cls, document: Mapping[str, Any]) -> "Platform":
        """Build from a document that `SCHEMA` finds no mistake in."""
        spec = document["spec"]
        scc = spec.get("scc") or {}
        plain = SccSettings()
        exempt = scc.get("exemptNamespaces")
        return cls(
            engine_namespace=spec.get("engineNamespace") or cls().engine_namespace,
            enforcement=cast(Enforcement, spec.get("enforcement") or "deny"),
            scc=SccSettings(
                exempt_namespaces=plain.exempt_namespaces if exempt is None else frozenset(exempt),
                exemption_labels=scc.get("exemptionLabels") or plain.exemption_labels,
                pod_updates=scc.get("podUpdates") or plain.pod_updates,
                workloads=scc.get("workloads") or plain.workloads,
            ),
        )
