"""Namespace metadata: labels and annotations that steer the platform are not a tenant's to write.

Pod security levels, opt-outs of webhooks, mesh injection and uid ranges are read from a Namespace.
Beside those, the tenant's file says which keys it may use and which it has to.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import UNSET, Finding
from webhook.core.model.marks import CONFIRM_DELETE, PROTECTED_NAMESPACE_KEYS, REQUESTER, TENANT
from webhook.core.model.pattern import any_glob, is_all
from webhook.core.model.world import annotations, labels
from webhook.core.tenancy.namespaces import WITH_SUBRESOURCES, chosen_tenant, name_of
from webhook.core.tenancy.rule import Case, Intercept, Rule
from webhook.core.tenancy.tenant import Keys, Tenant

_NAME = "kubernetes.io/metadata.name"
_OF_TOOLS = ("kubectl.kubernetes.io/last-applied-configuration", _NAME)
"""Keys that kubectl and the API server write by themselves; a list of allowed ones forgets them."""


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse a change of protected keys, keys that the tenant may not use, and missing ones."""
    tenant, stored = case.tenant, case.request.old_object
    if case.request.operation == "CREATE":
        chosen = chosen_tenant(value, case)
        tenant = case.registry.get(chosen) if chosen else None
    if tenant is None and case.requester.kind == "other":
        return
    rules = tenant.namespaces if tenant else None
    for field, read, keys in (
        ("labels", labels, rules.labels if rules else Keys()),
        ("annotations", annotations, rules.annotations if rules else Keys()),
    ):
        path = FieldPath(("metadata", field))
        before, after = read(stored), read(value)
        for key in _protected_changes(before, after, case):
            if not _may_write(field, key, after.get(key), value, case, tenant):
                yield _protected(path / key, before.get(key, UNSET), after.get(key, UNSET))
        yield from _unfit(path, keys, after, case)


def _protected_changes(
    before: Mapping[str, Any], after: Mapping[str, Any], case: Case
) -> Iterator[str]:
    for key in sorted({*before, *after}, key=str):
        if before.get(key) != after.get(key) and _is_protected(str(key), case):
            yield key


def _is_protected(key: str, case: Case) -> bool:
    return any_glob(PROTECTED_NAMESPACE_KEYS, key) or any_glob(case.platform.protected_labels, key)


def _may_write(
    field: str, key: str, new: Any, value: Any, case: Case, tenant: Tenant | None
) -> bool:
    """Tell whether this requester may give a protected key this value (None: take it away)."""
    creating = case.request.operation == "CREATE"
    if field == "labels":
        if key == _NAME:  # the API server puts it back, whatever is sent
            return new in (None, name_of(value, case.request))
        # Whose a namespace is, new or old, are the rules on its owner to say.
        return key == TENANT
    if key == REQUESTER:
        return creating and tenant is not None and new == case.request.user.name
    return key == CONFIRM_DELETE and tenant is not None and tenant.name in case.requester.owned


def _protected(path: FieldPath, before: Any, after: Any) -> Finding:
    field, key = str(path[-2]).removesuffix("s"), path[-1]
    whose = (
        "written by owners of the tenant" if key == CONFIRM_DELETE else "managed by the platform"
    )
    return Finding(
        path=path,
        observed=after,
        allowed="not set" if before is UNSET else f'"{before}", as it was',
        fix="remove it from your manifest" if before is UNSET else "leave it as it is",
        why=f"{field.capitalize()} {key} is {whose}",
    )


def _unfit(path: FieldPath, keys: Keys, after: Mapping[str, Any], case: Case) -> Iterator[Finding]:
    field = str(path[-1])
    for key, text in after.items():
        denied = any_glob(keys.deny, str(key))
        if _is_protected(str(key), case) or not (denied or _is_unlisted(str(key), keys)):
            continue
        yield Finding(
            path=path / str(key),
            observed=text,
            allowed=f"keys other than {', '.join(keys.deny)}"
            if denied
            else ", ".join(sorted({*(keys.allow or ()), *keys.required})) or "none",
            fix="remove it, or ask the platform team to allow the key",
            why=f"This tenant's namespaces can't carry the {field.removesuffix('s')} {key}",
        )
    for key, pattern in keys.required.items():
        text = after.get(key, UNSET)
        if not (isinstance(text, str) and is_all(pattern, text)):
            yield Finding(
                path=path / key,
                observed=text,
                allowed=f"a value that matches {pattern}",
                fix=f"set {field.removesuffix('s')} {key}",
                why=f"Namespaces of this tenant need the {field.removesuffix('s')} {key}",
            )


def _is_unlisted(key: str, keys: Keys) -> bool:
    if keys.allow is None or key in keys.required or key in _OF_TOOLS:
        return False
    return not any_glob(keys.allow, key)


RULE = Rule(
    id="T-NS-5",
    family="subject",
    intercepts=(Intercept(("",), WITH_SUBRESOURCES, "CU"),),
    check=check,
    others=True,
)
