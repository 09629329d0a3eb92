"""What is to be done about a namespace and the objects in it, by what is wanted and what is there."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from webhook.core.model.marks import HASH, MANAGED, OBJECTS, PROVISIONED
from webhook.core.model.objects import JsonObject
from webhook.core.model.world import annotations, labels
from webhook.core.platform import Platform
from webhook.core.provisioning.reconciliation import inventory
from webhook.core.provisioning.reconciliation.fields import owned_keys
from webhook.core.provisioning.reconciliation.inventory import Item
from webhook.core.provisioning.wanted import Wanted

_POLICY = frozenset(
    {
        ("", "LimitRange"),
        ("", "ResourceQuota"),
        ("networking.k8s.io", "NetworkPolicy"),
        ("policy", "PodDisruptionBudget"),
        ("rbac.authorization.k8s.io", "Role"),
        ("rbac.authorization.k8s.io", "RoleBinding"),
        ("cilium.io", "CiliumNetworkPolicy"),
        ("crd.projectcalico.org", "NetworkPolicy"),
        ("projectcalico.org", "NetworkPolicy"),
        ("k8s.ovn.org", "EgressFirewall"),
        ("networking.istio.io", "Sidecar"),
        ("security.istio.io", "AuthorizationPolicy"),
        ("security.istio.io", "PeerAuthentication"),
    }
)
"""Kinds that only say what may be done: no data is lost with an object of theirs."""

_SHARED = frozenset({("", "PersistentVolumeClaim"), ("", "Secret"), ("", "ServiceAccount")})
"""Kinds whose objects others fill in for good reason: volumes, tokens, pull secrets."""

Disposal = Literal["delete", "release", "leave"]


def is_policy(item: Item) -> bool:
    """Tell whether an object can be deleted, or made anew, without anybody's data being lost."""
    return (item.group, item.kind) in _POLICY


def is_sealed(item: Item, platform: Platform) -> bool:
    """Tell whether an object is to hold nothing but what we put into it.

    Those are the platform's by their name. Of any other, such as the service account `default`,
    only our own fields are kept.
    """
    own = item.name.startswith(platform.reserved_object_prefix)
    return own and (item.group, item.kind) not in _SHARED


def disposal(live: JsonObject, item: Item, *, transferred: bool) -> Disposal:
    """Return what becomes of an object that is no longer wanted.

    What somebody took our marks off is theirs. Policies are deleted; all else is released, so that
    it stays where it is and may be edited. The Secrets of a namespace that goes to another tenant are
    its former tenant's, and go.
    """
    if labels(live).get(MANAGED) != "true" or not annotations(live).get(HASH):
        return "leave"
    if is_policy(item) or (transferred and (item.group, item.kind) == ("", "Secret")):
        return "delete"
    return "release"


def is_recreatable(live: JsonObject, item: Item) -> bool:
    """Tell whether an object may be deleted to be made anew, where a field cannot be changed."""
    return is_policy(item) and labels(live).get(MANAGED) == "true"


@dataclass(frozen=True, slots=True)
class Notes:
    """What the Namespace object itself is to carry: applied as a whole, so it is all of ours."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]

    @classmethod
    def of(cls, wanted: Wanted, listed: Iterable[Item], provisioned: str) -> "Notes":
        """Note what a template gives the namespace, what is in it, and that it is all there."""
        own = {OBJECTS: inventory.write(listed)}
        if provisioned:
            own[PROVISIONED] = provisioned
        return cls(wanted.labels, {**wanted.annotations, **own})

    def stand_at(self, namespace: JsonObject) -> bool:
        """Tell whether a namespace carries exactly this of ours."""
        return _carries(namespace, "labels", self.labels) and _carries(
            namespace, "annotations", self.annotations
        )

    def body(self, namespace: JsonObject) -> JsonObject:
        """Return what is to be applied to a namespace, to that very version of it."""
        metadata: Any = namespace["metadata"]
        return {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {
                "name": metadata["name"],
                "uid": metadata["uid"],
                "resourceVersion": metadata["resourceVersion"],
                "labels": dict(self.labels),
                "annotations": dict(self.annotations),
            },
        }


def _carries(namespace: JsonObject, part: str, wanted: Mapping[str, str]) -> bool:
    there = labels(namespace) if part == "labels" else annotations(namespace)
    return (
        all(there.get(key) == value for key, value in wanted.items())
        and owned_keys(namespace, part) <= wanted.keys()
    )
