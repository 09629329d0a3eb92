"""Addresses and networks that tenants write, held against what is granted and what is reserved."""

from collections.abc import Iterable
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


def reserved_at(net: Network, platform: Platform) -> str:
    """Return which reserved network an address or network touches, in words; "" where none."""
    cluster = platform.cluster
    for word, others in (
        ("the cluster's pod network", cluster.pods),
        ("the cluster's Service network", cluster.services),
        ("the cluster's node network", cluster.nodes),
        ("the protected network", platform.protected_networks),
    ):
        for other in others:
            if overlap(net, other):
                return f"{word} {other}"
    return ""


def exposed(
    net: Network, excepted: Iterable[str], closed: Iterable[Network]
) -> tuple[Network, ...]:
    """Return what a network opens, in spite of its exceptions, of networks that are to stay closed."""
    exceptions = tuple(excepted)
    shared = [other if within(other, net) else net for other in closed if overlap(net, other)]
    return tuple(dict.fromkeys(part for part in shared if not is_covered(part, exceptions)))


def usable(granted: tuple[str, ...]) -> str:
    """Return what may be used of granted addresses, in words."""
    return f"{', '.join(granted)}, outside the cluster's own networks" if granted else "none"


def objection(address: str, granted: tuple[str, ...], platform: Platform) -> str:
    """Return why an address may not be used, as the end of a sentence; "" where it may.

    Reserved networks are refused even where a grant covers them.
    """
    net = network(address)
    if net is None or net.num_addresses != 1:
        return "is no IP address"
    if place := reserved_at(net, platform):
        return f"lies in {place}"
    return "" if is_covered(net, granted) else "is not granted"
