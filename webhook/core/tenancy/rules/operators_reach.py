"""Operators' reach: a custom resource may not select, read or change anything outside the tenant's namespaces.

An operator acts for whoever writes its objects, with rights of its own over the whole cluster. So
the namespaces, projects, clusters and service accounts in them have to be the tenant's.
"""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.finding import Finding
from webhook.core.tenancy.operators import argo, flux, prometheus, tekton, velero
from webhook.core.tenancy.operators.foreign import Judges
from webhook.core.tenancy.rule import Case, Intercept, Rule

JUDGES: Judges = {
    **argo.JUDGES,
    **flux.JUDGES,
    **prometheus.JUDGES,
    **tekton.JUDGES,
    **velero.JUDGES,
}
"""What is judged, by group and resource, in every version of its API."""


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse what reaches into namespaces of others, or acts with rights of the platform."""
    yield from JUDGES[case.request.group, case.request.resource](value, case)


RULE = Rule(
    id="T-EXT-2",
    family="namespace",
    intercepts=tuple(Intercept((group,), (resource,)) for group, resource in sorted(JUDGES)),
    check=check,
)
