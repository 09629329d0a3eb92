"""Mesh visibility: what a tenant tells the service mesh holds for its own namespaces, and its own hosts, only.

Istio shows routes and hosts to every namespace unless told otherwise, and proxies of others follow
them. What names nobody is kept to its own namespace; raw proxy configuration is not available.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import UNSET, Finding
from webhook.core.tenancy.hosts import granted, too_wide, ungranted
from webhook.core.tenancy.mesh import (
    EVERYWHERE,
    HERE,
    NETWORKING,
    NOWHERE,
    gateway,
    home,
    is_abroad,
    is_local,
    is_of_others,
)
from webhook.core.tenancy.places import places
from webhook.core.tenancy.rule import Case, Intercept, Rule, items, mapping, text

_EXPORTED = ("virtualservices", "destinationrules", "serviceentries")
_RAW = {
    (NETWORKING, "envoyfilters"): "EnvoyFilter",
    ("extensions.istio.io", "wasmplugins"): "WasmPlugin",
    ("cilium.io", "ciliumenvoyconfigs"): "CiliumEnvoyConfig",
    ("gateway.envoyproxy.io", "envoypatchpolicies"): "EnvoyPatchPolicy",
}
"""Kinds that reconfigure proxies as they like."""

_DESTINATIONS = (
    "spec.http[].route[].destination.host",
    "spec.http[].mirror.host",
    "spec.http[].mirrors[].destination.host",
    "spec.tls[].route[].destination.host",
    "spec.tcp[].route[].destination.host",
)
_HOSTS: Mapping[str, tuple[str, ...]] = {
    "virtualservices": ("spec.hosts[]", *_DESTINATIONS),
    "destinationrules": ("spec.host",),
    "serviceentries": ("spec.hosts[]", "spec.endpoints[].address"),
    "workloadentries": ("spec.address",),
}
_GATEWAYS = (
    "spec.gateways[]",
    "spec.http[].match[].gateways[]",
    "spec.tls[].match[].gateways[]",
    "spec.tcp[].match[].gateways[]",
)
_MESH = "mesh"
_ROOT = "istio-system"
_BY_NAME = ("HTTP", "HTTP2", "HTTPS", "GRPC", "GRPC-WEB", "TLS")
"""Protocols of a server that choose by host name; others see none and are for every host."""

_EXPORT_TO = FieldPath(("spec", "exportTo"))


def mutate(value: Any, case: Case) -> Any:
    """Keep to its own namespace what does not say where it holds: that would be everywhere."""
    if case.request.resource not in _EXPORTED or not isinstance(value, dict):
        return value
    spec = value.get("spec")
    if not isinstance(spec, dict) or spec.get("exportTo") not in (None, []):
        return value
    return {**value, "spec": {**spec, "exportTo": [HERE]}}


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse what other namespaces would see or follow, and hosts and gateways of others."""
    group, resource = case.request.group, case.request.resource
    if raw := _RAW.get((group, resource)):
        yield _raw(raw)
    elif resource == "sidecars":
        yield from _sidecar(value, case)
    elif resource == "gateways":
        yield from _servers(value, case)
    else:
        if resource in _EXPORTED:
            yield from _exported(value, case)
        for pattern in _HOSTS[resource]:
            for path, name in places(value, pattern):
                yield from _host(path, text(name), case)
        if resource == "virtualservices":
            yield from _bound(value, case)


def _raw(kind: str) -> Finding:
    return Finding(
        path=FieldPath(("kind",)),
        observed=kind,
        allowed="other kinds",
        fix="say it with a VirtualService or a DestinationRule, or ask the platform team",
        why=f"{kind} reconfigures proxies past every check and is not available to tenants",
    )


def _exported(value: Any, case: Case) -> Iterator[Finding]:
    targets = mapping(mapping(value).get("spec")).get("exportTo")
    if not targets:
        yield _too_visible(_EXPORT_TO, UNSET, "Without exportTo this holds in every namespace")
    for index, target in enumerate(items(targets)):
        name = text(target)
        if name not in (HERE, NOWHERE) and (name == EVERYWHERE or not case.is_own(name)):
            why = "This holds in " + (
                "every namespace" if name == EVERYWHERE else f"namespace {name} of others"
            )
            yield _too_visible(_EXPORT_TO / index, target, why)


def _too_visible(path: FieldPath, observed: Any, why: str) -> Finding:
    return Finding(
        path=path,
        observed=observed,
        allowed='"." or namespaces of your own tenant',
        fix='set exportTo: ["."]',
        why=why,
    )


def _host(path: FieldPath, name: str, case: Case) -> Iterator[Finding]:
    abroad = is_abroad(name, case)
    if abroad or is_of_others(name, case):
        yield Finding(
            path=path,
            observed=name,
            allowed="Services of your own namespaces, and hosts that are nobody else's",
            fix="name a Service of your own" if abroad else "name a host of your own",
            why=f"Host {name} stands for Services outside this tenant's namespaces"
            if abroad
            else f"Host {name} belongs to the platform or to another tenant",
        )


def _bound(value: Any, case: Case) -> Iterator[Finding]:
    """Judge the gateways of a VirtualService, its hosts on those of others, and its delegates."""
    allowed = case.tenant.allow.gateways if case.tenant else ()
    shared = False
    for pattern in _GATEWAYS:
        for path, item in places(value, pattern):
            namespace, name = gateway(text(item), case)
            if text(item) == _MESH or case.is_own(namespace):
                continue
            shared = True
            if f"{namespace}/{name}" not in allowed:
                yield Finding(
                    path=path,
                    observed=item,
                    allowed=", ".join((*allowed, "gateways of your own")),
                    fix="bind to a gateway that is granted, or ask the platform team for this one",
                    why=f"Gateway {namespace}/{name} is not granted to this tenant",
                )
    for path, name in places(value, "spec.hosts[]") if shared else ():
        told = text(name)
        if not is_local(told, case) and not is_abroad(told, case) and not is_of_others(told, case):
            yield from ungranted(path, told, case)
            yield from too_wide(path, told, case)
    for path, namespace in places(value, "spec.http[].delegate.namespace"):
        if not case.is_own(text(namespace)):
            yield Finding(
                path=path,
                observed=namespace,
                allowed="namespaces of your own tenant",
                fix="delegate to a VirtualService of your own",
                why=f"Namespace {namespace} is not one of this tenant's",
            )


def _servers(value: Any, case: Case) -> Iterator[Finding]:
    """A gateway's host may have the namespace in front whose routes it takes."""
    for at, server in places(value, "spec.servers[]"):
        protocol = text(mapping(mapping(server).get("port")).get("protocol")).upper()
        for index, item in enumerate(items(mapping(server).get("hosts"))):
            path = at / "hosts" / index
            namespace, slash, name = text(item).rpartition("/")
            if slash and namespace != EVERYWHERE and not case.is_own(home(namespace, case)):
                yield _foreign_host(path, item, namespace)
            if protocol not in _BY_NAME:
                continue
            if name == EVERYWHERE:
                yield Finding(
                    path=path,
                    observed=item,
                    allowed=granted(case),
                    fix="name the hosts of each server",
                    why="A server for every host answers for everybody's",
                )
            elif not is_local(name, case):
                yield from ungranted(path, name, case)


def _sidecar(value: Any, case: Case) -> Iterator[Finding]:
    """A Sidecar chooses what its proxies know of: nothing of other tenants. `*` is what all know."""
    for path, item in places(value, "spec.egress[].hosts[]"):
        namespace = text(item).partition("/")[0]
        owner = case.tenant_of(home(namespace, case))
        if owner and not case.is_own(home(namespace, case)):
            yield _foreign_host(path, item, namespace)
    spec = mapping(mapping(value).get("spec"))
    if case.request.namespace == _ROOT and not spec.get("workloadSelector"):
        yield Finding(
            path=FieldPath(("spec", "workloadSelector")),
            observed=UNSET,
            allowed="labels of workloads in this namespace",
            fix="add a workloadSelector",
            why="Without a selector a Sidecar in the mesh's root namespace holds for the whole mesh",
        )


def _foreign_host(path: FieldPath, observed: Any, namespace: str) -> Finding:
    return Finding(
        path=path,
        observed=observed,
        allowed='"./HOST" or namespaces of your own tenant',
        fix="drop it, or name a namespace of your own",
        why=f"Namespace {namespace} is not one of this tenant's",
    )


RULE = Rule(
    id="T-MESH-1",
    family="namespace",
    intercepts=(
        Intercept((NETWORKING,), (*_HOSTS, "sidecars", "gateways")),
        *(Intercept((group,), (resource,)) for group, resource in _RAW),
    ),
    check=check,
    mutate=mutate,
)
