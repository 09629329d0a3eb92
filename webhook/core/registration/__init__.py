"""The policy set in, the two webhook configurations out.

What the API server sends follows from what the loaded policies judge, and from one rule above all:
while no replica answers, the cluster must stay repairable. So nothing that a repair needs is sent
to an entry that fails closed: no lease, node, status or deletion of the control plane's, nothing that
it or a platform's administrator does in `kube-system`, `kube-node-lease` or tenantgate's own
namespace, and nothing by a member of `system:masters`. Deleting both configurations always works, as
the API server sends no admissionregistration object to a webhook.

Each entry is written out with every field that the API server would default, so that what is
applied and what is stored are the same.
"""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from webhook.core.model.objects import JsonObject
from webhook.core.model.request import Phase
from webhook.core.policyset import PolicySet
from webhook.core.registration.demand import Demand
from webhook.core.registration.entries import Entry, Where, entries

NAME = "tenantgate"
LABELS = {
    "app.kubernetes.io/name": NAME,
    "app.kubernetes.io/component": "webhook",
    "app.kubernetes.io/part-of": NAME,
    "app.kubernetes.io/managed-by": NAME,
}
TIMEOUT_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Service:
    """The webhook as a Service in the cluster, which the API server reaches as `name.namespace.svc`."""

    namespace: str
    name: str
    port: int = 443

    def client(self, path: str) -> dict[str, Any]:
        """Return the `clientConfig` for one of the two endpoints, without its `caBundle`."""
        return {
            "service": {
                "namespace": self.namespace,
                "name": self.name,
                "path": path,
                "port": self.port,
            }
        }


@dataclass(frozen=True, slots=True)
class Url:
    """The webhook outside the cluster: `https://host:port`, with or without a leading path."""

    base: str

    def client(self, path: str) -> dict[str, Any]:
        """Return the `clientConfig` for one of the two endpoints, without its `caBundle`."""
        return {"url": self.base.rstrip("/") + path}


Target = Service | Url


def registration(
    policies: PolicySet,
    target: Target,
    ca: str | None = None,
    coming: Iterable[Demand] = (),
) -> tuple[JsonObject, JsonObject]:
    """Return the mutating and the validating configuration for what the policies judge.

    Args:
        policies: the loaded set. Observing (`enforcement: warn` or `audit`) makes every entry optional.
        target: where the API server reaches the webhook.
        ca: the certificates, PEM, by which it trusts the webhook. Without them `caBundle` is left
            out, for whatever fills it at run time; until then the API server trusts its system's
            roots alone.
        coming: of sets that some replica may have loaded already: what they judge is registered, too.
    """
    demand = reduce(or_, coming, Demand.of(policies))
    return (
        _configuration("MutatingWebhookConfiguration", "mutate", demand, target, ca),
        _configuration("ValidatingWebhookConfiguration", "validate", demand, target, ca),
    )


def excluded_namespaces(demand: Demand, target: Target) -> tuple[str, ...]:
    """Return the namespaces that most entries leave out: without them nothing can be repaired.

    The engine's own is what the policies say. Where the Service stands in another one, that is
    left out as well: most likely the webhook's pods run there, and nothing may keep them from
    coming back.
    """
    own = sorted(demand.engine)
    if isinstance(target, Service):
        own.append(target.namespace)
    return tuple(dict.fromkeys(["kube-system", "kube-node-lease", *own]))


def _configuration(
    kind: str, phase: Phase, demand: Demand, target: Target, ca: str | None
) -> JsonObject:
    webhooks = [
        _webhook(entry, demand, target, ca) for entry in entries(demand) if entry.phase == phase
    ]
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": NAME, "labels": dict(LABELS)},
        # The API server stores no empty list.
        **({"webhooks": webhooks} if webhooks else {}),
    }


def _webhook(entry: Entry, demand: Demand, target: Target, ca: str | None) -> Mapping[str, Any]:
    client = target.client(f"/{entry.phase}")
    if ca is not None:
        client["caBundle"] = base64.b64encode(ca.encode()).decode()
    return {
        "name": f"{entry.name}.{entry.phase}.tenantgate.io",
        "clientConfig": client,
        "rules": list(entry.rules),
        "namespaceSelector": _selector(entry.where, demand, target),
        # Tenants write the labels of their objects, so none of them lets an object pass.
        "objectSelector": {"matchLabels": dict(entry.labels)} if entry.labels else {},
        **({"matchConditions": list(entry.conditions)} if entry.conditions else {}),
        "matchPolicy": "Equivalent",
        "failurePolicy": "Fail" if demand.enforcing and not entry.optional else "Ignore",
        "timeoutSeconds": TIMEOUT_SECONDS,
        "sideEffects": "None",
        # A later webhook may have added a container: ours is then asked again.
        **({"reinvocationPolicy": "IfNeeded"} if entry.phase == "mutate" else {}),
        "admissionReviewVersions": ["v1"],
    }


def _selector(where: Where, demand: Demand, target: Target) -> JsonObject:
    """Return what selects namespaces by the label that the API server itself sets.

    One that people may write would let them leave.
    """
    if where == "everywhere":
        return {}
    excluded = excluded_namespaces(demand, target)
    return {
        "matchExpressions": [
            {
                "key": "kubernetes.io/metadata.name",
                "operator": "NotIn" if where == "ordinary" else "In",
                "values": sorted(demand.engine) if where == "engine" else list(excluded),
            }
        ]
    }
