"""External addresses: a Service claims no address from outside that is not granted to its tenant.

Every node sends the traffic for an external IP to the Service that claims it, whoever the address
belongs to (CVE-2020-8554). An address in the status of a load balancer has the same effect, so its
controller writes that, and no tenant does.
"""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.model.pattern import network
from webhook.core.tenancy.networks import objection, usable
from webhook.core.tenancy.rule import Case, Intercept, Rule, items, mapping, text


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse external IPs that are not granted, and a tenant's writing of a balancer's address."""
    if case.request.subresource == "status":
        if case.requester.kind == "tenant":
            yield from _published(value)
    elif case.tenant is not None:
        granted = case.tenant.allow.external_ips
        spec = mapping(mapping(value).get("spec"))
        for index, item in enumerate(items(spec.get("externalIPs"))):
            address = text(item)
            if why := objection(address, granted, case.platform):
                yield Finding(
                    path=FieldPath(("spec", "externalIPs", index)),
                    observed=item,
                    allowed=usable(granted),
                    fix="drop it, or ask the platform team for an address",
                    why=f"External IP {address} {why}",
                    element=str(network(address) or address),
                )


def _published(value: Any) -> Iterator[Finding]:
    balancer = mapping(mapping(mapping(value).get("status")).get("loadBalancer"))
    for index, item in enumerate(items(balancer.get("ingress"))):
        entry = mapping(item)
        yield Finding(
            path=FieldPath(("status", "loadBalancer", "ingress", index)),
            observed=text(entry.get("ip")) or text(entry.get("hostname")) or item,
            allowed="what the load balancer's controller writes",
            fix="drop status from the request",
            why="The address of a load balancer is written by its controller only",
        )


RULE = Rule(
    id="T-SVC-2",
    family="namespace",
    intercepts=(Intercept(("",), ("services", "services/status")),),
    check=check,
)
