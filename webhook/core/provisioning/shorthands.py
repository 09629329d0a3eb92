"""What a Tenant's `spec.provision` says in short: a quota, limits, a network policy, role bindings."""

from collections.abc import Iterator, Mapping
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import shown
from webhook.core.model.marks import TENANT
from webhook.core.model.objects import JsonObject
from webhook.core.model.quantity import quantity
from webhook.core.model.schema import Mistake
from webhook.core.mutation.values import container_mistakes
from webhook.core.platform import Platform
from webhook.core.tenancy.tenant import Subject, Tenant

Identity = tuple[str, str, str]

_RBAC = "rbac.authorization.k8s.io"
_NETWORKING = "networking.k8s.io"
_DNS = ({"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53})


def objects(tenant: Tenant, platform: Platform) -> Iterator[JsonObject]:
    """Yield the objects that a tenant's shorthands stand for, as yet without a namespace."""
    spec, prefix = tenant.provision, _prefix(platform)
    if spec.get("resourceQuota"):
        yield _object("v1", "ResourceQuota", f"{prefix}quota", {"hard": spec["resourceQuota"]})
    if limits := {key: value for key, value in (spec.get("limitRange") or {}).items() if value}:
        item = {"type": "Container", **limits}
        yield _object("v1", "LimitRange", f"{prefix}limits", {"limits": [item]})
    if spec.get("networkPolicy") == "default-deny":
        own = _default_deny(tenant.name)
        yield _object(f"{_NETWORKING}/v1", "NetworkPolicy", f"{prefix}default-deny", own)
    yield from _role_bindings(tenant, prefix)


def displaced(tenant: Tenant, platform: Platform) -> Identity | None:
    """Return what a tenant's shorthands take out of a template and put nothing in the place of.

    That is the default-deny NetworkPolicy, by `networkPolicy: none`.
    """
    if tenant.provision.get("networkPolicy") != "none":
        return None
    return _NETWORKING, "NetworkPolicy", f"{_prefix(platform)}default-deny"


def gives(provision: Mapping[str, Any]) -> bool:
    """Tell whether a tenant's shorthands stand for any object."""
    limits = provision.get("limitRange")
    return bool(
        provision.get("resourceQuota")
        or (limits and any(limits.values()))
        or provision.get("networkPolicy") == "default-deny"
        or provision.get("roleBindings")
    )


def mistakes(spec: Mapping[str, Any], path: FieldPath) -> Iterator[Mistake]:
    """Yield what is wrong with `spec.provision`, which stands at a path and has the right shape."""
    at = path / "resourceQuota"
    for resource, value in (spec.get("resourceQuota") or {}).items():
        amount = quantity(value)
        if amount is None or amount < 0:
            allowed = "a quantity of 0 or more, such as 20 or 64Gi"
            yield Mistake(at / resource, f"{at / resource} is {shown(value)}; allowed: {allowed}")
    yield from container_mistakes(spec.get("limitRange") or {}, path / "limitRange")
    for index, item in enumerate(spec.get("roleBindings") or ()):
        name = item["clusterRole"]
        if not name or name in (".", "..") or "/" in name or "%" in name:
            at = path / "roleBindings" / index / "clusterRole"
            yield Mistake(at, f"{at} is {shown(name)}; allowed: the name of a ClusterRole")


def _prefix(platform: Platform) -> str:
    return platform.reserved_object_prefix or "platform-"


def _object(version: str, kind: str, name: str, spec: Mapping[str, Any]) -> JsonObject:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}


def _default_deny(tenant: str) -> JsonObject:
    """Return a policy that leaves pods the other pods of the tenant, and the cluster's DNS."""
    own = [{"namespaceSelector": {"matchLabels": {TENANT: tenant}}}]
    dns = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}]
    return {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": own}],
        "egress": [{"to": own}, {"to": dns, "ports": list(_DNS)}],
    }


def _role_bindings(tenant: Tenant, prefix: str) -> Iterator[JsonObject]:
    """Yield one binding for each role: to owners, to members, or to both.

    One with nobody to bind is yielded as well, so that those who were bound before are not any more.
    """
    bound: dict[str, dict[Subject, None]] = {}
    for item in tenant.provision.get("roleBindings") or ():
        who = tenant.owners if item["to"] == "owners" else tenant.members
        bound.setdefault(item["clusterRole"], {}).update(dict.fromkeys(who))
    for role, subjects in bound.items():
        yield {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": f"{prefix}{role}"},
            "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": role},
            "subjects": [_subject(subject) for subject in subjects],
        }


def _subject(subject: Subject) -> JsonObject:
    if subject.kind == "ServiceAccount":
        return {"kind": subject.kind, "name": subject.name, "namespace": subject.namespace}
    return {"kind": subject.kind, "name": subject.name, "apiGroup": _RBAC}
