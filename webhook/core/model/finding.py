"""What was found wrong, and what was decided."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from webhook.core.model.fieldpath import ROOT, FieldPath

Action = Literal["deny", "warn", "audit"]

MOST_SHOWN = 256
"""Characters of an observed value that are ever repeated."""


_LONG = re.compile(rf"\S{{{MOST_SHOWN + 1},}}")


class Unset:
    """The observed value of a field that is not set, as distinct from null."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "not set"


UNSET = Unset()


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem: where, what was seen, what would be allowed, how to mend it.

    `policy` and `rule` name what objects; a rule module leaves `policy` to its engine. `fix` is an
    edit in the imperative, without a full stop. `path` is in the object that was judged. `why`,
    where a rule has more to say than its field does, is a sentence without a full stop. `element`
    is what an update may not bring anew, where path and value do not tell that.
    """

    path: FieldPath
    observed: Any
    allowed: str
    fix: str
    rule: str = ""
    policy: str = ""
    action: Action = "deny"
    why: str = ""
    element: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One SCC that was tried: usable or not, and what it objected to.

    `subject` says through whom it is usable. `findings` are its objections; with none, the SCC
    admits the pod. `changes` are the fields that it would have had to fill in where the request
    forbids that, so that it could not be chosen although its rules accept the result.
    """

    scc: str
    subject: Literal["serviceaccount", "user"] | None = None
    findings: tuple[Finding, ...] = ()
    changes: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Filled:
    """One value that WorkloadDefaults filled in: where, what, and the name of the policy it is from."""

    path: FieldPath
    value: Any
    policy: str


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome of one request.

    `code` and `reason` are those of the Kubernetes Status in a refusal: 403 Forbidden, 422
    Invalid, 429 TooManyRequests (retry by itself helps), 500 (not evaluated). `object` is the
    object after mutation, `patch` the RFC 6902 operations that lead there, empty when nothing
    changed. `attempts` are the SCCs in the order tried, `skipped` says why nothing was judged.
    `requester` is the requester's class and `tenants` are theirs, where tenancy had a say.
    `filled` is what WorkloadDefaults filled in.
    """

    allowed: bool
    message: str = ""
    code: int = 200
    reason: str = ""
    retry_after: int = 0
    findings: tuple[Finding, ...] = ()
    object: Any = None
    patch: tuple[Mapping[str, Any], ...] = ()
    warnings: tuple[str, ...] = ()
    audit: Mapping[str, str] = field(default_factory=dict)
    scc: str = ""
    subject: str = ""
    attempts: tuple[Attempt, ...] = ()
    skipped: str = ""
    evaluated: bool = True
    requester: str = ""
    tenants: tuple[str, ...] = ()
    filled: tuple[Filled, ...] = ()


def shown(value: Any) -> str:
    """Return an observed value as a message shows it: short, on one line, JSON where it can be."""
    if isinstance(value, Unset):
        return "not set"
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, str):
        text = '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    elif isinstance(value, list | tuple):
        text = "[" + ", ".join(shown(item) for item in value) + "]"
    elif isinstance(value, Mapping):
        text = "{" + ", ".join(f"{key}: {shown(item)}" for key, item in value.items()) + "}"
    else:
        text = str(value)
    return text if len(text) <= MOST_SHOWN else text[: MOST_SHOWN - 3] + "..."


def listing(names: Sequence[object], most: int) -> str:
    """Return names as a message lists them: the first so many, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(str, names[:most])) + more


def line(finding: Finding) -> str:
    """Return a finding as the one line that people read, in every report and every answer."""
    where = str(finding.path) if finding.path != ROOT else "the object"
    source = "/".join(part for part in (finding.policy, finding.rule) if part)
    text = (
        f"{finding.why or source}: {where} is {shown(finding.observed)}; "
        f"allowed: {finding.allowed}. Fix: {finding.fix}."
    )
    if finding.why:
        text += f" [{finding.rule}]"
    if "annotations" in finding.path:
        return _without_long(text, finding.observed)
    return text


def _without_long(text: str, observed: Any) -> str:
    """Return a line without a long annotation, which may hold a whole object: only its size is told."""
    if isinstance(observed, str) and len(observed) > MOST_SHOWN:
        size = f"a text of {len(observed.encode(errors='replace'))} bytes"
        text = text.replace(shown(observed), size).replace(observed, f"({size})")
    return _LONG.sub(
        lambda found: f"(a text of {len(found[0].encode(errors='replace'))} bytes)", text
    )
