"""Disruption and scaling abuse: no budget, autoscaler or grace period may tie the platform's hands.

A budget that never allows an eviction stops the drain of a node, an autoscaler aimed at a workload
of the platform turns it down or up, and a pod with hours of grace holds its node for as long.
"""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Action, Finding
from webhook.core.model.selector import SelectorError, read_selector
from webhook.core.model.world import Ref, labels
from webhook.core.tenancy.pods import field, pod_in
from webhook.core.tenancy.rule import POD_BEARING, Case, Intercept, Rule, mapping, text

_LONGEST_GRACE_SECONDS = 3600
_BUDGETS = "poddisruptionbudgets"
_TARGETS = {
    "horizontalpodautoscalers": "scaleTargetRef",
    "verticalpodautoscalers": "targetRef",
}
_KINDS = {
    "CronJob": ("batch", "cronjobs"),
    "DaemonSet": ("apps", "daemonsets"),
    "Deployment": ("apps", "deployments"),
    "Job": ("batch", "jobs"),
    "Pod": ("", "pods"),
    "ReplicaSet": ("apps", "replicasets"),
    "ReplicationController": ("", "replicationcontrollers"),
    "StatefulSet": ("apps", "statefulsets"),
}


def reads(case: Case) -> Iterator[Ref]:
    """Look up what an autoscaler is aimed at, to see whether it is the platform's."""
    for value in (case.request.object, case.request.old_object):
        if (ref := _target(value, case)) is not None:
            yield ref


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse what is aimed at the platform; warn of what only stands in its way."""
    resource = case.request.resource
    if resource == _BUDGETS:
        yield from _budget(value, case)
    elif resource in _TARGETS:
        yield from _autoscaler(value, case)
    elif (place := pod_in(value, case)) is not None:
        seconds = place.spec.get("terminationGracePeriodSeconds")
        if isinstance(seconds, int) and seconds > _LONGEST_GRACE_SECONDS:
            yield Finding(
                path=field(place, "terminationGracePeriodSeconds"),
                observed=seconds,
                allowed=f"at most {_LONGEST_GRACE_SECONDS}",
                fix=f"set it to {_LONGEST_GRACE_SECONDS} or less",
                why="This pod could hold up the drain of its node for more than an hour",
                action="warn",
            )


def _budget(value: Any, case: Case) -> Iterator[Finding]:
    spec = mapping(mapping(value).get("spec"))
    at = FieldPath(("spec",))
    if _number(spec.get("maxUnavailable")) in (0, "0%"):
        yield _never(at / "maxUnavailable", spec["maxUnavailable"], "1 or more")
    if _number(spec.get("minAvailable")) == "100%":
        yield _never(at / "minAvailable", spec["minAvailable"], "less than 100%")
    if _selects_platform(spec.get("selector"), case):
        yield Finding(
            path=at / "selector",
            observed=spec["selector"],
            allowed="pods of your own",
            fix="select your own pods by a label that the platform's do not have",
            why="This budget covers a pod of the platform",
        )


def _never(path: FieldPath, observed: Any, allowed: str) -> Finding:
    action: Action = "warn"
    return Finding(
        path=path,
        observed=observed,
        allowed=allowed,
        fix="use maxUnavailable: 1",
        why="This budget never allows an eviction, so no node with these pods can be drained",
        action=action,
    )


def _number(value: Any) -> Any:
    """Return a count as a number and a percentage as text, both without needless zeros."""
    if isinstance(value, str):
        digits = value.removesuffix("%")
        if digits.isascii() and digits.isdigit():
            return f"{int(digits)}%" if digits != value else int(digits)
    return None if isinstance(value, bool) else value


def _selects_platform(selector: Any, case: Case) -> bool:
    """Tell whether a budget's selector covers a pod of the platform; null selects none."""
    if selector is None:
        return False
    try:
        selected = read_selector(selector)
    except SelectorError:
        return False
    pods = case.world.managed("pods", case.request.namespace)
    return any(selected.matches(labels(pod)) for pod in pods)


def _autoscaler(value: Any, case: Case) -> Iterator[Finding]:
    key = _TARGETS[case.request.resource]
    target = mapping(mapping(mapping(value).get("spec")).get(key))
    name, prefix = text(target.get("name")), case.platform.reserved_object_prefix
    ref = _target(value, case)
    stored = case.world.get(ref) if ref is not None else None
    if bool(prefix and name.startswith(prefix)) or case.is_managed(stored):
        yield Finding(
            path=FieldPath(("spec", key, "name")),
            observed=name,
            allowed="workloads of your own",
            fix="aim it at a workload of your own",
            why=f"This {text(target.get('kind')) or 'workload'} is scaled by the platform",
            element=f"{text(target.get('kind'))}/{name}",
        )


def _target(value: Any, case: Case) -> Ref | None:
    key = _TARGETS.get(case.request.resource, "")
    target = mapping(mapping(mapping(value).get("spec")).get(key))
    kind, name = text(target.get("kind")), text(target.get("name"))
    if kind not in _KINDS or not name:
        return None
    group, resource = _KINDS[kind]
    return Ref(group, resource, case.request.namespace, name)


RULE = Rule(
    id="T-WL-12",
    family="namespace",
    intercepts=(
        *POD_BEARING,
        Intercept(("policy",), (_BUDGETS,)),
        Intercept(("autoscaling",), ("horizontalpodautoscalers",)),
        Intercept(("autoscaling.k8s.io",), ("verticalpodautoscalers",)),
    ),
    check=check,
    reads=reads,
)
