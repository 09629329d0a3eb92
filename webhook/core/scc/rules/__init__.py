"""The controls of an SCC, one a file.

A new rule is a new module with a `RULE`; it is found here, no list needs an edit.
"""

from importlib import import_module
from pkgutil import iter_modules

from webhook.core.scc.rule import Rule

RULES: tuple[Rule, ...] = tuple(
    sorted(
        (import_module(f"{__name__}.{module.name}").RULE for module in iter_modules(__path__)),
        key=lambda rule: rule.order,
    )
)
"""Every rule, in OpenShift's order."""
