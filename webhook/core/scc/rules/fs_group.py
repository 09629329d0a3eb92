"""File system group: the group that owns a pod's volumes lies in the SCC's ranges."""

from collections.abc import Iterator
from typing import cast

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import UNSET, Finding
from webhook.core.model.objects import Pod
from webhook.core.scc.constraint import Constraint
from webhook.core.scc.rule import Rule

_PATH = FieldPath(("spec", "securityContext", "fsGroup"))


def fill(pod: Pod, scc: Constraint) -> Pod:
    """Set the lowest group of the first range where the pod names none."""
    if not scc.fs_group.must_run_as:
        return pod
    spec = pod.get("spec", {})
    context = spec.get("securityContext", {})
    if "fsGroup" in context:
        return pod
    filled = {**context, "fsGroup": scc.fs_group.ranges[0].min}
    return cast(Pod, {**pod, "spec": {**spec, "securityContext": filled}})


def check(pod: Pod, scc: Constraint) -> Iterator[Finding]:
    """Refuse a group outside the ranges."""
    if not scc.fs_group.must_run_as:
        return
    group = pod.get("spec", {}).get("securityContext", {}).get("fsGroup")
    if group is None or group not in scc.fs_group:
        yield Finding(
            path=_PATH,
            observed=UNSET if group is None else group,
            allowed=" or ".join(str(allowed) for allowed in scc.fs_group.ranges),
            fix="remove fsGroup, so that an allowed one is filled in",
        )


RULE = Rule(id="fs-group", order=10, grants="fsGroup", fill_pod=fill, check_pod=check)
