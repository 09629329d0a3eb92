"""WorkloadDefaults against the tables of cases that stand beside this file.

A case gives the `policies` (a spec by its name), changes the smallest pod (`set`, by path) and may
label its namespace (`namespace`). It says which fields the pod is filled in with (`fills`; null:
taken away), by whom (`by`), and what is refused (`refuses`: path to what is allowed), and no others.
What is filled in once is not filled in again, and the patch leads from the one pod to the other.
"""

import copy
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jsonpatch
import pytest
import yaml

from tests.core.samples import POD, changed, facts, request
from webhook.core.engine import decide
from webhook.core.model.request import Namespace, NoAccess
from webhook.core.policyset import PolicySet, parse_policies

TABLES = sorted(Path(__file__).parent.glob("*.yaml"))


@dataclass(frozen=True)
class Case:
    table: str
    it: str
    policies: dict[str, Any]
    set: dict[str, Any] = field(default_factory=dict)
    namespace: dict[str, str] = field(default_factory=dict)
    fills: dict[str, Any] = field(default_factory=dict)
    by: dict[str, str] = field(default_factory=dict)
    refuses: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.table}: {self.it}"

    @property
    def loaded(self) -> PolicySet:
        return loaded(self.policies)


def loaded(specs: dict[str, Any]) -> PolicySet:
    """Return the set of WorkloadDefaults with these names and specs."""
    documents = [
        {
            "apiVersion": "tenantgate.io/v1",
            "kind": "WorkloadDefaults",
            "metadata": {"name": name},
            "spec": spec,
        }
        for name, spec in specs.items()
    ]
    return parse_policies(
        {"a.json": json.dumps({"apiVersion": "v1", "kind": "List", "items": documents})}
    )


CASES = [
    Case(path.stem, **row) for path in TABLES for row in yaml.safe_load(path.read_text())["cases"]
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_case(case: Case) -> None:
    sent = changed(POD, case.set)
    kept = copy.deepcopy(sent)
    policies = case.loaded
    known = facts(NoAccess(), namespace=Namespace("shop", case.namespace))

    decision = decide(request(sent), known, policies)

    told = {str(finding.path): finding.allowed for finding in decision.findings}
    assert told == case.refuses
    assert decision.allowed == (not case.refuses)
    assert sent == kept
    if case.refuses:
        assert {finding.policy for finding in decision.findings} == {"WorkloadDefaults"}
        return
    assert decision.object == changed(sent, case.fills)
    assert jsonpatch.apply_patch(sent, list(decision.patch)) == decision.object
    assert {
        str(item.path): item.policy for item in decision.filled if str(item.path) in case.by
    } == (case.by)
    again = decide(request(decision.object), known, policies)
    assert (again.patch, again.filled) == ((), ())
    second = decide(replace(request(decision.object), phase="validate"), known, policies)
    assert (second.allowed, second.patch) == (True, ())
