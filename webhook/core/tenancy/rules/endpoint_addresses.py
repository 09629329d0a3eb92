"""Endpoint addresses: nobody but the control plane points a Service at addresses by hand.

An Ingress controller forwards to whatever endpoints say, past the NetworkPolicies of those whose
address is written there (CVE-2021-25740).
"""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.model.pattern import network
from webhook.core.model.world import labels
from webhook.core.tenancy import external_names
from webhook.core.tenancy.networks import objection, usable
from webhook.core.tenancy.rule import Case, Intercept, Rule, items, mapping, text

_SERVICE = "kubernetes.io/service-name"


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse addresses, names and targets that are not the tenant's to point at."""
    if case.requester.kind == "system" or case.tenant is None:
        return
    service = text(labels(value).get(_SERVICE))
    named = text(mapping(value).get("addressType")) == "FQDN"
    for path, item in _addresses(value):
        if named:
            yield from _name(path, text(item), service, case)
        else:
            yield from _address(path, item, service, case)
    for path, namespace in _targets(value):
        if not case.is_own(namespace):
            yield Finding(
                path=path,
                observed=namespace,
                allowed=f"namespaces of {case.tenant.name}",
                fix="point at your own pods, or use a Service with a selector",
                why="An endpoint may not stand for an object of another namespace",
            )


def _addresses(value: Any) -> Iterator[tuple[FieldPath, Any]]:
    """Yield what Endpoints or an EndpointSlice give as addresses, ready or not, with paths."""
    for i, subset in enumerate(items(mapping(value).get("subsets"))):
        for key in ("addresses", "notReadyAddresses"):
            for j, address in enumerate(items(mapping(subset).get(key))):
                yield FieldPath(("subsets", i, key, j, "ip")), mapping(address).get("ip")
    for i, endpoint in enumerate(items(mapping(value).get("endpoints"))):
        for j, address in enumerate(items(mapping(endpoint).get("addresses"))):
            yield FieldPath(("endpoints", i, "addresses", j)), address


def _targets(value: Any) -> Iterator[tuple[FieldPath, str]]:
    """Yield the namespaces of the objects that endpoints stand for, with paths."""
    for i, subset in enumerate(items(mapping(value).get("subsets"))):
        for key in ("addresses", "notReadyAddresses"):
            for j, address in enumerate(items(mapping(subset).get(key))):
                path = FieldPath(("subsets", i, key, j, "targetRef", "namespace"))
                yield path, _target_namespace(address)
    for i, endpoint in enumerate(items(mapping(value).get("endpoints"))):
        path = FieldPath(("endpoints", i, "targetRef", "namespace"))
        yield path, _target_namespace(endpoint)


def _target_namespace(entry: Any) -> str:
    return text(mapping(mapping(entry).get("targetRef")).get("namespace"))


def _address(path: FieldPath, item: Any, service: str, case: Case) -> Iterator[Finding]:
    address, granted = text(item), case.tenant.allow.endpoint_cidrs if case.tenant else ()
    if why := objection(address, granted, case.platform):
        yield Finding(
            path=path,
            observed=item,
            allowed=usable(granted),
            fix="use a Service with a selector, or ask the platform team for this address",
            why=f"Endpoint address {address} {why}",
            element=f"{service} {network(address) or address}",
        )


def _name(path: FieldPath, name: str, service: str, case: Case) -> Iterator[Finding]:
    if why := external_names.objection(name, case):
        yield Finding(
            path=path,
            observed=name,
            allowed=external_names.granted(case),
            fix="use a Service with a selector, or ask the platform team for this name",
            why=f"Endpoint name {name} {why}",
            element=f"{service} {name}",
        )


RULE = Rule(
    id="T-EP-1",
    family="namespace",
    intercepts=(
        Intercept(("",), ("endpoints",)),
        Intercept(("discovery.k8s.io",), ("endpointslices",)),
    ),
    check=check,
)
