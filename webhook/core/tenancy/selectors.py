"""Selectors of namespaces that a tenant writes: does one stay within the tenant's own?"""

from typing import Any

from webhook.core.model.marks import TENANT
from webhook.core.model.selector import SelectorError, read_selector
from webhook.core.tenancy.rule import Case

NAME = "kubernetes.io/metadata.name"


def is_pinned(selector: Any, case: Case) -> bool:
    """Tell whether a namespace selector can select namespaces of the request's tenant only.

    It has to require the tenant's stamp, or names of its namespaces: all other labels may be
    written by others on theirs. A selector that cannot be read is not pinned.
    """
    if case.tenant is None:
        return False
    try:
        requirements = read_selector(selector).requirements
    except SelectorError:
        return False
    for item in requirements:
        if item.operator != "In":
            continue
        if item.key == TENANT and item.values == {case.tenant.name}:
            return True
        if item.key == NAME and all(case.is_own(name) for name in item.values):
            return True
    return False
