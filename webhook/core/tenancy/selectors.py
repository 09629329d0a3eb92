"""Selectors of namespaces that a tenant writes: does one stay within the tenant's own?"""

from collections.abc import Collection
from typing import Any

from webhook.core.model.marks import TENANT
from webhook.core.model.selector import SelectorError, read_selector
from webhook.core.tenancy.rule import Case

NAME = "kubernetes.io/metadata.name"


def is_pinned(
    selector: Any, case: Case, *, tenants: Collection[str] = (), names: Collection[str] = ()
) -> bool:
    """Tell whether a namespace selector can select namespaces of the request's tenant only.

    It has to require the tenant's stamp, or names of its namespaces: all other labels may be
    written by others on theirs. A selector that cannot be read is not pinned. Further tenants and
    further namespaces may be allowed as well.
    """
    if case.tenant is None:
        return False
    try:
        requirements = read_selector(selector).requirements
    except SelectorError:
        return False
    stamps = {case.tenant.name, *tenants}
    for item in requirements:
        if item.operator != "In":
            continue
        if item.key == TENANT and item.values <= stamps:
            return True
        if item.key == NAME and all(
            name in names or case.is_own(name) or case.tenant_of(name) in tenants
            for name in item.values
        ):
            return True
    return False
