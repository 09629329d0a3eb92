"""What operators learn of decisions from the metrics: by policy, rule and field, and how long it takes."""

import base64
import json
from typing import Any

import jsonpatch
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.server.parts import Stand, Store, body, pod, review
from webhook.cluster.offline import OfflineCluster
from webhook.core.policyset import parse_policies
from webhook.metrics import exposition
from webhook.store import SHIPPED

TENANCY = """\
apiVersion: tenantgate.io/v1
kind: Platform
metadata: {name: platform}
spec:
  rules: {T-SVC-1: warn}
  podSecurity: {require: baseline}
---
apiVersion: tenantgate.io/v1
kind: Tenant
metadata: {name: acme}
spec:
  owners: [{kind: Group, name: acme-leads}]
  members: [{kind: Group, name: acme-devs}]
  namespaces: {nodeSelector: {pool: acme}}
---
apiVersion: tenantgate.io/v1
kind: WorkloadDefaults
metadata: {name: standard}
spec:
  containers: {defaultRequest: {cpu: 25m}}
"""
SHOP = {
    "apiVersion": "v1",
    "kind": "Namespace",
    "metadata": {
        "name": "shop",
        "labels": {"tenantgate.io/tenant": "acme"},
        "annotations": {
            "openshift.io/sa.scc.uid-range": "1000660000/10000",
            "openshift.io/sa.scc.mcs": "s0:c26,c5",
        },
    },
}
MEMBER: dict[str, Any] = {"groups": ["acme-devs"]}


@pytest.fixture
def stand() -> Stand:
    texts = {
        str(path): path.read_text()
        for path in (*(SHIPPED / "scc").glob("*.yaml"), SHIPPED / "rbac.yaml")
    }
    store = Store(parse_policies({**texts, "tenancy.yaml": TENANCY}))
    return Stand(OfflineCluster([SHOP], store.current.rbac), store)


def asked(stand: Stand, value: Any, path: str = "/mutate") -> Any:
    status, answer = stand.handler.handle(path, body(value))
    assert status == 200
    stand.flush()
    return json.loads(answer)["response"]


def counted(stand: Stand, name: str) -> dict[tuple[str, ...], float]:
    """Return the samples of a metric by the values of their labels, in the order of the table."""
    text, _ = exposition(stand.metrics, lambda: ())
    return {
        tuple(sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if sample.name == name
    }


def results(stand: Stand) -> dict[tuple[str, ...], float]:
    """Return the counts by action, policy, result, rule and source."""
    return counted(stand, "tenantgate_policy_results_total")


def test_each_rule_that_objects_counts_once_a_request(stand: Stand) -> None:
    bad = {"name": "web", "image": "web", "securityContext": {"privileged": True}}
    asked(stand, review(pod(containers=[bad, {**bad, "name": "other"}]), **MEMBER))

    found = results(stand)
    assert found["deny", "restricted-v2", "fail", "privileged", "admission"] == 1
    assert all(value == 1 for value in found.values())


def test_an_scc_that_admits_a_pod_passes_it_at_the_second_webhook_alone(stand: Stand) -> None:
    made = review(**MEMBER)
    asked(stand, made)
    assert results(stand) == {}

    asked(stand, review(_filled_in(stand), **MEMBER), "/validate")

    assert results(stand)["deny", "restricted-v2", "pass", "", "admission"] == 1


def test_a_warning_counts_once_although_both_webhooks_give_it(stand: Stand) -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"type": "NodePort", "ports": [{"port": 80}]},
    }
    made = review(
        service,
        kind={"group": "", "version": "v1", "kind": "Service"},
        resource={"group": "", "version": "v1", "resource": "services"},
        **MEMBER,
    )
    for path in ("/mutate", "/validate"):
        assert asked(stand, made, path)["warnings"]

    assert results(stand) == {("warn", "tenancy", "warn", "T-SVC-1", "admission"): 1}


def test_what_each_policy_fills_in_counts_by_field(stand: Stand) -> None:
    containers = [{"name": name, "image": "registry.example.com/web:1"} for name in "ab"]
    asked(stand, review(pod(containers=containers), **MEMBER))

    found = counted(stand, "tenantgate_mutations_total")
    assert found == {
        ("metadata.annotations", "restricted-v2"): 1,
        ("spec.securityContext", "restricted-v2"): 1,
        ("spec.containers.securityContext", "restricted-v2"): 1,
        ("spec.containers.resources.requests.cpu", "standard"): 1,
        ("spec.nodeSelector", "tenancy"): 1,
    }


def test_a_refused_pod_is_not_filled_in(stand: Stand) -> None:
    asked(stand, review(pod(hostNetwork=True), **MEMBER))

    assert counted(stand, "tenantgate_mutations_total") == {}


def test_of_some_requests_each_family_is_measured(stand: Stand) -> None:
    for _ in range(32):
        asked(stand, review(**MEMBER))

    found = counted(stand, "tenantgate_policy_duration_seconds_count")
    assert found == dict.fromkeys([("defaults",), ("pod-security",), ("scc",), ("tenancy",)], 2.0)


def _filled_in(stand: Stand) -> Any:
    """Return the pod as the first webhook leaves it."""
    patch = json.loads(base64.b64decode(asked(stand, review(**MEMBER))["patch"]))
    return jsonpatch.apply_patch(pod(), patch)
