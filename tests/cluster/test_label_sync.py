"""Pod Security labels follow the SCCs that service accounts may use, on a real API server.

They have a control plane of their own, as every namespace in it is labelled.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from tests.cluster.cluster import ADMIN, Cluster, service_account, started
from tests.cluster.envtest import ControlPlane
from tests.cluster.process import eventually
from tests.cluster.running import Running, document
from tests.cluster.tenantgate import SHIPPED_RBAC
from webhook.cluster.client import ApiError, connect
from webhook.controllers.labels import LabelSync
from webhook.controllers.loop import Context
from webhook.core.model.marks import LABEL_SYNC, MINIMUM_STANDARD
from webhook.core.model.world import Namespace
from webhook.core.provisioning.label_sync import LABELS, MANAGER, plan

ENFORCE, WARN = "pod-security.kubernetes.io/enforce", "pod-security.kubernetes.io/warn"


def only_this(context: Context) -> list[LabelSync]:
    return [LabelSync(context)]


def platform(sync: bool) -> dict[str, Any]:
    return document("Platform", "platform", {"podSecurity": {"labelSync": sync}})


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A control plane where everybody may use restricted-v2, as `policies/rbac.yaml` has it."""
    with started(ControlPlane(tmp_path_factory.mktemp("labels"))) as made:
        made.apply(*yaml.safe_load_all(SHIPPED_RBAC.read_text()))
        yield made


@pytest.fixture
def running(cluster: Cluster, tmp_path) -> Iterator[Running]:
    made = Running(cluster, tmp_path, only_this, {"platform": platform(True)})
    made.start()
    yield made
    made.close()


def metadata(cluster: Cluster, name: str) -> Any:
    shown = cluster.kubectl(
        "get", "namespace", name, "-o", "json", "--show-managed-fields", user=ADMIN
    )
    return json.loads(shown.stdout)["metadata"]


def levels(cluster: Cluster, name: str) -> Mapping[str, str]:
    labels = metadata(cluster, name).get("labels", {})
    return {key: labels[key] for key in LABELS if key in labels}


def all_at(level: str) -> dict[str, str]:
    return {key: "latest" if key.endswith("-version") else level for key in LABELS}


def settles(cluster: Cluster, name: str, wanted: Mapping[str, str]) -> Any:
    eventually(lambda: levels(cluster, name) == wanted, timeout=15)
    return metadata(cluster, name)


def write(cluster: Cluster, manager: str, name: str, **labels: str) -> None:
    """Apply labels of a namespace as another field manager."""
    keys = {f"pod-security.kubernetes.io/{key}": value for key, value in labels.items()}
    made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": keys}}
    options = ("--server-side", "--force-conflicts", f"--field-manager={manager}", "-f", "-")
    done = cluster.kubectl("apply", *options, user=ADMIN, stdin=made)
    assert done.returncode == 0, done.stderr


def test_a_new_namespace_is_labelled(cluster, running):
    name = cluster.namespace("synced")

    found = settles(cluster, name, all_at("restricted"))

    assert found["annotations"][MINIMUM_STANDARD] == "restricted"
    (entry,) = [item for item in found["managedFields"] if item["manager"] == MANAGER]
    assert entry["operation"] == "Apply"


def test_the_level_follows_the_laxest_scc_of_any_account(cluster, running):
    """Accounts that may use a restricted and a baseline SCC, then a privileged one as well."""
    name = cluster.namespace("synced")
    settles(cluster, name, all_at("restricted"))
    account = {"name": "db", "namespace": name}
    cluster.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})

    cluster.grant_scc("anyuid", service_account(name, "db"), name)
    settles(cluster, name, all_at("baseline"))
    cluster.grant_scc("privileged", service_account(name, "default"), name)
    settles(cluster, name, all_at("privileged"))
    cluster.revoke_scc("privileged", service_account(name, "default"), name)
    assert settles(cluster, name, all_at("baseline"))["annotations"][MINIMUM_STANDARD] == "baseline"
    done = cluster.kubectl("delete", "serviceaccount", "db", "-n", name, user=ADMIN)
    assert done.returncode == 0, done.stderr
    settles(cluster, name, all_at("restricted"))


def test_what_people_may_use_does_not_count(cluster, running):
    name = cluster.namespace("synced")
    cluster.grant_scc("privileged", "alice", name)
    group = "rbac.authorization.k8s.io"
    cluster.create(
        {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "as-user", "namespace": name},
            "roleRef": {
                "apiGroup": group,
                "kind": "ClusterRole",
                "name": "system:openshift:scc:privileged",
            },
            "subjects": [
                {"apiGroup": group, "kind": "User", "name": service_account(name, "default")}
            ],
        }
    )
    marker = cluster.namespace("synced")
    settles(cluster, marker, all_at("restricted"))

    settles(cluster, name, all_at("restricted"))


def test_a_grant_for_the_whole_cluster_counts_everywhere(cluster, running):
    name = cluster.namespace("synced")
    settles(cluster, name, all_at("restricted"))
    role, group = f"test:{name}", "rbac.authorization.k8s.io"
    use = {
        "apiGroups": ["security.openshift.io"],
        "resources": ["securitycontextconstraints"],
        "resourceNames": ["anyuid"],
        "verbs": ["use"],
    }
    account = {"kind": "ServiceAccount", "name": "default", "namespace": name}
    meta = {"apiVersion": f"{group}/v1", "metadata": {"name": role}}
    reference = {"apiGroup": group, "kind": "ClusterRole", "name": role}
    cluster.create(
        {**meta, "kind": "ClusterRoleBinding", "roleRef": reference, "subjects": [account]},
        {**meta, "kind": "ClusterRole", "rules": [use]},
    )

    settles(cluster, name, all_at("baseline"))
    cluster.kubectl("delete", "clusterrolebinding,clusterrole", role, user=ADMIN)
    settles(cluster, name, all_at("restricted"))


def test_labels_of_a_template_are_left_alone(cluster, running):
    """What tenantgate's own manager wrote stays; the others are kept in step."""
    name = cluster.namespace("synced", annotations={})
    write(cluster, "tenantgate", name, enforce="baseline", warn="baseline")
    annotated = ("annotate", "namespace", name, "openshift.io/sa.scc.uid-range=1000660000/10000")
    assert cluster.kubectl(*annotated, user=ADMIN).returncode == 0

    wanted = {**all_at("restricted"), ENFORCE: "baseline", WARN: "baseline"}
    found = settles(cluster, name, wanted)
    assert found["annotations"][MINIMUM_STANDARD] == "restricted"

    every = {key.rpartition("/")[2]: value for key, value in all_at("baseline").items()}
    write(cluster, "tenantgate", name, **every)
    settles(cluster, name, all_at("baseline"))
    cluster.grant_scc("privileged", service_account(name, "default"), name)
    marker = cluster.namespace("synced")
    settles(cluster, marker, all_at("restricted"))
    assert levels(cluster, name) == all_at("baseline")


def test_with_the_sync_label_they_are_taken(cluster, running):
    name = cluster.namespace("synced", annotations={})
    write(cluster, "tenantgate", name, enforce="privileged", audit="baseline")
    changed = {
        "metadata": {
            "labels": {LABEL_SYNC: "true"},
            "annotations": {"openshift.io/sa.scc.uid-range": "1000660000/10000"},
        }
    }
    options = ("patch", "namespace", name, "--type=merge", "-p", json.dumps(changed))
    assert cluster.kubectl(*options, user=ADMIN).returncode == 0

    settles(cluster, name, all_at("restricted"))
    write(cluster, "tenantgate", name, enforce="privileged")
    settles(cluster, name, all_at("restricted"))


def test_where_it_is_told_not_to_nothing_is_written(cluster, running):
    quiet = [
        cluster.namespace("synced", labels={LABEL_SYNC: "false"}),
        cluster.namespace("openshift-mine"),
        cluster.namespace("synced", annotations={}),
    ]
    empty = "synced-without-accounts"
    ranges = {"openshift.io/sa.scc.uid-range": "1000660000/10000"}
    bare = {"name": empty, "annotations": ranges}
    cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": bare})
    marker = cluster.namespace("synced")
    settles(cluster, marker, all_at("restricted"))

    assert [levels(cluster, name) for name in (*quiet, empty)] == [{}] * 4


def test_an_annotation_of_somebody_else_is_a_conflict_and_nothing_is_written(cluster, running):
    name = cluster.namespace(
        "synced", labels={LABEL_SYNC: "false"}, annotations={MINIMUM_STANDARD: "mine"}
    )
    changed = {
        "metadata": {
            "labels": {LABEL_SYNC: None},
            "annotations": {"openshift.io/sa.scc.uid-range": "1000660000/10000"},
        }
    }
    options = ("patch", "namespace", name, "--type=merge", "-p", json.dumps(changed))
    assert cluster.kubectl(*options, user=ADMIN).returncode == 0
    sample = "tenantgate_pod_security_label_syncs_total", {"result": "conflict"}

    eventually(lambda: running.metrics.registry.get_sample_value(*sample))

    assert levels(cluster, name) == {}
    assert metadata(cluster, name)["annotations"][MINIMUM_STANDARD] == "mine"


def test_accounts_that_may_use_no_constraint_are_an_error_and_change_nothing(cluster, running):
    name = cluster.namespace("synced")
    settles(cluster, name, all_at("restricted"))
    names = [f"system:openshift:scc:restricted-{version}" for version in ("v2", "v3")]
    bindings = [cluster.get("clusterrolebinding", each, "default") for each in names]
    assert cluster.kubectl("delete", "clusterrolebinding", *names, user=ADMIN).returncode == 0
    sample = "tenantgate_pod_security_label_syncs_total", {"result": "error"}

    try:
        eventually(lambda: running.metrics.registry.get_sample_value(*sample))
        fresh = cluster.namespace("synced")
        eventually(lambda: running["labels"]._namespaces.get("", fresh))
        assert levels(cluster, name) == all_at("restricted")
        assert levels(cluster, fresh) == {}
    finally:
        for each in bindings:
            each["metadata"] = {"name": each["metadata"]["name"]}
        cluster.create(*bindings)
    settles(cluster, fresh, all_at("restricted"))


def test_it_begins_and_ends_with_the_policy(cluster, running):
    running.change({"platform": platform(False)})
    name = cluster.namespace("synced")
    running.change({"platform": platform(True)})
    settles(cluster, name, all_at("restricted"))

    running.change({"platform": platform(False)})
    cluster.grant_scc("privileged", service_account(name, "default"), name)
    running.change({"platform": platform(True)})
    settles(cluster, name, all_at("privileged"))


def test_it_can_be_turned_on_later(cluster, tmp_path):
    made = Running(cluster, tmp_path, only_this, {"platform": platform(False)})
    name = cluster.namespace("synced")
    made.start()
    try:
        made.change({"platform": platform(True)})
        settles(cluster, name, all_at("restricted"))
    finally:
        made.close()


def test_a_namespace_that_is_gone_does_not_come_back(cluster):
    sync = plan(Namespace("gone"), {}, "restricted")
    api = connect(cluster.kubeconfig(ADMIN))
    assert sync is not None

    try:
        with pytest.raises(ApiError) as caught:
            api.apply(
                "/api/v1/namespaces/gone",
                sync.body("gone", "0c0ffee0-0000-4000-8000-000000000000"),
                timeout=5,
                manager=MANAGER,
            )
        assert caught.value.status == 409
        assert api.find("/api/v1/namespaces/gone", timeout=5) is None
    finally:
        api.close()
