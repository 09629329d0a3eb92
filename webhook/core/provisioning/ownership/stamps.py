"""Whose a namespace is: the stamp that it has, or the one that a tenant's file asks for.

Owners' own namespaces are stamped when they are created. Others are adopted: a tenant's file lists
them by name, or selects them by labels that no tenant can write.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from webhook.core.model.marks import TENANT
from webhook.core.model.world import Namespace
from webhook.core.platform import Platform
from webhook.core.tenancy.registry import Registry


@dataclass(frozen=True, slots=True)
class Stamp:
    """The tenant whose stamp a namespace has or is to get, "" for none.

    `reason` says what it rests on: the stamp itself, or the tenant's `namespaces.names` or
    `namespaces.selector`. `problem` says, as a sentence, what keeps a claim from being met, or is
    wrong with the stamp that is there.
    """

    tenant: str = ""
    reason: Literal["", "stamped", "listed", "selected"] = ""
    problem: str = ""


def stamp_for(namespace: Namespace, registry: Registry, platform: Platform) -> Stamp:
    """Return the stamp that a namespace should carry.

    One that it carries already stays, whatever the files say: a move to another tenant is a
    transfer, which looks at what is in the namespace first. A name counts for more than a selector.
    The platform's own namespaces are nobody's, and so are those where no SCC is enforced.
    """
    own = namespace.name in platform.namespaces or namespace.name == platform.engine_namespace
    if current := namespace.labels.get(TENANT):
        problem = f"a namespace of the platform carries the stamp of tenant {current}"
        return Stamp(current, "stamped", f"{problem}; take the label {TENANT} off" if own else "")
    if own or namespace.terminating:
        return Stamp()
    listed = registry.listed.get(namespace.name)
    selected = registry.selectors.owners(namespace.labels)
    claims = [listed] if listed else selected
    if not claims:
        return Stamp()
    if namespace.name in platform.scc.exempt_namespaces:
        return Stamp(problem=_exempt(namespace.name, claims[0]))
    if len(claims) > 1:
        return Stamp(problem=_ambiguous(claims))
    return Stamp(claims[0], "listed" if listed else "selected")


def receiver(namespace: Namespace, registry: Registry) -> str:
    """Return the tenant that a stamped namespace is to be handed to, or "".

    That is the one whose file lists it by name. A selector moves nothing: it may match by accident,
    and the file of the present owner says nothing about it.
    """
    current = namespace.labels.get(TENANT)
    listed = registry.listed.get(namespace.name, "")
    return listed if current and listed != current and not namespace.terminating else ""


def complaint(
    namespace: Namespace, registry: Registry, platform: Platform, siblings: Sequence[str]
) -> tuple[str, str]:
    """Return what is wrong with whose a namespace is: an event's reason and its text, or "" twice.

    Args:
        namespace: the namespace as it is.
        registry: all tenants.
        platform: what holds for the whole cluster.
        siblings: every namespace with the same stamp, the oldest first. Two that were created at
            once can both have found room in the quota; the later one is told of here.
    """
    stamp = stamp_for(namespace, registry, platform)
    if stamp.problem:
        return "OwnershipUnclear", stamp.problem
    if stamp.reason != "stamped":
        return "", ""
    tenant = stamp.tenant
    if tenant not in registry.tenants:
        return (
            "TenantUnknown",
            f"no file describes tenant {tenant}: the namespace stays stamped, with no allowance, and "
            "nobody owns it; bring the file back, list the namespace in namespaces.names of another "
            "tenant, or delete it",
        )
    quota = registry.get(tenant).namespaces.quota
    if quota is not None and namespace.name in siblings[quota:]:
        return (
            "NamespaceQuotaExceeded",
            f"tenant {tenant} has {len(siblings)} namespaces and may have {quota}; raise its "
            "namespaces.quota, or delete some",
        )
    return "", ""


def _exempt(namespace: str, tenant: str) -> str:
    return (
        f"tenant {tenant} claims namespace {namespace}, where no SCC is enforced; take it out of "
        "Platform spec.scc.exemptNamespaces, or out of the tenant's file"
    )


def _ambiguous(claims: list[str]) -> str:
    return (
        f"the selectors of tenants {', '.join(claims)} all match; list the namespace in "
        "namespaces.names of the one that it belongs to"
    )
