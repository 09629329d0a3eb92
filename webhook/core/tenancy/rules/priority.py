"""Priority: a tenant's pods may not push aside those of others.

A pod of a higher priority evicts pods of a lower one, whoever owns them. The tenant's default class
is filled in where a pod names none.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from webhook.core.model.finding import Finding
from webhook.core.tenancy.pods import field, is_pod, pod_in, with_spec
from webhook.core.tenancy.rule import POD_BEARING, Case, Rule, text

_SYSTEM = frozenset({"system-cluster-critical", "system-node-critical"})
_HIGHEST_OF_USERS = 1_000_000_000
"""Kubernetes keeps higher values for the two classes of its own."""

_DEFAULTED = (
    "name such a class, or drop priorityClassName. If you named none, the cluster filled in its "
    "default class: ask the platform team to grant it"
)


def mutate(value: Any, case: Case) -> Any:
    """Give a pod without a class the tenant's default.

    What the Priority plugin filled in for no class goes too: it runs again after us, and refuses a
    pod whose numbers are not those of its class.
    """
    classes = case.tenant.allow.priority_classes if case.tenant else None
    place = pod_in(value, case)
    if (
        classes is None
        or not classes.default
        or place is None
        or not is_pod(case)
        or not isinstance(value.get("spec"), Mapping)
        or place.spec.get("priorityClassName")
        or place.spec.get("priority")
    ):
        return value
    changes = {"priorityClassName": classes.default}
    return with_spec(value, changes, without=("priority", "preemptionPolicy"))


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse the classes of the cluster itself, those that are not granted, and bare numbers."""
    place = pod_in(value, case)
    if place is None:
        return
    name, number = text(place.spec.get("priorityClassName")), place.spec.get("priority")
    if name and (problem := _problem(name, case)):
        yield Finding(
            path=field(place, "priorityClassName"),
            observed=name,
            allowed=_allowed(case),
            fix=_DEFAULTED
            if is_pod(case) and not name.startswith("system-")
            else "name such a class, or drop priorityClassName",
            why=problem,
        )
    elif isinstance(number, int | float) and (number > _HIGHEST_OF_USERS or (number and not name)):
        yield Finding(
            path=field(place, "priority"),
            observed=number,
            allowed="not set",
            fix="drop priority and name a priorityClassName",
            why="A pod's priority comes from its class alone",
        )


def _problem(name: str, case: Case) -> str:
    classes = case.tenant.allow.priority_classes if case.tenant else None
    if name in _SYSTEM:
        return f"priorityClassName {name} is reserved for the cluster's own pods"
    if classes is not None and classes.names is not None:
        return "" if classes.permits(name) else "This priority class is not available to the tenant"
    if name.startswith("system-"):
        return "Priority classes named system-* are reserved for the cluster's own pods"
    return ""


def _allowed(case: Case) -> str:
    classes = case.tenant.allow.priority_classes if case.tenant else None
    if classes is None or classes.names is None:
        return "any class but system-*"
    return ", ".join(sorted(classes.names)) or "none"


RULE = Rule(id="T-WL-4", family="namespace", intercepts=POD_BEARING, check=check, mutate=mutate)
