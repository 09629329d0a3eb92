"""Runtime class and scheduler: a tenant's pods use those that are granted to it.

A runtime class decides how well a pod is walled off from its node, and can bring node selector,
tolerations and overhead with it; a second scheduler may not honour the rules of the first.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from webhook.core.model.finding import Finding
from webhook.core.tenancy.pods import field, is_pod, pod_in, with_spec
from webhook.core.tenancy.rule import POD_BEARING, Case, Rule, text

_DEFAULT_SCHEDULER = "default-scheduler"


def mutate(value: Any, case: Case) -> Any:
    """Give a pod without a runtime class the tenant's default."""
    classes = case.tenant.allow.runtime_classes if case.tenant else None
    place = pod_in(value, case)
    if (
        classes is None
        or not classes.default
        or place is None
        or not is_pod(case)
        or not isinstance(value.get("spec"), Mapping)
        or place.spec.get("runtimeClassName")
    ):
        return value
    return with_spec(value, {"runtimeClassName": classes.default})


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse a runtime class or a scheduler that is not granted."""
    place = pod_in(value, case)
    if place is None or case.tenant is None:
        return
    allow = case.tenant.allow
    runtime = text(place.spec.get("runtimeClassName"))
    if runtime and allow.runtime_classes is not None and not allow.runtime_classes.permits(runtime):
        yield Finding(
            path=field(place, "runtimeClassName"),
            observed=runtime,
            allowed=", ".join(sorted(allow.runtime_classes.names or ())) or "none",
            fix="name one of these, or ask the platform team",
            why=f"This runtime class is not available to tenant {case.tenant.name}",
        )
    scheduler = text(place.spec.get("schedulerName")) or _DEFAULT_SCHEDULER
    if scheduler not in allow.schedulers:
        yield Finding(
            path=field(place, "schedulerName"),
            observed=scheduler,
            allowed=", ".join(allow.schedulers) or "none",
            fix="name one of these, or ask the platform team",
            why=f"This scheduler is not available to tenant {case.tenant.name}",
        )


RULE = Rule(id="T-WL-5", family="namespace", intercepts=POD_BEARING, check=check, mutate=mutate)
