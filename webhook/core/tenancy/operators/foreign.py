"""What is foreign in a custom resource, whichever project it is of."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import UNSET, Finding
from webhook.core.tenancy.accounts import is_platforms
from webhook.core.tenancy.places import places
from webhook.core.tenancy.rule import Case, text

Judge = Callable[[Any, Case], Iterator[Finding]]
Judges = Mapping[tuple[str, str], Judge]

OWN = "namespaces of your own tenant"


def judges(groups: tuple[str, ...], resources: tuple[str, ...], judge: Judge) -> Judges:
    """Return one judge for every pair of group and resource."""
    return {(group, resource): judge for group in groups for resource in resources}


def namespaces(*patterns: str) -> Judge:
    """Return a judge of fields that hold a namespace; one that is not set is the object's own."""

    def judge(value: Any, case: Case) -> Iterator[Finding]:
        for pattern in patterns:
            for path, namespace in places(value, pattern):
                yield from foreign(path, namespace, case)

    return judge


def accounts(*patterns: str) -> Judge:
    """Return a judge of fields that hold a service account of the object's namespace."""

    def judge(value: Any, case: Case) -> Iterator[Finding]:
        for pattern in patterns:
            for path, name in places(value, pattern):
                if is_platforms(text(name), case):
                    yield Finding(
                        path=path,
                        observed=name,
                        allowed="a service account of your own, or default",
                        fix="create a service account for this and name it here",
                        why="This service account is for platform workloads only",
                    )

    return judge


def together(*parts: Judge) -> Judge:
    """Return a judge that says what several have to say."""

    def judge(value: Any, case: Case) -> Iterator[Finding]:
        for part in parts:
            yield from part(value, case)

    return judge


def foreign(path: FieldPath, namespace: Any, case: Case) -> Iterator[Finding]:
    """Refuse a namespace that is not the tenant's."""
    if not case.is_own(text(namespace)):
        yield Finding(
            path=path,
            observed=namespace,
            allowed=OWN,
            fix=f"name a namespace of your own, such as {case.request.namespace}",
            why=f"Namespace {namespace} is not one of this tenant's",
        )


def foreign_pattern(path: FieldPath, pattern: Any, case: Case) -> Iterator[Finding]:
    """Refuse a namespace, or a glob of namespaces, that can be another's.

    A glob stays within the tenant if it begins with the prefix that all the tenant's namespaces
    have, and nobody else's.
    """
    head, star, _ = text(pattern).partition("*")
    if star or not head:
        tenant = case.tenant.name if case.tenant else ""
        prefixes = case.registry.prefixes
        if case.registry.prefix_owner(head) != tenant or any(
            owner != tenant and prefix.startswith(head) for prefix, owner in prefixes.items()
        ):
            yield Finding(
                path=path,
                observed=pattern,
                allowed=OWN + ", in full",
                fix=f"name each namespace, such as {case.request.namespace}",
                why="This pattern covers namespaces of others",
            )
    else:
        yield from foreign(path, pattern, case)


def missing(path: FieldPath, fix: str, why: str, allowed: str = OWN) -> Finding:
    """Return the finding of a field whose absence means everything, or everybody's rights."""
    return Finding(path=path, observed=UNSET, allowed=allowed, fix=fix, why=why)
