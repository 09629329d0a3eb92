"""Owner references and finalizers: no object of a tenant hangs itself on one of the platform's.

An owner can't be deleted before the objects that block it, and a finalizer of tenantgate's keeps an
object until tenantgate is done with it. Ownership among the tenant's own objects is free.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.model.marks import in_domain
from webhook.core.model.world import Ref, plural
from webhook.core.tenancy.kinds import is_cluster_wide
from webhook.core.tenancy.namespaces import is_namespace
from webhook.core.tenancy.rule import Case, Intercept, Rule, items, mapping, text

_OWNERS = FieldPath(("metadata", "ownerReferences"))
_FINALIZERS = FieldPath(("metadata", "finalizers"))
_NEVER_A_TENANTS = frozenset({("", "ResourceQuota"), ("", "LimitRange")})
_LOOKED_UP = frozenset(
    {
        ("", "ConfigMap"),
        ("", "Service"),
        ("", "ServiceAccount"),
        ("apps", "DaemonSet"),
        ("apps", "Deployment"),
        ("apps", "StatefulSet"),
        ("networking.k8s.io", "NetworkPolicy"),
        ("rbac.authorization.k8s.io", "Role"),
        ("rbac.authorization.k8s.io", "RoleBinding"),
    }
)
"""Kinds that the platform may keep under names that are not reserved. Others are not looked up: the
engine cannot be allowed to read everything."""

_PROVISIONED = (
    "configmaps",
    "limitranges",
    "networkpolicies",
    "resourcequotas",
    "rolebindings",
    "roles",
    "secrets",
    "serviceaccounts",
)
"""What the platform lays down in namespaces, where a uid is looked for under any kind and name."""


class _Owner(NamedTuple):
    """An ownerReference; one that comes to block its owner is another one."""

    group: str
    kind: str
    name: str
    uid: str
    blocks: bool

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


def reads(case: Case) -> Iterator[Ref]:
    """Look up new owners of some kinds, to see whether they are the platform's."""
    if not is_namespace(case.request):
        for _, owner in _new_owners(case.request.object, case):
            if (owner.group, owner.kind) in _LOOKED_UP:
                yield _ref(owner, case)


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse new owners that are the platform's, and a change of finalizers that are.

    Owners of Namespaces have a rule of their own.
    """
    if case.requester.kind == "other" and case.tenant is None:
        return
    if not is_namespace(case.request):
        for path, owner in _new_owners(value, case):
            if _is_platforms(owner, case):
                yield Finding(
                    path=path,
                    observed=str(owner),
                    allowed="objects of your own in the same namespace",
                    fix="remove the ownerReference",
                    why=f"ownerReference to {owner} is not allowed, as that name or uid is the platform's",
                )
    yield from _finalizers(value, case)


def _new_owners(value: Any, case: Case) -> Iterator[tuple[FieldPath, _Owner]]:
    before = {owner for _, owner in _owners(case.request.old_object)}
    return ((path, owner) for path, owner in _owners(value) if owner not in before)


def _owners(value: Any) -> Iterator[tuple[FieldPath, _Owner]]:
    references = mapping(mapping(value).get("metadata")).get("ownerReferences")
    for index, item in enumerate(items(references)):
        if isinstance(item, Mapping):
            version, kind, name, uid = (
                text(item.get(key)) for key in ("apiVersion", "kind", "name", "uid")
            )
            group = version.rpartition("/")[0]
            blocks = item.get("blockOwnerDeletion") is True
            yield _OWNERS / index, _Owner(group, kind, name, uid, blocks)


def _ref(owner: _Owner, case: Case) -> Ref:
    return Ref(owner.group, plural(owner.kind), case.request.namespace, owner.name)


def _is_platforms(owner: _Owner, case: Case) -> bool:
    """Tell whether an owner is the platform's; the garbage collector goes by the uid alone."""
    prefix = case.platform.reserved_object_prefix
    if is_cluster_wide(owner.group, owner.kind):
        return not (
            f"{owner.group}/{owner.kind}" in case.platform.tenant_cluster_kinds
            or (owner.kind == "Namespace" and case.is_own(owner.name))
        )
    kind = owner.group, owner.kind
    if kind in _NEVER_A_TENANTS or (prefix and owner.name.startswith(prefix)):
        return True
    if kind in _LOOKED_UP and case.is_managed(case.world.get(_ref(owner, case))):
        return True
    return bool(owner.uid) and any(
        mapping(mapping(found).get("metadata")).get("uid") == owner.uid
        for resource in {plural(owner.kind), *_PROVISIONED}
        for found in case.world.managed(resource, case.request.namespace)
    )


def _finalizers(value: Any, case: Case) -> Iterator[Finding]:
    before, after = _of_platform(case.request.old_object), _of_platform(value)
    for finalizer, index in after.items():
        if finalizer not in before:
            yield Finding(
                path=_FINALIZERS / index,
                observed=finalizer,
                allowed="finalizers of your own domain",
                fix="remove it",
                why=f"Finalizer {finalizer} is reserved for the platform",
            )
    for finalizer in before:
        if finalizer not in after:
            yield Finding(
                path=_FINALIZERS,
                observed=mapping(mapping(value).get("metadata")).get("finalizers") or [],
                allowed=f"{finalizer} in the list, as it was",
                fix="put it back and wait, or ask the platform team",
                why=f"Finalizer {finalizer} is removed by the platform when it is done",
            )


def _of_platform(value: Any) -> dict[str, int]:
    found = items(mapping(mapping(value).get("metadata")).get("finalizers"))
    return {
        item: index for index, item in enumerate(found) if isinstance(item, str) and in_domain(item)
    }


RULE = Rule(
    id="T-OBJ-4",
    family="subject",
    intercepts=(Intercept(("*",), ("*", "*/*")),),
    check=check,
    reads=reads,
    others=True,
    ratchet=False,
)
