"""Which requests SCC admission judges at all.

Equals the filter of OpenShift's plugin and the namespace exemption wrapped around it; the ratchet
on pod updates is ours.
"""

from collections.abc import Mapping
from typing import Any

from webhook.core.model.equality import equal
from webhook.core.model.objects import Pod
from webhook.core.model.request import Namespace
from webhook.core.model.walk import KINDS
from webhook.core.scc.rules.seccomp import CONTAINER_ANNOTATION, POD_ANNOTATION

SCC = "openshift.io/scc"
REQUIRED_SCC = "openshift.io/required-scc"
SUBJECT_TYPE = "security.openshift.io/validated-scc-subject-type"

IGNORED_SUBRESOURCES = frozenset(
    {"attach", "binding", "eviction", "exec", "log", "portforward", "proxy", "status"}
)
_IGNORED_ANNOTATIONS = frozenset({"k8s.ovn.org/pod-networks"})
_IGNORED_METADATA = ("annotations", "ownerReferences", "finalizers", "selfLink", "managedFields")
_RUN_LEVEL = "openshift.io/run-level"
_DISABLED = "security.openshift.io/disable-securitycontextconstraints"
_JUDGED_SPEC = (
    "serviceAccountName",
    "os",
    "hostNetwork",
    "hostPID",
    "hostIPC",
    "hostUsers",
    "volumes",
    "securityContext",
)
_JUDGED_CONTAINER = ("name", "image", "ports", "securityContext")
"""The image is among them: whoever changes it runs code of their own with what the pod may do."""
_JUDGED_ANNOTATIONS = frozenset({SCC, REQUIRED_SCC, SUBJECT_TYPE, POD_ANNOTATION})


def exempt_by_label(found: Namespace | None) -> str:
    """Return which of OpenShift's two labels exempts a namespace, as a reason, or ""."""
    if found is not None:
        if found.labels.get(_RUN_LEVEL) in ("0", "1"):
            return f"label {_RUN_LEVEL} exempts the namespace"
        if found.labels.get(_DISABLED) == "true":
            return f"label {_DISABLED} exempts the namespace"
    return ""


def is_windows(pod: Pod) -> bool:
    """Tell whether a pod is for Windows nodes, where nothing of an SCC applies."""
    return pod.get("spec", {}).get("os", {}).get("name") == "windows"


def only_ignorable_changes(new: Pod, old: Pod) -> bool:
    """Tell whether an update changes nothing but metadata that no SCC looks at.

    The spec is compared without scheduling gates, as gates are only ever removed.
    """
    spec: dict[str, Any] = {**new.get("spec", {})}
    spec.pop("schedulingGates", None)
    if (gates := old.get("spec", {}).get("schedulingGates")) is not None:
        spec["schedulingGates"] = gates
    before_spec = dict(old.get("spec", {}))
    if not equal(spec, before_spec, "spec") and not equal(
        _with_defaults(spec), _with_defaults(before_spec), "spec"
    ):
        return False
    metadata: dict[str, Any] = dict(new.get("metadata", {}))
    before: dict[str, Any] = dict(old.get("metadata", {}))
    if (
        _changed(metadata.get("annotations", {}), before.get("annotations", {}))
        - _IGNORED_ANNOTATIONS
    ):
        return False
    for key in _IGNORED_METADATA:
        metadata.pop(key, None)
        before.pop(key, None)
    return equal(
        {**new, "spec": None, "metadata": metadata}, {**old, "spec": None, "metadata": before}
    )


def _with_defaults(spec: dict[str, Any]) -> dict[str, Any]:
    """Return a spec whose containers carry what the API server fills in on any of them.

    A stored ephemeral container may have been read without passing through defaulting.
    """
    return {
        **spec,
        **{
            kind: [{**_image_default(container), **container} for container in spec[kind]]
            for kind in KINDS
            if spec.get(kind)
        },
    }


def _image_default(container: Mapping[str, Any]) -> dict[str, str]:
    tag = str(container.get("image", "")).rpartition("/")[2].partition(":")[2]
    return {
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "Always" if tag in ("", "latest") else "IfNotPresent",
    }


def _changed(new: Mapping[str, str], old: Mapping[str, str]) -> set[str]:
    return {key for key in new.keys() | old.keys() if new.get(key) != old.get(key)}


def unchanged(new: Pod, old: Pod) -> bool:
    """Tell whether an update leaves all that an SCC reads as it is (`podUpdates: ratchet`)."""
    after, before = new.get("spec", {}), old.get("spec", {})
    if not all(equal(after.get(key), before.get(key), key) for key in _JUDGED_SPEC):
        return False
    for kind in KINDS:
        ours, theirs = after.get(kind, []), before.get(kind, [])
        if len(ours) != len(theirs):
            return False
        for a, b in zip(ours, theirs, strict=True):
            if not all(equal(a.get(key), b.get(key), key) for key in _JUDGED_CONTAINER):
                return False
    return not any(
        key in _JUDGED_ANNOTATIONS or key.startswith(CONTAINER_ANNOTATION)
        for key in _changed(
            new.get("metadata", {}).get("annotations", {}),
            old.get("metadata", {}).get("annotations", {}),
        )
    )
