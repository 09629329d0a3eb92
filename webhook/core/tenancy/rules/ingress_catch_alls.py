"""Catch-all Ingresses: a tenant's Ingress names its hosts, and takes no traffic meant for others.

A rule without host, or a default backend alone, answers for every name that reaches the controller.
"""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import UNSET, Finding
from webhook.core.tenancy.hosts import too_wide
from webhook.core.tenancy.ingresses import INGRESSES, hosts_of, rules_of
from webhook.core.tenancy.rule import Case, Rule, items, mapping, text


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse rules without host, a lone default backend, and wildcards that are not granted."""
    for path, rule in rules_of(value):
        if not text(rule.get("host")):
            yield Finding(
                path=path / "host",
                observed=rule.get("host", UNSET),
                allowed="a host name",
                fix="set one",
                why="An Ingress rule without host catches all traffic",
                element="no host",
            )
    spec = mapping(mapping(value).get("spec"))
    if spec.get("defaultBackend") is not None and not items(spec.get("rules")):
        yield Finding(
            path=FieldPath(("spec", "defaultBackend")),
            observed=spec["defaultBackend"],
            allowed="rules with a host",
            fix="write a rule with a host for it",
            why="An Ingress without rules catches all traffic",
            element="no rules",
        )
    for path, name in hosts_of(value):
        yield from too_wide(path, name, case)


RULE = Rule(id="T-ING-3", family="namespace", intercepts=(INGRESSES,), check=check)
