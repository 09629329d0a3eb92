"""What a tenant's pod becomes when every rule that fills something in has had its turn."""

from dataclasses import replace
from typing import Any

import jsonpatch  # type: ignore[import-untyped, unused-ignore]  # typed in some releases only

from tests.core.tenancy.table import Cluster, Row
from webhook.core.engine import decide
from webhook.core.model.finding import Decision
from webhook.core.model.request import Facts, Request
from webhook.core.policyset import PolicySet

TENANT: dict[str, Any] = {
    "namespaces": {"nodeSelector": {"pool": "shared"}},
    "allow": {
        "priorityClasses": {"names": ["standard"], "default": "standard"},
        "runtimeClasses": {"names": ["gvisor"], "default": "gvisor"},
        "pullPolicies": ["Always"],
    },
}
CONTAINER = {"name": "app", "image": "app:1", "imagePullPolicy": "IfNotPresent"}
DEBUGGER = {"name": "debug", "image": "debug:1", "imagePullPolicy": "IfNotPresent"}


def decided(row: Row, asked: Request | None = None) -> Decision:
    case = row.case
    assert isinstance(case.world, Cluster)
    case.world.readable = None
    policies = PolicySet(sccs=(), platform=case.platform, registry=case.registry)
    return decide(asked or row.asked, Facts(case.namespace, world=case.world), policies)


def applied(decision: Decision, sent: Any) -> Any:
    return jsonpatch.apply_patch(sent, [dict(operation) for operation in decision.patch])


def test_a_new_pod_is_given_nodes_classes_and_pull_policy_once() -> None:
    spec = {"priority": 0, "preemptionPolicy": "PreemptLowerPriority", "containers": [CONTAINER]}
    row = Row("T-WL-2", "", {"resource": "pods"}, {"spec": spec}, tenant=TENANT)

    first = decided(row)
    made = applied(first, row.asked.object)
    again = decided(row, replace(row.asked, load=lambda: made))
    second = decided(row, replace(row.asked, load=lambda: made, phase="validate"))

    assert made["spec"] == {
        "nodeSelector": {"pool": "shared"},
        "priorityClassName": "standard",
        "runtimeClassName": "gvisor",
        "containers": [{**CONTAINER, "imagePullPolicy": "Always"}],
    }
    assert (again.allowed, again.patch) == (True, ())
    assert (second.allowed, second.patch) == (True, ())


def test_of_a_running_pod_only_what_is_added_is_changed() -> None:
    row = Row(
        "T-WL-7",
        "",
        {"operation": "UPDATE", "resource": "pods", "subresource": "ephemeralcontainers"},
        {"spec": {"containers": [CONTAINER], "ephemeralContainers": [DEBUGGER]}},
        was={"spec.ephemeralContainers": None},
        tenant=TENANT,
    )

    decision = decided(row)

    assert decision.patch == (
        {
            "op": "replace",
            "path": "/spec/ephemeralContainers/0/imagePullPolicy",
            "value": "Always",
        },
    )


def test_a_rule_that_is_off_fills_nothing_in() -> None:
    off = {f"T-WL-{number}": "off" for number in (2, 4, 5, 7)}
    row = Row(
        "T-WL-2",
        "",
        {"resource": "pods"},
        {"spec": {"containers": [CONTAINER]}},
        tenant=TENANT,
        platform={"rules": off},
    )

    assert (decided(row).allowed, decided(row).patch) == (True, ())
