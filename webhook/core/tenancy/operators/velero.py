"""Velero: the namespaces that a backup takes, and those that a restore writes to."""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.tenancy.operators.foreign import (
    Judge,
    Judges,
    foreign,
    foreign_pattern,
    missing,
    namespaces,
)
from webhook.core.tenancy.places import places
from webhook.core.tenancy.rule import Case, mapping


def _at(*steps: str) -> Judge:
    """Return the judge of a backup's or a restore's spec that stands at a place."""
    at = FieldPath(steps)

    def judge(value: Any, case: Case) -> Iterator[Finding]:
        included = [*places(value, f"{at}.includedNamespaces[]")]
        for path, name in included:
            yield from foreign_pattern(path, name, case)
        if not included:
            yield missing(
                at / "includedNamespaces",
                f"list your namespaces, such as {case.request.namespace}",
                "Without a list this is about the namespaces of everybody",
            )
        for path, asked in places(value, f"{at}.includeClusterResources"):
            if asked is True:
                yield Finding(
                    path=path,
                    observed=True,
                    allowed="false",
                    fix="set it to false",
                    why="Cluster-wide objects are not this tenant's",
                )
        for path, renamed in places(value, f"{at}.namespaceMapping"):
            for source, destination in mapping(renamed).items():
                yield from foreign(path / source, source, case)
                yield from foreign(path / source, destination, case)

    return judge


JUDGES: Judges = {
    ("velero.io", "backups"): _at("spec"),
    ("velero.io", "restores"): _at("spec"),
    ("velero.io", "schedules"): _at("spec", "template"),
    ("velero.io", "podvolumebackups"): namespaces("spec.pod.namespace"),
    ("velero.io", "podvolumerestores"): namespaces("spec.pod.namespace"),
    ("velero.io", "datauploads"): namespaces("spec.sourceNamespace"),
    ("velero.io", "datadownloads"): namespaces("spec.targetVolume.namespace"),
}
