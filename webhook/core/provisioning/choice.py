"""Which template serves a namespace: one at most.

That is the one its Tenant names, or else, of those that match, the one of highest priority; of
several the first by name. Namespaces of the platform are left alone.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from webhook.core.model.marks import TENANT
from webhook.core.model.world import Namespace
from webhook.core.platform import Platform
from webhook.core.provisioning.templates.document import NamespaceTemplate
from webhook.core.tenancy.registry import Registry

if TYPE_CHECKING:
    from webhook.core.tenancy.tenant import Tenant


def is_left_alone(name: str, platform: Platform) -> bool:
    """Tell whether a namespace gets nothing: tenantgate's own, and those of the platform and of SCC."""
    return (
        name == platform.engine_namespace
        or name in platform.namespaces
        or name in platform.scc.exempt_namespaces
    )


def serving(
    namespace: Namespace,
    platform: Platform,
    registry: Registry,
    templates: Sequence[NamespaceTemplate],
) -> NamespaceTemplate | None:
    """Return the template that serves a namespace, if any.

    Args:
        namespace: the namespace; its stamp says whose it is.
        platform: which namespaces are left alone.
        registry: the tenants.
        templates: all of them in their order, as `PolicySet.templates` has them.
    """
    if is_left_alone(namespace.name, platform):
        return None
    stamp = namespace.labels.get(TENANT, "")
    tenant = registry.tenants.get(stamp) if stamp else None
    if tenant is not None and (named := tenant.provision.get("template")):
        return next((template for template in templates if template.name == named), None)
    for template in templates:
        fits = template.match is not None and template.match.takes(stamp, namespace.labels)
        if fits and (tenant is not None or not template.required):
            return template
    return None


def is_served(
    namespace: Namespace,
    platform: Platform,
    registry: Registry,
    templates: Sequence[NamespaceTemplate],
) -> bool:
    """Tell whether a namespace gets anything: from a template, or by its tenant's shorthands."""
    if is_left_alone(namespace.name, platform):
        return False
    if (tenant := tenant_of(namespace, registry)) is not None and tenant.provision:
        from webhook.core.provisioning.shorthands import gives  # few tenants use them

        if gives(tenant.provision):
            return True
    return serving(namespace, platform, registry, templates) is not None


def tenant_of(namespace: Namespace, registry: Registry) -> "Tenant | None":
    """Return the tenant whose stamp a namespace carries, if a file describes it."""
    stamp = namespace.labels.get(TENANT)
    return registry.tenants.get(stamp) if stamp else None


def why(
    namespace: Namespace,
    platform: Platform,
    registry: Registry,
    templates: Sequence[NamespaceTemplate],
) -> str:
    """Return in one sentence which template serves a namespace, and why it is that one, or none."""
    if is_left_alone(namespace.name, platform):
        return f"no template serves it: {_why_alone(namespace.name, platform)}"
    stamp = namespace.labels.get(TENANT, "")
    whose = f"namespaces of tenant {stamp}" if stamp else "namespaces of no tenant"
    found = serving(namespace, platform, registry, templates)
    if found is None:
        return f"no template serves it: none of {len(templates)} matches {whose} with its labels"
    tenant = tenant_of(namespace, registry)
    if tenant is not None and tenant.provision.get("template") == found.name:
        return f"template {found.name} serves it: tenant {tenant.name} names it"
    others = [
        template.name
        for template in templates
        if template is not found
        and template.match is not None
        and template.match.takes(stamp, namespace.labels)
    ]
    rest = f", before {', '.join(others)}" if others else ""
    return f"template {found.name} serves it: it matches {whose}{rest}"


def _why_alone(name: str, platform: Platform) -> str:
    if name == platform.engine_namespace:
        return "it is tenantgate's own"
    if name in platform.namespaces:
        return "it is a namespace of the platform"
    return "it is exempt by Platform spec.scc.exemptNamespaces"
