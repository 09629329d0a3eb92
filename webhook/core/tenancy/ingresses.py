"""Ingresses, as the rules about them read one."""

from collections.abc import Iterator, Mapping
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.tenancy.rule import Intercept, items, mapping, text

INGRESSES = Intercept(("networking.k8s.io", "extensions"), ("ingresses",))


def rules_of(value: Any) -> Iterator[tuple[FieldPath, Mapping[str, Any]]]:
    """Yield every rule of an Ingress with its path."""
    spec = mapping(mapping(value).get("spec"))
    for index, rule in enumerate(items(spec.get("rules"))):
        yield FieldPath(("spec", "rules", index)), mapping(rule)


def hosts_of(value: Any) -> Iterator[tuple[FieldPath, str]]:
    """Yield every host that an Ingress names, with its path: in its rules, and for TLS alone."""
    for path, rule in rules_of(value):
        if name := text(rule.get("host")):
            yield path / "host", name
    spec = mapping(mapping(value).get("spec"))
    for index, tls in enumerate(items(spec.get("tls"))):
        for place, item in enumerate(items(mapping(tls).get("hosts"))):
            if name := text(item):
                yield FieldPath(("spec", "tls", index, "hosts", place)), name
