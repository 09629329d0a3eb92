"""SCC admission of requests: which of them carry pods, and what becomes of each.

Pods being written, pods that somebody connects to, and workloads whose pods are yet to come.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from webhook.core.model.finding import Decision, line
from webhook.core.model.objects import JsonObject, Pod
from webhook.core.model.refusal import NOT_EVALUATED, not_evaluated
from webhook.core.model.request import Facts, Request, User
from webhook.core.model.shapes import ShapeError
from webhook.core.model.shapes import pod as shaped
from webhook.core.platform import Platform
from webhook.core.scc.admission import Mode, Question, Verdict, judge, refused_change
from webhook.core.scc.constraint import Constraint
from webhook.core.scc.scope import (
    IGNORED_SUBRESOURCES,
    REQUIRED_SCC,
    exempt_by_label,
    is_windows,
    only_ignorable_changes,
    unchanged,
)
from webhook.core.serverdefaults import defaulted
from webhook.core.workload import RESOURCES, Template, template_of


@dataclass(frozen=True, slots=True)
class Needs:
    """What the shell has to gather before a decision.

    `namespace`: the request's namespace with its ranges, `labels`: the same, with or without them.
    `grants`: what `identities` may use. `pod`: the stored pod that a CONNECT names.
    `service_account`: the account in that namespace whose own settings count, by name.
    """

    namespace: bool = False
    grants: bool = False
    pod: bool = False
    service_account: str = ""
    labels: bool = False


def needs(request: Request, platform: Platform, sccs: Sequence[Constraint]) -> Needs:
    """Return which facts a decision on the request will ask for.

    A template that cannot be read needs none: the decision will say so.
    """
    if _is_exempt_by_name(request, platform):
        return Needs()
    if _is_connect(request):
        return Needs(namespace=True, grants=True, pod=True)
    if _is_pod_write(request):
        return Needs(namespace=True, grants=True)
    try:
        found = _template(request, platform, sccs)
        account = _account(found.pod) if found else ""
    except ShapeError:
        return Needs()
    return Needs(True, True, False, account) if found else Needs()


def identities(
    request: Request,
    platform: Platform,
    sccs: Sequence[Constraint],
    stored: Pod | None = None,
) -> tuple[User, ...]:
    """Return those whose grants a decision may ask for: a service account, then who creates.

    Args:
        request: a request that needs grants.
        platform: what holds for the whole cluster.
        sccs: every SCC.
        stored: the pod that a CONNECT names.
    """
    creator = request.user
    try:
        if _is_connect(request) or _is_pod_write(request):
            pod = stored if _is_connect(request) else request.object
            account = shaped(pod or {}).get("spec", {}).get("serviceAccountName", "")
        else:
            found = _template(request, platform, sccs)
            account = _account(found.pod) if found else ""
            creator = found.creator if found else creator
    except ShapeError:
        return (creator,)
    if not account:
        return (creator,)
    return User.service_account(request.namespace, account), creator


def _account(template: JsonObject) -> str:
    """Return the service account of a template's pods, which admission sees filled in."""
    return defaulted(shaped(template), None).get("spec", {}).get("serviceAccountName", "")


def decide(
    request: Request, facts: Facts, platform: Platform, sccs: Sequence[Constraint]
) -> Decision:
    """Decide what SCCs have to say about a request.

    Raises:
        ShapeError: the object is no readable pod.
    """
    honour = platform.scc.exemption_labels == "honour"
    if _is_exempt_by_name(request, platform):
        return _skipped(request, f'namespace "{request.namespace}" is exempt by name')
    if honour and (reason := exempt_by_label(facts.namespace)):
        return _skipped(request, reason)
    if _is_connect(request):
        return _connect(request, facts, sccs)
    if _is_pod_write(request):
        return _pod(request, facts, platform, sccs)
    found = _template(request, platform, sccs)
    if found is not None:
        return _workload(request, found, facts, sccs)
    return _skipped(request, "no policy judges it")


def _is_exempt_by_name(request: Request, platform: Platform) -> bool:
    """Tell whether no SCC judges a namespace: the exempt ones and tenantgate's own."""
    name = request.namespace
    return name in platform.scc.exempt_namespaces or name == platform.engine_namespace


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


def _template(request: Request, platform: Platform, sccs: Sequence[Constraint]) -> Template | None:
    """Return the template of a workload that the second pass warns about, if it is one."""
    if platform.scc.workloads == "ignore" or request.phase != "validate":
        return None
    if request.subresource or request.operation not in ("CREATE", "UPDATE") or not sccs:
        return None
    return template_of(request.object) if (request.group, request.resource) in RESOURCES else None


def _skipped(request: Request, reason: str) -> Decision:
    return Decision(allowed=True, object=request.object, skipped=reason)


def _pod(
    request: Request, facts: Facts, platform: Platform, sccs: Sequence[Constraint]
) -> Decision:
    pod = shaped(request.object)
    if is_windows(pod):
        return _skipped(request, "no SCC applies to Windows pods")
    # While nothing is filled in, the second pass would refuse every pod that the first would fill.
    second = request.phase == "validate" and platform.enforcement == "deny"
    mode: Mode = "validate" if second else "create"
    if request.operation == "UPDATE":
        old = shaped(request.old_object)
        if only_ignorable_changes(pod, old):
            return _skipped(request, "nothing changed that an SCC looks at")
        ratchet = platform.scc.pod_updates == "ratchet"
        if ratchet and not request.subresource and unchanged(pod, old):
            return _skipped(request, "all that an SCC reads is as it was")
        if mode == "create":
            before, after = _required(old), _required(pod)
            if before != after:
                return _answer(request, refused_change(pod, before, after))
            mode = "ephemeral" if request.subresource == "ephemeralcontainers" else "update"
    what = f'pod "{_name(request, pod)}"'
    question = _question(request, facts, pod, mode, what, request.user)
    return _answer(request, judge(question, sccs))


def _question(
    request: Request, facts: Facts, pod: Pod, mode: Mode, what: str, user: User
) -> Question:
    return Question(pod, mode, what, user, request.namespace, facts.namespace, facts.access)


def _connect(request: Request, facts: Facts, sccs: Sequence[Constraint]) -> Decision:
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
    what = f'pod "{request.name}"'
    question = _question(request, facts, pod, "create", what, request.user)
    verdict = judge(question, sccs)
    if not verdict.scc and not verdict.undecided:
        said = f"{request.subresource} is refused, as you could not create this pod yourself: "
        verdict = replace(verdict, message=said + verdict.message)
    return replace(_answer(request, verdict), object=request.object)


def _workload(
    request: Request, found: Template, facts: Facts, sccs: Sequence[Constraint]
) -> Decision:
    """Admit a workload, with a warning when no SCC would admit the pods that it becomes."""
    pod = shaped(defaulted(shaped(found.pod), facts.automount))
    if is_windows(pod):
        return _skipped(request, "no SCC applies to Windows pods")
    what = f'the pods of {request.kind} "{_name(request, request.object)}"'
    question = _question(request, facts, pod, "create", what, found.creator)
    verdict = judge(question, sccs)
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
    return Decision(
        allowed=True,
        object=verdict.pod if request.phase == "mutate" else request.object,
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
