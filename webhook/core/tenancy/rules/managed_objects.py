"""Platform-managed objects: what the platform keeps in a tenant's namespace is read-only there.

The default-deny NetworkPolicy, the quota and the platform's own workloads carry the label
`tenantgate.io/managed: "true"`. The stored object decides, so the label can't be dropped by the very
update that it forbids; a Service may not stand in front of the platform's pods either.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.model.marks import MANAGED
from webhook.core.model.world import labels
from webhook.core.tenancy.namespaces import is_namespace
from webhook.core.tenancy.rule import Case, Intercept, Rule, mapping, text
from webhook.core.tenancy.stored import goes_with_namespace, is_unchanged, stored

_SERVICES = "services"
_WORKLOADS = ("daemonsets", "deployments", "statefulsets")


def check(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse to change or delete what the platform maintains, by whatever subresource.

    Tokens of service accounts change nothing and have a rule of their own.
    """
    request = case.request
    if is_namespace(request) or (case.requester.kind == "other" and case.tenant is None):
        return
    target = stored(case)
    if case.is_managed(target):
        token = (request.resource, request.subresource) == ("serviceaccounts", "token")
        if not (token or is_unchanged(case) or goes_with_namespace(case)):
            yield _read_only(target, case)
    elif (request.resource, request.group, request.subresource) == (_SERVICES, "", ""):
        yield from _in_front(value, case)


def _read_only(target: Any, case: Case) -> Finding:
    kind = text(mapping(target).get("kind")) or case.request.kind
    name = text(mapping(mapping(target).get("metadata")).get("name")) or case.request.name
    return Finding(
        path=FieldPath(("metadata", "labels", MANAGED)),
        observed="true",
        allowed="changes by the platform only",
        fix="leave it as it is, or ask the platform team for the change",
        why=f"{kind} {name} is maintained by the platform and can't be changed",
    )


def _in_front(value: Any, case: Case) -> Iterator[Finding]:
    """Refuse a Service that selects the platform's pods, unless it has done so before."""
    if case.request.operation not in ("CREATE", "UPDATE"):
        return
    selector = _selector(value)
    if not selector or selector == _selector(case.request.old_object):
        return
    if any(selector.items() <= found.items() for found in _pods(case)):
        yield Finding(
            path=FieldPath(("spec", "selector")),
            observed=selector,
            allowed="labels of your own pods",
            fix="select your pods by a label that the platform's do not have",
            why="This Service would stand in front of a pod that is maintained by the platform",
        )


def _selector(service: Any) -> Mapping[str, Any]:
    spec = mapping(mapping(service).get("spec"))
    return {} if spec.get("type") == "ExternalName" else mapping(spec.get("selector"))


def _pods(case: Case) -> Iterator[Mapping[str, Any]]:
    """Yield the labels of the platform's pods here: of those that run, and of those to come."""
    world, namespace = case.world, case.request.namespace
    for pod in world.managed("pods", namespace):
        yield labels(pod)
    for resource in _WORKLOADS:
        for workload in world.managed(resource, namespace):
            yield labels(mapping(mapping(workload).get("spec")).get("template"))


RULE = Rule(
    id="T-OBJ-1",
    family="subject",
    intercepts=(
        Intercept(("*",), ("*",), "UD"),
        Intercept(("*",), ("*/*",), "CUDX"),
        Intercept(("",), (_SERVICES,), "C"),
    ),
    check=check,
    others=True,
    ratchet=False,
)
