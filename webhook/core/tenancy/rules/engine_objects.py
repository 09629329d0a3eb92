"""Engine objects: only the platform touches the namespace in which tenantgate itself runs.

There are the policies, the serving key and the engine's own account. Whoever writes there decides
what is allowed everywhere, so this holds for requesters of no tenant as well.
"""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.model.marks import in_domain
from webhook.core.tenancy.namespaces import is_namespace, is_review, name_of
from webhook.core.tenancy.rule import Case, Intercept, Rule

_EVENTS = frozenset({("", "events"), ("events.k8s.io", "events")})


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse every write in the engine's namespace, to that namespace, and of the engine's kinds.

    Reviews store nothing, and events only report.
    """
    request = case.request
    if is_review(request) or (request.group, request.resource) in _EVENTS:
        return
    home = name_of(value, request) if is_namespace(request) else request.namespace
    if home == case.platform.engine_namespace:
        yield Finding(
            path=FieldPath(("metadata", "name" if is_namespace(request) else "namespace")),
            observed=home,
            allowed="other namespaces",
            fix="propose the change in the platform repository",
            why="Policy engine objects are changed through the platform repository",
        )
    elif in_domain(request.group):
        yield Finding(
            path=FieldPath(("apiVersion",)),
            observed=f"{request.group}/{request.version}",
            allowed="kinds of other API groups",
            fix="propose the change in the platform repository",
            why="Policy engine objects are changed through the platform repository",
        )


RULE = Rule(
    id="T-OBJ-6",
    family="subject",
    intercepts=(Intercept(("*",), ("*", "*/*"), "CUDX"),),
    check=check,
    others=True,
    ratchet=False,
)
