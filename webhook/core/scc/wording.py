"""What people read when no SCC admits a pod, and OpenShift's audit notes.

The facts are those of OpenShift's denial text; the layout is ours: the SCC that comes closest
leads, one line a problem, and those that nobody may use share one sentence.
"""

from collections.abc import Callable, Sequence

from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import UNSET, Attempt, Finding, line
from webhook.core.scc.constraint import Constraint
from webhook.core.scc.order import reason
from webhook.core.scc.select import Choice

MOST_LINES = 10


def closest(attempts: Sequence[Attempt]) -> Attempt | None:
    """Return the usable attempt that comes closest; the first of several.

    One that accepts the pod and would only have had to fill it in is closer than any that objects.
    """
    usable = [attempt for attempt in attempts if attempt.subject]
    return min(usable, key=lambda attempt: len(attempt.findings), default=None)


def findings(attempts: Sequence[Attempt], account: str, sccs: Sequence[str]) -> tuple[Finding, ...]:
    """Return what is told of a refusal: the closest SCC's objections, or that none is usable."""
    best = closest(attempts)
    if best is not None:
        return best.findings or best.changes
    return (
        Finding(
            path=FieldPath(("spec", "serviceAccountName")),
            observed=account or UNSET,
            allowed="a service account or a user that may use one of " + ", ".join(sccs),
            fix="ask an administrator to bind one of the ClusterRoles system:openshift:scc:<name>",
            policy="scc",
            rule="use",
        ),
    )


def refusal(
    what: str,
    attempts: Sequence[Attempt],
    told: Sequence[Finding],
    barred_clause: str,
    would_admit: Callable[[str], bool],
) -> str:
    """Return the whole text of a refusal.

    Args:
        what: what was refused, such as `pod "web"`.
        attempts: the SCCs tried, in order.
        told: the findings to lead with.
        barred_clause: who asked, such as `User "alice" may not use`.
        would_admit: whether the rules of an SCC that is not usable would accept the pod.
    """
    best = closest(attempts)
    if best is None:
        head = f"no security context constraint (SCC) is usable for {what}:"
    else:
        head = f'no security context constraint (SCC) admits {what}; "{best.scc}" comes closest:'
    lines = [head, *(line(finding) for finding in told[:MOST_LINES])]
    if len(told) > MOST_LINES:
        lines.append(f"... and {len(told) - MOST_LINES} more; `tenantgate check` lists them all.")
    others = [
        f"{attempt.scc} ({_count(attempt)})"
        for attempt in attempts
        if attempt.subject and attempt is not best
    ]
    if others:
        lines.append(f"Also tried: {', '.join(others)}.")
    barred = [attempt.scc for attempt in attempts if not attempt.subject]
    if barred:
        names = [f"{name} (would admit it)" if would_admit(name) else name for name in barred]
        lines.append(f"{barred_clause}: {', '.join(names)}.")
    return "\n".join(lines)


def _count(attempt: Attempt) -> str:
    if attempt.changes:
        return "would have to change the pod"
    number = len(attempt.findings)
    return "1 objection" if number == 1 else f"{number} objections"


def audit(choice: Choice, runner_up: Constraint | None) -> dict[str, str]:
    """Return OpenShift's audit notes on a creation, under keys short enough for a webhook.

    The API server puts the webhook's name and a slash in front and drops keys with a slash of
    their own, so OpenShift's prefixes are left out.
    """
    notes = {
        f"too-restrictive-{attempt.scc}": "; ".join(line(finding) for finding in attempt.findings)
        for attempt in choice.attempts
        if attempt.findings
    }
    barred = [attempt.scc for attempt in choice.attempts if not attempt.subject]
    if barred:
        notes["denied"] = ",".join(barred)
    if choice.scc is None:
        tried = len(barred) < len(choice.attempts)
        notes["reason"] = "all too restrictive or denied" if tried else "all denied"
    elif runner_up is None:
        notes["reason"] = f'"{choice.scc.name}" is the only one not too restrictive and not denied'
    else:
        first, second = choice.scc.name, runner_up.name
        notes["reason"] = (
            f'"{first}" is most restrictive, not denied, and chosen over "{second}" '
            f'because "{first}" {reason(choice.scc, runner_up)}'
        )
    return notes
