"""Where a pod runs: its nodes, its priority, its spread; and the labels that it is found by."""

from collections.abc import Mapping
from typing import Any

from webhook.core.mutation.layers import Lent, PodLayer
from webhook.core.mutation.pods import Draft


def fill(draft: Draft, layer: PodLayer) -> None:
    """Merge maps and append to lists; what the pod says itself stays."""
    if layer.node_selector:
        own = draft.spec.get("nodeSelector") or {}
        if added := _added(draft, ("spec", "nodeSelector"), own, layer.node_selector):
            draft.set(nodeSelector={**own, **added})
    if layer.labels:
        own = draft.metadata.get("labels") or {}
        if added := _added(draft, ("metadata", "labels"), own, layer.labels):
            draft.metadata = {**draft.metadata, "labels": {**own, **added}}
    if layer.priority_class is not None:
        _priority_class(draft, layer.priority_class)
    _append(draft, "tolerations", layer.tolerations, _toleration)
    _append(draft, "topologySpreadConstraints", layer.spread, _constraint)


def _added(
    draft: Draft, path: tuple[str, ...], own: Mapping[str, Any], lent: Mapping[str, Lent]
) -> dict[str, Any]:
    added = {key: value for key, value in lent.items() if key not in own}
    for key, (value, policy) in added.items():
        draft.note((*path, key), value, policy)
    return {key: value for key, (value, _) in added.items()}


def _priority_class(draft: Draft, lent: Lent) -> None:
    """Name a class where the pod has none.

    The Priority plugin has run and put the numbers of no class into the pod. They have to go, as it
    runs again afterwards and refuses numbers that are not those of the class. Where the cluster has
    a class for pods that name none (`globalDefault`), the plugin has named that: nothing tells it
    from one that the pod's author chose, and it stays.
    """
    if draft.spec.get("priorityClassName") or draft.spec.get("priority"):
        return
    draft.set(priorityClassName=lent.value, priority=None, preemptionPolicy=None)
    draft.note(("spec", "priorityClassName"), lent.value, lent.policy)


def _append(draft: Draft, key: str, lent: tuple[Lent, ...], identity: Any) -> None:
    if not lent:
        return
    items = list(draft.spec.get(key) or ())
    own = len(items)
    known = {identity(item) for item in items}
    for item, policy in lent:
        if identity(item) not in known:
            known.add(identity(item))
            draft.note(("spec", key, len(items)), item, policy)
            items.append(item)
    if len(items) > own:
        draft.set(**{key: items})


def _toleration(item: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what makes two tolerations the same one to Kubernetes: all but for how long."""
    operator = item.get("operator") or "Equal"
    return item.get("key") or "", operator, item.get("value") or "", item.get("effect") or ""


def _constraint(item: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what a pod may have one constraint for."""
    return item.get("topologyKey") or "", item.get("whenUnsatisfiable") or ""
