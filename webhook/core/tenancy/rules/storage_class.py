"""Storage classes: a claim may only be of a class that is granted to the tenant.

A class decides which storage is used, on whose account, and what becomes of the data afterwards. A
claim that names none is given the tenant's default.
"""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.tenancy.claims import BETA_CLASS, CLAIM_BEARING, claims, class_of
from webhook.core.tenancy.pods import field, is_pod, with_spec
from webhook.core.tenancy.rule import Case, Place, Rule, mapping, text


def mutate(value: Any, case: Case) -> Any:
    """Give the tenant's default to a claim, or to an ephemeral volume of a pod, that names no class.

    The templates in a StatefulSet are left alone: they cannot be changed later, so the next apply of
    the same manifest would fail. Their claims are filled in when they arrive.
    """
    classes = case.tenant.allow.storage_classes if case.tenant else None
    if classes is None or not classes.default or not isinstance(value, dict):
        return value
    default = {"storageClassName": classes.default}
    if case.request.resource == "persistentvolumeclaims":
        (claim,) = claims(value, case)
        if class_of(claim) is None and isinstance(value.get("spec"), dict):
            return with_spec(value, default)
    elif is_pod(case):
        volumes = {
            claim.path[-3]
            for claim in claims(value, case)
            if class_of(claim) is None and claim.spec
        }
        if volumes:
            filled = [
                _with_class(volume, default) if index in volumes else volume
                for index, volume in enumerate(value["spec"]["volumes"])
            ]
            return with_spec(value, {"volumes": filled})
    return value


def _with_class(volume: Any, default: dict[str, str]) -> Any:
    template = volume["ephemeral"]["volumeClaimTemplate"]
    ephemeral = {**volume["ephemeral"], "volumeClaimTemplate": with_spec(template, default)}
    return {**volume, "ephemeral": ephemeral}


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse classes that are not granted, by the field, the older annotation or attributes."""
    if case.tenant is None or (classes := case.tenant.allow.storage_classes) is None:
        return
    for claim in claims(value, case):
        for path, name in _named(claim):
            if not classes.permits(name):
                yield Finding(
                    path=path,
                    observed=name,
                    allowed=", ".join(sorted(classes.names or ())) or "none",
                    fix="name a class that is granted (a claim that names none is given the "
                    "cluster's default), or ask the platform team for this one",
                    why=f"Storage class {name} is not available to tenant {case.tenant.name}",
                )


def _named(claim: Place) -> Iterator[tuple[FieldPath, str]]:
    """Yield every class that a claim names; the empty one is static binding, and T-STO-2's."""
    for key in ("storageClassName", "volumeAttributesClassName"):
        if name := text(claim.spec.get(key)):
            yield field(claim, key), name
    if name := text(mapping(claim.metadata.get("annotations")).get(BETA_CLASS)):
        yield FieldPath((*claim.path, "metadata", "annotations", BETA_CLASS)), name


RULE = Rule(id="T-STO-1", family="namespace", intercepts=CLAIM_BEARING, check=check, mutate=mutate)
