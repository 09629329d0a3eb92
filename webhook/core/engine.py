"""`decide`: the whole decision on one request.

Pure: the same request, facts and policies give the same decision, in the webhook and on a laptop.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import ModuleType
from typing import TYPE_CHECKING

from webhook.core import policyedit
from webhook.core.model.finding import Action, Decision, Finding, line
from webhook.core.model.objects import Pod
from webhook.core.model.patch import patch
from webhook.core.model.refusal import not_evaluated as not_evaluated
from webhook.core.model.refusal import unreadable
from webhook.core.model.request import Facts, Namespace, Request, User
from webhook.core.model.shapes import ShapeError
from webhook.core.model.world import Ref, World, tenant_of
from webhook.core.platform import LEVELS
from webhook.core.policyset import PolicySet
from webhook.core.scc import requests as scc
from webhook.core.scc.requests import Needs as Needs

if TYPE_CHECKING:
    from webhook.core.mutation.admission import Outcome
    from webhook.core.tenancy.admission import Verdict

Lap = Callable[[str], None]
"""Is told which family of policies has just had its say."""

MOST_BYTES = 2048
"""Of what tenancy has to say in one refusal."""


def needs(request: Request, policies: PolicySet) -> Needs:
    """Return which facts SCC admission and WorkloadDefaults will ask for."""
    wanted = scc.needs(request, policies.platform, policies.sccs)
    if _leaves_pods_alone(policies):
        wanted = Needs()
    if _defaults(request, policies) is not None:
        wanted = replace(wanted, labels=True)
    return wanted


def identities(
    request: Request, policies: PolicySet, stored: Pod | None = None
) -> tuple[User, ...]:
    """Return those whose grants a decision may ask for; `stored` is the pod of a CONNECT."""
    return scc.identities(request, policies.platform, policies.sccs, stored)


@dataclass(frozen=True, slots=True)
class Lookups:
    """What tenancy rules look up for a request, besides what indexes hold.

    `refs` are objects, `counted` tenants whose namespaces are counted; `hosts` says that host names
    are taken, which of two requests at once only one may.
    """

    refs: tuple[Ref, ...] = ()
    counted: tuple[str, ...] = ()
    hosts: bool = False


def lookups(request: Request, policies: PolicySet, world: World) -> Lookups:
    """Return what has to be read for a request besides what indexes hold.

    Args:
        request: the request.
        policies: the policies in force.
        world: the indexes.
    """
    tenancy = _tenancy(request, policies, world)
    if tenancy is None:
        return Lookups()
    found = tenancy.lookups(request, policies.platform, policies.registry, world)
    return Lookups(*found)


def unmeasured(family: str) -> None:
    """Nobody measures how long families take."""


def decide(
    request: Request,
    facts: Facts,
    policies: PolicySet,
    lap: Lap = unmeasured,
) -> Decision:
    """Decide one request: what every family of policies has to say, together.

    What cannot be decided is refused, with a text that begins `not evaluated:`. While
    `Platform.spec.enforcement` is `warn` or `audit`, nothing is refused or changed, but by tenancy
    rules that the Platform lists by name; what would have been is told in warnings or audit
    annotations. Policies that would not load are refused all the same: nobody is better off with them.

    Args:
        request: the request.
        facts: everything from outside that it is decided on.
        policies: the policies in force.
        lap: for whoever measures how long each family takes.
    """
    platform = policies.platform
    said: Verdict | None = None
    judged = request
    edited = policyedit.judge(request) if is_policy_edit(request, policies) else None
    if (tenancy := _tenancy(request, policies, facts.world)) is not None:
        case = tenancy.case_of(request, platform, policies.registry, facts.world)
        said = tenancy.judge(case)
        if request.operation in ("CREATE", "UPDATE") and said.object is not request.object:
            changed = said.object
            judged = replace(request, load=lambda: changed)
        lap("tenancy")
    lent: Outcome | None = None
    try:
        if (defaults := _defaults(judged, policies)) is not None:
            lent = _by_defaults(defaults, judged, facts, policies)
            if (filled := lent.object) is not judged.object:
                judged = replace(judged, load=lambda: filled)
            lap("defaults")
        decision = edited or _by_scc(judged, facts, policies)
    except ShapeError as error:
        decision = unreadable(f"the object is no readable {request.kind}: {error}")
    if not decision.skipped:
        lap("scc")
    decision = _by_pod_security(judged, decision, facts, policies, lap)
    if lent is not None:
        decision = _with_bounds(lent, decision)
    if said is not None and said.requester.kind != "platform":
        decision = _without_gap(request, decision, facts, policies)
    if platform.enforcement != "deny" and edited is None:
        decision = observed(decision, platform.enforcement)
    if said is not None:
        decision = _together(said, decision)
    if platform.enforcement != "deny":
        return replace(decision, object=request.object)
    mutated = decision.object is not request.object and request.phase == "mutate"
    if decision.allowed and mutated:
        return replace(decision, patch=patch(request.object, decision.object))
    return decision


def _by_scc(request: Request, facts: Facts, policies: PolicySet) -> Decision:
    """Return what SCCs say; a set without any leaves pods to its other policies alone."""
    if _leaves_pods_alone(policies):
        return Decision(allowed=True, object=request.object, skipped="the policies hold no SCC")
    return scc.decide(request, facts, policies.platform, policies.sccs)


def _leaves_pods_alone(policies: PolicySet) -> bool:
    """Tell whether a set means to hold no SCC, as it holds other policies that judge pods."""
    return not policies.sccs and bool(
        policies.registry
        or policies.defaults
        or policies.templates
        or policies.platform.pod_security.require != "privileged"
    )


def _defaults(request: Request, policies: PolicySet) -> ModuleType | None:
    """Return the WorkloadDefaults family where it has a say, imported when it first has."""
    if not policies.defaults or request.resource != "pods":
        return None
    from webhook.core.mutation import admission

    return admission if admission.concerns(request, policies.platform) else None


def _by_defaults(
    defaults: ModuleType, request: Request, facts: Facts, policies: PolicySet
) -> "Outcome":
    """Return the object with its gaps filled; the second pass, which changes nothing, as it is."""
    found = facts.namespace or facts.world.namespace(request.namespace)
    outcome: Outcome = defaults.judge(
        request,
        found,
        tenant_of(facts.world, request.namespace),
        policies.defaults,
        fill=request.phase == "mutate" or policies.platform.enforcement != "deny",
    )
    return outcome


def _with_bounds(lent: "Outcome", decision: Decision) -> Decision:
    """Return the decision, with what WorkloadDefaults filled in and what they refuse."""
    if lent.undecided:
        return not_evaluated(lent.undecided, retry=True) if decision.allowed else decision
    decision = replace(
        decision,
        findings=(*decision.findings, *lent.findings),
        audit={**decision.audit, **lent.audit},
        filled=lent.filled,
    )
    if not lent.findings:
        return decision
    message = lent.message if decision.allowed else f"{decision.message}\n{lent.message}"
    return _refused(decision, message)


def _refused(decision: Decision, message: str) -> Decision:
    """Return a decision turned into a refusal for good, whatever else would have mended itself."""
    return replace(
        decision,
        allowed=False,
        message=message,
        code=403,
        reason="Forbidden",
        retry_after=0,
        evaluated=True,
    )


def _by_pod_security(
    request: Request, decision: Decision, facts: Facts, policies: PolicySet, lap: Lap
) -> Decision:
    """Return the decision, by what level of Pod Security is required of a tenant's pods as well."""
    tenant = tenant_of(facts.world, request.namespace)
    if not tenant:
        return decision
    required = policies.platform.pod_security
    level = max(required.require, policies.registry.get(tenant).pod_security, key=LEVELS.index)
    if level == "privileged":
        return decision
    from webhook.core.pss.floor import hold  # twenty modules, where there are tenants
    from webhook.core.pss.labels import Standard

    held = hold(request, decision, Standard(level, required.version), tenant, policies.platform)
    lap("pod-security")
    return held


def awaited(request: Request, policies: PolicySet, namespace: Namespace | None) -> bool:
    """Tell whether a request brings a pod into a namespace that is still to be provisioned."""
    if not (policies.templates or policies.registry):
        return False
    from webhook.core.provisioning import gap  # not every set holds a template

    return gap.is_pod_created(request) and gap.is_awaited(
        namespace, policies.platform, policies.registry, policies.templates
    )


def _without_gap(
    request: Request, decision: Decision, facts: Facts, policies: PolicySet
) -> Decision:
    """Return the decision; a pod has to wait until its namespace is provisioned."""
    if not awaited(request, policies, facts.world.namespace(request.namespace)):
        return decision
    from webhook.core.provisioning.gap import hold

    return hold(request, decision)


def is_policy_edit(request: Request, policies: PolicySet) -> bool:
    """Tell whether a request writes tenantgate's own policies, which takes a while to judge."""
    return policyedit.is_policy_edit(request, policies.platform)


def _tenancy(request: Request, policies: PolicySet, world: World) -> ModuleType | None:
    """Return the tenancy family where it has a say: there are tenants, or a namespace is stamped.

    Its sixty rules are imported when the first request needs them, not when a command starts.
    """
    if not policies.registry and not tenant_of(world, request.namespace):
        return None
    from webhook.core.tenancy import admission

    return admission


def _together(said: "Verdict", decision: Decision) -> Decision:
    """Return one decision from both families: refused if either refuses, all findings told."""
    denied = [finding for finding in said.findings if finding.action == "deny"]
    warned = tuple(line(finding) for finding in said.findings if finding.action == "warn")
    noted = {
        f"audit-{finding.rule}": line(finding)
        for finding in said.findings
        if finding.action == "audit"
    }
    decision = replace(
        decision,
        findings=(*said.findings, *decision.findings),
        warnings=(*warned, *decision.warnings),
        audit={**decision.audit, **said.audit, **noted},
        requester=said.requester.kind,
        tenants=said.requester.names,
    )
    if not denied:
        return decision
    message = _refusal(denied)
    if not decision.allowed:
        message += "\n" + decision.message
    return _refused(decision, message)


def _refusal(denied: list[Finding]) -> str:
    """Return tenancy's part of a refusal: one line a violation, as many as fit."""
    lines = [line(finding) for finding in denied]
    head = (
        "1 rule of tenancy is broken:"
        if len(lines) == 1
        else (f"{len(lines)} rules of tenancy are broken:")
    )
    told, size = [head], len(head.encode())
    for index, text in enumerate(lines):
        size += len(text.encode()) + 1
        if size > MOST_BYTES and index:
            told.append(f"... and {len(lines) - index} more")
            break
        told.append(text)
    return "\n".join(told)


def observed(decision: Decision, enforcement: str) -> Decision:
    """Turn a decision into one that refuses and changes nothing, and tells what it would have."""
    warnings, audit = decision.warnings, dict(decision.audit)
    if not decision.allowed and enforcement == "warn":
        warnings = (*warnings, *decision.message.splitlines())
    elif not decision.allowed:
        audit["would-deny"] = decision.message
    action: Action = "warn" if enforcement == "warn" else "audit"
    findings: tuple[Finding, ...] = tuple(
        replace(finding, action=action) for finding in decision.findings
    )
    return replace(
        decision,
        allowed=True,
        code=200,
        reason="",
        retry_after=0,
        patch=(),
        warnings=warnings,
        audit=audit,
        findings=findings,
    )
