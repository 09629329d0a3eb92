"""Scheduling by hand: a pod of a tenant goes where the scheduler puts it.

A pod that names its node, or a Binding that a tenant writes, passes by taints, node pools and
resource accounting, and may land on the control plane.
"""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.tenancy.pods import field, pod_in
from webhook.core.tenancy.rule import POD_BEARING, Case, Intercept, Rule, mapping, text

_SCHEDULER = "system:kube-scheduler"


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse `spec.nodeName`, and every Binding but the scheduler's."""
    if case.request.subresource == "binding" or case.request.resource == "bindings":
        yield from _binding(value, case)
        return
    place = pod_in(value, case)
    if place is not None and (node := text(place.spec.get("nodeName"))):
        yield Finding(
            path=field(place, "nodeName"),
            observed=node,
            allowed="not set",
            fix="drop nodeName and use nodeSelector or affinity instead",
            why="nodeName bypasses the scheduler",
        )


def _binding(value: Any, case: Case) -> Iterator[Finding]:
    if not _is_scheduler(case):
        yield Finding(
            path=FieldPath(("target", "name")),
            observed=text(mapping(mapping(value).get("target")).get("name")),
            allowed="bindings by the scheduler",
            fix="leave placing the pod to the scheduler; use nodeSelector or affinity in the pod",
            why="Only the scheduler may bind a pod to a node",
        )


def _is_scheduler(case: Case) -> bool:
    """A second scheduler is known by an account in kube-system with the name that pods ask for."""
    account = case.requester.account
    return case.requester.kind == "system" and (
        case.request.user.name == _SCHEDULER
        or (
            account is not None
            and case.tenant is not None
            and account[1] in case.tenant.allow.schedulers
        )
    )


RULE = Rule(
    id="T-WL-1",
    family="namespace",
    intercepts=(*POD_BEARING, Intercept(("",), ("pods/binding", "bindings"), "C")),
    check=check,
)
