"""A cluster that files describe: what they say counts, and what they leave out is told."""

from typing import Any

import pytest

from webhook.cluster.offline import (
    ASSUMED_MCS,
    ASSUMED_RANGE,
    GROUPS,
    MCS,
    UID_RANGE,
    UNNAMED,
    OfflineCluster,
)
from webhook.core.model.request import Facts, Request, User
from webhook.core.rbac import RbacError
from webhook.store import load

POLICIES = load()
ALICE = User("alice", ("system:authenticated",))


def obj(kind: str, name: str, namespace: str = "", **rest: Any) -> dict[str, Any]:
    group = "rbac.authorization.k8s.io/" if "Role" in kind else ""
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": f"{group}v1", "kind": kind, "metadata": metadata, **rest}


def namespace(name: str, **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, **metadata}}


def pod_request(**fields: Any) -> Request:
    pod = {"kind": "Pod", "spec": {"serviceAccountName": "builder", "containers": []}}
    return Request(
        **{
            "operation": "CREATE",
            "resource": "pods",
            "kind": "Pod",
            "user": ALICE,
            "namespace": "shop",
            "load": lambda: pod,
            **fields,
        }
    )


def facts(*objects: Any, request: Request | None = None) -> Facts:
    return OfflineCluster(objects, POLICIES.rbac).facts(request or pod_request(), POLICIES)


def test_a_namespace_that_nobody_describes_is_an_ordinary_one():
    found = facts()

    assert found.namespace
    assert found.namespace.name == "shop"
    assert found.namespace.labels == {"kubernetes.io/metadata.name": "shop"}
    assert found.namespace.annotations == {
        UID_RANGE: "1000000000/10000",
        GROUPS: "1000000000/10000",
        MCS: "s0:c1,c0",
    }
    assert found.assumptions == (
        'namespace "shop" is not described: taken to be an ordinary one with the UID range '
        "1000000000/10000 and the SELinux level s0:c1,c0",
    )


def test_a_namespace_that_nobody_names_is_an_ordinary_one_too():
    (told,) = facts(request=pod_request(namespace=UNNAMED)).assumptions

    assert told.startswith("the namespace, which nobody named, is not described")


def test_a_described_namespace_is_taken_as_it_is():
    annotations = {UID_RANGE: "1/2", MCS: "s0", "x": "y"}
    found = facts(namespace("shop", labels={"tier": "web"}, annotations=annotations))

    assert found.namespace
    assert found.namespace.labels == {"tier": "web", "kubernetes.io/metadata.name": "shop"}
    assert found.namespace.annotations == annotations
    assert found.assumptions == ()


def test_a_range_that_is_malformed_stays_so():
    found = facts(namespace("shop", annotations={UID_RANGE: "many"}))

    assert found.namespace
    assert found.namespace.annotations == {UID_RANGE: "many"}
    assert found.assumptions == ()


def test_a_described_namespace_without_ranges_is_taken_to_get_them():
    found = facts(namespace("shop", annotations={MCS: "s0:c9,c8", GROUPS: "7/7"}))

    assert found.namespace
    assert found.namespace.annotations == {
        UID_RANGE: ASSUMED_RANGE,
        GROUPS: ASSUMED_RANGE,
        MCS: "s0:c9,c8",
    }
    (told,) = found.assumptions
    assert told.startswith(f'namespace "shop" has no {UID_RANGE} yet')


@pytest.mark.parametrize(
    "document",
    [
        namespace("shop", labels=None, annotations=None),
        {"apiVersion": "v1", "kind": "Namespace", "metadata": None},
        {"kind": "Namespace"},
        namespace("shop", annotations=["x"]),
        namespace("shop", labels={"tier": 1}, annotations={"x": None}),
    ],
)
def test_documents_of_any_shape_are_borne(document: Any):
    found = facts(document)

    assert found.namespace
    assert found.namespace.annotations[MCS] == ASSUMED_MCS


def test_what_is_no_string_is_left_out_and_told():
    found = facts(namespace("shop", labels={"tier": 1}, annotations={"x": True, UID_RANGE: "1/2"}))

    assert found.namespace
    assert found.namespace.labels == {"kubernetes.io/metadata.name": "shop"}
    assert found.assumptions == (
        'namespace "shop" has labels[tier] that is no string: left out',
        'namespace "shop" has annotations[x] that is no string: left out',
    )


def test_a_list_counts_as_its_items():
    inner = {"apiVersion": "v1", "kind": "NamespaceList", "items": [namespace("shop")]}
    document = {"apiVersion": "v1", "kind": "List", "items": [inner, None, "x"]}

    assert "not described" not in facts(document).assumptions[0]


def test_of_two_documents_the_later_one_counts():
    found = facts(
        namespace("shop", annotations={UID_RANGE: "1/1"}),
        namespace("shop", annotations={UID_RANGE: "2/2"}),
    )

    assert found.namespace
    assert found.namespace.annotations[UID_RANGE] == "2/2"


def test_grants_come_from_the_policy_folder_and_the_files():
    role = obj(
        "ClusterRole",
        "use-anyuid",
        rules=[
            {
                "apiGroups": ["security.openshift.io"],
                "resources": ["securitycontextconstraints"],
                "resourceNames": ["anyuid"],
                "verbs": ["use"],
            }
        ],
    )
    binding = obj(
        "RoleBinding",
        "b",
        "shop",
        roleRef={
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "use-anyuid",
        },
        subjects=[{"kind": "User", "name": "alice", "apiGroup": "rbac.authorization.k8s.io"}],
    )

    assert facts().access.grants(ALICE, "shop") == {"restricted-v2", "restricted-v3"}
    access = facts(role, binding).access
    assert access.grants(ALICE, "shop") == {"restricted-v2", "restricted-v3", "anyuid"}
    assert "anyuid" not in access.grants(ALICE, "other")


def test_that_nobody_was_granted_anything_is_told():
    found = OfflineCluster([]).facts(pod_request(), POLICIES)

    assert found.access.grants(ALICE, "shop") == frozenset()
    assert any("only system:masters" in told for told in found.assumptions)


def test_rbac_that_cannot_be_read_is_an_error():
    with pytest.raises(RbacError) as raised:
        OfflineCluster([namespace("shop"), obj("Role", "r", "shop", rules="all")])

    assert raised.value.problems[0].index == 1


def test_the_pod_of_an_exec_is_among_the_files():
    pod = obj("Pod", "web", "shop", spec={"containers": []})
    request = pod_request(operation="CONNECT", subresource="exec", name="web")

    assert facts(pod, request=request).pod == pod
    assert facts(request=request).pod is None


def deployment() -> Request:
    template = {"metadata": {}, "spec": {"serviceAccountName": "builder", "containers": []}}
    value = {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": template}}
    return pod_request(
        resource="deployments",
        kind="Deployment",
        group="apps",
        phase="validate",
        load=lambda: value,
    )


@pytest.mark.parametrize("mounts", [True, False, None])
def test_a_service_account_says_whether_its_token_is_mounted(mounts: bool | None):
    account = obj("ServiceAccount", "builder", "shop", automountServiceAccountToken=mounts)

    assert facts(account, request=deployment()).automount is mounts


def test_a_service_account_that_nobody_describes_mounts_its_token():
    found = facts(request=deployment())

    assert found.automount is None
    assert any('service account "builder" is not described' in told for told in found.assumptions)


def test_what_no_policy_judges_needs_no_assumption():
    assert facts(request=pod_request(resource="configmaps", kind="ConfigMap")).assumptions == ()
    assert facts(request=pod_request(namespace="kube-system")).assumptions == ()
