"""The shorthands of `Tenant.spec.provision`: which objects they stand for, and what gives way to them."""

import pytest

from tests.core.provisioning.samples import (
    AROUND,
    loaded,
    namespace,
    objects,
    template,
    tenant,
    wants,
)
from webhook.core.policyset import parse_policies

DENY = """\
  objects:
  - {apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: platform-default-deny}, spec: {podSelector: {}}}
  - {apiVersion: v1, kind: ResourceQuota, metadata: {name: platform-quota}, spec: {hard: {pods: 3, secrets: 4}}}
  - {apiVersion: v1, kind: ConfigMap, metadata: {name: platform-quota}}
"""


def test_a_quota_takes_the_place_of_the_templates() -> None:
    found = objects(wants(loaded(template(DENY), tenant("{resourceQuota: {pods: 200, cpu: 0.5}}"))))

    assert list(found) == [
        "ResourceQuota/platform-quota",
        "NetworkPolicy/platform-default-deny",
        "ConfigMap/platform-quota",
    ]
    assert found["ResourceQuota/platform-quota"]["spec"] == {"hard": {"pods": "200", "cpu": "500m"}}


def test_limits_are_those_of_containers() -> None:
    limits = "{default: {cpu: 500m}, defaultRequest: {cpu: 100m}, min: {}, maxLimitRequestRatio: {cpu: 10}}"
    found = objects(wants(loaded(tenant(f"{{limitRange: {limits}}}"))))

    assert found["LimitRange/platform-limits"]["spec"] == {
        "limits": [
            {
                "type": "Container",
                "default": {"cpu": "500m"},
                "defaultRequest": {"cpu": "100m"},
                "maxLimitRequestRatio": {"cpu": "10"},
            }
        ]
    }


def test_default_deny_leaves_the_tenants_own_pods_and_dns() -> None:
    found = objects(wants(loaded(template(DENY), tenant("{networkPolicy: default-deny}"))))

    own = {"namespaceSelector": {"matchLabels": {"tenantgate.io/tenant": "acme"}}}
    assert found["NetworkPolicy/platform-default-deny"]["spec"] == {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": [own]}],
        "egress": [
            {"to": [own]},
            {
                "to": [
                    {
                        "namespaceSelector": {
                            "matchLabels": {"kubernetes.io/metadata.name": "kube-system"}
                        }
                    }
                ],
                "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
            },
        ],
    }


def test_none_takes_the_templates_default_deny_out() -> None:
    kept, gone = (
        objects(wants(loaded(template(DENY), tenant(provision))))
        for provision in ("{}", "{networkPolicy: none}")
    )

    assert kept.keys() - gone.keys() == {"NetworkPolicy/platform-default-deny"}


BINDINGS = (
    "{roleBindings: [{clusterRole: admin, to: owners}, {clusterRole: edit, to: members}, "
    "{clusterRole: edit, to: owners}, {clusterRole: 'tenantgate:view', to: members}]}"
)


def test_role_bindings_one_for_each_role() -> None:
    people = (
        "  members: [{kind: User, name: max}, {kind: ServiceAccount, namespace: ci, name: bot}, "
        "{kind: Group, name: acme-leads}]\n"
    )
    text = tenant(BINDINGS).replace("  provision", f"{people}  provision")

    found = objects(wants(loaded(text)))

    group = {"kind": "Group", "name": "acme-leads", "apiGroup": "rbac.authorization.k8s.io"}
    user = {"kind": "User", "name": "max", "apiGroup": "rbac.authorization.k8s.io"}
    account = {"kind": "ServiceAccount", "name": "bot", "namespace": "ci"}
    assert {name: item["subjects"] for name, item in found.items()} == {
        "RoleBinding/platform-admin": [group],
        "RoleBinding/platform-edit": [user, account, group],
        "RoleBinding/platform-tenantgate:view": [user, account, group],
    }
    assert found["RoleBinding/platform-tenantgate:view"]["roleRef"] == {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": "ClusterRole",
        "name": "tenantgate:view",
    }


def test_a_role_that_nobody_has_any_more_is_bound_to_nobody() -> None:
    """Were the object left out, those who were members would be bound until somebody cleans up."""
    found = objects(wants(loaded(tenant("{roleBindings: [{clusterRole: edit, to: members}]}"))))

    assert found["RoleBinding/platform-edit"]["subjects"] == []


def test_names_begin_with_what_the_platform_reserves() -> None:
    own = AROUND.replace("spec:\n", "spec:\n  reservedObjectPrefix: house-\n", 1)
    text = tenant("{resourceQuota: {pods: 1}, roleBindings: [{clusterRole: view, to: owners}]}")
    policies = parse_policies({"a.yaml": text, "b.yaml": own})

    assert list(objects(wants(policies))) == ["ResourceQuota/house-quota", "RoleBinding/house-view"]


@pytest.mark.parametrize("owner", ["", "other"])
def test_they_are_for_their_own_tenant_alone(owner: str) -> None:
    policies = loaded(tenant("{resourceQuota: {pods: 1}}"), tenant("{}", "other"))

    assert wants(policies, namespace(owner)).objects == ()
