"""Addresses and networks that tenants write, held against what is granted and what is reserved."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, collapse_addresses

from webhook.core.model.pattern import Network, network, overlap, within
from webhook.core.platform import Platform


@lru_cache(maxsize=1024)
def networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    """Return granted addresses and CIDRs as networks, joined where they adjoin."""
    found = [net for net in map(network, texts) if net is not None]
    return (
        *collapse_addresses(net for net in found if isinstance(net, IPv4Network)),
        *collapse_addresses(net for net in found if isinstance(net, IPv6Network)),
    )


def is_covered(inner: Network, granted: tuple[str, ...]) -> bool:
    """Tell whether every address of a network is granted, be it by several grants together."""
    return any(within(inner, outer) for outer in networks(granted))


def reserved(platform: Platform) -> Iterator[tuple[Network, str]]:
    """Yield every network that is no tenant's to point at, and what it is in words."""
    cluster = platform.cluster
    for word, nets in (
        ("the pod network", cluster.pods),
        ("the Service network", cluster.services),
        ("the node network", cluster.nodes),
        ("a protected network", platform.protected_networks),
    ):
        for net in nets:
            yield net, word


def reserved_at(net: Network, platform: Platform) -> str:
    """Return which reserved network an address or network touches, in words; "" where none."""
    for other, word in reserved(platform):
        if overlap(net, other):
            return f"{word} {other}"
    return ""


def exposed(net: Network, excepted: Iterable[str], platform: Platform) -> tuple[Network, ...]:
    """Return the reserved networks, or their parts, that a network opens in spite of its exceptions."""
    closed = tuple(excepted)
    return tuple(
        other if within(other, net) else net
        for other, _ in reserved(platform)
        if overlap(net, other) and not is_covered(other if within(other, net) else net, closed)
    )


def objection(address: str, granted: tuple[str, ...], platform: Platform) -> str:
    """Return why an address may not be used, as the end of a sentence; "" where it may.

    Reserved networks are refused even where a grant covers them.
    """
    net = network(address)
    if net is None or net.num_addresses != 1:
        return "is no IP address"
    if place := reserved_at(net, platform):
        return f"lies in {place} of the cluster" if "protected" not in place else f"lies in {place}"
    return "" if is_covered(net, granted) else "is not granted"
