"""Load balancers: class, address, clients and DNS names of one are those granted to its tenant.

An address or a name chosen by hand may be somebody else's. Fields, and the annotations by which
providers say the same, are judged alike.
"""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import UNSET, Finding
from webhook.core.model.pattern import any_glob, network
from webhook.core.model.world import annotations
from webhook.core.tenancy.hosts import EXTERNAL_DNS_NAMES, listed, ungranted
from webhook.core.tenancy.networks import is_covered
from webhook.core.tenancy.rule import Case, Rule, items, mapping, text
from webhook.core.tenancy.services import SERVICES, type_of
from webhook.core.tenancy.tenant import Tenant

_ASK = "or ask the platform team"
_EVERYBODY = "0.0.0.0/0"
_ADDRESSES = (
    "*/loadbalancerip",
    "*/loadbalancerips",
    "*/azure-load-balancer-ipv4",
    "*/azure-load-balancer-ipv6",
    "*/aws-load-balancer-private-ipv4-addresses",
    "*/aws-load-balancer-ipv6-addresses",
    "lbipam.cilium.io/ips",
    "io.cilium/lb-ipam-ips",
    "purelb.io/addresses",
)
"""Annotations, in lower case, that ask for addresses."""
_SOURCES = ("*/load-balancer-source-ranges", "*/azure-allowed-ip-ranges")
"""Annotations that say which clients may connect."""
_POOLS = (
    "metallb.*/address-pool",
    "purelb.io/service-group",
    "*/aws-load-balancer-eip-allocations",
    "*/azure-pip-name*",
    "*/azure-pip-prefix-id*",
    "networking.gke.io/load-balancer-ip-addresses",
)
"""Annotations that ask for addresses by the name of a pool or of a reservation."""
_SHARED = (
    "*/allow-shared-ip",
    "*/load-balancer-id",
    "lbipam.cilium.io/sharing-*",
    "io.cilium/lb-ipam-sharing-*",
)
"""Annotations that join a load balancer there is; cloud controllers note theirs in some of them."""
_ELSEWHERE = (
    "*/*-subnet",
    "*/*-subnets",
    "*/*-subnet1",
    "*/*-subnet2",
    "*/*-security-groups",
    "*/azure-load-balancer-resource-group",
    "*/azure-allowed-service-tags",
    "loadbalancer.openstack.org/*network-id",
    "loadbalancer.openstack.org/*subnet-id",
    "loadbalancer.openstack.org/port-id",
)
"""Annotations that put a load balancer into a network, or behind a firewall, of others."""


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse what a load balancer of the tenant may not ask for.

    Annotations are read on every type of Service: some act on several types, and the others act as
    soon as the type is changed. They count anew then.
    """
    tenant = case.tenant
    if tenant is None:
        return
    kind, spec, at = type_of(value), mapping(mapping(value).get("spec")), FieldPath(("spec",))
    if name := text(spec.get("loadBalancerClass")):
        yield from _class(at / "loadBalancerClass", name, kind, tenant)
    if address := text(spec.get("loadBalancerIP")):
        yield from _address(at / "loadBalancerIP", address, kind, tenant)
    ranges = items(spec.get("loadBalancerSourceRanges"))
    for index, item in enumerate(ranges):
        yield from _range(at / "loadBalancerSourceRanges" / index, text(item), kind, tenant)
    limited = bool(ranges)
    for key, note in annotations(value).items():
        limited = limited or (any_glob(_SOURCES, key.lower()) and bool(text(note).strip()))
        yield from _note(key, text(note), kind, case, tenant)
    if kind == "LoadBalancer" and not limited:
        yield from _open(at / "loadBalancerSourceRanges", tenant)


def _class(path: FieldPath, name: str, kind: str, tenant: Tenant) -> Iterator[Finding]:
    classes = tenant.allow.load_balancer_classes
    if name not in classes:
        what = "Load balancer class" if path[0] == "spec" else "Address pool"
        yield Finding(
            path=path,
            observed=name,
            allowed=", ".join((*classes, "not set")),
            fix=f"leave it out to get the cluster's default, {_ASK}",
            why=f"{what} {name} is not available to {tenant.name}",
            element=f"{kind} {name}",
        )


def _address(path: FieldPath, address: str, kind: str, tenant: Tenant) -> Iterator[Finding]:
    net, granted = network(address), tenant.allow.load_balancer_ips
    if net is None or not is_covered(net, granted):
        yield Finding(
            path=path,
            observed=address,
            allowed=", ".join(granted) or "not set",
            fix=f"leave it out to be given an address, {_ASK} for this one",
            why=f"Load balancer address {address} is not granted to {tenant.name}",
            element=f"{kind} {address}",
        )


def _range(path: FieldPath, sources: str, kind: str, tenant: Tenant) -> Iterator[Finding]:
    net, granted = network(sources), tenant.allow.load_balancer_ranges
    if granted is not None and (net is None or not is_covered(net, granted)):
        yield Finding(
            path=path,
            observed=sources,
            allowed=", ".join(granted) or "none",
            fix=f"name ranges within those, {_ASK} for this one",
            why=f"Load balancers of {tenant.name} serve granted networks only",
            element=f"{kind} {sources}",
        )


def _open(path: FieldPath, tenant: Tenant) -> Iterator[Finding]:
    """Refuse a load balancer that names no clients, and so serves all, where ranges are granted."""
    granted, everybody = tenant.allow.load_balancer_ranges, network(_EVERYBODY)
    if granted is not None and everybody is not None and not is_covered(everybody, granted):
        yield Finding(
            path=path,
            observed=UNSET,
            allowed=", ".join(granted) or "none",
            fix=f"set loadBalancerSourceRanges to those, or to a part of them, {_ASK}",
            why="A load balancer without source ranges serves everybody",
        )


def _note(key: str, note: str, kind: str, case: Case, tenant: Tenant) -> Iterator[Finding]:
    path, name = FieldPath(("metadata", "annotations", key)), key.lower()
    if any_glob(_ADDRESSES, name):
        for address in listed(note):
            yield from _address(path, address, kind, tenant)
    elif any_glob(_SOURCES, name):
        for sources in listed(note):
            yield from _range(path, sources, kind, tenant)
    elif any_glob(EXTERNAL_DNS_NAMES, name):
        for host in listed(note):
            yield from ungranted(path, host, case)
    elif any_glob(_POOLS, name):
        for pool in listed(note):
            yield from _class(path, pool, kind, tenant)
    elif any_glob(_SHARED, name) and case.requester.kind != "system":
        yield from _reaching(path, note, kind, "shares a load balancer with")
    elif any_glob(_ELSEWHERE, name):
        yield from _reaching(path, note, kind, "reaches into networks of")


def _reaching(path: FieldPath, note: str, kind: str, does: str) -> Iterator[Finding]:
    if note.strip():
        yield Finding(
            path=path,
            observed=note,
            allowed="not set",
            fix=f"drop the annotation, {_ASK}",
            why=f"Annotation {path[-1]} {does} others",
            element=f"{kind} {note}",
        )


RULE = Rule(id="T-SVC-4", family="namespace", intercepts=(SERVICES,), check=check)
