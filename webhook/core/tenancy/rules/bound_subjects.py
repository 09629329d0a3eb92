"""Bound subjects: a RoleBinding in a tenant's namespace names only people and accounts of the tenant.

A binding to everybody who can log in, or to another tenant's group, hands the namespace over. The
platform can grant further subjects, by name.
"""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import UNSET, Finding
from webhook.core.tenancy.namespaces import listing
from webhook.core.tenancy.rule import Case, Intercept, Rule, items, mapping, text
from webhook.core.tenancy.tenant import Subject, Tenant

_ACCOUNT = "system:serviceaccount:"
_ACCOUNTS = "system:serviceaccounts:"


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse every subject that is neither the tenant's own nor granted to it.

    A service account has to say its namespace: RBAC would read the binding's, readers anything.
    """
    tenant, role = case.tenant, mapping(mapping(value).get("roleRef"))
    if tenant is None:
        return
    known = {*tenant.owners, *tenant.members, *tenant.allow.subjects}
    for index, item in enumerate(items(mapping(value).get("subjects"))):
        kind, name, home = (text(mapping(item).get(key)) for key in ("kind", "name", "namespace"))
        subject = Subject(kind, name, home if kind == "ServiceAccount" else "")
        if subject in known or _is_own(subject, case):
            continue
        path = FieldPath(("subjects", index))
        foreign = kind == "ServiceAccount" and not (home and case.is_own(home))
        yield Finding(
            path=path / ("namespace" if foreign else "name"),
            observed=home or UNSET if foreign else mapping(item).get("name", UNSET),
            allowed=_bindable(tenant, case),
            fix=_fix(subject, case),
            why=f"{_word(subject)} can't be bound in {case.request.namespace}",
            element=f"{kind} {subject} {text(role.get('kind'))}/{text(role.get('name'))}",
        )


def _is_own(subject: Subject, case: Case) -> bool:
    """Tell whether a subject is a service account of the tenant, or all of one of its namespaces."""
    if subject.kind == "ServiceAccount":
        home = subject.namespace
        return bool(home) and subject.name not in ("", "*") and case.is_own(home)
    home = subject.name.removeprefix(_ACCOUNTS)
    return subject.kind == "Group" and home not in ("", subject.name) and case.is_own(home)


def _word(subject: Subject) -> str:
    words = {"User": "User", "Group": "Group", "ServiceAccount": "Service account"}
    return (
        f"{words.get(subject.kind, 'Subject')} {str(subject) if subject.name else 'without a name'}"
    )


def _bindable(tenant: Tenant, case: Case) -> str:
    people = {
        f"{subject.kind.lower()} {subject}"
        for subject in (*tenant.owners, *tenant.members, *tenant.allow.subjects)
        if subject.kind != "ServiceAccount"
    }
    accounts = listing(case.world.namespaces_of(tenant.name))
    return ", ".join(part for part in (listing(people), f"service accounts of {accounts}") if part)


def _fix(subject: Subject, case: Case) -> str:
    """Return how to mend it; an own account may only have to be written otherwise."""
    if subject.kind == "ServiceAccount" and not subject.namespace:
        return f"write its namespace, such as namespace: {case.request.namespace}"
    if subject.kind == "User" and subject.name.startswith(_ACCOUNT):
        home, _, name = subject.name.removeprefix(_ACCOUNT).partition(":")
        if case.is_own(home):
            return f"write it as kind ServiceAccount, name {name}, namespace {home}"
    return "bind one of those, or ask the platform team to grant the subject"


RULE = Rule(
    id="T-RBAC-1",
    family="namespace",
    intercepts=(Intercept(("rbac.authorization.k8s.io",), ("rolebindings",)),),
    check=check,
)
