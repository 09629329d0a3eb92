"""What owners may do to their Namespace objects follows whose those are, on a real API server."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.cluster import ADMIN, Cluster
from tests.cluster.process import eventually
from tests.cluster.running import Running, document
from webhook.controllers.ownership.access import Access

TENANT = "tenantgate.io/tenant"
ROLE = "tenantgate:owner:initrode"
PLATFORM = document(
    "Platform",
    "platform",
    {
        "cluster": {
            "podCIDRs": ["10.244.0.0/16"],
            "serviceCIDRs": ["10.0.0.0/24"],
            "nodeCIDRs": ["10.1.0.0/20"],
        }
    },
)


def tenant(*owners: str) -> dict[str, Any]:
    people = [{"kind": "User", "name": name} for name in owners]
    return document("Tenant", "initrode", {"owners": people})


@pytest.fixture
def running(cluster: Cluster, tmp_path) -> Iterator[Running]:
    policies = {"platform": PLATFORM, "initrode": tenant("ines")}
    made = Running(cluster, tmp_path, lambda context: [Access(context)], policies)
    made.start()
    yield made
    made.change({"initrode": None})
    for name in owned(cluster):
        assert cluster.kubectl("label", "namespace", name, f"{TENANT}-", user=ADMIN).returncode == 0
    eventually(lambda: not exists(cluster, "clusterrolebinding"))
    made.close()


def owned(cluster: Cluster) -> list[str]:
    listed = cluster.kubectl(
        "get", "namespaces", "-l", f"{TENANT}=initrode", "-o", "json", user=ADMIN
    )
    return [item["metadata"]["name"] for item in json.loads(listed.stdout)["items"]]


def exists(cluster: Cluster, kind: str) -> bool:
    return cluster.kubectl("get", kind, ROLE, user=ADMIN).returncode == 0


def may(cluster: Cluster, user: str, verb: str, name: str = "") -> bool:
    named = f"namespaces/{name}" if name else "namespaces"
    return cluster.kubectl("auth", "can-i", verb, named, user=user).returncode == 0


def test_owners_work_on_their_namespaces_and_no_others(cluster, running):
    mine = cluster.namespace("mine", labels={TENANT: "initrode"})
    other = cluster.namespace("other")

    eventually(lambda: may(cluster, "ines", "delete", mine))

    assert all(may(cluster, "ines", verb, mine) for verb in ("get", "update", "patch"))
    assert may(cluster, "ines", "create")
    assert not may(cluster, "ines", "get", other)
    assert not may(cluster, "ines", "list")


def test_a_namespace_that_leaves_the_tenant_leaves_the_role(cluster, running):
    mine = cluster.namespace("mine", labels={TENANT: "initrode"})
    eventually(lambda: may(cluster, "ines", "get", mine))

    cluster.kubectl("label", "--overwrite", "namespace", mine, f"{TENANT}=other", user=ADMIN)

    eventually(lambda: not may(cluster, "ines", "get", mine))


def test_owners_come_and_go_with_the_file(cluster, running):
    eventually(lambda: may(cluster, "ines", "create"))

    running.change({"initrode": tenant("otto", "ivo")})

    eventually(lambda: may(cluster, "ivo", "create"))
    assert not may(cluster, "ines", "create")


@pytest.mark.parametrize("kind", ["clusterrole", "clusterrolebinding"])
def test_what_is_taken_away_comes_back(cluster, running, kind):
    mine = cluster.namespace("mine", labels={TENANT: "initrode"})
    eventually(lambda: may(cluster, "ines", "get", mine))

    assert cluster.kubectl("delete", kind, ROLE, user=ADMIN).returncode == 0

    eventually(lambda: may(cluster, "ines", "get", mine))


def test_what_is_changed_by_hand_is_changed_back(cluster, running):
    eventually(lambda: may(cluster, "ines", "create"))
    wide = {"rules": [{"apiGroups": [""], "resources": ["namespaces"], "verbs": ["list"]}]}
    group = "rbac.authorization.k8s.io"
    stranger = {"subjects": [{"apiGroup": group, "kind": "User", "name": "eve"}]}
    for kind, body in (("clusterrole", wide), ("clusterrolebinding", stranger)):
        done = cluster.kubectl(
            "patch", kind, ROLE, "--type=merge", "-p", json.dumps(body), user=ADMIN
        )
        assert done.returncode == 0, done.stderr

    eventually(lambda: may(cluster, "ines", "create") and not may(cluster, "ines", "list"))
    eventually(lambda: not may(cluster, "eve", "create"))


def test_a_binding_that_leads_elsewhere_is_made_anew(cluster, running):
    eventually(lambda: may(cluster, "ines", "create"))
    running.stop()
    binding = cluster.get("clusterrolebinding", ROLE, "default")
    binding["metadata"] = {"name": ROLE, "labels": binding["metadata"]["labels"]}
    binding["roleRef"]["name"] = "cluster-admin"
    assert cluster.kubectl("delete", "clusterrolebinding", ROLE, user=ADMIN).returncode == 0
    cluster.create(binding)
    assert may(cluster, "ines", "list")

    running.start()

    eventually(lambda: not may(cluster, "ines", "list") and may(cluster, "ines", "create"))


def test_without_a_file_owners_only_see_and_get_it_all_back(cluster, running):
    mine = cluster.namespace("mine", labels={TENANT: "initrode"})
    eventually(lambda: may(cluster, "ines", "delete", mine))

    running.change({"initrode": None})

    eventually(lambda: not may(cluster, "ines", "delete", mine))
    assert may(cluster, "ines", "get", mine)
    eventually(lambda: not may(cluster, "ines", "create"))

    running.change({"initrode": tenant("ines")})

    eventually(lambda: may(cluster, "ines", "delete", mine))


def test_nothing_is_left_of_a_tenant_without_file_and_namespaces(cluster, running):
    eventually(lambda: exists(cluster, "clusterrolebinding"))

    running.change({"initrode": None})

    eventually(lambda: not exists(cluster, "clusterrole"))
    assert not exists(cluster, "clusterrolebinding")


def test_observing_only_nothing_is_written(cluster, tmp_path):
    spec = {**PLATFORM["spec"], "enforcement": "audit"}
    platform = document("Platform", "platform", spec)
    policies = {"platform": platform, "initrode": tenant("ines")}
    made = Running(cluster, tmp_path, lambda context: [Access(context)], policies)
    made.start()
    try:
        eventually(lambda: made["access"].synced)
        made["access"].reconcile("initrode")

        assert not exists(cluster, "clusterrole")
    finally:
        made.close()
