"""Every control against the table of cases that stands beside this file under its name.

A case changes the smallest pod (`set`, by path) and says which fields the control refuses, in the
order told, and no others; `says` is what Kubernetes' own plugin says of it. `at` is the version of
the standard, the latest where none is given. A case that names no container but `spec.containers`
is run with its containers as init and as ephemeral containers too.
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

from tests.core.samples import POD, changed
from webhook.core.model.finding import Finding, line
from webhook.core.model.walk import KINDS
from webhook.core.pss import controls
from webhook.core.pss.controls import CONTROLS
from webhook.core.pss.evaluate import evaluate, said

FOLDER = Path(__file__).parent
MODULES = sorted(module.name for module in iter_modules(controls.__path__))
TABLES: dict[str, Any] = {
    path.stem: yaml.safe_load(path.read_text()) for path in sorted(FOLDER.glob("*.yaml"))
}
BY_ID = {control.id: control for control in CONTROLS}


@dataclass(frozen=True)
class Case:
    """One row of a table, with its containers in one place."""

    control: str
    it: str
    place: str = "containers"
    set: dict[str, Any] = field(default_factory=dict)
    at: str = "latest"
    refuses: list[str] = field(default_factory=list)
    says: str = ""

    def __str__(self) -> str:
        return f"{self.control}: {self.it} [{self.at}, {self.place}]"

    @property
    def pod(self) -> Any:
        """The smallest pod with the case's changes."""
        smallest = copy.deepcopy(POD)
        smallest["spec"][self.place] = smallest["spec"].pop("containers")
        return changed(smallest, self.set)

    def found(self) -> tuple[Finding, ...]:
        """What the control finds at its own level."""
        found = evaluate(self.pod, BY_ID[self.control].level, self.at)
        return tuple(finding for finding in found if finding.rule == self.control)


def everywhere(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a row, and the same with its containers elsewhere if it speaks of none there."""
    text = json.dumps(row)
    yield row
    if not any(f"spec.{kind}" in text for kind in KINDS if kind != "containers"):
        for kind in KINDS:
            if kind != "containers":
                yield {**json.loads(text.replace("spec.containers", f"spec.{kind}")), "place": kind}


CASES = [
    Case(table["control"], **moved)
    for table in TABLES.values()
    for row in table["cases"]
    for moved in everywhere(row)
]
REFUSED = [case for case in CASES if case.refuses]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_control(case: Case) -> None:
    """A control refuses the fields that its case names, and no others."""
    found = case.found()

    assert [str(finding.path) for finding in found] == case.refuses
    assert {finding.policy for finding in found} <= {"PodSecurity"}
    if case.says:
        assert said(case.pod, found) == (case.says,)


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_a_refusal_reads_as_one_line_that_says_how_to_mend_it(case: Case) -> None:
    for finding in case.found():
        text = line(finding)

        assert text.startswith(f"PodSecurity/{case.control}: {finding.path} is ")
        assert f"; allowed: {finding.allowed}. Fix: {finding.fix}." in text
        assert finding.allowed
        assert finding.fix
        assert "\n" not in text


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_the_plugins_words_name_what_they_are_about(case: Case) -> None:
    (words,) = said(case.pod, case.found())

    assert words.endswith(")")
    assert '"not set"' not in words


@pytest.mark.parametrize("module", MODULES)
def test_every_control_has_a_table_with_cases_that_pass_and_that_do_not(module: str) -> None:
    table = TABLES.get(module)
    assert table is not None, f"write {module}.yaml beside this file"
    assert any(row.get("refuses") for row in table["cases"]), "no case is refused"
    assert any(not row.get("refuses") for row in table["cases"]), "no case is admitted"
    assert any(row.get("says") for row in table["cases"]), "no case gives the plugin's words"


@pytest.mark.parametrize("module", MODULES)
def test_a_change_between_versions_has_a_case_on_either_side(module: str) -> None:
    table = TABLES[module]
    tried = {row.get("at") for row in table["cases"]}
    for start in BY_ID[table["control"]].versions:
        if start > 25:
            assert {f"v1.{start - 1}", f"v1.{start}"} <= tried


def test_every_table_belongs_to_a_control() -> None:
    assert sorted(TABLES) == MODULES
    assert sorted(table["control"] for table in TABLES.values()) == sorted(BY_ID)
