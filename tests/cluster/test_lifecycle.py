"""Namespaces change hands, or lose their tenant: what the controller does to a real cluster."""

import json
from collections.abc import Iterator
from functools import partial
from itertools import count
from typing import Any

import pytest

from tests.cluster.cluster import ADMIN, Cluster
from tests.cluster.objects import pod
from tests.cluster.process import eventually
from tests.cluster.running import Running, document
from webhook.controllers.ownership.lifecycle import Lifecycle
from webhook.core.model.world import Namespace
from webhook.core.provisioning.reconciliation import inventory
from webhook.core.provisioning.wanted import wanted

TENANT = "tenantgate.io/tenant"
PROVISIONED = "tenantgate.io/provisioned"
TRANSFERRING = "tenantgate.io/transferring"
_numbers = count(1)


def tenant(name: str, *names: str, **spec: Any) -> dict[str, Any]:
    owners = [{"kind": "Group", "name": f"{name}-leads"}]
    namespaces = {"names": list(names), **spec.pop("namespaces", {})}
    return document("Tenant", name, {"owners": owners, "namespaces": namespaces, **spec})


CLUSTER = {
    "cluster": {
        "podCIDRs": ["10.244.0.0/16"],
        "serviceCIDRs": ["10.0.0.0/24"],
        "nodeCIDRs": ["10.1.0.0/20"],
    }
}
TEMPLATE = document(
    "NamespaceTemplate",
    "tenants",
    {
        "match": {"tenants": ["*"]},
        "objects": [
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "platform-note"}}
        ],
    },
)


@pytest.fixture
def home(cluster: Cluster) -> str:
    """A namespace of acme that is provisioned."""
    return cluster.namespace("home", labels={TENANT: "acme"}, annotations={PROVISIONED: "1"})


@pytest.fixture
def running(cluster: Cluster, tmp_path) -> Iterator[Running]:
    policies = {
        "platform": document("Platform", "platform", CLUSTER),
        "acme": tenant("acme"),
        "globex": tenant("globex"),
        "template": TEMPLATE,
    }
    made = Running(cluster, tmp_path, lambda context: [Lifecycle(context)], policies)
    made.start()
    yield made
    made.close()


def metadata(cluster: Cluster, name: str) -> Any:
    return cluster.get("namespace", name, "default")["metadata"]


def stamp(cluster: Cluster, name: str) -> str:
    return str(metadata(cluster, name)["labels"].get(TENANT, ""))


def events(cluster: Cluster, namespace: str, reason: str) -> list[str]:
    done = cluster.kubectl("get", "events.events.k8s.io", "-n", namespace, "-o", "json", user=ADMIN)
    found = json.loads(done.stdout)["items"]
    return [item["note"] for item in found if item["reason"] == reason]


def provisioned(cluster: Cluster, running: Running, name: str) -> None:
    """Note what the controller that provisions does, once its mark has been taken away."""
    eventually(lambda: PROVISIONED not in metadata(cluster, name).get("annotations", {}))
    policies, found = running.policies, metadata(cluster, name)
    content = wanted(
        Namespace(name, found["labels"], found["annotations"]),
        *(policies.platform, policies.registry, policies.templates),
    )
    assert content is not None
    objects = inventory.write(map(inventory.Item.of, content.objects))
    notes = {PROVISIONED: content.hash, "tenantgate.io/objects": objects}
    patch(cluster, "namespace", name, name, {"metadata": {"annotations": notes}})


def running_pod(cluster: Cluster, namespace: str, name: str, owner: str = "") -> None:
    """Create a pod that runs, as far as the API server is told."""
    made = pod(name)
    labels = {"app": name}
    owners = [{"apiVersion": "apps/v1", "kind": owner, "name": "x", "uid": "1", "controller": True}]
    made["metadata"] |= {
        "namespace": namespace,
        "labels": labels,
        "ownerReferences": owners if owner else [],
    }
    cluster.create(made)
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    patch(cluster, "pod", name, namespace, {"status": status}, "status")


def patch(
    cluster: Cluster, kind: str, name: str, namespace: str, body: Any, subresource: str = ""
) -> None:
    options = [f"--subresource={subresource}"] if subresource else []
    done = cluster.kubectl(
        *("patch", kind, name, "-n", namespace, "--type=merge", "-p", json.dumps(body), *options),
        user=ADMIN,
    )
    assert done.returncode == 0, done.stderr


def pods(cluster: Cluster, namespace: str) -> set[str]:
    return {
        item["metadata"]["name"]
        for item in cluster.listed("pods", namespace)
        if "deletionTimestamp" not in item["metadata"]
    }


def test_a_namespace_goes_to_the_tenant_whose_file_names_it(cluster, running, home):
    running_pod(cluster, home, "web", "ReplicaSet")
    running_pod(cluster, home, "bare")
    before = metadata(cluster, home)

    running.change({"globex": tenant("globex", home)})

    eventually(lambda: stamp(cluster, home) == "globex")
    there = metadata(cluster, home)["annotations"]
    assert there[TRANSFERRING] == "acme"
    assert PROVISIONED not in there
    assert before["uid"] == metadata(cluster, home)["uid"]
    assert pods(cluster, home) == {"web", "bare"}, "no pod starts anew before all is provisioned"

    provisioned(cluster, running, home)

    eventually(lambda: TRANSFERRING not in metadata(cluster, home)["annotations"], timeout=20)
    assert pods(cluster, home) == {"bare"}
    (note,) = eventually(lambda: events(cluster, home, "Transferred"))
    assert note.startswith("tenant globex has taken over from acme")
    assert "1 pods run on as they were" in note
    assert "bare" in note


def test_what_stands_in_the_way_is_told_and_nothing_changes(cluster, running, home):
    group = "rbac.authorization.k8s.io"
    cluster.create(
        {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "crew", "namespace": home},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "view"},
            "subjects": [{"apiGroup": group, "kind": "Group", "name": "acme-leads"}],
        },
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": "shop", "namespace": home},
            "spec": {"rules": [{"host": f"{home}.example.org"}]},
        },
    )
    before = metadata(cluster, home)
    narrow = {"namespaces": {"quota": 0}, "allow": {"hostnames": ["globex.example.org"]}}

    running.change({"globex": tenant("globex", home, **narrow)})

    (note,) = eventually(lambda: events(cluster, home, "TransferBlocked"))
    assert " of 0 namespaces; raise its namespaces.quota" in note
    assert f"Ingress shop: Host {home}.example.org is not granted to globex" in note
    assert f"RoleBinding crew: Group acme-leads can't be bound in {home}" in note
    assert "tenantgate.io/accept-rolebindings=crew" in note
    assert metadata(cluster, home)["resourceVersion"] == before["resourceVersion"]

    accepted = f"kubectl annotate --overwrite namespace {home} ".split()[1:]
    accepted.append("tenantgate.io/accept-rolebindings=crew")
    assert cluster.kubectl(*accepted, user=ADMIN).returncode == 0
    running.change({"globex": tenant("globex", home)})

    eventually(lambda: stamp(cluster, home) == "globex")


def test_a_way_into_the_givers_other_namespaces_holds_it_up(cluster, running, home):
    other = cluster.namespace("other", labels={TENANT: "acme"})
    cluster.grant(f"system:serviceaccount:{home}:web", other)

    running.change({"globex": tenant("globex", home)})

    (note,) = eventually(lambda: events(cluster, home, "TransferBlocked"))
    assert f"service account {home}/web can enter acme's {other}" in note
    assert stamp(cluster, home) == "acme"


def test_a_binding_that_comes_in_the_last_moment_is_told_of(cluster, running, home):
    running.change({"globex": tenant("globex", home)})
    eventually(lambda: stamp(cluster, home) == "globex")
    cluster.grant("olga", home)
    provisioned(cluster, running, home)

    (note,) = eventually(lambda: events(cluster, home, "TransferWaiting"))
    assert f"RoleBinding edit-olga: User olga can't be bound in {home}" in note
    assert TRANSFERRING in metadata(cluster, home)["annotations"]

    accept = ("annotate", "namespace", home, "tenantgate.io/accept-rolebindings=edit-olga")
    assert cluster.kubectl(*accept, user=ADMIN).returncode == 0

    eventually(lambda: events(cluster, home, "Transferred"))
    left = metadata(cluster, home)["annotations"]
    assert not {TRANSFERRING, "tenantgate.io/accept-rolebindings"} & left.keys()


def test_a_new_leader_goes_on_where_the_old_one_died(cluster, running, home):
    running_pod(cluster, home, "web", "ReplicaSet")
    running.change({"globex": tenant("globex", home)})
    eventually(lambda: stamp(cluster, home) == "globex")
    running.stop()

    provisioned(cluster, running, home)
    assert pods(cluster, home) == {"web"}
    running.start()

    eventually(lambda: TRANSFERRING not in metadata(cluster, home)["annotations"], timeout=20)
    assert pods(cluster, home) == set()


def test_a_disruption_budget_is_respected(cluster, running, home):
    running_pod(cluster, home, "db", "StatefulSet")
    cluster.create(
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": "db", "namespace": home},
            "spec": {"maxUnavailable": 0, "selector": {"matchLabels": {"app": "db"}}},
        }
    )
    allowed = {"disruptionsAllowed": 0, "currentHealthy": 1, "desiredHealthy": 1}
    status = {"status": {**allowed, "expectedPods": 1, "observedGeneration": 1}}
    patch(cluster, "pdb", "db", home, status, "status")
    running.change({"globex": tenant("globex", home)})
    eventually(lambda: stamp(cluster, home) == "globex")
    provisioned(cluster, running, home)

    (note,) = eventually(lambda: events(cluster, home, "TransferWaiting"), timeout=20)
    assert "disruption budgets do not allow it: db" in note
    assert pods(cluster, home) == {"db"}

    status["status"]["disruptionsAllowed"] = 1
    patch(cluster, "pdb", "db", home, status, "status")

    eventually(lambda: TRANSFERRING not in metadata(cluster, home)["annotations"], timeout=30)
    assert pods(cluster, home) == set()


def test_a_transfer_can_be_taken_back(cluster, running, home):
    running.change({"globex": tenant("globex", home)})
    eventually(lambda: stamp(cluster, home) == "globex")

    running.change({"globex": tenant("globex"), "acme": tenant("acme", home)})

    eventually(lambda: stamp(cluster, home) == "acme")
    assert metadata(cluster, home)["annotations"][TRANSFERRING] == "globex"


def orphaned(running: Running) -> dict[str, float]:
    return {
        labels["tenant"]: value
        for name, labels, value in running["lifecycle"].readings()
        if name == "tenantgate_orphaned_namespaces"
    }


def test_namespaces_of_a_tenant_without_a_file_are_told_of_and_left_alone(cluster, running):
    name = f"gone{next(_numbers)}"
    homes = [cluster.namespace("left", labels={TENANT: name}) for _ in range(2)]

    eventually(lambda: orphaned(running).get(name) == 2)
    for each in homes:
        (note,) = eventually(partial(events, cluster, each, "TenantUnknown"))
        assert f"no file describes tenant {name}" in note
        assert stamp(cluster, each) == name

    running.change({name: tenant(name)})

    assert name not in orphaned(running)


def test_a_namespace_beyond_the_quota_is_told_of(cluster, running):
    name = f"full{next(_numbers)}"
    running.change({name: tenant(name, namespaces={"quota": 1})})
    first = cluster.namespace("full", labels={TENANT: name})
    second = cluster.namespace("full", labels={TENANT: name})

    (note,) = eventually(lambda: events(cluster, second, "NamespaceQuotaExceeded"))

    assert f"tenant {name} has 2 namespaces and may have 1" in note
    assert not events(cluster, first, "NamespaceQuotaExceeded")


def test_a_claim_of_two_is_told_of(cluster, running):
    key = "platform.example.com/adopt"
    select = {"namespaces": {"selector": {"matchLabels": {key: "both"}}}}
    protected = document("Platform", "platform", {**CLUSTER, "labels": {"protected": [key]}})
    running.change(
        {
            "platform": protected,
            "acme": tenant("acme", **select),
            "globex": tenant("globex", **select),
        }
    )
    both = cluster.namespace("both", labels={key: "both"})

    (note,) = eventually(lambda: events(cluster, both, "OwnershipUnclear"))

    assert "selectors of tenants acme, globex all match" in note
    assert stamp(cluster, both) == ""
