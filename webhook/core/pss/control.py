"""The record that a control's module exports as `CONTROL`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from webhook.core.model.finding import Finding
from webhook.core.pss.pod import Pod

Check = Callable[[Pod], Iterator[Finding]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One control of the Pod Security Standards.

    `id` is its name in Kubernetes. `versions` maps the minor version of Kubernetes from which on
    a check holds to that check, oldest first. A control of `restricted` takes the place of the one
    of `baseline` that `overrides` names. `said` turns its findings into the words of Kubernetes'
    own admission plugin: a reason, with the details in brackets.
    """

    id: str
    level: Literal["baseline", "restricted"]
    versions: Mapping[int, Check]
    said: Callable[[Pod, Sequence[Finding]], str]
    overrides: str = ""

    def at(self, minor: int) -> Check | None:
        """Return the check of a version; None where it has none yet."""
        since = [start for start in self.versions if start <= minor]
        return self.versions[max(since)] if since else None
