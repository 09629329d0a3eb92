"""The labels of a namespace that steer Kubernetes' own Pod Security admission.

Equals `api.PolicyToEvaluate` of `k8s.io/pod-security-admission`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.platform import LEVELS, Level, PodSecurity

PREFIX = "pod-security.kubernetes.io/"
Mode = Literal["enforce", "audit", "warn"]
MODES: tuple[Mode, ...] = ("enforce", "audit", "warn")

_VERSION = re.compile(r"v1\.([0-9]|[1-9][0-9]*)\Z", re.ASCII)
_LABELS = FieldPath(("metadata", "labels"))


@dataclass(frozen=True, slots=True)
class Standard:
    """A level in a version, written `baseline:v1.31`."""

    level: Level = "privileged"
    version: str = "latest"

    def __str__(self) -> str:
        return f"{self.level}:{self.version}"


@dataclass(frozen=True, slots=True)
class Policy:
    """What a namespace asks of its pods. `mistakes` are labels that say nothing valid."""

    enforce: Standard
    warn: Standard
    audit: Standard
    mistakes: tuple[Finding, ...] = ()


def policy_of(labels: Mapping[str, str], defaults: PodSecurity) -> Policy:
    """Return what a namespace's labels ask for; the cluster's defaults where they are silent.

    A level that is none means `restricted` for enforce, and nothing for the other two, which give
    way where they cannot be understood. A version that is none means the latest. Who enforces a
    stricter level than is warned of, and says nothing of warnings, gets warnings for that one.
    """
    mistakes: list[Finding] = []
    found: dict[Mode, Standard] = {}
    plain = {"enforce": defaults.enforce, "audit": defaults.audit, "warn": defaults.warn}
    for mode in MODES:
        standard = Standard(plain[mode])
        if (level := labels.get(PREFIX + mode)) is not None:
            if level in LEVELS:
                standard = replace(standard, level=level)
            else:
                standard = Standard("restricted" if mode == "enforce" else "privileged")
                mistakes.append(_mistake(mode, level, ", ".join(LEVELS)))
        if (version := labels.get(f"{PREFIX}{mode}-version")) is not None:
            if version == "latest" or _VERSION.match(version):
                standard = replace(standard, version=version)
            else:
                standard = replace(standard, version="latest")
                mistakes.append(_mistake(f"{mode}-version", version, "latest, or v1.x"))
        found[mode] = standard
    enforce, warn = found["enforce"], found["warn"]
    if (
        labels.get(PREFIX + "enforce") in LEVELS
        and PREFIX + "warn" not in labels
        and LEVELS.index(enforce.level) > LEVELS.index(warn.level)
    ):
        kept = PREFIX + "warn-version" in labels
        found["warn"] = Standard(enforce.level, warn.version if kept else enforce.version)
    return Policy(found["enforce"], found["warn"], found["audit"], tuple(mistakes))


def _mistake(key: str, value: str, allowed: str) -> Finding:
    return Finding(
        path=_LABELS / (PREFIX + key),
        observed=value,
        allowed=allowed,
        fix="correct the label, or remove it",
        rule="labels",
        policy="PodSecurity",
    )
