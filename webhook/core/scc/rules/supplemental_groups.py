"""Supplemental groups: every extra group of a pod's processes lies in the SCC's ranges.

An explicit empty list is not filled in and does not satisfy `MustRunAs`, as on OpenShift; the API
server drops such a list before admission sees it.
"""

from collections.abc import Iterator
from typing import cast

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import UNSET, Finding
from webhook.core.model.objects import Pod
from webhook.core.scc.constraint import Constraint
from webhook.core.scc.rule import Rule

_PATH = FieldPath(("spec", "securityContext", "supplementalGroups"))


def fill(pod: Pod, scc: Constraint) -> Pod:
    """Set the lowest group of the first range where the pod names none."""
    if not scc.supplemental_groups.must_run_as:
        return pod
    spec = pod.get("spec", {})
    context = spec.get("securityContext", {})
    if "supplementalGroups" in context:
        return pod
    filled = {**context, "supplementalGroups": [scc.supplemental_groups.ranges[0].min]}
    return cast(Pod, {**pod, "spec": {**spec, "securityContext": filled}})


def check(pod: Pod, scc: Constraint) -> Iterator[Finding]:
    """Refuse every group outside the ranges, and a pod without any."""
    strategy = scc.supplemental_groups
    if not strategy.must_run_as:
        return
    groups = pod.get("spec", {}).get("securityContext", {}).get("supplementalGroups")
    allowed = " or ".join(str(item) for item in strategy.ranges)
    if not groups:
        yield Finding(
            path=_PATH,
            observed=UNSET if groups is None else groups,
            allowed=allowed,
            fix="remove supplementalGroups, so that an allowed one is filled in",
        )
        return
    for index, group in enumerate(groups):
        if group not in strategy:
            yield Finding(
                path=_PATH / index,
                observed=group,
                allowed=allowed,
                fix="remove this group, or the whole list so that an allowed one is filled in",
            )


RULE = Rule(
    id="supplemental-groups",
    order=20,
    grants="supplementalGroups",
    fill_pod=fill,
    check_pod=check,
)
