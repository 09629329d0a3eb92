"""Several policies that fit the same pod, laid over each other: the first that names a value gives it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from webhook.core.mutation.document import PodDefaults, WorkloadDefaults

Policies = tuple[WorkloadDefaults, ...]


class Lent(NamedTuple):
    """A value, and the name of the policy that it is from."""

    value: Any
    policy: str


@dataclass(frozen=True, slots=True)
class ContainerLayer:
    """What all policies together lend to a container; `resources` are the names in either map."""

    requests: Mapping[str, Lent]
    limits: Mapping[str, Lent]
    resources: tuple[str, ...]
    pull_policy: Lent | None


@dataclass(frozen=True, slots=True)
class PodLayer:
    """What all policies together lend to a pod. Of a list, each item that is no duplicate."""

    automount: Lent | None
    priority_class: Lent | None
    node_selector: Mapping[str, Lent]
    labels: Mapping[str, Lent]
    tolerations: tuple[Lent, ...]
    spread: tuple[Lent, ...]


@lru_cache(maxsize=256)
def narrowed(policies: Policies) -> bool:
    """Tell whether any of the policies is for some containers only."""
    return any(
        policy.match.containers is not None or policy.match.images is not None
        for policy in policies
    )


@lru_cache(maxsize=256)
def bounding(policies: Policies) -> Policies:
    """Return those policies that hold containers to anything."""
    return tuple(policy for policy in policies if policy.least or policy.most or policy.ratio)


@lru_cache(maxsize=256)  # as many combinations of policies as fit the same containers
def container_layer(policies: Policies) -> ContainerLayer:
    """Return what policies lend to a container, those of an earlier one before those of a later."""
    requests = _first(policies, lambda policy: policy.requests)
    limits = _first(policies, lambda policy: policy.limits)
    return ContainerLayer(
        requests=requests,
        limits=limits,
        resources=tuple(dict.fromkeys((*requests, *limits))),
        pull_policy=_one(policies, lambda policy: policy.pull_policy or None),
    )


@lru_cache(maxsize=256)
def lends_to_pods(policies: Policies) -> bool:
    """Tell whether any of the policies says something of the pod as a whole."""
    return any(policy.pod != PodDefaults() for policy in policies)


@lru_cache(maxsize=256)
def pod_layer(policies: Policies) -> PodLayer:
    """Return what policies lend to a pod, those of an earlier one before those of a later."""
    return PodLayer(
        automount=_one(policies, lambda policy: policy.pod.automount),
        priority_class=_one(policies, lambda policy: policy.pod.priority_class or None),
        node_selector=_first(policies, lambda policy: policy.pod.node_selector),
        labels=_first(policies, lambda policy: policy.pod.labels),
        tolerations=_items(policies, lambda pod: pod.tolerations),
        spread=_items(policies, lambda pod: pod.spread),
    )


def _first(
    policies: Policies, part: Callable[[WorkloadDefaults], Mapping[str, Any]]
) -> Mapping[str, Lent]:
    found: dict[str, Lent] = {}
    for policy in policies:
        for key, value in part(policy).items():
            found.setdefault(key, Lent(value, policy.name))
    return found


def _one(policies: Policies, part: Callable[[WorkloadDefaults], Any]) -> Lent | None:
    given = (Lent(part(policy), policy.name) for policy in policies)
    return next((lent for lent in given if lent.value is not None), None)


def _items(policies: Policies, part: Callable[[PodDefaults], Iterable[Any]]) -> tuple[Lent, ...]:
    return tuple(Lent(item, policy.name) for policy in policies for item in part(policy.pod))
