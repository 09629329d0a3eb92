"""The harness itself: users are who they say they are, and may do what they were granted."""

import json
from typing import Any

import pytest
from kubernetes import client

from tests.cluster.cluster import ADMIN, ALICE, Cluster, controller, service_account
from tests.cluster.objects import pod


def whoami(cluster: Cluster, user: str, **proof: str) -> dict[str, Any]:
    """Return what the API server takes a user for."""
    done = cluster.kubectl("auth", "whoami", "-o", "json", user=user, **proof)
    info: dict[str, Any] = json.loads(done.stdout)["status"]["userInfo"]
    return info


def test_an_ordinary_user_is_in_no_group_but_system_authenticated(cluster):
    info = whoami(cluster, ALICE)

    assert (info["username"], info["groups"]) == ("alice", ["system:authenticated"])


def test_the_administrator_is_in_system_masters(cluster):
    assert "system:masters" in whoami(cluster, ADMIN)["groups"]


def test_a_controller_has_the_groups_of_its_service_account(cluster):
    info = whoami(cluster, controller("replicaset-controller"))

    assert info["username"] == "system:serviceaccount:kube-system:replicaset-controller"
    assert set(info["groups"]) == {
        "system:serviceaccounts",
        "system:serviceaccounts:kube-system",
        "system:authenticated",
    }


def test_a_token_acts_as_its_service_account(cluster, shop):
    token = cluster.token(shop, "default")

    info = whoami(cluster, service_account(shop, "default"), token=token)

    assert info["username"] == f"system:serviceaccount:{shop}:default"


def test_a_tenant_edits_her_own_namespace_only(cluster, shop):
    elsewhere = cluster.namespace("elsewhere")

    here = cluster.kubectl("auth", "can-i", "create", "pods", "-n", shop, user=ALICE)
    there = cluster.kubectl("auth", "can-i", "create", "pods", "-n", elsewhere, user=ALICE)

    assert (here.stdout.strip(), there.stdout.strip()) == ("yes", "no")


def test_a_pod_gets_its_service_account_and_token_volume(cluster):
    """The plugin ServiceAccount runs before every webhook, as in a real cluster."""
    name = cluster.namespace("plain")
    core = client.CoreV1Api(cluster.client(ADMIN))

    made: Any = core.create_namespaced_pod(name, pod())  # type: ignore[arg-type]  # a plain dict, as the client takes it too

    assert made.spec.service_account_name == "default"
    assert made.spec.volumes[0].name.startswith("kube-api-access-")


def test_an_outage_of_the_api_server_keeps_its_address_and_data(cluster, shop):
    address = cluster.plane.url
    cluster.plane.stop_api()
    try:
        gone = cluster.kubectl("get", "namespace", shop, user=ADMIN)
    finally:
        cluster.plane.start_api()

    assert gone.returncode == 1
    assert "refused" in gone.stderr
    assert cluster.plane.url == address
    assert cluster.get("namespace", shop, "")["metadata"]["name"] == shop


@pytest.mark.parametrize("verb", ["create", "delete"])
def test_a_tenant_may_not_touch_the_registration(cluster, verb):
    resource = "validatingwebhookconfigurations.admissionregistration.k8s.io"

    asked = cluster.kubectl("auth", "can-i", verb, resource, user=ALICE)

    assert asked.stdout.strip() == "no"
