"""Aggregated ClusterRoles: whose rules are those of other ClusterRoles."""

from collections.abc import Iterable
from dataclasses import replace

from webhook.core.rbac.documents import Role, permissions
from webhook.core.rbac.rules import Rule


def aggregated(roles: Iterable[Role]) -> list[Role]:
    """Return the roles with the rules that the ClusterRole aggregation controller would give them.

    A ClusterRole with an `aggregationRule` has the rules of every other ClusterRole that one of
    its selectors matches, aggregated ones included, and none of its own: the controller overwrites
    what stands there. Roles that select each other get what all of them select.
    """
    roles = list(roles)
    return [
        role
        if role.aggregates is None
        else replace(role, permissions=permissions(_rules(role, roles)))
        for role in roles
    ]


def _rules(role: Role, roles: list[Role]) -> tuple[Rule, ...]:
    rules: dict[Rule, None] = {}
    seen = {role.key}
    waiting = [role]
    while waiting:
        for found in _selected(waiting.pop(), roles):
            if found.key in seen:
                continue
            seen.add(found.key)
            if found.aggregates is None:
                rules.update(dict.fromkeys(found.permissions.rules))
            else:
                waiting.append(found)
    return tuple(rules)


def _selected(role: Role, roles: list[Role]) -> list[Role]:
    selectors = role.aggregates or ()
    return [
        other
        for other in roles
        if other.kind == "ClusterRole" and any(s.matches(other.labels) for s in selectors)
    ]
