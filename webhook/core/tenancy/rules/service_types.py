"""Service types: a tenant's Services are only of the types that are granted to it.

A NodePort opens a port on every node, past every Ingress and NetworkPolicy in front of it. A load
balancer and its health check take such ports too; where they are not granted, a load balancer is
told to do without.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import UNSET, Finding
from webhook.core.tenancy.rule import Case, Rule, items, mapping
from webhook.core.tenancy.services import SERVICES, type_of

_ALLOCATE = "allocateLoadBalancerNodePorts"
_HEALTH = "healthCheckNodePort"
_FIX = {
    "NodePort": "use ClusterIP with an Ingress, or ask the platform team",
    "LoadBalancer": "use ClusterIP with an Ingress, or ask the platform team",
    "ExternalName": "let your application use the name itself, or ask the platform team",
}
_SPEC = FieldPath(("spec",))


def mutate(value: Any, case: Case) -> Any:
    """Have a load balancer allocate no node ports, where they are not granted."""
    spec = mapping(mapping(value).get("spec"))
    if not _needs_none(value, case) or spec.get(_ALLOCATE) is False:
        return value
    return {**value, "spec": {**spec, _ALLOCATE: False}}


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse a type that is not granted, and node ports that are not."""
    if case.tenant is None:
        return
    kind, granted = type_of(value), case.tenant.allow.service_types
    if kind not in granted:
        yield Finding(
            path=_SPEC / "type",
            observed=kind,
            allowed=", ".join(granted) or "none",
            fix=_FIX.get(kind, "ask the platform team"),
            why=f"Service type {kind} is not available to {case.tenant.name}",
        )
    spec = mapping(mapping(value).get("spec"))
    if _needs_none(value, case) and _allocates(spec, case):
        yield Finding(
            path=_SPEC / _ALLOCATE,
            observed=spec.get(_ALLOCATE, UNSET),
            allowed="false",
            fix=f"set {_ALLOCATE}: false",
            why="A load balancer opens a port on every node unless it is told not to, and node ports "
            f"are not available to {case.tenant.name}",
            element="allocated",
        )
    for path, port in _node_ports(value, case):
        if not any(low <= port <= high for low, high in _ranges(case)):
            yield _ungranted(path, port, case)


def _needs_none(value: Any, case: Case) -> bool:
    """Tell whether this is a load balancer of a tenant that may have those, but no node ports."""
    granted = case.tenant.allow.service_types if case.tenant else ()
    return (
        type_of(value) == "LoadBalancer" and "LoadBalancer" in granted and "NodePort" not in granted
    )


def _allocates(spec: Mapping[str, Any], case: Case) -> bool:
    """Tell whether a load balancer takes node ports: the API server fills in `true`.

    Only a new Service is told not to by us, so where an old one says nothing, nothing is read into it.
    """
    said = spec.get(_ALLOCATE)
    return said is not False and (said is not None or case.request.operation == "CREATE")


def _ranges(case: Case) -> tuple[tuple[int, int], ...]:
    if case.tenant is None or "NodePort" not in case.tenant.allow.service_types:
        return ()
    ranges = case.tenant.allow.node_ports
    return ((0, 65535),) if ranges is None else ranges


def _ungranted(path: FieldPath, port: int, case: Case) -> Finding:
    ranges = ", ".join(f"{low}-{high}" if low != high else f"{low}" for low, high in _ranges(case))
    return Finding(
        path=path,
        observed=port,
        allowed=ranges or "none",
        fix=f"choose a port in {ranges}" if ranges else f"drop {path[-1]}",
        why=f"Port {port} of the nodes is not available to {case.tenant.name if case.tenant else ''}",
    )


def _node_ports(value: Any, case: Case) -> Iterator[tuple[FieldPath, int]]:
    """Yield the node ports that were asked for, with their paths.

    The API server allocates what nobody asked for before it has an object validated. Such a port
    has no manager among the managed fields; where none of these are kept, every port was asked for.
    In the stored object every port counts, so that repeating one is nothing new.
    """
    metadata, spec = mapping(mapping(value).get("metadata")), mapping(mapping(value).get("spec"))
    managers = [mapping(entry) for entry in items(metadata.get("managedFields"))]
    written = [mapping(mapping(entry.get("fieldsV1")).get("f:spec")) for entry in managers]
    all_count = not managers or value is case.request.old_object
    if all_count or any(_writes_node_port(fields) for fields in written):
        for index, port in enumerate(items(spec.get("ports"))):
            if number := _number(mapping(port).get("nodePort")):
                yield _SPEC / "ports" / index / "nodePort", number
    health = _number(spec.get(_HEALTH))
    if health and (all_count or any(f"f:{_HEALTH}" in fields for fields in written)):
        yield _SPEC / _HEALTH, health


def _writes_node_port(fields: Mapping[str, Any]) -> bool:
    return any("f:nodePort" in mapping(port) for port in mapping(fields.get("f:ports")).values())


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


RULE = Rule(id="T-SVC-1", family="namespace", intercepts=(SERVICES,), check=check, mutate=mutate)
