"""The Pod Security Standards against verdicts recorded from Kubernetes' own evaluator."""

from typing import Any

import pytest

from tests.conformance import test_scc as scc
from tests.conformance.oracle import records
from webhook.core.pss.evaluate import evaluate, said

FIXTURES = records("pss-fixtures.jsonl.gz")
EXAMPLES = records("scc-examples.jsonl.gz")
CONTROLS = {
    "apparmor": "appArmorProfile",
    "capabilities-baseline": "capabilities_baseline",
    "capabilities-restricted": "capabilities_restricted",
    "hostPathRestricted": "restrictedVolumes",
    "seccomp-baseline": "seccompProfile_baseline",
    "seccomp-restricted": "seccompProfile_restricted",
    "selinux": "seLinuxOptions",
}
"""What fixtures call otherwise than the evaluator does."""
STRICTER = {
    "capabilities_baseline": "capabilities_restricted",
    "seccompProfile_baseline": "seccompProfile_restricted",
    "hostPathVolumes": "restrictedVolumes",
}
"""What takes the place of a control at `restricted`."""


@pytest.mark.parametrize("record", FIXTURES, ids=lambda record: record["id"])
def test_fixtures(record: dict[str, Any]) -> None:
    found = evaluate(record["object"], record["level"], record["k8s_version"])

    if record["expect"] == "allow":
        assert found == ()
        return
    named = {finding.rule for finding in found}
    wanted = CONTROLS.get(record["control"], record["control"])
    if record["level"] == "restricted":
        wanted = STRICTER.get(wanted, wanted)
    assert wanted in named
    assert named == {wanted} or wanted == "allowPrivilegeEscalation"


@pytest.mark.parametrize("record", EXAMPLES, ids=lambda record: record["id"])
def test_pods_as_they_were_sent(record: dict[str, Any]) -> None:
    pod = scc.sent(record)
    for level, versions in record["expect"]["pss"].items():
        for version, expected in versions.items():
            found = evaluate(pod, level, version)

            assert list(said(pod, found)) == (expected.get("reasons") or [])
            assert (not found) == expected["allowed"]


@pytest.mark.parametrize(
    "record",
    [
        record
        for record in EXAMPLES
        if "pssMutated" in record["expect"] and not scc.DIFFERENT_BY_DESIGN & set(record["tags"])
    ],
    ids=lambda record: record["id"],
)
def test_pods_as_they_were_filled_in(record: dict[str, Any]) -> None:
    pod = scc.ask(record, "mutate", scc.sent(record)).object
    for level, versions in record["expect"]["pssMutated"].items():
        for version, allowed in versions.items():
            assert (not evaluate(pod, level, version)) == allowed
