"""Services, as the rules about them read one."""

from typing import Any

from webhook.core.tenancy.rule import Intercept, mapping, text

SERVICES = Intercept(("",), ("services",))


def type_of(value: Any) -> str:
    """Return a Service's type; one that gives none is of type ClusterIP."""
    return text(mapping(mapping(value).get("spec")).get("type")) or "ClusterIP"
