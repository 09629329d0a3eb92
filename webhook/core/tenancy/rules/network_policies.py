"""Network policies: those of a tenant open no way to other tenants or into the cluster's networks.

NetworkPolicies only ever add permissions, so one of a tenant that allows everything undoes the
default-deny of the platform beside it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import UNSET, Finding
from webhook.core.model.marks import TENANT
from webhook.core.model.pattern import Network, network, within
from webhook.core.tenancy.networks import exposed
from webhook.core.tenancy.rule import Case, Intercept, Rule, items, mapping, text
from webhook.core.tenancy.selectors import NAME, is_pinned

Direction = Literal["ingress", "egress"]

_DNS_NAMESPACE = "kube-system"
_DNS_PORTS: frozenset[int | str] = frozenset({53, "dns", "dns-tcp"})
_DNS_PODS = {"matchLabels": {"k8s-app": "kube-dns"}}


@dataclass(frozen=True, slots=True, eq=False)
class Opening:
    """What one rule of a policy opens: for which pods, in which direction, to whom, at which ports.

    `peer` None is everybody, no `ports` are all of them. `effective`: the policy's types include
    the direction.
    """

    path: FieldPath
    direction: Direction
    pods: Any
    peer: Mapping[str, Any] | None
    ports: Sequence[Any]
    effective: bool

    @property
    def element(self) -> str:
        """What makes this opening the same one as another."""
        parts = (self.direction, self.pods, self.peer, self.ports, self.effective)
        return json.dumps(parts, sort_keys=True, default=str)

    def is_part_of(self, other: "Opening", case: Case) -> bool:
        """Tell whether another opening is at least as wide."""
        return (
            self.direction == other.direction
            and other.pods in ({}, self.pods)
            and other.effective >= self.effective
            and (
                not other.ports or (bool(self.ports) and all(p in other.ports for p in self.ports))
            )
            and (other.peer in (None, self.peer) or _exposes_less(self, other, case))
        )


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse what opens a policy's pods to others, or others to them.

    A direction that `policyTypes` leaves out is judged, too: not every network plugin leaves it
    out. An opening that is part of a stored one is nothing new.
    """
    old = case.request.old_object if case.request.operation == "UPDATE" else None
    stored = [] if value is old else list(_openings(old))
    for opening in _openings(value):
        if not any(opening.is_part_of(other, case) for other in stored):
            yield from _judge(opening, case)


def _openings(value: Any) -> Iterator[Opening]:
    spec = mapping(mapping(value).get("spec"))
    types = items(spec.get("policyTypes"))
    directions: tuple[tuple[Direction, str], ...] = (("ingress", "from"), ("egress", "to"))
    for direction, key in directions:
        effective = not types or direction.capitalize() in types
        for index, item in enumerate(items(spec.get(direction))):
            rule, path = mapping(item), FieldPath(("spec", direction, index, key))
            pods, ports = spec.get("podSelector") or {}, items(rule.get("ports"))
            peers = items(rule.get(key))
            if not peers:
                yield Opening(path, direction, pods, None, ports, effective)
            for place, peer in enumerate(peers):
                yield Opening(path / place, direction, pods, mapping(peer), ports, effective)


def _judge(opening: Opening, case: Case) -> Iterator[Finding]:
    peer = opening.peer or {}
    block, selector = peer.get("ipBlock"), peer.get("namespaceSelector")
    if block is None and selector is None and peer.get("podSelector") is None:
        yield _everybody(opening)
    if block is not None:
        yield from _block(opening, mapping(block), case)
    if selector is not None:
        yield from _selector(opening, selector, case)


def _everybody(opening: Opening) -> Finding:
    if opening.direction == "ingress":
        return Finding(
            path=opening.path,
            observed=UNSET,
            allowed="pods, namespaces or networks by name",
            fix='say under "from" who may connect',
            why='An ingress rule without "from" lets everybody in, other tenants included',
            action="warn",
            element=opening.element,
        )
    return Finding(
        path=opening.path,
        observed=UNSET,
        allowed="pods, namespaces or networks by name",
        fix='say under "to" what your pods have to reach; for DNS that is kube-system, port 53',
        why='An egress rule without "to" reaches everything, from nodes to other tenants',
        element=opening.element,
    )


def _block(opening: Opening, block: Mapping[str, Any], case: Case) -> Iterator[Finding]:
    path, cidr = opening.path / "ipBlock" / "cidr", block.get("cidr", UNSET)
    net, exposures = network(text(cidr)), _exposures(opening, case)
    included = ", ".join(map(str, exposures))
    if opening.direction == "ingress":
        if exposures:
            yield Finding(
                path=path,
                observed=cidr,
                allowed=f"{cidr} except {included}",
                fix="add these under except",
                why=f"Ingress from {cidr} lets pods of every tenant in",
                action="warn",
                element=opening.element,
            )
    elif net is None or net in exposures:
        yield Finding(
            path=path,
            observed=cidr,
            allowed="networks outside the cluster",
            fix="drop it, and select pods by their labels",
            why=f"Egress to {cidr} leads into a network of the platform"
            if net
            else "Egress needs a network that can be read",
            element=opening.element,
        )
    elif exposures:
        yield Finding(
            path=path,
            observed=cidr,
            allowed=f"{cidr} except {included}",
            fix="add these under except",
            why=f"Egress to {cidr} includes networks of the platform",
            element=opening.element,
        )


def _exposures(opening: Opening, case: Case) -> tuple[Network, ...]:
    """Return the platform's networks that an `ipBlock` includes; as a source, only pods matter."""
    block = mapping((opening.peer or {}).get("ipBlock"))
    net, excepted = network(text(block.get("cidr"))), map(text, items(block.get("except")))
    closed = case.platform.reserved_networks
    if opening.direction == "ingress":
        closed = case.platform.cluster.pods
    return exposed(net, excepted, closed) if net else ()


def _exposes_less(opening: Opening, other: Opening, case: Case) -> bool:
    """Tell whether an `ipBlock` includes no more of the platform's networks than another."""
    block, before = mapping(mapping(opening.peer).get("ipBlock")), _exposures(other, case)
    if network(text(block.get("cidr"))) is None:
        return False
    return all(any(within(net, old) for old in before) for net in _exposures(opening, case))


def _selector(opening: Opening, selector: Any, case: Case) -> Iterator[Finding]:
    """Judge a namespace selector: own namespaces, those of peers, and a few of the platform's.

    Anything of the platform may be let in, by name; of what is let out to it, only DNS.
    """
    peers = case.tenant.allow.peers if case.tenant else ()
    if is_pinned(selector, case, tenants=peers):
        return
    path, owner = opening.path / "namespaceSelector", case.tenant.name if case.tenant else ""
    outwards = opening.direction == "egress"
    names = {_DNS_NAMESPACE} if outwards else case.platform.namespaces
    if not is_pinned(selector, case, tenants=peers, names=names):
        platform = f"{_DNS_NAMESPACE} for DNS" if outwards else "the platform's, each by its name"
        yield Finding(
            path=path,
            observed=selector,
            allowed=f"namespaces of {', '.join((owner, *peers))}; {platform}",
            fix=f"select by label {TENANT}: {owner} or by {NAME}; "
            "for pods of the same namespace drop namespaceSelector",
            why="This selector fits namespaces of others, too",
            element=opening.element,
        )
    elif outwards and not _is_dns(opening):
        yield Finding(
            path=path,
            observed=selector,
            allowed=f"{_DNS_NAMESPACE} with port 53 only",
            fix="list port 53, UDP and TCP, in a rule of its own",
            why=f"Nothing but DNS may be reached in {_DNS_NAMESPACE}",
            element=opening.element,
        )


def _is_dns(opening: Opening) -> bool:
    """Tell whether an opening leads to DNS at most: by its ports, or to the pods of the resolver."""
    if mapping(opening.peer).get("podSelector") == _DNS_PODS:
        return True
    return bool(opening.ports) and all(_is_dns_port(mapping(port)) for port in opening.ports)


def _is_dns_port(entry: Mapping[str, Any]) -> bool:
    port, end = entry.get("port"), entry.get("endPort")
    return isinstance(port, int | str) and port in _DNS_PORTS and end in (None, port)


RULE = Rule(
    id="T-NP-1",
    family="namespace",
    intercepts=(Intercept(("networking.k8s.io", "extensions"), ("networkpolicies",)),),
    check=check,
)
