"""A pod held against one level of the Pod Security Standards, in one of its versions.

Equals `k8s.io/pod-security-admission`, which the API server's own admission plugin is made of.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import groupby

from webhook.core.model.finding import Finding
from webhook.core.model.objects import Json
from webhook.core.model.shapes import ShapeError
from webhook.core.platform import Level
from webhook.core.pss.control import Check
from webhook.core.pss.controls import CONTROLS
from webhook.core.pss.pod import Pod, shaped

POLICY = "PodSecurity"
UNREADABLE = "unreadable"
"""The rule that is told of a pod with a field of the wrong type, which no cluster accepts."""

_VERSION = re.compile(r"v1\.(0|[1-9][0-9]{0,8})\Z")
_NEWEST = max(start for control in CONTROLS for start in control.versions)
_BY_ID = {control.id: control for control in CONTROLS}


def evaluate(pod: Json, level: Level, version: str = "latest") -> tuple[Finding, ...]:
    """Return everything in a pod that a level does not allow, one finding for each field.

    Args:
        pod: a Pod, or a pod template; any JSON value is taken, and refused if it is no pod.
        level: `privileged` allows everything.
        version: `latest`, or the version of Kubernetes whose standards count, such as `v1.31`. One
            that is not known yet, or no version at all, means the latest.
    """
    if level == "privileged":
        return ()
    try:
        return judged(shaped(pod), level, version)
    except ShapeError as error:
        unreadable = Finding(error.path, error.seen, error.expected, "give it the right type")
        return (replace(unreadable, rule=UNREADABLE, policy=POLICY),)


def judged(pod: Pod, level: Level, version: str) -> tuple[Finding, ...]:
    """Do so for a pod that has the shape of one."""
    return tuple(
        replace(finding, rule=name, policy=POLICY)
        for name, check in _checks(level, _minor(version))
        for finding in check(pod)
    )


def said(pod: Json, findings: Sequence[Finding]) -> tuple[str, ...]:
    """Return the reasons that Kubernetes' own plugin gives for what was found in a pod, in order.

    Args:
        pod: the pod that was evaluated.
        findings: what was found in it.
    """
    try:
        seen = shaped(pod)
    except ShapeError as error:
        return (f"unreadable ({error})",)
    return tuple(
        _BY_ID[rule].said(seen, tuple(found))
        for rule, found in groupby(findings, key=lambda finding: finding.rule)
    )


def _minor(version: str) -> int:
    """Return a version's minor number, as far as standards have changed with it."""
    match = _VERSION.match(version)
    return min(int(match[1]), _NEWEST) if match else _NEWEST


@lru_cache(maxsize=128)
def _checks(level: Level, minor: int) -> tuple[tuple[str, Check], ...]:
    """Return the checks of a level in a version, those of baseline first, each with its name."""
    known = [(control, check) for control in CONTROLS if (check := control.at(minor)) is not None]
    if level == "baseline":
        return tuple((control.id, check) for control, check in known if control.level == level)
    overridden = {control.overrides for control, _ in known}
    return tuple((control.id, check) for control, check in known if control.id not in overridden)
