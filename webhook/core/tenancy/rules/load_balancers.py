"""Load balancers: class, address, clients and DNS names of one are those granted to its tenant.

An address or a name chosen by hand may be somebody else's. Fields and the annotations by which
providers say the same are judged alike.
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

_CLASS, _ADDRESS, _RANGES = "loadBalancerClass", "loadBalancerIP", "loadBalancerSourceRanges"
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
    "metallb.*/ip-allocated-from-pool",
    "purelb.io/service-group",
    "*/aws-load-balancer-eip-allocations",
    "*/azure-pip-name*",
    "*/azure-pip-prefix-id*",
    "networking.gke.io/load-balancer-ip-addresses",
)
"""Annotations that ask for addresses by the name of a pool or of a reservation."""
_SHARED = ("*/allow-shared-ip", "lbipam.cilium.io/sharing-*", "io.cilium/lb-ipam-sharing-*")
_ELSEWHERE = (
    "*-subnet",
    "*-subnets",
    "*-subnet1",
    "*-subnet2",
    "*/load-balancer-subnet",
    "*/azure-load-balancer-resource-group",
    "*/azure-allowed-service-tags",
    "*-security-groups",
    "loadbalancer.openstack.org/*-id",
)
"""Annotations that put a load balancer into a network, or behind a firewall, of another."""


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse what a tenant's load balancers may not ask for."""
    if case.tenant is None:
        return
    for finding in (*_fields(value, case), *_annotations(value, case)):
        yield finding


def _fields(value: Any, case: Case) -> Iterator[Finding]:
    assert case.tenant is not None  # noqa: S101 - a namespace rule; `check` has looked
    spec, at, allow = mapping(mapping(value).get("spec")), FieldPath(("spec",)), case.tenant.allow
    kind = type_of(value)
    if (name := text(spec.get(_CLASS))) and name not in allow.load_balancer_classes:
        yield _class(at / _CLASS, name, name, kind, case)
    if address := text(spec.get(_ADDRESS)):
        yield from _addresses(at / _ADDRESS, [address], kind, case)
