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
    """Look up a pod's runtime class where that may excuse a toleration.

    What the class brings with it is in the pod before we see it.
    """
    for value in (case.request.object, case.request.old_object):
        place = pod_in(value, case)
        if place is None or not (name := _runtime_class(place, case)):
            continue
        if any(_refused(value, place, case)):
            yield Ref("node.k8s.io", "runtimeclasses", "", name)


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse tolerations of everything, of reserved taints, and of taints that are not granted."""
    place = pod_in(value, case)
    if place is None:
        return
    found = list(_refused(value, place, case))
    name = _runtime_class(place, case)
    if found and name:
        runtime_class = case.world.get(Ref("node.k8s.io", "runtimeclasses", "", name))
        found = list(_refused(value, place, case, _brought_by(runtime_class)))
    yield from found


def _refused(
    value: Any, place: Place, case: Case, excused: frozenset[tuple[str, ...]] = frozenset()
) -> Iterator[Finding]:
    of_daemon_set = case.request.resource == "daemonsets" or is_daemon_pod(value, case)
    usual = _FOR_DAEMON_SETS if of_daemon_set else _FOR_EVERY_POD
    for index, item in enumerate(map(mapping, items(place.spec.get("tolerations")))):
        key, effect = text(item.get("key")), text(item.get("effect"))
        if (key and effect and usual.get(key) == effect) or _content(item) in excused:
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


def _runtime_class(place: Place, case: Case) -> str:
    """Return the runtime class of a pod; in a template none has brought anything yet."""
    return text(place.spec.get("runtimeClassName")) if is_pod(case) else ""


def _brought_by(runtime_class: Any) -> frozenset[tuple[str, ...]]:
    scheduling = mapping(mapping(runtime_class).get("scheduling"))
    return frozenset(_content(mapping(item)) for item in items(scheduling.get("tolerations")))


RULE = Rule(id="T-WL-3", family="namespace", intercepts=POD_BEARING, check=check, reads=reads)
