"""One pod under one SCC: what it fills in, and what it objects to."""

from collections.abc import Iterator
from dataclasses import replace

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import Finding
from webhook.core.model.objects import Container, Pod
from webhook.core.model.walk import containers, map_containers
from webhook.core.scc.constraint import Constraint
from webhook.core.scc.rules import RULES

_POD_FILLS = tuple(rule.fill_pod for rule in RULES if rule.fill_pod)
_CONTAINER_FILLS = tuple(rule.fill_container for rule in RULES if rule.fill_container)
_POD_CHECKS = tuple((rule.id, rule.check_pod) for rule in RULES if rule.check_pod)
_EARLY_CHECKS = tuple(rule.check_pod for rule in RULES if rule.check_pod and not rule.fill_pod)
"""Those that look only at what no rule fills in."""
_CONTAINER_CHECKS = tuple((rule.id, rule.check_container) for rule in RULES if rule.check_container)


def fill(pod: Pod, scc: Constraint) -> Pod:
    """Return the pod with the SCC's defaults where it is silent; the same pod if none was needed.

    The constraint is one that is completed for the pod's namespace. The argument is left alone.
    """
    return _fill_containers(_fill_pod(pod, scc), scc)


def _fill_pod(pod: Pod, scc: Constraint) -> Pod:
    for fill_pod in _POD_FILLS:
        pod = fill_pod(pod, scc)
    return pod


def _fill_containers(pod: Pod, scc: Constraint) -> Pod:
    def filled(container: Container) -> Container:
        own = context = container.get("securityContext")
        for fill_container in _CONTAINER_FILLS:
            context = fill_container(context, container, pod, scc)
        if context is None or context is own:
            return container
        return {**container, "securityContext": context}

    return map_containers(pod, filled)


def objections(pod: Pod, scc: Constraint) -> Iterator[Finding]:
    """Yield what the SCC refuses in a filled pod: the pod's, then container by container.

    Equals what OpenShift's provider validates; a value that every container inherits from the
    pod is told once, where it stands.
    """
    yield from _objections_to_pod(pod, scc)
    yield from _objections_to_containers(pod, scc)


def admits(pod: Pod, scc: Constraint) -> bool:
    """Tell whether an SCC's rules accept the pod after filling it in; stops at the first no."""
    if any(True for check_pod in _EARLY_CHECKS for _ in check_pod(pod, scc)):
        return False
    pod = _fill_pod(pod, scc)
    if next(_objections_to_pod(pod, scc), None) is not None:
        return False
    return next(_objections_to_containers(_fill_containers(pod, scc), scc), None) is None


def _objections_to_pod(pod: Pod, scc: Constraint) -> Iterator[Finding]:
    for rule, check_pod in _POD_CHECKS:
        for finding in check_pod(pod, scc):
            yield replace(finding, rule=rule, policy=scc.name)


def _objections_to_containers(pod: Pod, scc: Constraint) -> Iterator[Finding]:
    told: set[FieldPath] = set()
    for place, container in containers(pod):
        for rule, check_container in _CONTAINER_CHECKS:
            for finding in check_container(place, container, pod, scc):
                inherited = finding.path[:2] != place[:2]
                if inherited and finding.path in told:
                    continue
                told.add(finding.path)
                yield replace(finding, rule=rule, policy=scc.name)
