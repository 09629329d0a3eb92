"""Istio's names: hosts that stand for Services, and gateways and hosts with a namespace in front."""

from webhook.core.model.pattern import host, hosts_overlap
from webhook.core.tenancy.hosts import is_own_service, objection
from webhook.core.tenancy.rule import Case

NETWORKING = "networking.istio.io"
HERE, EVERYWHERE, NOWHERE = ".", "*", "~"


def home(namespace: str, case: Case) -> str:
    """Return the namespace that is meant; `.` is the object's own."""
    return case.request.namespace if namespace == HERE else namespace


def is_abroad(name: str, case: Case) -> bool:
    """Tell whether a host is a Service in a namespace of others, or a wildcard over such.

    A name without a dot is a Service of the object's own namespace. `db.shop` may be one of
    namespace `shop`, if there is such.
    """
    name, domain = host(name), host(case.platform.cluster.domain)
    if is_own_service(name, case):
        return False
    if name == domain or name.endswith((f".{domain}", ".svc")):
        return True
    if name.startswith("*.") and f".{domain}".endswith(name[1:]):
        return True
    parts = name.split(".")
    return (
        len(parts) == 2 and not case.is_own(parts[1]) and case.world.namespace(parts[1]) is not None
    )


def is_local(name: str, case: Case) -> bool:
    """Tell whether a host is a Service of the tenant's own, in short or in full."""
    return ("." not in name.rstrip(".") and "*" not in name) or is_own_service(name, case)


def is_of_others(name: str, case: Case) -> bool:
    """Tell whether a host outside the cluster is the platform's, or another tenant's by grant or use.

    `*` alone is nobody's: it stands for whatever the gateway is there for.
    """
    if case.tenant is None or name == EVERYWHERE or is_local(name, case):
        return False
    if case.tenant.allow.hostnames is not None and not objection(name, case):
        return False
    name = host(name)
    if case.registry.hosts.owners(name) - {case.tenant.name}:
        return True
    if any(hosts_overlap(pattern, name) for pattern in case.platform.hostnames):
        return True
    users = {case.tenant_of(use.ref.namespace) for use in case.world.host_uses(name)}
    return bool(users - {case.tenant.name, ""})


def gateway(name: str, case: Case) -> tuple[str, str]:
    """Return namespace and name of the gateway that a VirtualService means.

    It is written `namespace/name` or, as before, as `name.namespace`, with or without the rest of a
    Service's host name; a plain name is one in the same namespace.
    """
    if "/" in name:
        namespace, _, rest = name.partition("/")
        return home(namespace, case), rest
    rest, dot, place = name.partition(".")
    return (place.partition(".")[0] if dot else case.request.namespace), rest
