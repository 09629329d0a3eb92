"""Tolerations: a tenant's pod may not tolerate the taints that keep it off other nodes.

Taints reserve nodes for the control plane, for the platform or for one tenant; a toleration without
a key passes all of them. Tolerations can be added to a running pod, so updates are judged as well.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from webhook.core.model.finding import Finding
from webhook.core.model.marks import DOMAIN
from webhook.core.model.pattern import any_glob
from webhook.core.model.world import Ref
from webhook.core.tenancy.pods import field, is_daemon_pod, is_pod, pod_in
from webhook.core.tenancy.rule import POD_BEARING, Case, Place, Rule, items, mapping, text

_RESERVED = (
    "node-role.kubernetes.io/*",
    "node.kubernetes.io/*",
    "node.cloudprovider.kubernetes.io/*",
    "CriticalAddonsOnly",
    "DeletionCandidateOfClusterAutoscaler",
    "ToBeDeletedByClusterAutoscaler",
    f"{DOMAIN}/*",
)
_FOR_EVERY_POD = {
    "node.kubernetes.io/not-ready": "NoExecute",
    "node.kubernetes.io/unreachable": "NoExecute",
    "node.kubernetes.io/memory-pressure": "NoSchedule",
    "node.kubernetes.io/disk-pressure": "NoSchedule",
    "node.kubernetes.io/pid-pressure": "NoSchedule",
}
"""What the control plane lets pods tolerate by itself, with the effects that it names."""

_FOR_DAEMON_SETS = {
    **_FOR_EVERY_POD,
    "node.kubernetes.io/unschedulable": "NoSchedule",
    "node.kubernetes.io/network-unavailable": "NoSchedule",
}
"""The DaemonSet controller gives each of its pods these too."""


def reads(case: Case) -> Iterator[Ref]:
    """Look up a pod's runtime class: its own tolerations are in the pod before we see it."""
    for value in (case.request.object, case.request.old_object):
        place = pod_in(value, case)
        name = text(place.spec.get("runtimeClassName")) if place is not None else ""
        if name and is_pod(case):
            yield _runtime_class(name)


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse tolerations of everything, of reserved taints, and of taints that are not granted."""
    place = pod_in(value, case)
    if place is None or not (found := items(place.spec.get("tolerations"))):
        return
    of_daemon_set = case.request.resource == "daemonsets" or is_daemon_pod(value, case)
    usual = _FOR_DAEMON_SETS if of_daemon_set else _FOR_EVERY_POD
    given = _given(place, case)
    for index, item in enumerate(map(mapping, found)):
        key, effect = text(item.get("key")), text(item.get("effect"))
        if (key and effect and usual.get(key) == effect) or _content(item) in given:
            continue
        if problem := _problem(key, case):
            yield Finding(
                path=field(place, "tolerations", index),
                observed=item,
                allowed=_allowed(case),
                fix="drop it; the control plane adds what every pod needs"
                if key.startswith("node.kubernetes.io/")
                else "name the taint of your own nodes, or drop the toleration",
                why=problem,
                element=str(_content(item)),
            )


def _problem(key: str, case: Case) -> str:
    granted = case.tenant.allow.tolerations if case.tenant else ()
    if not key:
        return "A toleration without key tolerates every taint"
    if granted is not None and key in granted:
        return ""
    reserved = (*_RESERVED, *case.platform.control_plane_labels, *case.platform.protected_labels)
    if any_glob(reserved, key):
        return "This taint belongs to the platform, and its nodes are not for tenants' pods"
    return "" if granted is None else "This taint is not one that the tenant may tolerate"


def _allowed(case: Case) -> str:
    granted = case.tenant.allow.tolerations if case.tenant else ()
    if granted is None:
        return "keys of your own taints"
    return ", ".join(granted) or "none"


def _content(toleration: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what a toleration tolerates; for how many seconds it does is no part of that."""
    key, operator, value, effect = (
        text(toleration.get(name)) for name in ("key", "operator", "value", "effect")
    )
    return (key, operator or "Equal", value, effect)


def _given(place: Place, case: Case) -> frozenset[tuple[str, ...]]:
    """Return what the pod's runtime class adds to it, which is the platform's choice."""
    name = text(place.spec.get("runtimeClassName"))
    found = case.world.get(_runtime_class(name)) if name and is_pod(case) else None
    scheduling = mapping(mapping(found).get("scheduling"))
    return frozenset(_content(mapping(item)) for item in items(scheduling.get("tolerations")))


def _runtime_class(name: str) -> Ref:
    return Ref("node.k8s.io", "runtimeclasses", "", name)


RULE = Rule(id="T-WL-3", family="namespace", intercepts=POD_BEARING, check=check, reads=reads)
