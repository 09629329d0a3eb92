"""Node pool: a tenant's pods run on the nodes that are set aside for it, and on no others.

The tenant's node selector is merged into each of its pods. Neither `nodeSelector` nor required node
affinity may contradict it, choose control-plane nodes, or choose the pool of another tenant.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import UNSET, Finding
from webhook.core.tenancy.node_terms import expressions, meets, required_terms, values, words
from webhook.core.tenancy.pods import field, is_daemon_pod, is_pod, pod_in, with_spec
from webhook.core.tenancy.rule import POD_BEARING, Case, Place, Rule, items, mapping, text

_USUAL_ROLE_VALUES = frozenset({"", "true"})
"""What control-plane labels are set to; a `NotIn` with one of these keeps away from such nodes."""


def mutate(value: Any, case: Case) -> Any:
    """Merge the tenant's node selector into a pod; what the pod says stays."""
    own = _pool(case)
    place = pod_in(value, case)
    if place is None or not own or not is_pod(case) or not isinstance(value.get("spec"), Mapping):
        return value
    chosen = place.spec.get("nodeSelector")
    if chosen is not None and not isinstance(chosen, Mapping):
        return value
    missing = {key: label for key, label in own.items() if key not in (chosen or {})}
    return with_spec(value, {"nodeSelector": {**(chosen or {}), **missing}}) if missing else value


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse what selects nodes that are not the tenant's."""
    place = pod_in(value, case)
    if place is None:
        return
    yield from _selector(place, case)
    yield from _affinity(place, case, is_daemon_pod(value, case))


def _pool(case: Case) -> Mapping[str, str]:
    return case.tenant.namespaces.node_selector if case.tenant else {}


def _name(case: Case) -> str:
    return case.tenant.name if case.tenant else ""


def _selector(place: Place, case: Case) -> Iterator[Finding]:
    own = _pool(case)
    chosen = mapping(place.spec.get("nodeSelector"))
    for key, label in chosen.items():
        path = field(place, "nodeSelector", key)
        if key in own:
            if label != own[key]:
                yield _conflict(path, label, key, case)
        elif key in case.platform.control_plane_labels:
            yield _control_plane(path, label)
        elif _is_foreign(key, text(label), case):
            yield _other_pool(path, label, case)
    if is_pod(case):
        for key, label in own.items():
            if key not in chosen:
                yield Finding(
                    path=field(place, "nodeSelector", key),
                    observed=UNSET,
                    allowed=label,
                    fix=f"set nodeSelector {key}: {label}",
                    why=f"Pods of tenant {_name(case)} run on its own nodes",
                )


def _affinity(place: Place, case: Case, by_daemon_set: bool) -> Iterator[Finding]:
    """Judge required terms; preferred ones choose among the nodes that are allowed anyway.

    Terms are alternatives. One that asks for another value of the tenant's own pool label matches
    no node, since the selector holds as well; it is refused where no other term remains.
    """
    own = _pool(case)
    conflicts: list[Finding] = []
    fits = False
    for at, term in required_terms(place):
        if items(term.get("matchFields")) and not by_daemon_set:
            yield _by_name(at / "matchFields", items(term["matchFields"]))
        fits_term = True
        for path, expression in expressions(at, term):
            key = text(expression.get("key"))
            fits_term = fits_term and (key not in own or meets(own[key], expression))
            if _selects_foreign(key, expression, case):
                yield _other_pool(path, words(expression), case)
            elif key in own and not meets(own[key], expression):
                conflicts.append(_conflict(path, words(expression), key, case))
            elif key not in own and _selects_control_plane(key, expression, case):
                yield _control_plane(path, words(expression))
        fits = fits or fits_term
    if not fits:
        yield from conflicts


def _selects_control_plane(key: str, expression: Mapping[str, Any], case: Case) -> bool:
    if key not in case.platform.control_plane_labels:
        return False
    operator = expression.get("operator")
    if operator == "NotIn":
        return _USUAL_ROLE_VALUES.isdisjoint(values(expression))
    return operator != "DoesNotExist"


def _is_foreign(key: str, label: str, case: Case) -> bool:
    """Tell whether a label marks the pool of other tenants, and not of this one."""
    owners = case.registry.pools.get(key, {}).get(label)
    return owners is not None and _name(case) not in owners


def _selects_foreign(key: str, expression: Mapping[str, Any], case: Case) -> bool:
    """Tell whether an expression asks for the pool of another tenant.

    Naming one is asking for it. An expression that merely leaves one open does so only where no
    value of that label is the tenant's own; with a `NotIn`, where it keeps away from none of them.
    """
    pools = case.registry.pools.get(key)
    if not pools:
        return False
    named = any(_is_foreign(key, label, case) for label in values(expression))
    if expression.get("operator") in ("In", "DoesNotExist"):
        return named
    if key in _pool(case) or (expression.get("operator") == "NotIn" and named):
        return False
    return any(meets(label, expression) and _is_foreign(key, label, case) for label in pools)


def _conflict(path: FieldPath, observed: Any, key: str, case: Case) -> Finding:
    label = _pool(case)[key]
    return Finding(
        path=path,
        observed=observed,
        allowed=f"{key}={label}",
        fix=f"drop it; pods of {_name(case)} are given {key}={label}",
        why=f"This conflicts with {key}={label}, the nodes of tenant {_name(case)}",
    )


def _by_name(path: FieldPath, fields: Any) -> Finding:
    return Finding(
        path=path,
        observed=[words(mapping(item)) for item in fields],
        allowed="not set",
        fix="use matchExpressions on labels of your nodes",
        why="matchFields picks a node by its name, which only the DaemonSet controller may do",
    )


def _control_plane(path: FieldPath, observed: Any) -> Finding:
    return Finding(
        path=path,
        observed=observed,
        allowed="labels of worker nodes",
        fix="drop it; control-plane nodes run the cluster's own pods only",
        why="This selects control-plane nodes",
    )


def _other_pool(path: FieldPath, observed: Any, case: Case) -> Finding:
    own = ", ".join(f"{key}={label}" for key, label in _pool(case).items())
    return Finding(
        path=path,
        observed=observed,
        allowed=own or "nodes that are not set aside for another tenant",
        fix="drop it, or ask the platform team for nodes of this kind",
        why="This selects nodes that are set aside for another tenant",
    )


RULE = Rule(id="T-WL-2", family="namespace", intercepts=POD_BEARING, check=check, mutate=mutate)
