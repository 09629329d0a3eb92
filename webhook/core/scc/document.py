"""A SecurityContextConstraints document: read strictly, completed, checked."""

from collections.abc import Mapping
from typing import Any

from webhook.core.model.fieldpath import ROOT
from webhook.core.model.finding import Finding, shown
from webhook.core.model.schema import (
    BOOLEAN,
    INTEGER,
    INTEGER_32,
    METADATA,
    STRING,
    STRINGS,
    ListOf,
    Mistake,
    Object,
    Scalar,
)
from webhook.core.scc.constraint import Constraint
from webhook.core.scc.defaulting import VOLUME_TYPES, default
from webhook.core.scc.validation import problems, unusable

API_VERSION = "security.openshift.io/v1"
KIND = "SecurityContextConstraints"

_RANGES = ListOf(Object({"min": INTEGER, "max": INTEGER}))
SCHEMA = Object(
    {
        "apiVersion": STRING,
        "kind": STRING,
        "metadata": METADATA,
        "priority": INTEGER_32,
        "allowPrivilegedContainer": BOOLEAN,
        "defaultAddCapabilities": STRINGS,
        "requiredDropCapabilities": STRINGS,
        "allowedCapabilities": STRINGS,
        "allowHostDirVolumePlugin": BOOLEAN,
        "volumes": STRINGS,
        "allowedFlexVolumes": ListOf(Object({"driver": STRING})),
        "allowHostNetwork": BOOLEAN,
        "allowHostPorts": BOOLEAN,
        "allowHostPID": BOOLEAN,
        "allowHostIPC": BOOLEAN,
        "userNamespaceLevel": Scalar(str, ("AllowHostLevel", "RequirePodLevel")),
        "defaultAllowPrivilegeEscalation": BOOLEAN,
        "allowPrivilegeEscalation": BOOLEAN,
        "seLinuxContext": Object(
            {
                "type": STRING,
                "seLinuxOptions": Object(
                    {"user": STRING, "role": STRING, "type": STRING, "level": STRING}
                ),
            }
        ),
        "runAsUser": Object(
            {"type": STRING, "uid": INTEGER, "uidRangeMin": INTEGER, "uidRangeMax": INTEGER}
        ),
        "supplementalGroups": Object({"type": STRING, "ranges": _RANGES}),
        "fsGroup": Object({"type": STRING, "ranges": _RANGES}),
        "readOnlyRootFilesystem": BOOLEAN,
        "users": STRINGS,
        "groups": STRINGS,
        "seccompProfiles": STRINGS,
        "allowedUnsafeSysctls": STRINGS,
        "forbiddenSysctls": STRINGS,
    },
    required=("metadata",),
)
"""The fields of the API type; a document has no `spec`."""

_KNOWN_VOLUMES = frozenset({*VOLUME_TYPES, "*", "none"})


def read_scc(document: Mapping[str, Any]) -> tuple[Constraint | None, list[Mistake], list[Mistake]]:
    """Return the constraint, everything wrong with its document, and what is merely odd.

    The constraint is None where anything is wrong.
    """
    if mistakes := list(SCHEMA.mistakes(document)):
        return None, mistakes, []
    scc = default(document)
    found = [*problems(scc), *unusable(scc)]
    if found:
        return None, [Mistake(finding.path, _sentence(finding)) for finding in found], []
    return Constraint.from_object(scc), [], _oddities(document)


def _sentence(finding: Finding) -> str:
    return (
        f"{finding.path} is {shown(finding.observed)}; allowed: {finding.allowed}. "
        f"Fix: {finding.fix}."
    )


def _oddities(document: Mapping[str, Any]) -> list[Mistake]:
    path = ROOT / "volumes"
    return [
        Mistake(path / index, f'{path / index} is "{name}", a type of volume that no pod can have')
        for index, name in enumerate(document.get("volumes") or ())
        if name not in _KNOWN_VOLUMES
    ]
