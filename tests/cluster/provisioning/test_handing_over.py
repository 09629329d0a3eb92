"""The life of a tenant's namespace, with the webhook and the controller as processes of their own."""

import json
import os
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from tests.cluster.cluster import ADMIN, Cluster, refused
from tests.cluster.envtest import ASSETS
from tests.cluster.objects import pod
from tests.cluster.process import Process, eventually
from tests.cluster.provisioning.parts import (
    DENY,
    OBJECTS,
    PROVISIONED,
    TENANT,
    Policies,
    document,
    is_provisioned,
    namespace_of,
    template,
    there,
)

pytestmark = pytest.mark.usefixtures("controller")

TRANSFERRING = "tenantgate.io/transferring"
ENFORCE, WARN = "pod-security.kubernetes.io/enforce", "pod-security.kubernetes.io/warn"
_numbers = count(1)


def tenant(name: str, *names: str, **spec: Any) -> dict[str, Any]:
    """Return a tenant that the user of its name with an `o-` in front owns."""
    namespaces = {"names": list(names), **spec.pop("namespaces", {})}
    owners = [{"kind": "User", "name": f"o-{name}"}]
    bindings = {"roleBindings": [{"clusterRole": "view", "to": "owners"}]}
    return document(
        "Tenant", name, owners=owners, namespaces=namespaces, provision=bindings, **spec
    )


@pytest.fixture
def names(policies: Policies) -> Iterator[tuple[str, str]]:
    """Two tenants, the second with a smaller template; their files go with the test."""
    number = next(_numbers)
    first, second = f"first{number}", f"second{number}"
    policies.write(
        **{
            first: tenant(first),
            second: tenant(second),
            f"{first}-t": template(first, first, objects=OBJECTS),
            f"{second}-t": template(second, second, objects=[DENY]),
        }
    )
    yield first, second
    policies.write(**{name: None for each in (first, second) for name in (each, f"{each}-t")})


@pytest.fixture
def home(cluster: Cluster, policies: Policies, names: tuple[str, str]) -> str:
    """A namespace that somebody made long ago, and the first tenant's file lists."""
    name = f"home-{names[0]}"
    cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    policies.write(**{names[0]: tenant(names[0], name)})
    eventually(lambda: is_provisioned(cluster, name), timeout=20)
    return name


def metadata(cluster: Cluster, name: str) -> Any:
    return namespace_of(cluster, name)["metadata"]


def may(cluster: Cluster, user: str, verb: str, name: str) -> bool:
    asked = ("auth", "can-i", verb, f"namespaces/{name}")
    return cluster.kubectl(*asked, user=user).returncode == 0


def events(cluster: Cluster, namespace: str) -> set[str]:
    done = cluster.kubectl("get", "events.events.k8s.io", "-n", namespace, "-o", "json", user=ADMIN)
    return {item["reason"] for item in json.loads(done.stdout)["items"]}


def subjects(cluster: Cluster, namespace: str) -> list[str]:
    found = cluster.get("rolebinding", "platform-view", namespace)
    return [subject["name"] for subject in found["subjects"]]


def test_a_listed_namespace_is_adopted_with_all_that_goes_with_it(cluster, names, home):
    owner = f"o-{names[0]}"

    assert metadata(cluster, home)["labels"][TENANT] == names[0]
    assert there(cluster, "networkpolicy", "platform-default-deny", home)
    assert subjects(cluster, home) == [owner]
    eventually(lambda: may(cluster, owner, "delete", home))
    eventually(lambda: "Adopted" in events(cluster, home))


def test_a_selected_namespace_is_adopted(cluster, policies, names):
    key = "tenantgate.io/adopt"
    policies.write(
        **{names[0]: tenant(names[0], namespaces={"selector": {"matchLabels": {key: names[0]}}})}
    )
    name = f"chosen-{names[0]}"
    labels = {key: names[0]}
    made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
    cluster.create(made)

    eventually(lambda: metadata(cluster, name)["labels"].get(TENANT) == names[0], timeout=20)


def test_a_namespace_changes_hands_with_everything_in_it(cluster, policies, names, home):
    first, second = names
    owned = pod("web")
    controller = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "1"}
    owned["metadata"] |= {
        "namespace": home,
        "ownerReferences": [{**controller, "controller": True}],
    }
    account = {"name": "default", "namespace": home}
    cluster.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})
    cluster.create(owned)
    before = metadata(cluster, home)["annotations"][PROVISIONED]

    policies.write(**{first: tenant(first), second: tenant(second, home)})

    eventually(lambda: "Transferred" in events(cluster, home), timeout=30)
    after = metadata(cluster, home)
    assert after["labels"][TENANT] == second
    assert TRANSFERRING not in after["annotations"]
    assert after["annotations"][PROVISIONED] != before
    assert subjects(cluster, home) == [f"o-{second}"]
    assert there(cluster, "networkpolicy", "platform-default-deny", home)
    assert not there(cluster, "resourcequota", "platform-quota", home)
    assert not there(cluster, "secret", "platform-pull", home)
    assert not there(cluster, "pod", "web", home)
    eventually(lambda: may(cluster, f"o-{second}", "get", home))
    eventually(lambda: not may(cluster, f"o-{first}", "get", home))


def test_a_suspended_tenant_reads_only_and_stays_protected(cluster, policies, names, home):
    first, owner = names[0], f"o-{names[0]}"
    eventually(lambda: may(cluster, owner, "patch", home))
    policies.write(**{first: tenant(first, home, suspended=True)})
    labelled = ("label", "--dry-run=server", "namespace", home, "team=x")

    done = eventually(
        lambda: (
            found
            if "[T-BND-3]" in (found := cluster.kubectl(*labelled, user=owner)).stderr
            else None
        )
    )
    assert f"Tenant {first} is suspended by the platform" in refused(done)
    assert cluster.kubectl("get", "namespace", home, user=owner).returncode == 0

    gone = ("delete", "networkpolicy", "platform-default-deny", "-n", home)
    assert cluster.kubectl(*gone, user=ADMIN).returncode == 0
    eventually(lambda: there(cluster, "networkpolicy", "platform-default-deny", home))


def test_without_its_tenants_file_a_namespace_keeps_what_it_has(
    cluster, policies, controller, names, home
):
    first, owner = names[0], f"o-{names[0]}"
    eventually(lambda: may(cluster, owner, "delete", home))
    policies.write(**{first: None, f"{first}-t": None})

    try:
        eventually(lambda: "TenantUnknown" in events(cluster, home), timeout=20)
        orphaned = f'tenantgate_orphaned_namespaces{{tenant="{first}"}}'
        assert controller.metric(orphaned) == 1
        assert metadata(cluster, home)["labels"][TENANT] == first
        assert there(cluster, "networkpolicy", "platform-default-deny", home)
        eventually(lambda: not may(cluster, owner, "delete", home))
        assert may(cluster, owner, "get", home)
    finally:
        policies.write(**{first: tenant(first, home), f"{first}-t": template(first, first)})
    eventually(lambda: may(cluster, owner, "delete", home), timeout=20)


def test_labels_of_a_template_and_synchronised_ones_do_not_fight(cluster, policies, names):
    """The template says `warn`, and who may use what says the rest."""
    first = names[0]
    given = template(first, first)
    given["spec"]["labels"] = {WARN: "privileged"}
    platform = document("Platform", "platform", podSecurity={"labelSync": True})
    policies.write(platform=platform, **{f"{first}-t": given})
    cluster.apply(*_restricted())
    name = f"synced-{first}"
    cluster.create(*cluster.furnished(name, {}, {TENANT: first}))

    try:
        eventually(lambda: metadata(cluster, name)["labels"].get(ENFORCE), timeout=20)
        eventually(lambda: is_provisioned(cluster, name), timeout=20)
        eventually(lambda: metadata(cluster, name)["labels"].get(WARN) == "privileged")
        assert metadata(cluster, name)["labels"][ENFORCE] == "restricted"
        settled = metadata(cluster, name)["resourceVersion"]

        synced = {
            "metadata": {"labels": {"security.openshift.io/scc.podSecurityLabelSync": "true"}}
        }
        done = cluster.kubectl(
            "patch", "namespace", name, "--type=merge", "-p", json.dumps(synced), user=ADMIN
        )
        assert done.returncode == 0, done.stderr

        eventually(lambda: metadata(cluster, name)["labels"].get(WARN) == "restricted", timeout=20)
        at = eventually(lambda: _quiet(cluster, name), timeout=20)
        assert int(at) - int(settled) < 500, "two managers undo each other's labels"
        assert metadata(cluster, name)["labels"][WARN] == "restricted"
    finally:
        policies.write(platform=None)


def _quiet(cluster: Cluster, name: str) -> str:
    """Return the version of a namespace that nobody has written for a while, or ""."""
    versions = []
    for _ in range(4):
        versions.append(metadata(cluster, name)["resourceVersion"])
        eventually(lambda: cluster.listed("configmaps", name) or True, every=0.2)
    return versions[0] if len(set(versions)) == 1 else ""


def _restricted() -> list[dict[str, Any]]:
    """Return what lets every service account use restricted-v2."""
    group, name = "rbac.authorization.k8s.io", "system:openshift:scc:restricted-v2"
    everybody = {"apiGroup": group, "kind": "Group", "name": "system:authenticated"}
    use = {
        "apiGroups": ["security.openshift.io"],
        "resources": ["securitycontextconstraints"],
        "resourceNames": ["restricted-v2"],
        "verbs": ["use"],
    }
    meta = {"apiVersion": f"{group}/v1", "metadata": {"name": name}}
    reference = {"apiGroup": group, "kind": "ClusterRole", "name": name}
    return [
        {**meta, "kind": "ClusterRole", "rules": [use]},
        {**meta, "kind": "ClusterRoleBinding", "roleRef": reference, "subjects": [everybody]},
    ]


@pytest.fixture
def _namespace_controller(cluster: Cluster) -> Iterator[None]:
    """The controllers that end a namespace, each acting as its own service account."""
    binary = ASSETS / "kube-controller-manager"
    if not os.access(binary, os.X_OK):
        pytest.skip(f"no kube-controller-manager in {ASSETS}: put the API server's version there")
    running = Process(
        [
            binary,
            f"--kubeconfig={cluster.kubeconfig('system:kube-controller-manager')}",
            "--controllers=namespace-controller,garbage-collector-controller",
            "--use-service-account-credentials",
            "--leader-elect=false",
            "--secure-port=0",
        ],
        cluster.plane.folder / "namespace-controller.log",
    )
    running.start()
    yield
    running.stop()


@pytest.mark.usefixtures("_namespace_controller")
def test_a_protected_namespace_goes_when_its_owner_confirms(cluster, policies, names, home):
    first, owner = names[0], f"o-{names[0]}"
    policies.write(**{first: tenant(first, home, namespaces={"protect": True})})
    cluster.grant(owner, home)
    eventually(lambda: may(cluster, owner, "delete", home))
    delete = ("delete", "namespace", home, "--wait=false")
    managed = ("delete", "configmap", "platform-note", "-n", home)

    def unconfirmed() -> str:
        said = cluster.kubectl(*delete, "--dry-run=server", user=owner).stderr
        return said if "[T-NS-6]" in said else ""

    assert f"annotate it with tenantgate.io/confirm-delete={home}" in eventually(unconfirmed)
    assert "[T-OBJ-1]" in cluster.kubectl(*managed, user=owner).stderr
    confirm = ("annotate", "namespace", home)
    done = cluster.kubectl(*confirm, "tenantgate.io/confirm-delete=other", user=owner)
    assert done.returncode == 0, done.stderr
    assert "[T-NS-6]" in cluster.kubectl(*delete, user=owner).stderr
    done = cluster.kubectl(
        *confirm, "--overwrite", f"tenantgate.io/confirm-delete={home}", user=owner
    )
    assert done.returncode == 0, done.stderr

    done = eventually(
        lambda: found if (found := cluster.kubectl(*delete, user=owner)).returncode == 0 else None
    )

    gone = ("get", "namespace", home)
    eventually(lambda: "NotFound" in cluster.kubectl(*gone, user=ADMIN).stderr, timeout=40)
