"""Requests and limits of containers that name none, and their pull policy."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from webhook.core.model.quantity import quantity
from webhook.core.mutation.document import Amount
from webhook.core.mutation.layers import ContainerLayer, Lent, Policies, container_layer, narrowed
from webhook.core.mutation.pods import KINDS, Draft, Path
from webhook.core.mutation.values import overcommits


def covering(container: Mapping[str, Any], policies: Policies) -> Policies:
    """Return those policies whose name and image patterns a container fits."""
    if not narrowed(policies):
        return policies
    name, image = container.get("name") or "", container.get("image") or ""
    return tuple(policy for policy in policies if policy.match.takes_container(name, image))


def fill(draft: Draft, policies: Policies) -> None:
    """Give each container what it lacks; a resource that the pod itself names is left to the pod.

    Ephemeral containers can have no resources, and a new pod has no such containers.
    """
    shared = draft.spec.get("resources") or {}
    taken = {*(shared.get("requests") or ()), *(shared.get("limits") or ())}
    for kind in KINDS:
        old = draft.spec.get(kind) or []
        new: list[Any] | None = None
        for index, container in enumerate(old):
            layer = container_layer(covering(container, policies))
            if _is_full(container, layer):
                continue
            filled = _filled(container, layer, taken, draft, ("spec", kind, index))
            if filled is not container:
                new = new or list(old)
                new[index] = filled
        if new is not None:
            draft.set(**{kind: new})


def _is_full(container: Mapping[str, Any], layer: ContainerLayer) -> bool:
    """Tell at a glance whether a container lacks nothing, as most that are looked after do."""
    pull = layer.pull_policy
    if pull is not None and container.get("imagePullPolicy") != pull.value:
        return False
    own = container.get("resources") or {}
    requests, limits = own.get("requests") or {}, own.get("limits") or {}
    return layer.requests.keys() <= requests.keys() and layer.limits.keys() <= limits.keys()


def _filled(
    container: Mapping[str, Any],
    layer: ContainerLayer,
    taken: Collection[str],
    draft: Draft,
    path: Path,
) -> Mapping[str, Any]:
    changes: dict[str, Any] = {}
    own = container.get("resources") or {}
    missing: dict[str, dict[str, str]] = {}
    for part, name, amount, policy in _missing(own, layer, taken):
        missing.setdefault(part, {})[name] = amount.text
        draft.note((*path, "resources", part, name), amount.text, policy)
    if missing:
        filled = {part: {**(own.get(part) or {}), **added} for part, added in missing.items()}
        changes["resources"] = {**own, **filled}
    pull = layer.pull_policy
    if pull is not None and container.get("imagePullPolicy") != pull.value:
        changes["imagePullPolicy"] = pull.value
        draft.note((*path, "imagePullPolicy"), pull.value, pull.policy)
    return {**container, **changes} if changes else container


def _missing(
    own: Mapping[str, Any], layer: ContainerLayer, taken: Collection[str]
) -> Iterator[tuple[str, str, Amount, str]]:
    """Yield what a container lacks: `requests` or `limits`, the resource, how much, by which policy.

    A request is never above its limit: the value that the container names moves the one that is
    filled in, and of two that are filled in, the request gives way. A limit without a request is
    its own request, as the API server has it.
    """
    requests, limits = own.get("requests") or {}, own.get("limits") or {}
    for name in layer.resources:
        request, limit = requests.get(name), limits.get(name)
        if name in taken or (request is not None and limit is not None):
            continue
        lent_request, lent_limit = layer.requests.get(name), layer.limits.get(name)
        if request is not None:
            if lent_limit is not None:
                yield "limits", name, _at_least(lent_limit, request, name), lent_limit.policy
        elif limit is not None:
            if lent_request is not None:
                yield "requests", name, _at_most(lent_request, limit, name), lent_request.policy
        else:
            if lent_limit is not None:
                yield "limits", name, lent_limit.value, lent_limit.policy
                lent_request = lent_request or lent_limit
                limit = lent_limit.value.text
            if lent_request is not None:
                amount = _at_most(lent_request, limit, name) if limit else lent_request.value
                yield "requests", name, amount, lent_request.policy


def _at_most(lent: Lent, limit: Any, name: str) -> Amount:
    amount: Amount = lent.value
    above = amount.value > (quantity(limit) or 0)
    return Amount.of(limit) if above or not overcommits(name) else amount


def _at_least(lent: Lent, request: Any, name: str) -> Amount:
    amount: Amount = lent.value
    below = amount.value < (quantity(request) or 0)
    return Amount.of(request) if below or not overcommits(name) else amount
