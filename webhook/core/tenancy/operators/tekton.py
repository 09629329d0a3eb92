"""Tekton: the service accounts that tasks run as, and the namespaces that triggers listen to."""

from collections.abc import Iterator
from typing import Any

from webhook.core.model.finding import Finding
from webhook.core.tenancy.operators.foreign import (
    Judges,
    accounts,
    foreign_pattern,
    judges,
    together,
)
from webhook.core.tenancy.places import places
from webhook.core.tenancy.rule import Case


def _listener(value: Any, case: Case) -> Iterator[Finding]:
    """A listener also serves the triggers of the namespaces that it names; `*` is all."""
    for path, name in places(value, "spec.namespaceSelector.matchNames[]"):
        yield from foreign_pattern(path, name, case)


JUDGES: Judges = {
    **judges(
        ("tekton.dev",),
        ("pipelineruns",),
        accounts(
            "spec.taskRunTemplate.serviceAccountName",
            "spec.taskRunSpecs[].serviceAccountName",
            "spec.taskRunSpecs[].taskServiceAccountName",
            "spec.serviceAccountName",
            "spec.serviceAccountNames[].serviceAccountName",
        ),
    ),
    **judges(
        ("tekton.dev",), ("taskruns", "customruns", "runs"), accounts("spec.serviceAccountName")
    ),
    **judges(
        ("triggers.tekton.dev",),
        ("eventlisteners", "triggers"),
        together(
            accounts("spec.serviceAccountName", "spec.triggers[].serviceAccountName"), _listener
        ),
    ),
}
