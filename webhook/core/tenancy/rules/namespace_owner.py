"""Owner of a new namespace: it gets the stamp of exactly one tenant, one that its creator owns.

The label `tenantgate.io/tenant` decides whose a namespace is, so nobody may choose it freely. It is
filled in for the owner of one tenant, and `openshift.io/requester` says who asked.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import UNSET, Finding
from webhook.core.model.marks import REQUESTER, TENANT
from webhook.core.model.world import labels
from webhook.core.tenancy.namespaces import CREATED, chosen_tenant, platform_owners, tenants_of
from webhook.core.tenancy.rule import Case, Rule

_LABEL = FieldPath(("metadata", "labels", TENANT))


def mutate(value: Any, case: Case) -> Any:
    """Stamp a Namespace with its tenant and its requester, where it does not say them itself."""
    chosen = chosen_tenant(value, case)
    metadata = value.get("metadata") if isinstance(value, Mapping) else None
    if not chosen or not isinstance(metadata, Mapping):
        return value
    filled = _with(metadata, "labels", TENANT, chosen)
    filled = _with(filled, "annotations", REQUESTER, case.request.user.name)
    return value if filled is metadata else {**value, "metadata": filled}


def _with(metadata: Mapping[str, Any], field: str, key: str, text: str) -> Mapping[str, Any]:
    known = metadata.get(field) or {}
    if not isinstance(known, Mapping) or key in known:
        return metadata
    return {**metadata, field: {**known, key: text}}


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse a Namespace whose tenant is not settled, or not its creator's to choose."""
    stamped, owned = labels(value), case.requester.owned
    if case.requester.kind == "other":
        if TENANT in stamped:
            yield Finding(
                path=_LABEL,
                observed=stamped[TENANT],
                allowed="no such label",
                fix="remove it, or have an owner of the tenant create the namespace",
                why="Only owners of a tenant can create namespaces for it",
            )
        return
    chosen = chosen_tenant(value, case)
    if not owned:
        yield Finding(
            path=FieldPath(("userInfo", "username")),
            observed=case.request.user.name,
            allowed=f"owners of {tenants_of(case)}",
            fix="ask an owner to create the namespace",
            why=f"Members of {tenants_of(case)} work in its namespaces and can't create new ones",
        )
    elif not chosen:
        yield Finding(
            path=_LABEL,
            observed=stamped.get(TENANT, UNSET),
            allowed=", ".join(owned),
            fix=f"set label {TENANT} to one of them",
            why=f"You own several tenants ({', '.join(owned)})"
            if TENANT not in stamped
            else "A new namespace can only belong to a tenant that you own",
        )
    for path, (_, kind, name, _) in platform_owners(value, case, chosen):
        yield Finding(
            path=path,
            observed=f"{kind}/{name}",
            allowed="owners that are your own namespaces",
            fix="remove the ownerReference",
            why="A namespace can't be owned by an object that is not yours",
        )


RULE = Rule(
    id="T-NS-1",
    family="subject",
    intercepts=(CREATED,),
    check=check,
    mutate=mutate,
    others=True,
)
