"""Patterns of policy files: globs, host names, networks and image prefixes."""

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network


def glob(pattern: str, text: str) -> bool:
    """Tell whether a glob covers a text; `*` matches any run of characters, `/` and `.` included."""
    if "*" not in pattern:
        return pattern == text
    first, *middle, last = pattern.split("*")
    at, end = len(first), len(text) - len(last)
    if at > end or not (text.startswith(first) and text.endswith(last)):
        return False
    for part in middle:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def any_glob(patterns: Iterable[str], text: str) -> bool:
    """Tell whether one of several globs covers a text."""
    return any(glob(pattern, text) for pattern in patterns)


def host(text: str) -> str:
    """Return a host name as it is compared: lower case, without the trailing dot."""
    return text.strip().lower().rstrip(".")


@lru_cache(maxsize=65536)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def is_all(pattern: str, text: str) -> bool:
    """Tell whether a regular expression of a policy matches a whole text.

    `re` itself remembers a few hundred expressions only, and tenants may have more of them.
    """
    return _compiled(pattern).fullmatch(text) is not None


def covers_host(pattern: str, name: str) -> bool:
    """Tell whether a host pattern covers a name: `*.x` is one or more labels below x, not x itself.

    A wildcard name is covered by a pattern that is at least as wide.
    """
    return glob(host(pattern), host(name))


def hosts_overlap(a: str, b: str) -> bool:
    """Tell whether two host names or wildcards can both answer for one name."""
    return covers_host(a, b) or covers_host(b, a)


@lru_cache(maxsize=4096)
def network(text: str) -> Network | None:
    """Return a CIDR, or a lone address, as a network; IPv4 mapped into IPv6 is IPv4; None if neither."""
    try:
        found = ip_network(text.strip(), strict=False)
    except ValueError:
        return None
    if isinstance(found, IPv6Network) and found.prefixlen >= 96:
        mapped = found.network_address.ipv4_mapped
        if mapped is not None:
            return ip_network(f"{mapped}/{found.prefixlen - 96}", strict=False)
    return found


def is_address(text: str) -> bool:
    """Tell whether a text is an IP address."""
    try:
        ip_address(text.strip().strip("[]"))
    except ValueError:
        return False
    return True


def within(inner: Network, outer: Network) -> bool:
    """Tell whether every address of one network lies in the other."""
    if isinstance(inner, IPv4Network) and isinstance(outer, IPv4Network):
        return inner.subnet_of(outer)
    if isinstance(inner, IPv6Network) and isinstance(outer, IPv6Network):
        return inner.subnet_of(outer)
    return False


def overlap(a: Network, b: Network) -> bool:
    """Tell whether two networks share an address."""
    return a.version == b.version and a.overlaps(b)
