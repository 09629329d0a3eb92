"""The Prometheus operator and its kin: what is scraped, and whose rules and monitors are read."""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.tenancy.operators.foreign import OWN, Judges, foreign, judges, missing
from webhook.core.tenancy.places import places
from webhook.core.tenancy.rule import Case, items, mapping
from webhook.core.tenancy.selectors import is_pinned

_GROUPS = (
    "monitoring.coreos.com",
    "azmonitoring.coreos.com",
    "monitoring.rhobs",
    "operator.victoriametrics.com",
)
_MONITORS = (
    "servicemonitors",
    "podmonitors",
    "probes",
    "vmservicescrapes",
    "vmpodscrapes",
    "vmprobes",
)
_SERVERS = (
    "prometheuses",
    "prometheusagents",
    "alertmanagers",
    "thanosrulers",
    "monitoringstacks",
    "vmagents",
    "vmalerts",
    "vmalertmanagers",
    "vmsingles",
)
_SUFFIX = "amespaceSelector"
_TARGETS = ("spec.namespaceSelector", "spec.targets.ingress.namespaceSelector")


def _monitor(value: Any, case: Case) -> Iterator[Finding]:
    """A monitor without a selector is about its own namespace; `any` is all of the cluster."""
    for pattern in _TARGETS:
        for path, selector in places(value, pattern):
            if mapping(selector).get("any"):
                yield Finding(
                    path=path / "any",
                    observed=True,
                    allowed=OWN,
                    fix="drop any, and list your namespaces under matchNames",
                    why="This monitor selects the namespaces of everybody",
                )
            for index, name in enumerate(items(mapping(selector).get("matchNames"))):
                yield from foreign(path / "matchNames" / index, name, case)


def _server(value: Any, case: Case) -> Iterator[Finding]:
    """A server reads objects of its own namespace; with a selector, of every one that is selected."""
    for key, selector in mapping(mapping(value).get("spec")).items():
        if key.endswith(_SUFFIX) and selector is not None and not is_pinned(selector, case):
            yield Finding(
                path=FieldPath(("spec", key)),
                observed=selector,
                allowed=f"{OWN}, by kubernetes.io/metadata.name or tenantgate.io/tenant",
                fix="drop it, which selects this namespace alone, or name your namespaces in it",
                why="This selects the namespaces of others",
            )


def _scrape_config(value: Any, case: Case) -> Iterator[Finding]:
    """Discovery that names no namespace finds every one."""
    for path, discovery in places(value, "spec.kubernetesSDConfigs[]"):
        namespaces = mapping(mapping(discovery).get("namespaces"))
        names = items(namespaces.get("names"))
        for index, name in enumerate(names):
            yield from foreign(path / "namespaces" / "names" / index, name, case)
        if not names and not namespaces.get("ownNamespace"):
            yield missing(
                path / "namespaces",
                "set ownNamespace: true, or list your namespaces under names",
                "This discovers targets in the namespaces of everybody",
            )


JUDGES: Judges = {
    **judges(_GROUPS, _MONITORS, _monitor),
    **judges(_GROUPS, _SERVERS, _server),
    **judges(_GROUPS, ("scrapeconfigs",), _scrape_config),
}
