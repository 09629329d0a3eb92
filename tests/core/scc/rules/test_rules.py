"""Every rule against the table of cases that stands beside this file under the rule's name.

A case changes the smallest pod (`set`, by path), lays fields over an SCC that grants nothing
(`scc`) and annotations over the namespace's (`namespace`). It says which fields the SCC fills in
(`fills`; null: takes away) and which it refuses (`refuses`, in the order told), and no others;
`allowed` is what the first refusal says would pass. With `filled: false` the pod is judged as it
stands, as in the second pass. A case that names no container but `spec.containers` is run with its
containers as init and as ephemeral containers too.
"""

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest
import yaml

from tests.core.samples import ANNOTATIONS, POD, changed, scc
from webhook.core.model.fieldpath import FieldPath
from webhook.core.model.finding import UNSET, line
from webhook.core.model.shapes import pod as shaped
from webhook.core.model.walk import KINDS
from webhook.core.scc import rules
from webhook.core.scc.constraint import Constraint, complete, namespace_values
from webhook.core.scc.evaluate import fill, objections
from webhook.core.scc.rules import RULES

FOLDER = Path(__file__).parent
MODULES = sorted(module.name for module in iter_modules(rules.__path__))
TABLES: dict[str, Any] = {
    path.stem: yaml.safe_load(path.read_text()) for path in sorted(FOLDER.glob("*.yaml"))
}


@dataclass(frozen=True)
class Case:
    """One row of a table, with its containers in one place."""

    rule: str
    it: str
    place: str = "containers"
    set: dict[str, Any] = field(default_factory=dict)
    scc: dict[str, Any] = field(default_factory=dict)
    namespace: dict[str, str | None] = field(default_factory=dict)
    filled: bool = True
    fills: dict[str, Any] = field(default_factory=dict)
    refuses: list[str] = field(default_factory=list)
    allowed: str = ""

    def __str__(self) -> str:
        return f"{self.rule}: {self.it} [{self.place}]"

    @property
    def pod(self) -> Any:
        """The smallest pod with the case's changes."""
        smallest = copy.deepcopy(POD)
        smallest["spec"][self.place] = smallest["spec"].pop("containers")
        return shaped(changed(smallest, self.set))

    @property
    def constraint(self) -> Constraint:
        """The SCC with the case's fields, completed for the case's namespace."""
        texts = {
            **ANNOTATIONS,
            **{f"openshift.io/sa.scc.{key}": text for key, text in self.namespace.items()},
        }
        values = {key: text for key, text in texts.items() if text is not None}
        return complete(scc("under-test", **self.scc), namespace_values(values))


def everywhere(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a row, and the same with its containers elsewhere if it speaks of none there."""
    text = json.dumps(row)
    yield row
    if not any(f"spec.{kind}" in text for kind in KINDS if kind != "containers"):
        for kind in KINDS:
            if kind != "containers":
                yield {**json.loads(text.replace("spec.containers", f"spec.{kind}")), "place": kind}


CASES = [
    Case(table["rule"], **moved)
    for table in TABLES.values()
    for row in table["cases"]
    for moved in everywhere(row)
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule(case: Case) -> None:
    """An SCC fills in and refuses the fields that its case names, and no others."""
    pod, before = case.pod, case.pod

    filled = fill(pod, case.constraint) if case.filled else pod
    found = list(objections(filled, case.constraint))

    assert filled == changed(pod, case.fills)
    assert [str(finding.path) for finding in found] == case.refuses
    assert {finding.rule for finding in found} <= {case.rule}
    assert pod == before
    if case.allowed:
        assert found[0].allowed == case.allowed


@pytest.mark.parametrize("case", [case for case in CASES if case.refuses], ids=str)
def test_a_refusal_reads_as_one_line_that_says_how_to_mend_it(case: Case) -> None:
    filled = fill(case.pod, case.constraint) if case.filled else case.pod
    for finding in objections(filled, case.constraint):
        text = line(finding)

        assert text.startswith(f"under-test/{case.rule}: {finding.path} is ")
        assert f"; allowed: {finding.allowed}. Fix: {finding.fix}." in text
        assert finding.allowed
        assert finding.fix
        assert "\n" not in text


TELLS_A_PART = {"capabilities", "seccomp", "volumes"}
"""Rules that show one capability, a profile's short form, a volume's type: not the whole value."""


def seen(value: Any, path: FieldPath) -> Any:
    """Return what stands at a path; an empty word and what is not there count as not set."""
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError):
            return UNSET
    return UNSET if value == "" else value


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.refuses and case.rule not in TELLS_A_PART], ids=str
)
def test_a_refusal_shows_the_value_that_stands_at_its_path(case: Case) -> None:
    filled = fill(case.pod, case.constraint) if case.filled else case.pod
    for finding in objections(filled, case.constraint):
        assert finding.observed == seen(filled, finding.path)


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.refuses and case.rule in TELLS_A_PART], ids=str
)
def test_a_refusal_that_shows_a_part_shows_one_that_is_there(case: Case) -> None:
    filled = fill(case.pod, case.constraint) if case.filled else case.pod
    for finding in objections(filled, case.constraint):
        whole = seen(filled, finding.path)
        match case.rule, finding.observed:
            case "seccomp", str(profile):
                types = {"runtime/default": "RuntimeDefault", "unconfined": "Unconfined"}
                kind, _, name = profile.partition("/")
                local = {"type": "Localhost", "localhostProfile": name}
                assert whole in (profile, {"type": types.get(profile)}, local), kind
            case "capabilities", str(capability):
                assert capability in whole
            case "volumes", str(kind):
                assert whole == kind or kind in whole
            case _, observed:
                assert observed in (UNSET, whole, [])


@pytest.mark.parametrize("case", [case for case in CASES if not case.refuses], ids=str)
def test_filling_twice_is_filling_once(case: Case) -> None:
    filled = fill(case.pod, case.constraint)

    assert fill(filled, case.constraint) == filled


@pytest.mark.parametrize("module", MODULES)
def test_every_rule_has_a_table_with_a_case_that_passes_and_one_that_does_not(module: str) -> None:
    table = TABLES.get(module)
    assert table is not None, f"write {module}.yaml beside this file"
    assert table["rule"] == module.replace("_", "-")
    assert any(row.get("refuses") for row in table["cases"]), "no case is refused"
    assert any(not row.get("refuses") for row in table["cases"]), "no case is admitted"


def test_every_table_belongs_to_a_rule_and_every_rule_is_known_by_its_module() -> None:
    assert sorted(TABLES) == MODULES
    assert sorted(rule.id for rule in RULES) == [name.replace("_", "-") for name in MODULES]


def test_no_two_rules_have_one_place_in_the_order() -> None:
    assert len({rule.order for rule in RULES}) == len(RULES)
