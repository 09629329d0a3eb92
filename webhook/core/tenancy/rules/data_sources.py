"""Data sources: a volume may not be filled from another tenant's claim or snapshot.

A claim can name its source in another namespace, and a snapshot can adopt content that was taken
anywhere; both hand out a copy of the data.
"""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.tenancy.claims import claims
from webhook.core.tenancy.places import mappings, places
from webhook.core.tenancy.pods import field
from webhook.core.tenancy.rule import Case, Intercept, Rule, mapping, text

_CONTENTS = {
    "VolumeSnapshotContent": (
        "spec.source.volumeSnapshotContentName",
        "spec.source.snapshotContentName",
        "spec.snapshotContentName",
    ),
    "VolumeGroupSnapshotContent": ("spec.source.volumeGroupSnapshotContentName",),
}
"""Where a snapshot names content that was there before it, in every version of the API."""

_SNAPSHOTS = ("snapshot.storage.k8s.io", "groupsnapshot.storage.k8s.io")
_POPULATORS = ("Populator", "DataVolume", "DataSource", "DataImport", "Clone", "VolumeImport")
"""Parts of the names of kinds from which volumes are filled, in whichever group."""

_NAMESPACE = ("namespace", "Namespace")
"""How the names of fields end that hold one."""


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse sources in namespaces of others, and content that is not granted."""
    group, kind = case.request.group, case.request.kind
    if group in _SNAPSHOTS:
        yield from _foreign_content(value, case)
    elif group == "kubevirt.io":
        yield from _foreign(value, "spec.dataVolumeTemplates", case)
    elif "." in group and any(word in kind for word in _POPULATORS):
        yield from _foreign(value, "spec", case)
    else:
        for claim in claims(value, case):
            source = mapping(claim.spec.get("dataSourceRef"))
            path = field(claim, "dataSourceRef", "namespace")
            yield from _outside(source.get("namespace"), source, path, case)


def _foreign(value: Any, where: str, case: Case) -> Iterator[Finding]:
    """Judge kinds that name a source, with its namespace, anywhere in their own spec."""
    for at, part in places(value, where):
        for path, source in mappings(part, at):
            for key, namespace in source.items():
                if key.endswith(_NAMESPACE):
                    yield from _outside(namespace, source, path / key, case)


def _outside(namespace: Any, source: Any, path: FieldPath, case: Case) -> Iterator[Finding]:
    name = text(namespace)
    if not case.is_own(name):
        told = "/".join(part for part in (name, text(source.get("name"))) if part)
        yield Finding(
            path=path,
            observed=namespace,
            allowed="namespaces of your own tenant",
            fix="name a source in your own namespace, or ask its owner for a copy",
            why=f"Data source {told} is not in a namespace of this tenant",
            element=told,
        )


def _foreign_content(value: Any, case: Case) -> Iterator[Finding]:
    for kind, fields in _CONTENTS.items():
        granted = case.tenant.allow.cluster_refs.get(kind, ()) if case.tenant else ()
        for where in fields:
            for path, name in places(value, where):
                if text(name) and name not in granted:
                    yield Finding(
                        path=path,
                        observed=name,
                        allowed=", ".join(granted) or "not set",
                        fix="take the snapshot from a claim of your own by "
                        "source.persistentVolumeClaimName, or ask the platform team to grant "
                        "this content",
                        why="A snapshot may not adopt content that is not granted",
                    )


RULE = Rule(
    id="T-STO-3",
    family="namespace",
    intercepts=(Intercept(("*",), ("*",)),),
    check=check,
)
