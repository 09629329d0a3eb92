"""Dangerous roles: a Role in a tenant's namespace grants nothing that leads out of it.

Escalating, binding and impersonating turn one right into others, and who writes quotas, bindings of
pods or endpoints undoes what the platform has set. Wildcards count for everything that they reach.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.model.marks import in_domain
from webhook.core.rbac.rules import Rule as PolicyRule
from webhook.core.tenancy.rule import Case, Intercept, Rule, items, mapping, text

_RBAC = "rbac.authorization.k8s.io"
_READS = ("get", "list", "watch")
_WRITES = ("create", "update", "patch", "delete", "deletecollection")
_VERBS = ", ".join((*_READS, *_WRITES))
_ESCALATING = frozenset({"escalate", "bind", "impersonate"})
_IMPERSONATING = ("impersonate:", "impersonate-on:")
"""Verbs of constrained impersonation begin like this."""

_IDENTITIES = (
    (_RBAC, "roles", ""),
    (_RBAC, "rolebindings", ""),
    (_RBAC, "clusterroles", ""),
    (_RBAC, "clusterrolebindings", ""),
    ("", "serviceaccounts", ""),
    ("", "serviceaccounts", "token"),
    ("authentication.k8s.io", "serviceaccounts", ""),
)
"""Where every verb includes one that turns a right into others."""

_GUARDED = (
    ("", "resourcequotas", ""),
    ("", "resourcequotas", "status"),
    ("", "limitranges", ""),
    ("", "pods", "binding"),
    ("", "bindings", ""),
    ("", "endpoints", ""),
    ("discovery.k8s.io", "endpointslices", ""),
)
"""What only the platform and Kubernetes write."""

_ANY_TOKEN = "*/token"  # noqa: S105 - a resource of RBAC


class _Grant(NamedTuple):
    """One thing that one rule grants: how it is called in a message, and what else tells it apart."""

    name: str
    detail: tuple[str, ...]


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse dangerous grants of each rule, and warn of other wildcard verbs.

    An update is judged by what it adds. `resourceNames` are passed over: they narrow no `create`.
    """
    known = set(_grants(case.request.old_object)) if case.request.operation == "UPDATE" else set()
    for index, item in enumerate(items(mapping(value).get("rules"))):
        rule, path = _read(item), FieldPath(("rules", index))
        for number, verb in enumerate(rule.verbs):
            if set(_escalations(rule, verb)) - known:
                yield Finding(
                    path=path / "verbs" / number,
                    observed=verb,
                    allowed=_VERBS,
                    fix="list only the verbs that your app needs",
                    why=f"A tenant's Role can't grant \"{verb}\"",
                )
        if reached := _reached(_identities(rule), known):
            yield Finding(
                path=path / "verbs",
                observed=list(rule.verbs),
                allowed=_VERBS,
                fix="list only the verbs that your app needs",
                why=f"A tenant's Role can't grant every verb on {reached}",
            )
        if reached := _reached(_guarded(rule), known):
            yield Finding(
                path=path / "resources",
                observed=list(rule.resources),
                allowed=f"{', '.join(_READS)} on these",
                fix="name the resources that your app writes, without wildcards and without these",
                why=f"A tenant's Role can't grant writing to {reached}",
            )
        elif not _identities(rule) and set(_wildcards(rule)) - known:
            yield Finding(
                path=path / "verbs",
                observed=list(rule.verbs),
                allowed=_VERBS,
                fix="list the verbs that your app needs",
                why='"*" grants every verb, those of the future too',
                action="warn",
            )


def _read(value: Any) -> PolicyRule:
    def texts(key: str) -> tuple[str, ...]:
        return tuple(text(item) for item in items(mapping(value).get(key)))

    return PolicyRule(texts("verbs"), texts("apiGroups"), texts("resources"))


def _grants(value: Any) -> Iterator[_Grant]:
    """Yield everything that the rules of a Role grant and that this rule speaks of."""
    for item in items(mapping(value).get("rules")):
        rule = _read(item)
        for verb in rule.verbs:
            yield from _escalations(rule, verb)
        yield from _identities(rule)
        yield from _guarded(rule)
        yield from _wildcards(rule)


def _escalations(rule: PolicyRule, verb: str) -> Iterator[_Grant]:
    if verb in _ESCALATING or verb.startswith(_IMPERSONATING):
        for group in rule.api_groups or ("",):
            for resource in rule.resources or ("",):
                yield _Grant(verb, (group, resource))


def _identities(rule: PolicyRule) -> list[_Grant]:
    if "*" not in rule.verbs:
        return []
    return [
        _Grant(_word(resource, part), ("*", group))
        for group, resource, part in _IDENTITIES
        if rule.covers("*", group, resource, part)
    ]


def _guarded(rule: PolicyRule) -> list[_Grant]:
    found = [
        _Grant(_word(resource, part), (verb, group))
        for group, resource, part in _GUARDED
        for verb in _WRITES
        if rule.covers(verb, group, resource, part)
    ]
    writes = [verb for verb in _WRITES if verb in rule.verbs or "*" in rule.verbs]
    if _ANY_TOKEN in rule.resources and rule.covers("create", "", "serviceaccounts", "token"):
        found.append(_Grant(_ANY_TOKEN, ("create", "")))
    for group in rule.api_groups:
        if in_domain(group):
            found += [
                _Grant(f"{resource}.{group}", (verb, group))
                for resource in rule.resources
                for verb in writes
            ]
    return found


def _wildcards(rule: PolicyRule) -> Iterator[_Grant]:
    if "*" in rule.verbs:
        for group in rule.api_groups:
            for resource in rule.resources:
                yield _Grant("*", (group, resource))


def _reached(grants: list[_Grant], known: set[_Grant]) -> str:
    """Return what new grants reach, as a message lists it; "" where none is new."""
    return ", ".join(dict.fromkeys(grant.name for grant in grants if grant not in known))


def _word(resource: str, part: str) -> str:
    return f"{resource}/{part}" if part else resource


RULE = Rule(
    id="T-RBAC-3",
    family="namespace",
    intercepts=(Intercept((_RBAC,), ("roles",)),),
    check=check,
)
