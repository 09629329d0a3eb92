"""SCC documents against OpenShift's own defaulting and validation."""

from typing import Any

import pytest

from tests.conformance.oracle import records
from webhook.core.scc.defaulting import default
from webhook.core.scc.validation import problems

RECORDS = records("scc-objects.jsonl.gz")


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record["id"])
def test_same_as_openshift(record: dict[str, Any]) -> None:
    expect = record["expect"]

    defaulted = default(record["scc"])
    found = problems(defaulted)

    assert defaulted == expect["defaulted"]
    assert (not found) == expect["valid"], [str(finding.path) for finding in found]
    told = sorted(error.partition(": ")[0] for error in expect["errors"] or ())
    assert sorted(str(finding.path) for finding in found) == told
