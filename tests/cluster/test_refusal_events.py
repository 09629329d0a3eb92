"""Events about refusals, where `kubectl events` and `kubectl describe` show them."""

from typing import Any

import pytest

from tests.cluster.cluster import ALICE, Cluster, admitted, controller, refused
from tests.cluster.objects import deployment, pod
from tests.cluster.process import eventually


@pytest.fixture(autouse=True)
def served(tenantgate: Any) -> None:
    """The webhook is registered, and tells of refusals."""


def told(cluster: Cluster, namespace: str) -> list[Any]:
    """Return the Events of a namespace about refusals, as soon as there are any."""

    def found() -> list[Any]:
        events = cluster.listed("events.events.k8s.io", namespace)
        return [event for event in events if event["reason"] == "PolicyViolation"]

    return eventually(found)


def replica_set(cluster: Cluster, namespace: str) -> Any:
    """Return a ReplicaSet that its controller has yet to make pods for."""
    made = deployment(pod(hostNetwork=True))
    made["kind"] = "ReplicaSet"
    return admitted(cluster.create_as(ALICE, made, namespace))


def owned_pod(owner: Any) -> Any:
    """Return a pod as the controller of a ReplicaSet sends it."""
    made = pod(hostNetwork=True)
    reference = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    made["metadata"] = {"generateName": "web-", "ownerReferences": [reference]}
    return made


def test_a_controllers_pod_is_told_of_at_the_workload_once_with_a_count(
    cluster: Cluster, shop: str
) -> None:
    owner = replica_set(cluster, shop)
    for _ in range(3):
        refused(cluster.create_as(controller("replicaset-controller"), owned_pod(owner), shop))

    (event,) = told(cluster, shop)
    regarding = event["regarding"]
    assert (regarding["kind"], regarding["uid"]) == ("ReplicaSet", owner["metadata"]["uid"])
    assert event["type"] == "Warning"
    assert event["note"].startswith("refused to create Pod web-: ")
    assert "spec.hostNetwork is true" in event["note"]

    described = cluster.kubectl("describe", "replicaset", "web", "-n", shop, user=ALICE)
    assert "PolicyViolation" in described.stdout

    def counted() -> bool:
        (event,) = told(cluster, shop)
        return bool(event.get("series", {}).get("count", 1) == 3)

    eventually(counted, timeout=60)


def test_a_pod_that_nobody_owns_is_told_of_at_its_namespace(cluster: Cluster, shop: str) -> None:
    refused(cluster.create_as(ALICE, pod(hostNetwork=True), shop))

    (event,) = told(cluster, shop)
    assert (event["regarding"]["kind"], event["regarding"]["name"]) == ("Namespace", shop)
    listed = cluster.kubectl("events", "-n", shop, user=ALICE)
    assert "PolicyViolation" in listed.stdout


def test_what_is_admitted_and_dry_runs_are_told_to_nobody(cluster: Cluster, shop: str) -> None:
    admitted(cluster.create_as(ALICE, pod(), shop))
    refused(cluster.create_as(ALICE, pod("dry", hostNetwork=True), shop, "--dry-run=server"))
    refused(cluster.create_as(ALICE, pod("last", hostNetwork=True), shop))

    (event,) = told(cluster, shop)
    assert "Pod last" in event["note"]
