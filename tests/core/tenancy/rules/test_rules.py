"""Every tenancy rule against the table of cases that stands beside this file under its name.

`tests/core/tenancy/table.py` says how a case is written.
"""

import copy
from collections.abc import Iterator
from pkgutil import iter_modules
from typing import Any

import pytest
import yaml

from tests.core.samples import changed
from tests.core.tenancy.table import BY_ID, FOLDER, Row, rows
from webhook.core.model.finding import Finding, line
from webhook.core.tenancy import rules

MODULES = sorted(module.name for module in iter_modules(rules.__path__))
TABLES: dict[str, Any] = {
    path.stem: yaml.safe_load(path.read_text()) for path in sorted(FOLDER.glob("*.yaml"))
}
ROWS = list(rows())
FILLED = [
    row
    for row in ROWS
    if BY_ID[row.rule].mutate and (row.asked.operation, row.asked.phase) == ("CREATE", "mutate")
]
REFUSED = [row for row in ROWS if row.refuses or row.warns]
ODD: tuple[Any, ...] = (None, "", "*", 0, True, [], [None], ["a"], {}, {"a": None})


def paths(found: tuple[Finding, ...], action: str) -> list[str]:
    return [str(finding.path) for finding in found if finding.action == action]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_rule(row: Row) -> None:
    """A rule fills in, refuses and warns of the fields that its case names, and no others."""
    before = copy.deepcopy(row.asked.object)
    first, second = row.judged()

    assert row.allows != bool(row.refuses or row.warns), "a case allows, refuses or warns"
    assert paths(first.findings, "deny") == row.refuses
    assert paths(first.findings, "warn") == row.warns
    assert paths(second.findings, "deny") == row.refuses
    if row.asked.operation in ("CREATE", "UPDATE"):
        assert first.object == changed(before, row.fills)
    assert row.asked.object == before, "the object that was sent has been written to"
    told = "\n".join(line(finding) for finding in first.findings)
    assert [text for text in row.says if text not in told] == [], told


@pytest.mark.parametrize("row", FILLED, ids=str)
def test_filling_in_twice_is_filling_in_once(row: Row) -> None:
    first, _ = row.judged()

    assert row.again(first.object, "mutate").object is first.object


@pytest.mark.parametrize("row", REFUSED, ids=str)
def test_a_refusal_says_what_is_allowed_and_how_to_mend_it(row: Row) -> None:
    first, _ = row.judged()

    for finding in first.findings:
        text = line(finding)
        assert text.endswith(f". [{row.rule}]")
        assert finding.why
        assert finding.allowed
        assert finding.fix
        assert not finding.why.endswith(".")
        assert not finding.fix.endswith(".")
        assert "\n" not in text


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_rule_never_fails_on_an_object_of_another_shape(row: Row) -> None:
    """Stored objects are judged too, and nobody has checked those for this rule."""
    rule = BY_ID[row.rule]
    given = row.asked.object if row.asked.object is not None else row.asked.old_object
    for value in misshapen(given):
        case = row.with_object(value)
        list(rule.check(value, case))
        if rule.mutate is not None:
            rule.mutate(value, case)


def misshapen(value: Any) -> Iterator[Any]:
    """Yield copies of a value in which one part, however deep, is something else."""
    yield from ODD
    if isinstance(value, dict):
        for key, item in value.items():
            for odd in misshapen(item):
                yield {**value, key: odd}
    elif isinstance(value, list):
        for index, item in enumerate(value):
            for odd in misshapen(item):
                yield [*value[:index], odd, *value[index + 1 :]]


@pytest.mark.parametrize("module", MODULES)
def test_every_rule_has_a_table_with_a_case_that_passes_and_one_that_does_not(module: str) -> None:
    table = TABLES.get(module)
    assert table is not None, f"write {module}.yaml beside this file"
    assert any(row.get("refuses") or row.get("warns") for row in table["cases"]), "none is refused"
    assert any(row.get("allows") for row in table["cases"]), "none is allowed"


def test_every_table_belongs_to_a_rule() -> None:
    assert sorted(TABLES) == MODULES
    assert sorted(table["rule"] for table in TABLES.values()) == sorted(BY_ID)
