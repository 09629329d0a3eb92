"""Hosts in use: a tenant's Ingress takes no host, and no path under one, that somebody else has.

Which of two Ingresses for one host gets the traffic depends on the controller, so the second would
take over a part of the first, or all of it.
"""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.model.pattern import host
from webhook.core.tenancy.hosts import taken
from webhook.core.tenancy.ingresses import INGRESSES, hosts_of, rules_of
from webhook.core.tenancy.rule import Case, Rule, items, mapping, text


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse hosts and paths that are taken; each host is told of once."""
    paths: dict[str, list[str]] = {}
    for _, rule in rules_of(value):
        entries = [mapping(item) for item in items(mapping(rule.get("http")).get("paths"))]
        wanted = [text(entry.get("path")) or "/" for entry in entries]
        paths.setdefault(host(text(rule.get("host"))), []).extend(wanted or [""])
    first: dict[str, tuple[FieldPath, str]] = {}
    for path, name in hosts_of(value):
        first.setdefault(host(name), (path, name))
    for key, (path, name) in first.items():
        yield from taken(path, name, paths.get(key, ()), case)


def claims(case: Case) -> bool:
    """Tell whether an Ingress takes a host that it did not have."""
    had = {host(name) for _, name in hosts_of(case.request.old_object)}
    return any(host(name) not in had for _, name in hosts_of(case.request.object))


RULE = Rule(id="T-ING-4", family="namespace", intercepts=(INGRESSES,), check=check, claims=claims)
