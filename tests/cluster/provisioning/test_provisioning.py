"""From `kubectl create namespace` to everything in it; what changes with policies."""

import json
import subprocess

import pytest

from tests.cluster.cluster import ALICE, Cluster, refused
from tests.cluster.objects import pod
from tests.cluster.process import eventually
from tests.cluster.provisioning.parts import (
    ACCOUNT_DEFAULT,
    DENY,
    NOTE,
    PROVISIONED,
    PULL,
    QUOTA,
    TENANT,
    UID_RANGE,
    events,
    is_provisioned,
    made,
    namespace_of,
    template,
    there,
)

pytestmark = pytest.mark.usefixtures("tenantgate", "controller")


def created(cluster: Cluster, name: str, *, timeout: float = 10) -> str:
    """Have alice create a namespace; return its name when it is provisioned."""
    done = cluster.kubectl("create", "namespace", name, user=ALICE)
    assert done.returncode == 0, done.stderr
    eventually(lambda: is_provisioned(cluster, name), timeout=timeout)
    return name


def made_for(cluster: Cluster, policies, objects=(QUOTA, DENY), **provision) -> str:
    """Add a tenant with a template of its own, and return a namespace of it, provisioned."""
    owner = policies.own(objects, **provision)
    name = f"{owner}-web"

    def claimed() -> subprocess.CompletedProcess[str] | None:
        done = cluster.kubectl("create", "namespace", name, user=ALICE)
        return done if done.returncode == 0 else None

    eventually(claimed)  # the webhook takes the tenant up in its own time
    eventually(lambda: is_provisioned(cluster, name))
    return name


def is_released(cluster: Cluster, kind: str, name: str, namespace: str) -> bool:
    """Tell whether an object that is there is no longer marked as the platform's."""
    found = cluster.get(kind, name, namespace)
    return "tenantgate.io/managed" not in found["metadata"].get("labels", {})


def test_a_new_namespace_of_a_tenant_gets_all_of_the_shipped_template(cluster):
    created(cluster, "acme-first", timeout=30)  # from here on everything is running
    name = created(cluster, "acme-shop", timeout=2)

    for kind, names in {
        "resourcequota": ["platform-quota", "platform-no-foreign-affinity"],
        "limitrange": ["platform-limits"],
        "networkpolicy": ["platform-default-deny", "platform-allow-dns", "platform-allow-tenant"],
    }.items():
        for each in names:
            found = cluster.get(kind, each, name)
            assert found["metadata"]["labels"]["tenantgate.io/managed"] == "true"
    metadata = namespace_of(cluster, name)["metadata"]
    assert metadata["labels"][TENANT] == "acme"
    assert metadata["labels"]["pod-security.kubernetes.io/warn"] == "restricted"
    assert metadata["annotations"][UID_RANGE].endswith("/10000")
    assert events(cluster, name, "CreatedSCCRanges")
    assert events(cluster, name, "Provisioned")


def test_role_bindings_of_a_tenant_are_made(cluster):
    name = created(cluster, "globex-shop")

    found = cluster.get("rolebinding", "platform-view", name)
    assert [subject["name"] for subject in found["subjects"]] == ["alice"]


def test_pods_are_admitted_once_it_is_provisioned(cluster):
    name = created(cluster, "acme-pods")
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "default", "namespace": name},
        }
    )

    found = cluster.create_until_admitted(ALICE, pod(), name)
    assert found["metadata"]["annotations"]["openshift.io/scc"] == "restricted-v2"


def test_a_namespace_of_nobody_gets_its_range_and_nothing_else(cluster):
    cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "plain"}})

    eventually(
        lambda: UID_RANGE in namespace_of(cluster, "plain")["metadata"].get("annotations", {})
    )
    assert PROVISIONED not in namespace_of(cluster, "plain")["metadata"]["annotations"]
    assert cluster.listed("networkpolicies", "plain") == []


def test_namespaces_of_the_platform_have_ranges(cluster):
    eventually(
        lambda: UID_RANGE in namespace_of(cluster, "kube-system")["metadata"].get("annotations", {})
    )


def test_a_tenant_cannot_touch_what_is_provisioned(cluster):
    name = created(cluster, "acme-safe")

    told = cluster.kubectl("delete", "quota", "platform-quota", "-n", name, user=ALICE)
    assert "T-OBJ" in refused(told)
    patch = '{"spec":{"ingress":[{}]}}'
    told = cluster.kubectl(
        *("patch", "networkpolicy", "platform-default-deny", "-n", name, "--type=merge"),
        *("-p", patch),
        user=ALICE,
    )
    assert "T-OBJ" in refused(told)
    told = cluster.kubectl("annotate", "namespace", name, f"{PROVISIONED}-", user=ALICE)
    assert "T-NS" in refused(told)


def test_a_template_that_changes_reaches_namespaces_that_are_there(cluster, policies):
    name = made_for(cluster, policies)
    owner = name.removesuffix("-web")

    more = {**QUOTA, "spec": {"hard": {"pods": "30"}}}
    policies.write(**{f"{owner}-t": template(owner, owner, objects=[more, DENY, NOTE])})

    eventually(lambda: there(cluster, "configmap", "platform-note", name))
    assert cluster.get("configmap", "platform-note", name)["data"] == {"tenant": owner}
    eventually(
        lambda: cluster.get("quota", "platform-quota", name)["spec"]["hard"] == {"pods": "30"}
    )


def test_of_what_a_template_has_no_more_policies_go_and_data_stays(cluster, policies):
    name = made_for(cluster, policies, [QUOTA, DENY, NOTE, PULL, ACCOUNT_DEFAULT])
    owner = name.removesuffix("-web")

    policies.write(**{f"{owner}-t": template(owner, owner, objects=[QUOTA])})

    eventually(lambda: not there(cluster, "networkpolicy", "platform-default-deny", name))
    eventually(lambda: is_released(cluster, "configmap", "platform-note", name))
    eventually(lambda: is_released(cluster, "secret", "platform-pull", name))
    eventually(
        lambda: (
            json.loads(
                namespace_of(cluster, name)["metadata"]["annotations"]["tenantgate.io/objects"]
            )
            == {"v1/ResourceQuota": ["platform-quota"]}
        )
    )
    assert is_provisioned(cluster, name)


def test_without_a_template_everything_stays(cluster, policies):
    name = made_for(cluster, policies)
    owner = name.removesuffix("-web")

    policies.write(**{f"{owner}-t": template(owner, "nobody")})

    (told,) = eventually(lambda: events(cluster, name, "TemplateGone"))
    assert "NetworkPolicy platform-default-deny" in told
    assert there(cluster, "networkpolicy", "platform-default-deny", name)
    assert "T-OBJ" in refused(
        cluster.kubectl("delete", "quota", "platform-quota", "-n", name, user=ALICE)
    )


def test_an_object_that_cannot_be_made_is_told_of_and_holds_up_no_other(cluster, policies):
    owner = policies.own(
        [QUOTA, DENY, ACCOUNT_DEFAULT, made("example.com/v1", "Widget", "platform-widget")],
    )
    name = f"{owner}-web"
    eventually(lambda: cluster.kubectl("create", "namespace", name, user=ALICE).returncode == 0)

    told = eventually(lambda: events(cluster, name, "ProvisioningFailed"))
    assert "Widget platform-widget: the cluster serves no kind Widget of example.com/v1" in told
    assert there(cluster, "networkpolicy", "platform-default-deny", name)
    assert not is_provisioned(cluster, name)
    assert "is being provisioned" in refused(cluster.create_as(ALICE, pod(), name))

    cluster.apply(WIDGETS)  # the kind is installed
    eventually(lambda: is_provisioned(cluster, name), timeout=60)


def test_what_the_api_server_refuses_is_told_in_its_words(cluster, policies):
    group = "rbac.authorization.k8s.io"
    binding = made(
        f"{group}/v1",
        "RoleBinding",
        "platform-too-much",
        roleRef={"apiGroup": group, "kind": "ClusterRole", "name": "test:anything"},
        subjects=[{"apiGroup": group, "kind": "User", "name": "bob"}],
    )
    wrong = made(
        "v1",
        "LimitRange",
        "platform-limits",
        spec={"limits": [{"type": "Container", "max": {"cpu": "1"}, "min": {"cpu": "2"}}]},
    )
    owner = policies.own([DENY, binding, wrong])
    name = f"{owner}-web"
    eventually(lambda: cluster.kubectl("create", "namespace", name, user=ALICE).returncode == 0)

    told = "\n".join(
        eventually(
            lambda: found if len(found := events(cluster, name, "ProvisioningFailed")) > 1 else None
        )
    )
    assert "RoleBinding platform-too-much: " in told
    assert "attempting to grant RBAC permissions not currently held" in told
    assert "LimitRange platform-limits: " in told
    assert there(cluster, "networkpolicy", "platform-default-deny", name)
    assert not is_provisioned(cluster, name)

    policies.write(**{f"{owner}-t": template(owner, owner, objects=[DENY])})
    eventually(lambda: is_provisioned(cluster, name))


WIDGETS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"kind": "Widget", "plural": "widgets"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object"}},
            }
        ],
    },
}
