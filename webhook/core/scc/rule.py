"""The record that a rule module exports as `RULE`."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.model.objects import Container, Pod, SecurityContext
from webhook.core.scc.constraint import Constraint

FillPod = Callable[[Pod, Constraint], Pod]
FillContainer = Callable[
    [SecurityContext | None, Container, Pod, Constraint], SecurityContext | None
]
CheckPod = Callable[[Pod, Constraint], Iterable[Finding]]
CheckContainer = Callable[[FieldPath, Container, Pod, Constraint], Iterable[Finding]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One control.

    `order` is its place in OpenShift's sequence, which settles both in which order defaults are
    filled in and in which order findings are told. `grants` names the SCC field that lets a pod
    pass. A fill gets the container's security context as the fills before it left it and returns
    it changed, or the very same object; a check sees the pod after all fills. `place` is where the
    container stands.
    """

    id: str
    order: int
    grants: str
    fill_pod: FillPod | None = None
    fill_container: FillContainer | None = None
    check_pod: CheckPod | None = None
    check_container: CheckContainer | None = None
