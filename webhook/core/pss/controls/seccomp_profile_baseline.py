"""Seccomp: the filter of system calls may not be switched off.

Before v1.19 profiles stood in annotations, and versions of the standard up to v1.18 read those
alone. At `restricted`, the stricter control takes its place.
"""

from collections.abc import Iterator, Sequence

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding, shown
from webhook.core.pss import seccomp
from webhook.core.pss.control import Control
from webhook.core.pss.pod import Pod, annotations, containers
from webhook.core.pss.wording import noun

_POD = "seccomp.security.alpha.kubernetes.io/pod"
_CONTAINER = "container.seccomp.security.alpha.kubernetes.io/"
_ANNOTATIONS = FieldPath(("metadata", "annotations"))


def check_annotations(pod: Pod) -> Iterator[Finding]:
    """Refuse an annotation with another profile, the pod's or that of one of its containers."""
    keys = [_POD, *(_CONTAINER + container.get("name", "") for _, container in containers(pod))]
    known = annotations(pod)
    for key in dict.fromkeys(keys):
        profile = known.get(key)
        if profile is None or profile in ("runtime/default", "docker/default"):
            continue
        if not profile.startswith("localhost/"):
            yield Finding(
                path=_ANNOTATIONS / key,
                observed=profile,
                allowed='"runtime/default", "docker/default" or "localhost/..."',
                fix="remove the annotation, or set one of these",
            )


def check(pod: Pod) -> Iterator[Finding]:
    """Refuse a field with another profile."""
    fix = "remove seccompProfile, or set one of these"
    yield from seccomp.bad_profiles(pod, f"{seccomp.ALLOWED}, or no profile", fix)


def said(pod: Pod, findings: Sequence[Finding]) -> str:
    """Return the plugin's words."""
    if findings[0].path[0] == "spec":
        return seccomp.said(pod, findings)
    set_ = sorted(f"{finding.path[-1]}={shown(finding.observed)}" for finding in findings)
    return f"seccompProfile (forbidden {noun('annotation', set_)} {', '.join(set_)})"


CONTROL = Control(
    id="seccompProfile_baseline",
    level="baseline",
    versions={0: check_annotations, 19: check},
    said=said,
)
