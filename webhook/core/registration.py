"""The policy set in, the two webhook configurations out.

What the API server sends follows from what the loaded policies judge, and from one rule above all:
while no replica answers, the cluster must stay repairable. So nothing that a repair needs is sent
to an entry that fails closed: nothing in `kube-system`, `kube-node-lease` or tenantgate's own
namespace, no node, no lease, and nothing by a member of `system:masters`. Deleting both
configurations always works, as the API server sends no admissionregistration object to a webhook.

Each entry is one line of the table `ENTRIES`, written out with every field that the API server
would default, so that what is applied and what is stored are the same.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from webhook.core.model.objects import JsonObject
from webhook.core.model.request import Operation, Phase
from webhook.core.policyset import PolicySet

NAME = "tenantgate"
LABELS = {
    "app.kubernetes.io/name": NAME,
    "app.kubernetes.io/component": "webhook",
    "app.kubernetes.io/part-of": NAME,
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


@dataclass(frozen=True, slots=True)
class Entry:
    """One webhook of a configuration: what it is sent, and when it is registered.

    `name` and `phase` make its name, `<name>.mutate.tenantgate.io` or `<name>.validate.tenantgate.io`.
    `conditions` come after the one that every entry has. `optional` entries let a request pass
    while nobody answers; the others refuse it.
    """

    name: str
    phase: Phase
    rules: tuple[JsonObject, ...]
    wanted: Callable[[PolicySet], bool]
    conditions: tuple[JsonObject, ...] = ()
    optional: bool = False


def _rule(operations: Sequence[Operation], resources: Sequence[str], group: str = "") -> JsonObject:
    """Return a rule for namespaced resources, in the version that tenantgate reads.

    With `matchPolicy: Equivalent` an object that is written through another version or group is
    converted to this one first, so no alias of an endpoint leads past us.
    """
    return {
        "apiGroups": [group],
        "apiVersions": ["v1"],
        "operations": list(operations),
        "resources": list(resources),
        "scope": "Namespaced",
    }


NOT_MASTERS: JsonObject = {
    "name": "not-system-masters",
    "expression": (
        '!has(request.userInfo.groups) || !("system:masters" in request.userInfo.groups)'
    ),
}
"""Break-glass: a cluster administrator can act while tenantgate is down.

Every entry has it, and so these requests are neither judged nor mutated. `groups` may be absent,
and a condition that fails to evaluate refuses the request, hence `has`.
"""

NOT_SYSTEM: JsonObject = {
    "name": "not-system-requesters",
    "expression": (
        "(!has(request.userInfo.groups) || !request.userInfo.groups.exists(group, "
        'group in ["system:nodes", "system:serviceaccounts:kube-system"])) && '
        "(!has(request.userInfo.username) || !(request.userInfo.username in "
        '["system:apiserver", "system:kube-controller-manager", "system:kube-scheduler"]))'
    ),
}
"""Requests of Kubernetes' own components.

Groups and whole names of the control plane only: no service account of a tenant can hold either,
whereas a prefix of a name could be imitated. It must not stand on an entry that judges pods: the
pods of a Deployment are created by a controller in `kube-system`, and would go unjudged.
"""


def _judges_pods(policies: PolicySet) -> bool:
    return bool(policies.sccs)


def _judges_templates(policies: PolicySet) -> bool:
    return bool(policies.sccs) and policies.platform.scc.workloads != "ignore"


POD_WRITES = (
    _rule(["CREATE", "UPDATE"], ["pods"]),
    _rule(["UPDATE"], ["pods/ephemeralcontainers", "pods/resize"]),
)
"""The writes that OpenShift's SCC admission judges.

Subresources are named, as `pods` alone does not match them. What is left out is left out on
purpose: `pods/status`, `pods/binding`, `pods/eviction` and DELETE change nothing that an SCC reads,
and the kubelets and the scheduler need them while we are down. A kubelet does meet these entries
with its mirror pods; SCC exempts them no more than others, and one that is refused changes nothing
on the node, where the static pod runs all the same.
"""

ENTRIES: tuple[Entry, ...] = (
    # UPDATE too: an SCC is chosen again, and recorded in the pod's two result annotations.
    Entry("workloads", "mutate", POD_WRITES, _judges_pods),
    # Once more after every other webhook has had its way with the pod.
    Entry("workloads", "validate", POD_WRITES, _judges_pods),
    # Into somebody else's pod only with the right to run it: scoped to the two ways in that
    # OpenShift guards. CONNECT has no object, so it cannot be mutated.
    Entry("connect", "validate", (_rule(["CONNECT"], ["pods/exec", "pods/attach"]),), _judges_pods),
    # A warning for people, so it refuses nothing and nobody waits for it: controllers, which write
    # most of these objects, are not asked, and the entry is passed by when we do not answer.
    Entry(
        "templates",
        "validate",
        (
            _rule(["CREATE", "UPDATE"], ["podtemplates", "replicationcontrollers"]),
            _rule(
                ["CREATE", "UPDATE"],
                ["daemonsets", "deployments", "replicasets", "statefulsets"],
                group="apps",
            ),
            _rule(["CREATE", "UPDATE"], ["cronjobs", "jobs"], group="batch"),
        ),
        _judges_templates,
        conditions=(NOT_SYSTEM,),
        optional=True,
    ),
)
"""Every entry there is, in the order in which they are written."""


def registration(
    policies: PolicySet, target: Target, ca: str | None = None
) -> tuple[JsonObject, JsonObject]:
    """Return the mutating and the validating configuration for what the policies judge.

    Args:
        policies: the loaded set. Observing (`enforcement: warn` or `audit`) makes every entry optional.
        target: where the API server reaches the webhook.
        ca: the certificates, PEM, by which it trusts the webhook. Without them `caBundle` is left
            out, for whatever fills it at run time; until then the API server trusts its system's
            roots alone.
    """
    return (
        _configuration("MutatingWebhookConfiguration", "mutate", policies, target, ca),
        _configuration("ValidatingWebhookConfiguration", "validate", policies, target, ca),
    )


def excluded_namespaces(policies: PolicySet, target: Target) -> tuple[str, ...]:
    """Return the namespaces that no entry covers: those without which nothing can be repaired.

    The engine's own is what the policies say. Where the Service stands in another one, that is
    left out as well: most likely the webhook's pods run there, and nothing may keep them from
    coming back.
    """
    own = [policies.platform.engine_namespace]
    if isinstance(target, Service):
        own.append(target.namespace)
    return tuple(dict.fromkeys(["kube-system", "kube-node-lease", *own]))


def _configuration(
    kind: str, phase: Phase, policies: PolicySet, target: Target, ca: str | None
) -> JsonObject:
    webhooks = [
        _webhook(entry, policies, target, ca)
        for entry in ENTRIES
        if entry.phase == phase and entry.wanted(policies)
    ]
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": NAME, "labels": dict(LABELS)},
        # The API server stores no empty list.
        **({"webhooks": webhooks} if webhooks else {}),
    }


def _webhook(
    entry: Entry, policies: PolicySet, target: Target, ca: str | None
) -> Mapping[str, Any]:
    observing = policies.platform.enforcement != "deny"
    client = target.client(f"/{entry.phase}")
    if ca is not None:
        client["caBundle"] = base64.b64encode(ca.encode()).decode()
    return {
        "name": f"{entry.name}.{entry.phase}.tenantgate.io",
        "clientConfig": client,
        "rules": list(entry.rules),
        # By the label that the API server itself sets: one that people may write would let them
        # leave. For the same reason there is no objectSelector.
        "namespaceSelector": {
            "matchExpressions": [
                {
                    "key": "kubernetes.io/metadata.name",
                    "operator": "NotIn",
                    "values": list(excluded_namespaces(policies, target)),
                }
            ]
        },
        "objectSelector": {},
        "matchConditions": [NOT_MASTERS, *entry.conditions],
        "matchPolicy": "Equivalent",
        "failurePolicy": "Ignore" if entry.optional or observing else "Fail",
        "timeoutSeconds": TIMEOUT_SECONDS,
        "sideEffects": "None",
        # A later webhook may have added a container: ours is then asked again.
        **({"reinvocationPolicy": "IfNeeded"} if entry.phase == "mutate" else {}),
        "admissionReviewVersions": ["v1"],
    }
