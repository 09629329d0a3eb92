"""Grabbed volumes: a claim may not ask for a volume by name or by label unless it is the tenant's own.

A volume that was released keeps the data of whoever had it before, and binds to the first claim that
names it.
"""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.model.marks import TENANT
from webhook.core.model.selector import SelectorError, read_selector
from webhook.core.model.world import Ref, labels
from webhook.core.tenancy.claims import BETA_CLASS, CLAIMS, claims, class_of
from webhook.core.tenancy.rule import Case, Place, Rule, mapping, text


def reads(case: Case) -> Iterator[Ref]:
    """Look up the volume that the claim names."""
    for value in (case.request.object, case.request.old_object):
        for claim in claims(value, case):
            if name := text(claim.spec.get("volumeName")):
                yield _volume(name)


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse volumes of others, selectors that reach them, and static binding to just any volume."""
    if case.tenant is None or _is_binding(case):
        return
    for claim in claims(value, case):
        name, selector = text(claim.spec.get("volumeName")), claim.spec.get("selector")
        if name and not _is_own(name, claim, case):
            yield Finding(
                path=FieldPath(("spec", "volumeName")),
                observed=name,
                allowed=f"a volume that is reserved for this claim, or labelled {TENANT}="
                f"{case.tenant.name}",
                fix="drop volumeName, or ask the platform team to reserve the volume for this claim",
                why=_reason(name, case),
            )
        if selector is not None and not _pins(selector, case.tenant.name):
            yield Finding(
                path=FieldPath(("spec", "selector")),
                observed=selector,
                allowed=f"a selector that requires {TENANT}={case.tenant.name}",
                fix=f'add "{TENANT}: {case.tenant.name}" to its matchLabels, or drop selector',
                why="This selector can pick volumes of others",
            )
        if class_of(claim) == "" and not name and selector is None:
            yield Finding(
                path=_class_field(claim),
                observed="",
                allowed="a storage class, or a volumeName or selector beside the empty one",
                fix="name a storage class",
                why="An empty storage class binds to any volume that is free, with what is left in it",
            )


def _is_binding(case: Case) -> bool:
    """Tell whether the volume controller may be about to bind a claim to the volume it has chosen."""
    return case.requester.kind == "system" and case.request.operation == "UPDATE"


def _volume(name: str) -> Ref:
    return Ref("", "persistentvolumes", "", name)


def _is_own(name: str, claim: Place, case: Case) -> bool:
    """Tell whether a volume is reserved for the claim, or marked as the tenant's."""
    volume = case.world.get(_volume(name))
    if volume is None or case.tenant is None:
        return False
    reserved = mapping(mapping(volume.get("spec")).get("claimRef"))
    if (reserved.get("namespace"), reserved.get("name")) == (
        case.request.namespace,
        text(claim.metadata.get("name")) or case.request.name,
    ):
        return True
    return labels(volume).get(TENANT) == case.tenant.name


def _pins(selector: Any, tenant: str) -> bool:
    """Tell whether a selector of volumes requires the tenant's mark."""
    try:
        requirements = read_selector(selector).requirements
    except SelectorError:
        return False
    return any(
        item.key == TENANT and item.operator == "In" and item.values == {tenant}
        for item in requirements
    )


def _reason(name: str, case: Case) -> str:
    volume = case.world.get(_volume(name))
    if volume is None:
        return f"Volume {name} does not exist, and may be another tenant's when it does"
    owner = labels(volume).get(TENANT)
    if owner:
        return f"Volume {name} belongs to another tenant"
    return f"Volume {name} is not marked as one of this tenant's"


def _class_field(claim: Place) -> FieldPath:
    if BETA_CLASS in mapping(claim.metadata.get("annotations")):
        return FieldPath(("metadata", "annotations", BETA_CLASS))
    return FieldPath(("spec", "storageClassName"))


RULE = Rule(id="T-STO-2", family="namespace", intercepts=(CLAIMS,), check=check, reads=reads)
