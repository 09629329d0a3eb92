"""Host names: whose they are, who uses them already, and which lead into the cluster.

Ingresses, Gateway routes and DNS annotations are all judged by the functions of this module.
"""

import re
from collections.abc import Iterable, Iterator

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.model.pattern import covers_host, host, hosts_overlap, is_address
from webhook.core.model.world import HostUse, Ref
from webhook.core.tenancy.rule import Case

_SEPARATOR = re.compile(r"[,\s]+")
_NUMBER = re.compile(r"([0-9]+|0x[0-9a-f]*)\Z")
EXTERNAL_DNS_NAMES = ("external-dns.*/hostname", "external-dns.*/internal-hostname")
"""Annotations, as globs, whose host names external-dns publishes."""

_METADATA = frozenset(
    {
        "instance-data.ec2.internal",
        "metadata.azure.com",
        "metadata.azure.internal",
        "metadata.goog",
        "metadata.google.internal",
        "metadata.packet.net",
        "metadata.platformequinix.com",
        "metadata.tencentyun.com",
    }
)
_THIS_HOST = ("localhost", "localdomain")


def listed(value: str) -> list[str]:
    """Return the entries of a list in an annotation, which commas or blanks separate."""
    return [part for part in _SEPARATOR.split(value) if part]


def is_wildcard(name: str) -> bool:
    """Tell whether a host name stands for many."""
    return "*" in name


def granted(case: Case) -> str:
    """Return the hosts that the tenant may use, in words."""
    names = case.tenant.allow.hostnames if case.tenant else ()
    if names is None:
        return "hosts that neither the platform nor another tenant has"
    return ", ".join(names) or "none"


def objection(name: str, case: Case) -> str:
    """Return why a host name is not the tenant's to use, as the end of a sentence; "" where it is.

    A tenant with a list may use what is on it; a name that the platform reserves only by a grant
    inside that reservation, as a wide one cannot mean it. A tenant without a list may use what is
    neither reserved nor granted to somebody else.
    """
    if case.tenant is None:
        return ""
    name, platform, own = host(name), case.platform.hostnames, case.tenant.allow.hostnames
    if own is None:
        if any(hosts_overlap(pattern, name) for pattern in platform):
            return "is reserved by the platform"
        others = case.registry.hosts.owners(name) - {case.tenant.name}
        return "is granted to another tenant" if others else ""
    fitting = [pattern for pattern in own if covers_host(pattern, name)]
    if not fitting:
        return f"is not granted to {case.tenant.name}"
    for pattern in platform:
        if covers_host(pattern, name) and not any(covers_host(pattern, fit) for fit in fitting):
            return "is reserved by the platform"
    return ""


def ungranted(path: FieldPath, name: str, case: Case) -> Iterator[Finding]:
    """Refuse a host name that is not the tenant's to use."""
    if why := objection(name, case):
        yield Finding(
            path=path,
            observed=name,
            allowed=granted(case),
            fix="use a host of your own, or ask the platform team to grant you this one",
            why=f"Host {name} {why}",
            element=host(name),
        )


def too_wide(path: FieldPath, name: str, case: Case) -> Iterator[Finding]:
    """Refuse a wildcard host to a tenant that may not use any."""
    if is_wildcard(name) and case.tenant is not None and not case.tenant.allow.wildcard_hosts:
        yield Finding(
            path=path,
            observed=name,
            allowed="host names in full",
            fix="name each host, or ask the platform team for wildcard hosts",
            why=f"Wildcard hosts are not available to {case.tenant.name}",
            element=host(name),
        )


def taken(path: FieldPath, name: str, paths: Iterable[str], case: Case) -> Iterator[Finding]:
    """Refuse a host that somebody else uses already; `paths` are those wanted, "" is every one.

    The tenant's `hostCollision` says what counts. `cluster`: a host belongs, with all its paths, to
    the tenant that has it first; the tenant may spread it over its namespaces. `tenant` and
    `namespace`: tenants may share a host path by path, and one path has one user in the tenant, or
    in the namespace. `off`: nothing.
    """
    scope = case.tenant.allow.host_collision if case.tenant else "off"
    if scope == "off":
        return
    request = case.request
    own = Ref(request.group, request.resource, request.namespace, request.name)
    uses = [use for use in _uses(host(name), case) if use.ref != own]
    for wish in dict.fromkeys(paths if scope != "cluster" else ("",)) or ("",):
        for use in uses:
            ours = case.is_own(use.ref.namespace)
            if _collides(wish, use, scope, ours, request.namespace):
                yield _taken(
                    path, name, wish, f"{use.ref.namespace}/{use.ref.name}" if ours else ""
                )
                break


def _taken(path: FieldPath, name: str, wish: str, by: str) -> Finding:
    """Return the finding for a host in use; another tenant's object is not named."""
    return Finding(
        path=path,
        observed=name,
        allowed=f"a host that nobody else uses{' under this path' if wish else ''}",
        fix=f"choose another path, or change {by}"
        if by
        else "choose another host, or ask the platform team to settle who has this one",
        why=f"Host {name}{f', path {wish},' if wish else ''} is in use by {by or 'somebody else'}",
        element=f"{host(name)} {wish}",
    )


def _uses(name: str, case: Case) -> Iterator[HostUse]:
    if not name:
        return
    if not is_wildcard(name):
        yield from case.world.host_uses(name)
    for use in case.world.wildcard_uses(name):
        if hosts_overlap(use.host, name):
            yield use


def _collides(wish: str, use: HostUse, scope: str, ours: bool, namespace: str) -> bool:
    if not ours:
        return scope == "cluster" or _paths_overlap(wish, use.path)
    if scope == "cluster" or (scope == "namespace" and use.ref.namespace != namespace):
        return False
    return _segments(wish) == _segments(use.path)


def _paths_overlap(a: str, b: str) -> bool:
    """Tell whether one path is, or lies below, the other; `/a/` is `/a`, and `/` is above all."""
    return all(x == y for x, y in zip(_segments(a), _segments(b), strict=False))


def _segments(path: str) -> list[str]:
    return [part for part in path.split("/") if part]


def leads_inside(name: str, case: Case) -> str:
    """Return how a DNS name leads into the cluster or to a node, as the end of a sentence.

    "" where it does not, and for Services of the tenant's own namespaces. What a public name
    resolves to cannot be seen here; a NetworkPolicy has to stop that.
    """
    name = host(name)
    parts = name.split(".")
    if is_address(name) or _NUMBER.match(parts[-1]):
        return "is an IP address and no name"
    if parts[-1] in _THIS_HOST:
        return "means the machine that looks it up"
    if name in _METADATA:
        return "is the metadata service of the cloud"
    if _in_cluster(name, case) is not None:
        return "" if is_own_service(name, case) else "points into another namespace"
    if len(parts) == 1:
        return "is a short name that the cluster's DNS completes"
    if len(parts) == 2 and not case.is_own(parts[1]) and case.world.namespace(parts[1]):
        return "is short for a Service of another namespace"
    return ""


def is_own_service(name: str, case: Case) -> bool:
    """Tell whether a name is that of a Service in the tenant's namespaces: `db.acme-web.svc…`."""
    match _in_cluster(host(name), case):
        case [*_, service, namespace, "svc"] if service and namespace:
            return case.is_own(namespace)
    return False


def _in_cluster(name: str, case: Case) -> list[str] | None:
    """Return the labels of a name in the cluster's DNS, without its domain; None for another."""
    domain = host(case.platform.cluster.domain)
    if name == domain or name.endswith(f".{domain}"):
        return name.removesuffix(domain).rstrip(".").split(".")
    parts = name.split(".")
    return parts if parts[-1] == "svc" else None
