"""What becomes of findings: which rules speak, what their action is, what is told about it."""

from typing import Any

import pytest

from tests.core.tenancy.table import Row
from webhook.core.tenancy.admission import Verdict, judge


def verdict(**row: Any) -> Verdict:
    """Return what all rules say of a case; its own rule only says where it is read."""
    return judge(Row("T-ID-1", "", **row).case)


def told(found: Verdict) -> list[tuple[str, str]]:
    return [(finding.rule, finding.action) for finding in found.findings]


FOREIGN: dict[str, Any] = {
    "request": {"resource": "configmaps", "namespace": "globex-app"},
    "object": {"metadata": {"name": "x", "labels": {"tenantgate.io/managed": "true"}}},
}
UNNAMED: dict[str, Any] = {
    "request": {"resource": "namespaces", "name": "kube-x", "user": "olga"},
    "object": {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}},
}
STAMPED: dict[str, Any] = {
    "request": {
        "operation": "UPDATE",
        "resource": "namespaces",
        "name": "acme-web",
        "user": "olga",
    },
    "object": {"metadata": {"labels": {"tenantgate.io/tenant": "acme", "control-plane": "x"}}},
    "was": {"metadata.labels.control-plane": None},
}


def test_a_finding_on_the_boundary_is_the_only_one() -> None:
    assert told(verdict(**FOREIGN)) == [("T-BND-1", "deny")]


def test_otherwise_all_findings_are_told_in_the_order_of_the_catalogue() -> None:
    assert told(verdict(**UNNAMED)) == [("T-NS-2", "deny"), ("T-NS-5", "deny")]


def test_a_boundary_that_only_warns_does_not_end_it() -> None:
    found = told(verdict(**FOREIGN, platform={"rules": {"T-BND-1": "warn"}}))

    assert found[0] == ("T-BND-1", "warn")


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ({}, [("T-NS-5", "deny")]),
        ({"rules": {"T-NS-5": "warn"}}, [("T-NS-5", "warn")]),
        ({"rules": {"T-NS-5": "audit"}}, [("T-NS-5", "audit")]),
        ({"rules": {"T-NS-5": "off"}}, []),
        ({"rules": {"T-NS-5": False}}, []),
        ({"enforcement": "warn"}, [("T-NS-5", "warn")]),
        ({"enforcement": "audit"}, [("T-NS-5", "audit")]),
        ({"enforcement": "audit", "rules": {"T-NS-5": "deny"}}, [("T-NS-5", "deny")]),
        ({"enforcement": "warn", "rules": {"T-NS-4": "deny"}}, [("T-NS-5", "warn")]),
    ],
)
def test_the_platform_settles_the_action(
    spec: dict[str, Any], found: list[tuple[str, str]]
) -> None:
    assert told(verdict(**STAMPED, platform=spec)) == found


def test_who_asked_and_which_rules_spoke_go_into_the_audit() -> None:
    assert verdict(**STAMPED).audit == {
        "class": "tenant",
        "tenant": "acme",
        "role": "acme=owner",
        "rules": "T-NS-5",
    }


def test_that_the_platform_was_not_judged_goes_into_the_audit() -> None:
    exempt = {**STAMPED, "request": {**STAMPED["request"], "user": "admin"}}

    assert verdict(**exempt).findings == ()
    assert verdict(**exempt).audit == {"class": "platform", "exemption": "platform"}


def test_an_anonymous_requester_hears_one_thing() -> None:
    nobody = {**FOREIGN, "request": {**FOREIGN["request"], "user": "system:anonymous"}}

    assert told(verdict(**nobody)) == [("T-ID-1", "deny")]
