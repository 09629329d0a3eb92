"""What operators see of a decision: the API server's audit log, our own log, the metrics."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.cluster import ALICE, Cluster, admitted, refused
from tests.cluster.objects import Object, pod
from tests.cluster.process import eventually, read


@pytest.fixture
def secretive() -> Object:
    """A pod with a value that belongs in nobody's log."""
    made = pod("secretive", hostNetwork=True)
    made["spec"]["containers"][0]["env"] = [{"name": "PASSWORD", "value": "hunter2"}]
    return made


def lines(log: Path, **wanted: str) -> list[Any]:
    """Return the JSON lines of a log that hold all the wanted values."""
    found = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return [line for line in found if wanted.items() <= line.items()]


def decisions(tenantgate: Any, **wanted: str) -> list[Any]:
    """Return the webhook's decisions, once they are written: it writes them in batches."""
    wanted = {"event_type": "admission_decision", **wanted}
    return eventually(lambda: lines(tenantgate.process.log, **wanted))


def sample(tenantgate: Any, name: str, **labels: str) -> float:
    """Return one value of the metrics, 0 when it is not there."""
    for found, said, value in re.findall(
        r"^(\w+)\{(.*)\} (\S+)$", read(f"{tenantgate.ops}/metrics"), re.M
    ):
        if found == name and labels.items() <= dict(re.findall(r'(\w+)="([^"]*)"', said)).items():
            return float(value)
    return 0.0


def audited(cluster: Cluster, namespace: str) -> dict[str, str]:
    """Return the annotations of the first request in a namespace, as the audit log has them."""

    def found() -> list[Any]:
        events = lines(cluster.plane.audit_log)
        return [event for event in events if event["objectRef"].get("namespace") == namespace]

    annotations: dict[str, str] = eventually(found)[0]["annotations"]
    return annotations


@pytest.mark.usefixtures("tenantgate")
def test_the_audit_log_says_which_scc_was_chosen_and_why(cluster, shop):
    admitted(cluster.create_as(ALICE, pod(), shop))

    notes = audited(cluster, shop)
    assert notes["workloads.mutate.tenantgate.io/reason"].startswith('"restricted-v2" is')
    assert notes["workloads.mutate.tenantgate.io/denied"] == "anyuid"
    assert notes["workloads.validate.tenantgate.io/chosen"] == "restricted-v2"


@pytest.mark.usefixtures("tenantgate")
def test_the_audit_log_says_why_a_pod_was_refused(cluster, shop):
    refused(cluster.create_as(ALICE, pod(hostNetwork=True), shop))

    note = audited(cluster, shop)["workloads.mutate.tenantgate.io/too-restrictive-restricted-v2"]
    assert "spec.hostNetwork is true" in note


def test_each_request_is_one_line_of_our_log(cluster, tenantgate, shop):
    admitted(cluster.create_as(ALICE, pod(), shop))

    eventually(lambda: len(decisions(tenantgate, namespace=shop)) == 2)
    mutated, validated = decisions(tenantgate, namespace=shop)
    assert (mutated["webhook"], validated["webhook"]) == ("mutate", "validate")
    assert mutated["user"] == "alice"
    assert mutated["scc"] == "restricted-v2"
    assert mutated["allowed"]
    assert mutated["mutated"]
    assert not validated["mutated"]


def test_no_value_of_an_environment_is_ever_told(cluster, tenantgate, shop, secretive):
    message = refused(cluster.create_as(ALICE, secretive, shop))

    (line,) = decisions(tenantgate, namespace=shop)
    assert line["findings"][0]["path"] == "/spec/hostNetwork"
    assert "hunter2" not in message
    assert "hunter2" not in tenantgate.process.log.read_text()


def test_the_metrics_count_requests_and_sccs(cluster, tenantgate, shop):
    def counted() -> tuple[float, float, float]:
        name, webhook = "tenantgate_admission_requests_total", {"webhook": "mutate"}
        return (
            sample(tenantgate, name, allowed="true", dry_run="false", **webhook),
            sample(tenantgate, name, allowed="false", dry_run="false", **webhook),
            sample(tenantgate, "tenantgate_scc_admissions_total", scc="restricted-v2"),
        )

    good, bad, chosen = counted()
    admitted(cluster.create_as(ALICE, pod(), shop))
    refused(cluster.create_as(ALICE, pod("bad", hostNetwork=True), shop))

    assert counted() == (good + 1, bad + 1, chosen + 1)
