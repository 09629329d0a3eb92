"""One object decided: what the API server would send to the webhook, and what came of it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from webhook.cli.manifests import Item
from webhook.cli.plugin import of_namespace, of_pod, of_template, plugin
from webhook.cli.who import Who
from webhook.cluster.offline import OfflineCluster
from webhook.core.engine import decide
from webhook.core.model.fieldpath import ROOT, FieldPath
from webhook.core.model.finding import Attempt, Decision, Filled, Finding, line, shown
from webhook.core.model.objects import Json, JsonObject, Pod
from webhook.core.model.request import Request, User
from webhook.core.model.shapes import ShapeError
from webhook.core.model.shapes import pod as shaped
from webhook.core.model.walk import KINDS as CONTAINERS
from webhook.core.policyset import PolicySet
from webhook.core.scc.wording import closest
from webhook.core.serverdefaults import defaulted
from webhook.core.workload import KINDS, RESOURCES, template_of
from webhook.reports.result import Located, Result, Verdict

if TYPE_CHECKING:
    from webhook.core.pss.plugin import Said

Place = Callable[[FieldPath], FieldPath]

_ORDINARY = (
    "nobody is named as the requester (--as): taken to be an ordinary user in the group "
    "system:authenticated"
)
_GRAVITY: Mapping[Verdict, int] = {"skip": 0, "pass": 1, "warn": 2, "error": 3, "deny": 4}


class Object(NamedTuple):
    """A readable object; `value` has the namespace filled in, `result` all but the verdict."""

    item: Item
    value: JsonObject
    namespace: str
    result: Result


class Run(NamedTuple):
    """What all objects of a run are decided on; `accounts` are those that files describe."""

    cluster: OfflineCluster
    policies: PolicySet
    who: Who
    accounts: frozenset[tuple[str, str]]


def judge(read: Object, run: Run) -> Result:
    """Decide one object: itself, and the pods that its controller makes of it.

    A workload is told once, with what is wrong with either.
    """
    if read.value["kind"] == "Pod" and "/" not in read.value["apiVersion"]:
        return _pod(read, run)
    own = _object(read, run)
    try:
        pods = _pods(read, run)
    except ShapeError as error:
        return misshapen(read.item, read.result, error)
    return own if pods is None else _together(own, pods)


def misshapen(item: Item, result: Result, error: ShapeError, below: FieldPath = ROOT) -> Result:
    """Return the result of an object with a field of the wrong type, told at the field."""
    path = FieldPath((*below, *error.path))
    reason = f"{path or 'the object'} is {shown(error.seen)}; allowed: {error.expected}"
    return result._replace(line=item.locate(path), verdict="error", reason=reason)


def _pod(read: Object, run: Run) -> Result:
    """Decide a bare pod, which whoever applies it creates."""
    assumptions = (_ORDINARY,) if run.who.assumed else ()
    requester = run.who.requester(read.namespace)
    return _created(read, run, read.value, requester, FieldPath, assumptions)


def _pods(read: Object, run: Run) -> Result | None:
    """Decide the pods that a workload's controller creates; None where there are none."""
    template = template_of(read.value)
    if template is None:
        return None
    notes = (template.note,) if template.note else ()
    return _created(read, run, template.pod, template.creator, template.place, notes)


def _created(
    read: Object,
    run: Run,
    value: JsonObject,
    creator: User,
    place: Place,
    assumptions: tuple[str, ...],
) -> Result:
    """Decide the creation of a pod. `place` tells where in the manifest its parts stand."""
    try:
        pod = shaped(value)
    except ShapeError as error:
        placed = ShapeError(error.expected, error.seen)
        placed.steps = list(reversed(place(error.path)))
        return misshapen(read.item, read.result, placed)
    assumed = list(assumptions)
    pod = _with_account(pod, run.who, read.namespace, assumed)
    pod = defaulted(pod, _automount(pod, read.namespace, run, assumed))
    request = Request(
        "CREATE",
        "pods",
        "Pod",
        creator,
        namespace=read.namespace,
        name=pod.get("metadata", {}).get("name", ""),
        load=lambda: pod,
    )
    decision, facts = _decide(request, run, validate=True)
    labels = run.cluster.namespace(read.namespace).labels
    asked = plugin(read.namespace, labels, run.policies.platform, creator)
    heard = of_pod(asked, pod, decision, bare=place is FieldPath) if asked else None
    decision = _with(decision, heard)
    if decision.skipped and decision.allowed and not decision.findings:
        said = facts if run.policies.defaults else ()  # which went by the namespace's labels
        return read.result._replace(
            verdict="skip",
            reason=decision.skipped,
            assumptions=said,
            filled=_filled(decision, place),
        )
    result = _result(read, decision, place, pod)
    notes = (*result.notes, *(heard.notes if heard else ()))
    return result._replace(assumptions=(*assumed, *facts), notes=notes)


def _object(read: Object, run: Run) -> Result:
    """Decide an object as whoever applies it sends it.

    Of a workload only the first pass: the second looks at its template as well, which is decided
    as a pod here.
    """
    kind: str = read.value["kind"]
    group, _, version = read.value["apiVersion"].rpartition("/")
    known = KINDS.get(kind)
    request = Request(
        "CREATE",
        known.resource if known and known.group == group else _resource(kind),
        kind,
        run.who.requester(read.namespace),
        group=group,
        version=version,
        namespace=read.namespace,
        name=read.result.name,
        load=lambda: read.value,
    )
    brings_pods = (request.group, request.resource) in RESOURCES
    decision, facts = _decide(request, run, validate=not brings_pods)
    heard = _plugins_word(request, read, run)
    decision = _with(decision, heard)
    if (request.group, request.resource) == ("", "namespaces") and decision.allowed:
        read = _receiving(read, decision, run)
    if decision.skipped and decision.allowed and not decision.findings:
        bound = decision.requester not in (
            "",
            "platform",
        )  # by isolation rules, which found nothing
        return read.result._replace(reason="" if bound else decision.skipped)
    result = _result(read, decision, FieldPath)
    assumed = (_ORDINARY,) if run.who.assumed else ()
    notes = (*result.notes, *(heard.notes if heard else ()))
    return result._replace(assumptions=(*assumed, *facts), notes=notes)


def _receiving(read: Object, decision: Decision, run: Run) -> Object:
    """Return a Namespace with what it would receive, stamped as the webhook leaves it."""
    from webhook.cli.receives import received  # few manifests are namespaces

    final = decision.object if decision.patch else read.value
    receives = received(final, read.result.name, run.policies)
    return read._replace(result=read.result._replace(receives=receives))


def _plugins_word(request: Request, read: Object, run: Run) -> "Said | None":
    """Return what the cluster's own Pod Security admission says of a workload or a Namespace."""
    platform = run.policies.platform
    if (request.group, request.resource) == ("", "namespaces"):
        return of_namespace(read.value, platform, request.user)
    if (request.group, request.resource) not in RESOURCES:
        return None
    labels = run.cluster.namespace(read.namespace).labels
    asked = plugin(read.namespace, labels, platform, request.user)
    if asked is None:
        return None
    try:
        template = template_of(read.value)
    except ShapeError:  # told where its pods are decided
        return None
    return of_template(asked, template) if template else None


def _with(decision: Decision, heard: "Said | None") -> Decision:
    """Return a decision with what the cluster's own plugin says of the object as well, told once."""
    if heard is None or not heard.findings or not decision.evaluated:
        return decision
    new = tuple(finding for finding in heard.findings if finding not in decision.findings)
    refused = any(finding.action == "deny" for finding in heard.findings)
    return replace(
        decision,
        allowed=decision.allowed and not refused,
        findings=(*decision.findings, *new),
    )


def _decide(request: Request, run: Run, *, validate: bool) -> tuple[Decision, tuple[str, ...]]:
    """Ask the mutating webhook, then the validating one about what it left; and what was assumed."""
    facts = run.cluster.facts(request, run.policies)
    decision = decide(request, facts, run.policies)
    if validate and decision.allowed and decision.evaluated:
        final: Json = decision.object if decision.patch else request.object
        again = replace(request, phase="validate", load=lambda: final)
        second = decide(again, facts, run.policies)
        if not (second.allowed and second.evaluated):
            decision = second
    return decision, facts.assumptions


def _with_account(pod: Pod, who: Who, namespace: str, assumed: list[str]) -> Pod:
    """Return a pod that names no service account with the one that `-z` names."""
    spec: Mapping[str, Any] = pod.get("spec", {})
    if not who.account or (who.home and who.home != namespace):
        return pod
    if spec.get("serviceAccountName") or spec.get("serviceAccount"):
        return pod
    assumed.append(
        f'pods that name no service account are taken to run as "{namespace}/{who.account}", by -z'
    )
    return shaped({**pod, "spec": {**spec, "serviceAccountName": who.account}})


def _automount(pod: Pod, namespace: str, run: Run, assumed: list[str]) -> bool | None:
    name = defaulted(pod, False).get("spec", {}).get("serviceAccountName", "")
    if name and (namespace, name) not in run.accounts:
        assumed.append(
            f'service account "{namespace}/{name}" is not described: '
            "taken to exist, and to mount its token"
        )
    return run.cluster.automount(namespace, name)


def _result(read: Object, decision: Decision, place: Place, pod: Pod | None = None) -> Result:
    """Return what was decided, told at the manifest's own fields."""
    verdict: Verdict = "pass"
    if not decision.evaluated:
        verdict = "error"
    elif not decision.allowed:
        verdict = "deny"
    elif any(finding.action == "warn" for finding in decision.findings):
        verdict = "warn"
    best = None if decision.scc or verdict == "pass" else closest(decision.attempts)
    return read.result._replace(
        verdict=verdict,
        reason=decision.message if verdict == "error" else "",
        scc=decision.scc,
        subject=decision.subject,
        closest=best.scc if best else "",
        findings=tuple(_located(finding, read, place, pod) for finding in decision.findings),
        attempts=tuple(_placed(attempt, place) for attempt in decision.attempts),
        notes=_notes(decision) if verdict == "deny" else (),
        filled=_filled(decision, place),
    )


def _filled(decision: Decision, place: Place) -> tuple[Filled, ...]:
    """Return what WorkloadDefaults filled in, told at the manifest's own fields."""
    return tuple(replace(each, path=place(each.path)) for each in decision.filled)


def _notes(decision: Decision) -> tuple[str, ...]:
    """Return what a refusal says beside its headlines and its findings."""
    told = {line(finding) for finding in decision.findings}
    return tuple(
        text
        for text in decision.message.splitlines()[1:]
        if text not in told and not text.startswith("... and ") and not text.endswith(":")
    )


def _located(finding: Finding, read: Object, place: Place, pod: Pod | None) -> Located:
    path = place(finding.path)
    container = ""
    match finding.path[:3]:
        case ("spec", str(kind), int(index)) if kind in CONTAINERS and pod is not None:
            spec: Any = pod.get("spec", {})
            container = spec[kind][index].get("name", "")
    return Located(replace(finding, path=path), read.item.locate(path), container)


def _placed(attempt: Attempt, place: Place) -> Attempt:
    if place is FieldPath or not (attempt.findings or attempt.changes):
        return attempt
    return replace(
        attempt,
        findings=tuple(replace(found, path=place(found.path)) for found in attempt.findings),
        changes=tuple(replace(found, path=place(found.path)) for found in attempt.changes),
    )


def _together(own: Result, pods: Result) -> Result:
    """Return one result for a workload and its pods: the graver verdict, each finding once."""
    if own.verdict in ("pass", "skip") and not own.findings:
        return pods
    graver = max(own, pods, key=lambda result: _GRAVITY[result.verdict])
    told = [found.finding for found in pods.findings]
    mine = (
        found
        for found in own.findings
        if found.finding not in told and replace(found.finding, action="deny") not in told
    )
    return pods._replace(
        verdict=graver.verdict,
        reason=graver.reason,
        findings=(*mine, *pods.findings),
        notes=(*own.notes, *pods.notes),
        assumptions=(*own.assumptions, *pods.assumptions),
    )


def _resource(kind: str) -> str:
    """Return the plural by which a kind is usually served."""
    name = kind.lower()
    if name.endswith(("s", "x")):
        return name + "es"
    return name[:-1] + "ies" if name.endswith("y") else name + "s"
