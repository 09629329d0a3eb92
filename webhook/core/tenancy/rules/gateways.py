"""Gateways: a tenant's own gateway is of a granted class, names its hosts and serves its own routes only.

A listener without a host answers for everybody's names, and one that is open to all namespaces
serves routes of others under the tenant's certificate.
"""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import UNSET, Finding
from webhook.core.tenancy.gateways import GROUP, GROUPS, foreign_parent, foreign_references
from webhook.core.tenancy.hosts import granted, ungranted
from webhook.core.tenancy.rule import Case, Intercept, Rule, items, mapping, text
from webhook.core.tenancy.selectors import is_pinned

_NAMELESS = ("TCP", "UDP", "HBONE")
"""Protocols that know no host name: the API takes none for them, or the mesh alone speaks them."""

_SPEC = FieldPath(("spec",))


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse classes, hosts, parents and certificates that are not the tenant's, and open listeners."""
    spec = mapping(mapping(value).get("spec"))
    if case.request.resource == "gateways":
        yield from _class(spec.get("gatewayClassName"), case)
        yield from _open(_SPEC / "allowedListeners", spec.get("allowedListeners"), case)
    else:
        yield from foreign_parent(_SPEC / "parentRef", spec.get("parentRef"), case)
    for index, item in enumerate(items(spec.get("listeners"))):
        path, listener = _SPEC / "listeners" / index, mapping(item)
        yield from _host(path / "hostname", listener, case)
        yield from _open(path / "allowedRoutes", listener.get("allowedRoutes"), case)
    for key, part in spec.items():
        if key != "parentRef":
            yield from foreign_references(_SPEC / key, part, "Object", case)


def _class(name: Any, case: Case) -> Iterator[Finding]:
    if case.tenant is None or case.tenant.allow.gateway_classes.permits(text(name)):
        return
    classes = case.tenant.allow.gateway_classes.names or ()
    yield Finding(
        path=_SPEC / "gatewayClassName",
        observed=name,
        allowed=", ".join(sorted(classes)) or "none",
        fix="use a class that is granted, or attach routes to a shared gateway",
        why=f"Gateway class {text(name)} is not available to tenant {case.tenant.name}",
    )


def _host(path: FieldPath, listener: Any, case: Case) -> Iterator[Finding]:
    name = text(listener.get("hostname"))
    if name:
        yield from ungranted(path, name, case)
    elif listener.get("protocol") not in _NAMELESS:
        yield Finding(
            path=path,
            observed=UNSET,
            allowed=granted(case),
            fix="set the hostname of each listener",
            why="Listeners must name a host; without one this answers for everybody's",
            element=f"port {listener.get('port')}",
        )


def _open(path: FieldPath, allowed: Any, case: Case) -> Iterator[Finding]:
    """A listener is open to its own namespace unless it says otherwise."""
    namespaces = mapping(mapping(allowed).get("namespaces"))
    source = namespaces.get("from")
    if source == "All" or (
        source == "Selector" and not is_pinned(namespaces.get("selector"), case)
    ):
        yield Finding(
            path=path / "namespaces" / ("from" if source == "All" else "selector"),
            observed=source if source == "All" else namespaces.get("selector"),
            allowed="Same, or a selector of your own namespaces by kubernetes.io/metadata.name "
            "or tenantgate.io/tenant",
            fix="set from: Same",
            why="A gateway of a tenant may not serve the namespaces of others",
        )


RULE = Rule(
    id="T-GW-1",
    family="namespace",
    intercepts=(
        Intercept((GROUP,), ("gateways",)),
        Intercept(GROUPS, ("listenersets", "xlistenersets")),
    ),
    check=check,
)
