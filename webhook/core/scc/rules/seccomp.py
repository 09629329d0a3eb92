"""Seccomp: the profile that filters system calls is one the SCC lists.

A profile can stand in a field or in the older annotation. The annotation wins and both are kept
in step, as on OpenShift: a field without annotation gains one.
"""

from collections.abc import Iterator
from typing import cast

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import UNSET, Finding
from webhook.core.model.objects import Container, Pod, SeccompProfile, SecurityContext
from webhook.core.scc.constraint import Constraint
from webhook.core.scc.rule import Rule

POD_ANNOTATION = "seccomp.security.alpha.kubernetes.io/pod"
CONTAINER_ANNOTATION = "container.seccomp.security.alpha.kubernetes.io/"
_RUNTIME_DEFAULT = ("runtime/default", "docker/default")
_LOCALHOST = "localhost/"
_ANNOTATIONS = FieldPath(("metadata", "annotations"))
_POD_FIELD = FieldPath(("spec", "securityContext", "seccompProfile"))


def text(profile: SeccompProfile) -> str:
    """Return a field's profile in the annotation's spelling; "" where it has none."""
    kind = profile.get("type")
    if kind == "RuntimeDefault":
        return "runtime/default"
    if kind == "Unconfined":
        return "unconfined"
    if kind == "Localhost" and "localhostProfile" in profile:
        return _LOCALHOST + profile["localhostProfile"]
    return ""


def field(profile: str) -> SeccompProfile | None:
    """Return an annotation's profile as a field; None where it has no such form."""
    if profile in _RUNTIME_DEFAULT:
        return {"type": "RuntimeDefault"}
    if profile == "unconfined":
        return {"type": "Unconfined"}
    if profile.startswith(_LOCALHOST) and len(profile) > len(_LOCALHOST):
        return {"type": "Localhost", "localhostProfile": profile[len(_LOCALHOST) :]}
    return None


def fill_pod(pod: Pod, scc: Constraint) -> Pod:
    """Bring the pod's annotation and field in step; take the SCC's first profile if both lack."""
    metadata = pod.get("metadata", {})
    annotations = metadata.get("annotations", {})
    spec = pod.get("spec", {})
    context = spec.get("securityContext", {})
    profile = annotations.get(POD_ANNOTATION, "")
    own = context.get("seccompProfile")
    if not profile:
        profile = text(own) if own is not None else next(iter(scc.named_seccomp), "")
    if not profile:
        return pod
    filled = _set(context, profile)
    if annotations.get(POD_ANNOTATION) != profile:
        metadata = {**metadata, "annotations": {**annotations, POD_ANNOTATION: profile}}
    elif filled is context:
        return pod
    return cast(Pod, {**pod, "metadata": metadata, "spec": {**spec, "securityContext": filled}})


def fill_container(
    context: SecurityContext | None, container: Container, pod: Pod, scc: Constraint
) -> SecurityContext | None:
    """Let the container's annotation, where there is one, decide its field."""
    annotations = pod.get("metadata", {}).get("annotations")
    if not annotations:
        return context
    profile = annotations.get(CONTAINER_ANNOTATION + container.get("name", ""))
    if profile is None:
        return context
    if context is None:
        wanted = field(profile)
        return None if wanted is None else {"seccompProfile": wanted}
    return cast(SecurityContext, _set(context, profile))


def _set(context: object, profile: str) -> object:
    before = cast(dict[str, object], context)
    wanted = field(profile)
    if before.get("seccompProfile") == wanted:
        return before
    if wanted is None:
        return {key: value for key, value in before.items() if key != "seccompProfile"}
    return {**before, "seccompProfile": wanted}


def check_pod(pod: Pod, scc: Constraint) -> Iterator[Finding]:
    """Refuse a pod's profile that the SCC does not list."""
    profile = pod.get("metadata", {}).get("annotations", {}).get(POD_ANNOTATION, "")
    path = _ANNOTATIONS / POD_ANNOTATION
    own = pod.get("spec", {}).get("securityContext", {}).get("seccompProfile")
    if own is not None and (not profile or profile == text(own)):
        profile = profile or text(own)
        path = _POD_FIELD
    if not _allowed(profile, scc):
        yield _finding(path, profile, scc)


def check_container(
    place: FieldPath, container: Container, pod: Pod, scc: Constraint
) -> Iterator[Finding]:
    """Refuse a container's own profile that the SCC does not list."""
    own = container.get("securityContext", {}).get("seccompProfile")
    key = CONTAINER_ANNOTATION + container.get("name", "")
    if own is not None:
        profile, path = text(own), place / "securityContext" / "seccompProfile"
    elif key in (annotations := pod.get("metadata", {}).get("annotations", {})):
        profile, path = annotations[key], _ANNOTATIONS / key
    else:
        return
    if not _allowed(profile, scc):
        yield _finding(path, profile, scc)


def _allowed(profile: str, scc: Constraint) -> bool:
    if scc.any_seccomp:
        return True
    named = scc.named_seccomp
    if not named:
        return not profile
    if profile in named:
        return True
    return profile in _RUNTIME_DEFAULT and any(name in _RUNTIME_DEFAULT for name in named)


def _finding(path: FieldPath, profile: str, scc: Constraint) -> Finding:
    named = scc.named_seccomp
    return Finding(
        path=path,
        observed=profile or UNSET,
        allowed=" or ".join(f'"{name}"' for name in named) if named else "not set",
        fix=(
            "remove the profile, so that the allowed one is filled in"
            if named
            else "remove the profile, in the field and in the annotation"
        ),
    )


RULE = Rule(
    id="seccomp",
    order=40,
    grants="seccompProfiles",
    fill_pod=fill_pod,
    fill_container=fill_container,
    check_pod=check_pod,
    check_container=check_container,
)
