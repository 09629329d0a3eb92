"""The level that is required of tenants' pods holds whoever sends them, and nobody elsewhere."""

from typing import Any

import pytest

from tests.cluster.objects import deployment, pod
from tests.cluster.tenancy.api import Api
from tests.cluster.tenancy.world import World

DRY = "?dryRun=All"
PROBE = {"livenessProbe": {"httpGet": {"host": "10.0.0.1", "port": 80}}}
WORDS = (
    "PodSecurity/hostProbesAndHostLifecycle: spec.containers[0].livenessProbe.httpGet.host "
    'is "10.0.0.1"; allowed: not set, which means the pod itself. Fix: remove host.'
)


def knocking() -> Any:
    """Return a pod that every SCC admits, and baseline does not."""
    sent = pod("knocking")
    sent["spec"]["containers"][0].update(PROBE)
    return sent


def pods(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods"


@pytest.mark.parametrize("user", ["alice", "olga", "paula"])
def test_a_pod_of_a_tenant_is_refused_whoever_sends_it(api: Api, world: World, user: str) -> None:
    answer = api(user, "POST", pods(world.web) + DRY, knocking())

    assert answer.status == 403, answer
    assert WORDS in answer.message
    assert 'Pods of tenant acme have to meet Pod Security "baseline:latest".' in answer.message


def test_elsewhere_nothing_is_required(api: Api, world: World) -> None:
    answer = api("paula", "POST", pods(world.unowned) + DRY, knocking())

    assert answer.status == 201, answer


def test_a_workload_is_admitted_with_a_warning(api: Api, world: World) -> None:
    path = f"/apis/apps/v1/namespaces/{world.web}/deployments"

    answer = api("alice", "POST", path + DRY, deployment(knocking(), "knocking"))

    assert answer.status == 201, answer
    assert "PodSecurity/hostProbesAndHostLifecycle" in " ".join(answer.warnings)


def test_a_container_added_later_is_judged(api: Api, world: World) -> None:
    assert api("alice", "POST", pods(world.web), pod("plain")).status == 201
    added = {
        "name": "debug",
        "image": "registry.example.com/app:1",
        "securityContext": {"appArmorProfile": {"type": "Unconfined"}},
    }
    path = f"{pods(world.web)}/plain/ephemeralcontainers"

    answer = api(
        "alice", "PATCH", path, {"spec": {"ephemeralContainers": [added]}}, "strategic merge patch"
    )
    labelled = api(
        "alice",
        "PATCH",
        f"{pods(world.web)}/plain",
        {"metadata": {"labels": {"a": "b"}}},
        "merge patch",
    )

    assert answer.status == 403, answer
    assert "PodSecurity/appArmorProfile: spec.ephemeralContainers[0]" in answer.message
    assert labelled.status == 200, labelled
    gone = api("alice", "DELETE", f"{pods(world.web)}/plain?gracePeriodSeconds=0")
    assert gone.status == 200, gone
