"""`decide`: the whole decision on one request.

Pure: the same request, facts and policies give the same decision, in the webhook and on a laptop.
"""

from dataclasses import dataclass, replace

from webhook.core.model.finding import Action, Decision, Finding, line
from webhook.core.model.objects import Pod
from webhook.core.model.patch import patch
from webhook.core.model.request import Facts, Request, User
from webhook.core.model.shapes import ShapeError
from webhook.core.model.shapes import pod as shaped
from webhook.core.policyset import PolicySet
from webhook.core.scc.admission import Mode, Question, Verdict, judge, refused_change
from webhook.core.scc.scope import (
    IGNORED_SUBRESOURCES,
    REQUIRED_SCC,
    exempt,
    is_windows,
    only_ignorable_changes,
    unchanged,
)
from webhook.core.workload import RESOURCES, Template, defaulted, template_of

NOT_EVALUATED = "not evaluated: "
RETRY_AFTER_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Needs:
    """What the shell has to gather before a decision.

    `namespace`: the request's namespace. `pod`: the stored pod that a CONNECT names.
    `service_account`: the account in that namespace whose own settings count, by name. `users`:
    the identities whose grants will be asked for, as far as the request tells; the service account
    of a CONNECT's pod is in `identities` of that pod.
    """

    namespace: bool = False
    pod: bool = False
    service_account: str = ""
    users: tuple[User, ...] = ()


def needs(request: Request, policies: PolicySet) -> Needs:
    """Return which facts a decision on the request will ask for."""
    if request.namespace in _exempt_names(policies):
        return Needs()
    if _is_connect(request):
        return Needs(namespace=True, pod=True, users=(request.user,))
    if _is_pod_write(request):
        return Needs(
            namespace=True, users=identities(request.object, request.user, request.namespace)
        )
    found = _template(request, policies)
    if found is None:
        return Needs()
    account = defaulted(shaped(found.pod), None).get("spec", {}).get("serviceAccountName", "")
    users = (User.service_account(request.namespace, account), found.creator)
    return Needs(namespace=True, service_account=account, users=users)


def identities(pod: Pod | None, requester: User, namespace: str) -> tuple[User, ...]:
    """Return through whom a pod may use an SCC: its service account, then the requester."""
    try:
        account = shaped(pod or {}).get("spec", {}).get("serviceAccountName", "")
    except ShapeError:
        account = ""
    return (User.service_account(namespace, account), requester) if account else (requester,)


def decide(request: Request, facts: Facts, policies: PolicySet) -> Decision:
    """Decide one request.

    What cannot be decided is refused, with a text that begins `not evaluated:`. While
    `Platform.spec.enforcement` is `warn` or `audit`, nothing is refused or changed; what would have
    been is told in warnings or audit annotations.
    """
    try:
        decision = _decide(request, facts, policies)
    except ShapeError as error:
        decision = _unreadable(f"the object is no readable {request.kind}: {error}")
    if policies.platform.enforcement != "deny":
        return _observed(decision, policies.platform.enforcement)
    return decision


def not_evaluated(why: str, retry: bool = False) -> Decision:
    """Return the refusal of a request that could not be decided.

    Args:
        why: the reason, without a full stop.
        retry: whether time alone will mend it; clients then repeat the request by themselves.
    """
    return Decision(
        allowed=False,
        message=f"{NOT_EVALUATED}{why}",
        code=429 if retry else 500,
        reason="TooManyRequests" if retry else "InternalError",
        retry_after=RETRY_AFTER_SECONDS if retry else 0,
        evaluated=False,
    )


def _unreadable(why: str) -> Decision:
    return replace(not_evaluated(why), code=422, reason="Invalid")


def _decide(request: Request, facts: Facts, policies: PolicySet) -> Decision:
    settings = policies.platform.scc
    names = _exempt_names(policies)
    honour = settings.exemption_labels == "honour"
    if reason := exempt(request.namespace, names, facts.namespace, honour):
        return _skipped(request, reason)
    if _is_connect(request):
        return _connect(request, facts, policies)
    if _is_pod_write(request):
        return _pod(request, facts, policies)
    found = _template(request, policies)
    if found is not None:
        return _workload(request, found, facts, policies)
    return _skipped(request, "no policy judges it")


def _exempt_names(policies: PolicySet) -> frozenset[str]:
    return policies.platform.scc.exempt_namespaces | {policies.platform.engine_namespace}


def _is_pod_write(request: Request) -> bool:
    return (
        request.resource == "pods"
        and not request.group
        and request.operation in ("CREATE", "UPDATE")
        and request.subresource not in IGNORED_SUBRESOURCES
    )


def _is_connect(request: Request) -> bool:
    return (
        request.resource == "pods"
        and not request.group
        and request.operation == "CONNECT"
        and request.subresource in ("exec", "attach")
    )


def _template(request: Request, policies: PolicySet) -> Template | None:
    """Return the template of a workload that the second pass warns about, if it is one."""
    if policies.platform.scc.workloads == "ignore" or request.phase != "validate":
        return None
    if request.subresource or request.operation not in ("CREATE", "UPDATE") or not policies.sccs:
        return None
    return template_of(request.object) if (request.group, request.resource) in RESOURCES else None


def _skipped(request: Request, reason: str) -> Decision:
    return Decision(allowed=True, object=request.object, skipped=reason)


def _pod(request: Request, facts: Facts, policies: PolicySet) -> Decision:
    pod = shaped(request.object)
    if is_windows(pod):
        return _skipped(request, "no SCC applies to Windows pods")
    mode: Mode = "validate" if request.phase == "validate" else "create"
    if request.operation == "UPDATE":
        old = shaped(request.old_object)
        if only_ignorable_changes(pod, old):
            return _skipped(request, "nothing changed that an SCC looks at")
        ratchet = policies.platform.scc.pod_updates == "ratchet"
        if ratchet and not request.subresource and unchanged(pod, old):
            return _skipped(request, "all that an SCC reads is as it was")
        if mode == "create":
            before, after = _required(old), _required(pod)
            if before != after:
                return _answer(request, refused_change(pod, before, after))
            mode = "ephemeral" if request.subresource == "ephemeralcontainers" else "update"
    question = Question(
        pod=pod,
        mode=mode,
        what=f'pod "{_name(request, pod)}"',
        user=request.user,
        namespace=request.namespace,
        found=facts.namespace,
        access=facts.access,
    )
    return _answer(request, judge(question, policies.sccs))


def _connect(request: Request, facts: Facts, policies: PolicySet) -> Decision:
    """Judge the stored pod as if whoever connects created it, and throw the result away.

    Equals OpenShift's plugin `security.openshift.io/SCCExecRestrictions`.
    """
    if facts.pod is None:
        return Decision(
            allowed=False,
            message=f'{request.subresource}: pod "{request.name}" does not exist in namespace '
            f'"{request.namespace}"',
            code=404,
            reason="NotFound",
        )
    pod = shaped(facts.pod)
    if is_windows(pod):
        return _skipped(request, "no SCC applies to Windows pods")
    question = Question(
        pod=pod,
        mode="create",
        what=f'pod "{request.name}"',
        user=request.user,
        namespace=request.namespace,
        found=facts.namespace,
        access=facts.access,
    )
    verdict = judge(question, policies.sccs)
    if not verdict.scc:
        said = f"{request.subresource} is refused, as you could not create this pod yourself: "
        verdict = replace(verdict, message=said + verdict.message)
    decision = _answer(request, verdict)
    return replace(decision, object=None, patch=())


def _workload(request: Request, found: Template, facts: Facts, policies: PolicySet) -> Decision:
    """Admit a workload, with a warning when no SCC would admit the pods that it becomes."""
    pod = shaped(defaulted(shaped(found.pod), facts.automount))
    if is_windows(pod):
        return _skipped(request, "no SCC applies to Windows pods")
    question = Question(
        pod=pod,
        mode="create",
        what=f'the pods of {request.kind} "{_name(request, request.object)}"',
        user=found.creator,
        namespace=request.namespace,
        found=facts.namespace,
        access=facts.access,
    )
    verdict = judge(question, policies.sccs)
    told = tuple(
        replace(finding, path=found.place(finding.path), action="warn")
        for finding in verdict.findings
    )
    warnings: tuple[str, ...] = ()
    if not verdict.scc:
        head = verdict.message.partition("\n")[0]
        warnings = (f"{NOT_EVALUATED}{head}",) if verdict.undecided else (head, *map(line, told))
    return Decision(
        allowed=True,
        findings=told,
        object=request.object,
        warnings=warnings,
        scc=verdict.scc,
        subject=verdict.subject,
        attempts=verdict.attempts,
    )


def _answer(request: Request, verdict: Verdict) -> Decision:
    if verdict.undecided:
        return replace(not_evaluated(verdict.message, verdict.retry), attempts=verdict.attempts)
    if not verdict.scc:
        return Decision(
            allowed=False,
            message=verdict.message,
            code=403,
            reason="Forbidden",
            findings=verdict.findings,
            object=request.object,
            audit=verdict.audit,
            attempts=verdict.attempts,
        )
    mutating = request.phase == "mutate"
    return Decision(
        allowed=True,
        object=verdict.pod if mutating else request.object,
        patch=patch(request.object, verdict.pod) if mutating else (),
        audit=verdict.audit,
        scc=verdict.scc,
        subject=verdict.subject,
        attempts=verdict.attempts,
    )


def _required(pod: Pod) -> str:
    return pod.get("metadata", {}).get("annotations", {}).get(REQUIRED_SCC, "")


def _name(request: Request, pod: Pod) -> str:
    metadata = pod.get("metadata", {})
    return request.name or metadata.get("name") or metadata.get("generateName") or "Unknown"


def _observed(decision: Decision, enforcement: str) -> Decision:
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
