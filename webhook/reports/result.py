"""What a run over many objects found: the one value that every report is written from.

Named tuples, as in the commands: a dataclass takes eight times as long to define, and a command
line is started often.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from webhook.core.model.finding import Attempt, Filled, Finding

Verdict = Literal["pass", "warn", "deny", "error", "skip"]
VERDICTS: tuple[Verdict, ...] = ("pass", "warn", "deny", "error", "skip")


class Located(NamedTuple):
    """A finding with its line in the file, and the container that it is about, if it is about one.

    The finding's path is in the object as its author wrote it, a workload's in its template.
    """

    finding: Finding
    line: int
    container: str = ""


class Receives(NamedTuple):
    """What a namespace would receive: of which tenant it is, by which template, and why by that one.

    `objects` are apiVersion, kind and name, in the order in which they are made.
    """

    tenant: str
    template: str
    why: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    objects: tuple[tuple[str, str, str], ...]


class Result(NamedTuple):
    """One object, and what was decided on it; or what could not be read, with an `error`.

    `scc` is the one that admits it, `closest` the one that came closest to it. `reason` says why
    nothing judged it (a skip, or a kind that no policy judges) or why it could not be decided (an
    error). `notes` are what a refusal has to say beside its findings. `filled` is what
    WorkloadDefaults fill in, at the places in the manifest. `receives` is for Namespaces alone.
    """

    file: str
    line: int
    verdict: Verdict
    column: int = 0
    api_version: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""
    scc: str = ""
    subject: str = ""
    closest: str = ""
    reason: str = ""
    findings: tuple[Located, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    notes: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    filled: tuple[Filled, ...] = ()
    receives: Receives | None = None

    @property
    def title(self) -> str:
        """The object as people name it: `Deployment shop/web`."""
        name = "/".join(part for part in (self.namespace, self.name) if part)
        return f"{self.kind} {name}".strip()


class Report(NamedTuple):
    """Every result of a run in order, with what was taken for granted on the way."""

    results: tuple[Result, ...]
    files: int
    policy_set_hash: str = ""

    @property
    def counts(self) -> dict[Verdict, int]:
        """How many objects got each verdict."""
        counted = Counter(result.verdict for result in self.results)
        return {verdict: counted[verdict] for verdict in VERDICTS}

    @property
    def objects(self) -> int:
        """How many objects were read, decided or not."""
        return sum(1 for result in self.results if result.kind)

    @property
    def assumptions(self) -> Sequence[str]:
        """What was taken for granted, each said once, in the order of the results."""
        return list(dict.fromkeys(said for result in self.results for said in result.assumptions))
