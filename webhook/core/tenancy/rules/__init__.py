"""The isolation rules, one a file.

A new rule is a new module with a `RULE`; it is found here, no list needs an edit.
"""

from importlib import import_module
from pkgutil import iter_modules

from webhook.core.tenancy.rule import Rule


def _order(rule: Rule) -> tuple[int, int]:
    _, family, number = rule.id.split("-")
    return _FAMILIES.index(family), int(number)


_FAMILIES = (
    "ID",
    "BND",
    "NS",
    "OBJ",
    "RBAC",
    "WL",
    "SVC",
    "EP",
    "NP",
    "ING",
    "GW",
    "MESH",
    "STO",
    "EXT",
    "META",
    "LIM",
)
RULES: tuple[Rule, ...] = tuple(
    sorted(
        (import_module(f"{__name__}.{module.name}").RULE for module in iter_modules(__path__)),
        key=_order,
    )
)
"""Every rule, in the order of the catalogue."""
