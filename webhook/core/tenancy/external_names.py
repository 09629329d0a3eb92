"""Names that a Service, or an EndpointSlice of names, may stand for."""

from webhook.core.model.pattern import covers_host, host
from webhook.core.tenancy.hosts import is_own_service, leads_inside
from webhook.core.tenancy.rule import Case


def granted(case: Case) -> str:
    """Return the names that may be used, in words."""
    names = case.tenant.allow.external_names if case.tenant else ()
    own = f"SERVICE.{case.request.namespace}.svc.{host(case.platform.cluster.domain)}"
    return f"{', '.join(names)} outside the cluster, {own}" if names else own


def objection(name: str, case: Case) -> str:
    """Return why a name may not be used, as the end of a sentence; "" where it may.

    A name that leads into the cluster is refused even where a pattern covers it; Services of the
    tenant's own namespaces need no grant.
    """
    if why := leads_inside(name, case):
        return why
    if is_own_service(name, case):
        return ""
    names = case.tenant.allow.external_names if case.tenant else ()
    covered = any(covers_host(pattern, name) for pattern in names)
    return "" if covered else "is not granted"
