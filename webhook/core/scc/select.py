"""The first SCC that admits a pod, and why the ones before did not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from webhook.core.model.equality import equal
from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import UNSET, Attempt, Finding, shown
from webhook.core.model.objects import Json, Pod
from webhook.core.scc.constraint import Constraint, NamespaceValues, complete
from webhook.core.scc.evaluate import fill, objections

Subject = Literal["serviceaccount", "user"]
Who = Callable[[Constraint], Subject | None]
Accept = Callable[[Pod, Pod], bool]


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen: the SCC and the pod as it filled it in, or None and the pod as it came.

    `attempts` are the SCCs before the chosen one, in order, with their objections.
    """

    scc: Constraint | None
    pod: Pod
    subject: Subject | None
    attempts: tuple[Attempt, ...]


def anything(before: Pod, after: Pod) -> bool:
    """Accept whatever an SCC fills in: a pod is being created."""
    return True


def only_ephemeral(before: Pod, after: Pod) -> bool:
    """Accept changes in ephemeral containers only: they are being added to a running pod."""
    spec, filled = before.get("spec", {}), after.get("spec", {})
    kept = spec.get("ephemeralContainers")
    if kept is not None:
        filled = {**filled, "ephemeralContainers": kept}
    return equal(before, {**after, "spec": filled})


def nothing(before: Pod, after: Pod) -> bool:
    """Accept no change at all: a pod is being updated, or validated."""
    return equal(before, after)


def choose(
    pod: Pod, sccs: Sequence[Constraint], values: NamespaceValues, who: Who, accept: Accept
) -> Choice:
    """Walk SCCs in order and return the first that is usable, admits the pod and may do so.

    Args:
        pod: the pod as sent.
        sccs: the candidates in order.
        values: what the pod's namespace completes them with. Only those that are tried are
            completed: it takes as long as judging the pod.
        who: through whom an SCC is usable, or None.
        accept: whether the request may turn the first pod into the second.
    """
    attempts: list[Attempt] = []
    for scc in sccs:
        subject = who(scc)
        if subject is None:
            attempts.append(Attempt(scc.name))
            continue
        full = complete(scc, values)
        filled = fill(pod, full)
        findings = tuple(objections(filled, full))
        if findings:
            attempts.append(Attempt(full.name, subject, findings))
        elif accept(pod, filled):
            return Choice(full, filled, subject, tuple(attempts))
        else:
            attempts.append(Attempt(full.name, subject, changes=_changes(pod, filled, full)))
    return Choice(None, pod, None, tuple(attempts))


def _changes(pod: Pod, filled: Pod, scc: Constraint) -> tuple[Finding, ...]:
    """Return what the SCC would have filled in, one finding a field."""
    found: list[Finding] = []

    def compare(before: Json, after: Json, path: FieldPath) -> None:
        if before is after or equal(before, after, str(path[-1]) if path else ""):
            return
        if isinstance(before, dict) and isinstance(after, dict):
            for key in sorted(before.keys() | after.keys()):
                compare(before.get(key), after.get(key), path / key)
        elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
            for index, pair in enumerate(zip(before, after, strict=True)):
                compare(*pair, path / index)
        else:
            found.append(
                Finding(
                    path=path,
                    observed=UNSET if before is None else before,
                    allowed="not set" if after is None else shown(after),
                    fix="create the pod anew, so that it is filled in; an update may not change it",
                    rule="unchanged",
                    policy=scc.name,
                )
            )

    compare(pod, filled, FieldPath())
    return tuple(found)
