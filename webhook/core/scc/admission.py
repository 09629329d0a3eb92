"""SCC admission of one pod: candidates, permission, choice, annotations.

Equals OpenShift's plugin `security.openshift.io/SecurityContextConstraint`, its `Admit` and its
`Validate`. Left out are its two protections at start-up (ten SCCs that must exist, ten seconds of
waiting): no SCC is obligatory here, and a namespace without its annotations gets a refusal that
clients retry by themselves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import UNSET, Attempt, Finding, line
from webhook.core.model.objects import Pod
from webhook.core.model.ranges import MCS, UID_RANGE, RangeError
from webhook.core.model.request import Access, Namespace, User
from webhook.core.scc import wording
from webhook.core.scc.constraint import Constraint, NamespaceValues, complete, namespace_values
from webhook.core.scc.evaluate import admits
from webhook.core.scc.scope import REQUIRED_SCC, SCC, SUBJECT_TYPE
from webhook.core.scc.select import (
    Accept,
    Choice,
    Subject,
    anything,
    choose,
    nothing,
    only_ephemeral,
)

Mode = Literal["create", "ephemeral", "update", "validate"]
_ACCEPT: Mapping[Mode, Accept] = {
    "create": anything,
    "ephemeral": only_ephemeral,
    "update": nothing,
    "validate": nothing,
}
_ANNOTATIONS = FieldPath(("metadata", "annotations"))


@dataclass(frozen=True, slots=True)
class Question:
    """A pod, who asks, and what the answer may change.

    `what` names the pod in messages, such as `pod "web"`. `mode` is `create` for anything that may
    fill the pod in, `ephemeral` for what may only fill in ephemeral containers, `update` for what
    may change nothing, `validate` for the second pass.
    """

    pod: Pod
    mode: Mode
    what: str
    user: User
    namespace: str
    found: Namespace | None
    access: Access


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer. With a `scc`, the pod is admitted as `pod`; else `message` says why not.

    `undecided` is set when the pod was not judged; `retry` when time alone will mend that.
    """

    pod: Pod
    scc: str = ""
    subject: str = ""
    message: str = ""
    findings: tuple[Finding, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    audit: Mapping[str, str] = field(default_factory=dict)
    undecided: bool = False
    retry: bool = False


def judge(question: Question, sccs: Sequence[Constraint]) -> Verdict:
    """Choose the SCC that admits the pod, or say why none does.

    Args:
        question: the pod and who asks.
        sccs: every SCC, in order.
    """
    pod = question.pod
    annotations = pod.get("metadata", {}).get("annotations", {})
    required = annotations.get(REQUIRED_SCC, "")
    hint = annotations.get(SCC, "")
    if question.mode == "validate" and required and required != hint:
        return _refused(
            pod,
            _ANNOTATIONS / SCC,
            hint or UNSET,
            f'"{required}", which {REQUIRED_SCC} demands',
            "let the mutating webhook choose the SCC",
        )
    candidates = tuple(scc for scc in sccs if scc.name == required) if required else tuple(sccs)
    if not candidates:
        return _no_candidate(pod, required, sccs)
    if (problem := _unready(question)) is not None:
        return problem
    found = cast(Namespace, question.found)
    values = namespace_values(found.annotations)
    if unfit := _incomplete(candidates, values):
        return Verdict(
            pod,
            undecided=True,
            message=f'namespace "{question.namespace}": {unfit}. Fix: have an administrator '
            "correct the annotation",
        )
    if question.mode == "validate" and hint:
        candidates = tuple(sorted(candidates, key=lambda scc: scc.name != hint))
    who = _Identities(question)
    choice = choose(pod, candidates, values, who, _ACCEPT[question.mode])
    if choice.scc is None:
        return _denied(question, choice, candidates, values, who)
    return _admitted(question, choice, candidates, values, who, hint)


def _no_candidate(pod: Pod, required: str, sccs: Sequence[Constraint]) -> Verdict:
    if required:
        return _refused(
            pod,
            _ANNOTATIONS / REQUIRED_SCC,
            required,
            "the name of an SCC that exists: " + ", ".join(sorted(scc.name for scc in sccs)),
            "name one of them, or remove the annotation",
        )
    return Verdict(
        pod,
        undecided=True,
        message="the policies hold no SecurityContextConstraints, so no pod can be admitted",
    )


def _unready(question: Question) -> Verdict | None:
    """Refuse, to be retried, in a namespace that is not known or has no ranges yet."""
    if question.found is None:
        text = (
            f'namespace "{question.namespace}" is not known yet. Fix: try again; if it stays so, see '
            "whether the namespace exists"
        )
        return Verdict(question.pod, undecided=True, retry=True, message=text)
    for key in (UID_RANGE, MCS):
        if key not in question.found.annotations:
            text = (
                f'namespace "{question.namespace}" has no annotation {key} yet. Fix: try again; if it '
                "stays so, have an administrator annotate the namespace"
            )
            return Verdict(question.pod, undecided=True, retry=True, message=text)
    return None


def _incomplete(sccs: tuple[Constraint, ...], values: NamespaceValues) -> str:
    """Return why SCCs cannot be completed with the namespace's values; "" where all can.

    One that cannot refuses the pod, whoever may use it, as on OpenShift.
    """
    if not values.errors:
        return ""
    problems: dict[str, list[str]] = {}
    for scc in sccs:
        try:
            complete(scc, values)
        except RangeError as error:
            problems.setdefault(str(error), []).append(scc.name)
    return "; ".join(f"{text} (needed by {', '.join(who)})" for text, who in problems.items())


class _Identities:
    """Through whom an SCC is usable: the pod's service account first, then the requester."""

    def __init__(self, question: Question) -> None:
        user, namespace = question.user, question.namespace
        self.account = question.pod.get("spec", {}).get("serviceAccountName", "")
        account = User.service_account(namespace, self.account) if self.account else None
        self._identities = (
            (account, question.access.grants(account, namespace) if account else frozenset()),
            (user, question.access.grants(user, namespace)),
        )

    def __call__(self, scc: Constraint) -> Subject | None:
        """Return the subject type through which the SCC is usable, or None."""
        (account, account_grants), (user, user_grants) = self._identities
        name = scc.name
        if account is not None and (name in account_grants or _listed(account, scc)):
            return "serviceaccount"
        return "user" if name in user_grants or _listed(user, scc) else None

    @property
    def barred(self) -> str:
        """Say who may not use an SCC, as the beginning of a sentence."""
        (account, _), (user, _) = self._identities
        if account is None:
            return f'User "{user.name}" may not use'
        name = account.name.removeprefix("system:serviceaccount:").replace(":", "/")
        return f'Neither user "{user.name}" nor service account "{name}" may use'


def _listed(user: User, scc: Constraint) -> bool:
    if not scc.users and not scc.groups:
        return False
    return user.name in scc.users or not scc.groups.isdisjoint(user.groups)


def _admitted(
    question: Question,
    choice: Choice,
    sccs: tuple[Constraint, ...],
    values: NamespaceValues,
    who: _Identities,
    hint: str,
) -> Verdict:
    chosen, subject = cast(Constraint, choice.scc), cast(str, choice.subject)
    pod = choice.pod
    if question.mode == "create":
        audit = wording.audit(choice, _runner_up(question.pod, choice, sccs, values, who))
    else:
        audit = {"chosen": chosen.name}
        if question.mode == "validate" and hint and hint != chosen.name:
            audit["reason-validation"] = (
                f'originally chosen "{hint}" did not pass final validation after mutating '
                f'admission, but "{chosen.name}" did instead'
            )
    if question.mode != "validate":
        metadata = pod.get("metadata", {})
        annotations = {
            **metadata.get("annotations", {}),
            SCC: chosen.name,
            SUBJECT_TYPE: subject,
        }
        pod = {**pod, "metadata": {**metadata, "annotations": annotations}}
    return Verdict(pod, scc=chosen.name, subject=subject, attempts=choice.attempts, audit=audit)


def _runner_up(
    pod: Pod,
    choice: Choice,
    sccs: tuple[Constraint, ...],
    values: NamespaceValues,
    who: _Identities,
) -> Constraint | None:
    after = sccs[len(choice.attempts) + 1 :]
    return next((scc for scc in after if who(scc) and admits(pod, complete(scc, values))), None)


def _denied(
    question: Question,
    choice: Choice,
    sccs: tuple[Constraint, ...],
    values: NamespaceValues,
    who: _Identities,
) -> Verdict:
    by_name = {scc.name: scc for scc in sccs}
    told = wording.findings(choice.attempts, who.account, list(by_name))
    audit = wording.audit(choice, None) if question.mode == "create" else {}
    return Verdict(
        question.pod,
        message=wording.refusal(
            question.what,
            choice.attempts,
            told,
            who.barred,
            lambda name: admits(question.pod, complete(by_name[name], values)),
        ),
        findings=told,
        attempts=choice.attempts,
        audit=audit,
    )


def refused_change(pod: Pod, before: str, after: str) -> Verdict:
    """Refuse an update that changes which SCC a pod demands, as OpenShift does."""
    return _refused(
        pod,
        _ANNOTATIONS / REQUIRED_SCC,
        after or UNSET,
        f'"{before}", as on the stored pod' if before else "not set, as on the stored pod",
        "leave the annotation as it is, or create the pod anew",
    )


def _refused(pod: Pod, path: FieldPath, observed: object, allowed: str, fix: str) -> Verdict:
    finding = Finding(
        path, observed, allowed, fix, rule=REQUIRED_SCC.partition("/")[2], policy="scc"
    )
    return Verdict(pod, message=line(finding), findings=(finding,))
