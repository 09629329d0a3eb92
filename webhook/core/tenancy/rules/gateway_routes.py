"""Routes: a tenant's route attaches to gateways, answers for hosts and sends to backends that are its own or granted.

On a gateway that several tenants share, the first route for a host gets its traffic, and a mirror
copies it wherever the route says.
"""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import UNSET, Finding
from webhook.core.model.pattern import host
from webhook.core.tenancy.gateways import GROUP, foreign_parent, foreign_references, is_own
from webhook.core.tenancy.hosts import granted, taken, too_wide, ungranted
from webhook.core.tenancy.places import places
from webhook.core.tenancy.rule import Case, Intercept, Rule, items, mapping, text

_WITH_HOSTS = ("httproutes", "grpcroutes", "tlsroutes")
_WITHOUT = ("tcproutes", "udproutes")
_LINKERD = "policy.linkerd.io"
_IN_MESH = ("Service", "ServiceEntry", "Server")
"""Parents that take traffic inside the mesh, where no two tenants meet under one host."""

_HOSTS = FieldPath(("spec", "hostnames"))


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse parents, hosts and backends of others."""
    spec = mapping(mapping(value).get("spec"))
    parents = [*places(value, "spec.parentRefs[]")]
    for path, parent in parents:
        yield from foreign_parent(path, parent, case)
    in_mesh = [mapping(parent).get("kind") in _IN_MESH for _, parent in parents]
    if case.request.resource in _WITH_HOSTS and not (parents and all(in_mesh)):
        shared = any(not is_own(parent, case) for _, parent in parents)
        yield from _hosts(value, items(spec.get("hostnames")), shared, case)
    yield from foreign_references(FieldPath(("spec", "rules")), spec.get("rules"), "Backend", case)


def _hosts(value: Any, names: Any, shared: bool, case: Case) -> Iterator[Finding]:
    paths = [text(path) for _, path in places(value, "spec.rules[].matches[].path.value")]
    for index, item in enumerate(names):
        name, path = text(item), _HOSTS / index
        yield from ungranted(path, name, case)
        yield from too_wide(path, name, case)
        yield from taken(path, name, paths, case)
    if shared and not names:
        yield Finding(
            path=_HOSTS,
            observed=UNSET,
            allowed=granted(case),
            fix="list the hosts that this route answers for",
            why="A route without hosts takes all traffic of a gateway that others share",
        )


def claims(case: Case) -> bool:
    """Tell whether a route takes a host that it did not have."""
    had = _names(case.request.old_object)
    return any(name not in had for name in _names(case.request.object))


def _names(value: Any) -> set[str]:
    names = items(mapping(mapping(value).get("spec")).get("hostnames"))
    return {host(name) for name in names if isinstance(name, str)}


RULE = Rule(
    id="T-GW-2",
    family="namespace",
    intercepts=(Intercept((GROUP, _LINKERD), (*_WITH_HOSTS, *_WITHOUT)),),
    check=check,
    claims=claims,
)
