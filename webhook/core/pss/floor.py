"""What is required of tenants' pods, whatever the labels of their namespaces say.

Judged is the pod that will run: as sent, with everything filled in that policies fill in.
"""

from collections.abc import Sequence
from dataclasses import replace

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import UNSET, Decision, Finding, line
from webhook.core.model.objects import Json
from webhook.core.model.request import Request
from webhook.core.model.shapes import ShapeError
from webhook.core.platform import Platform
from webhook.core.pss.evaluate import evaluate
from webhook.core.pss.labels import Standard
from webhook.core.pss.updates import judges
from webhook.core.workload import RESOURCES, template_of

MOST_BYTES = 2048
"""Of what the standards have to say in one refusal."""


def hold(
    request: Request, decision: Decision, required: Standard, tenant: str, platform: Platform
) -> Decision:
    """Return a decision that refuses, too, what the required standard does not allow.

    Of a pod that no SCC admits only that is told which no SCC would have filled in.

    Args:
        request: as it was sent.
        decision: what SCCs say, with the pod as they leave it.
        required: the standard that pods have to meet.
        tenant: whose pods they are.
        platform: what holds for the whole cluster.
    """
    if decision.code == 422:  # no readable pod
        return decision
    if judges(request):
        return _held(request, decision, required, tenant, platform)
    if platform.scc.workloads != "ignore" and request.phase == "validate":
        return _warned(request, decision, required, tenant)
    return decision


def _held(
    request: Request, decision: Decision, required: Standard, tenant: str, platform: Platform
) -> Decision:
    pod: Json = decision.object if decision.object is not None else request.object
    found = evaluate(pod, required.level, required.version)
    # While nothing is filled in, the second pass sees less than would run.
    observing = platform.enforcement != "deny" and request.phase == "validate"
    if observing or not decision.allowed:
        found = written(found)
    if not found:
        return decision
    told = "\n".join((*_lines(found), _requirement(required, tenant)))
    return replace(
        decision,
        allowed=False,
        message=told if decision.allowed else f"{decision.message}\n{told}",
        code=403,
        reason="Forbidden",
        retry_after=0,
        findings=(*decision.findings, *found),
        patch=(),
        evaluated=True,
    )


def _warned(request: Request, decision: Decision, required: Standard, tenant: str) -> Decision:
    """Warn whoever writes a workload of what its pods will be refused for."""
    if request.subresource or request.operation not in ("CREATE", "UPDATE"):
        return decision
    if (request.group, request.resource) not in RESOURCES:
        return decision
    try:
        found = template_of(request.object)
    except ShapeError:  # its pods will not come to be
        return decision
    if found is None:
        return decision
    told = tuple(
        replace(finding, path=found.place(FieldPath(finding.path)), action="warn")
        for finding in written(evaluate(found.pod, required.level, required.version))
    )
    if not told:
        return decision
    return replace(
        decision,
        findings=(*decision.findings, *told),
        warnings=(*decision.warnings, *map(line, told), _requirement(required, tenant)),
    )


def written(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return the findings about what is written in a pod, and could not still be filled in."""
    return tuple(
        finding
        for finding in findings
        if finding.observed is not UNSET and finding.path[-1:] != ("drop",)
    )


def _requirement(required: Standard, tenant: str) -> str:
    return f'Pods of tenant {tenant} have to meet Pod Security "{required}".'


def _lines(findings: Sequence[Finding]) -> list[str]:
    """Return the head of a refusal, and a line for each finding, as many as fit."""
    count = len(findings)
    told = ["1 field breaks Pod Security:" if count == 1 else f"{count} fields break Pod Security:"]
    size = len(told[0])
    for index, finding in enumerate(findings):
        text = line(finding)
        size += len(text.encode()) + 1
        if size > MOST_BYTES and index:
            return [*told, f"... and {count - index} more"]
        told.append(text)
    return told
