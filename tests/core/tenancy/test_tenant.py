"""The Tenant document: its defaults, and every mistake in it with its place."""

from typing import Any

import pytest

from tests.core.samples import changed
from webhook.core.policyset import PolicyError, parse_policies
from webhook.core.tenancy.document import mistakes
from webhook.core.tenancy.tenant import Tenant

MINIMAL: dict[str, Any] = {
    "apiVersion": "tenantgate.io/v1",
    "kind": "Tenant",
    "metadata": {"name": "acme"},
    "spec": {"owners": [{"kind": "Group", "name": "acme-leads"}]},
}
COMPLETE: dict[str, Any] = {
    "owners": [
        {"kind": "Group", "name": "acme-leads"},
        {"kind": "ServiceAccount", "namespace": "acme-ci", "name": "deployer"},
        {"kind": "Group", "name": "system:serviceaccounts:acme-ops"},
    ],
    "members": [{"kind": "User", "name": "mia@example.com"}],
    "allowForeignServiceAccounts": False,
    "suspended": False,
    "namespaces": {
        "prefix": "acme-",
        "prefixOverlap": "refuse",
        "names": ["legacy-shop"],
        "selector": {"matchLabels": {"platform.example.com/adopt": "acme"}},
        "quota": 5,
        "protect": True,
        "labels": {
            "required": {"cost-centre": "cc-[0-9]{4}"},
            "allow": ["acme.io/*", "team", "cost-centre"],
            "deny": [],
        },
        "annotations": {"deny": ["*.alpha.kubernetes.io/*"]},
        "nodeSelector": {"pool": "shared"},
    },
    "allow": {
        "serviceTypes": ["ClusterIP", "LoadBalancer"],
        "nodePorts": ["30000-30100", 31000],
        "loadBalancers": {
            "classes": ["internal"],
            "sourceRanges": ["203.0.113.0/24"],
            "ips": ["203.0.113.9"],
        },
        "externalIPs": ["203.0.113.7"],
        "externalNames": ["*.example.com"],
        "endpointCIDRs": ["2001:db8::/32"],
        "ingressClasses": {"names": ["nginx"], "default": "nginx"},
        "hostnames": ["acme.com", "*.acme.com"],
        "wildcardHosts": True,
        "hostCollision": "namespace",
        "gatewayClasses": {"names": ["shared"]},
        "gateways": ["ingress/shared"],
        "storageClasses": {"names": ["fast", "slow"], "default": "slow"},
        "csiInline": ["secrets-store.csi.k8s.io"],
        "priorityClasses": {"names": ["standard"], "default": "standard"},
        "runtimeClasses": {"names": ["gvisor"]},
        "schedulers": ["default-scheduler", "batch"],
        "deviceClasses": ["gpu"],
        "registries": ["registry.example.com/acme"],
        "pullPolicies": ["Always"],
        "tolerations": ["dedicated-acme"],
        "clusterRoles": ["view", "edit"],
        "subjects": [
            {"kind": "Group", "name": "auditors"},
            {"kind": "Group", "name": "system:authenticated"},
        ],
        "tokenAudiences": ["vault"],
        "iamRoles": ["arn:aws:iam::1:role/acme-*"],
        "clusterRefs": {"ClusterIssuer": ["letsencrypt"]},
        "peers": ["shared-services"],
        "objectLabels": {"deny": ["internal"]},
        "objectAnnotations": {"allow": ["*"], "required": {"owner": ".+"}},
    },
    "podSecurity": {"require": "restricted"},
    "provision": {
        "template": "tenant-default",
        "parameters": {"PODS": "200"},
        "resourceQuota": {"requests.cpu": "20", "pods": 200},
        "limitRange": {"default": {"cpu": "500m"}, "defaultRequest": {"cpu": "100m"}},
        "networkPolicy": "default-deny",
        "roleBindings": [{"clusterRole": "admin", "to": "owners"}],
    },
}


def read(spec: dict[str, Any]) -> Tenant:
    document = {**MINIMAL, "spec": {**MINIMAL["spec"], **spec}}
    assert mistakes(document) == []
    return Tenant.from_object(document)


def test_what_a_minimal_tenant_may_do() -> None:
    """Absent keys mean what the reference's table of defaults says."""
    tenant = read({})

    assert not tenant.suspended
    assert not tenant.allow_foreign_service_accounts
    assert tenant.members == ()
    assert tenant.pod_security == "privileged"
    assert tenant.namespaces.prefix == ""
    assert tenant.namespaces.quota is None
    assert not tenant.namespaces.protect
    assert not tenant.namespaces.prefix_overlap
    assert tenant.namespaces.labels.permits("anything")
    assert tenant.namespaces.node_selector == {}
    allow = tenant.allow
    assert allow.service_types == ("ClusterIP",)
    assert allow.node_ports is None
    assert allow.load_balancer_classes == ()
    assert allow.load_balancer_ranges is None
    assert allow.load_balancer_ips == ()
    assert allow.external_ips == allow.external_names == allow.endpoint_cidrs == ()
    assert allow.ingress_classes is None
    assert allow.hostnames is None
    assert not allow.wildcard_hosts
    assert allow.host_collision == "cluster"
    assert allow.gateway_classes.names == frozenset()
    assert allow.gateways == ()
    assert allow.storage_classes is None
    assert allow.csi_inline == ()
    assert allow.priority_classes is None
    assert allow.runtime_classes is None
    assert allow.schedulers == ("default-scheduler",)
    assert allow.device_classes is None
    assert allow.registries is None
    assert allow.pull_policies is None
    assert allow.tolerations is None
    assert allow.cluster_roles == ("view", "edit", "admin")
    assert allow.subjects == ()
    assert allow.token_audiences is None
    assert allow.iam_roles == ()
    assert allow.cluster_refs == {}
    assert allow.peers == ()
    assert allow.object_labels is None
    assert allow.object_annotations is None


@pytest.mark.parametrize(
    "key",
    [
        *("serviceTypes", "nodePorts", "hostnames", "schedulers", "deviceClasses", "registries"),
        *("pullPolicies", "tolerations", "clusterRoles", "tokenAudiences"),
    ],
)
def test_an_empty_list_means_nothing_and_null_means_absent(key: str) -> None:
    attribute = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in key)

    assert getattr(read({"allow": {key: []}}).allow, attribute) == ()
    assert read({"allow": {key: None}}).allow == read({}).allow


@pytest.mark.parametrize(
    "key", ["ingressClasses", "storageClasses", "priorityClasses", "runtimeClasses"]
)
def test_a_list_of_classes_is_complete_with_its_default(key: str) -> None:
    attribute = key.replace("Classes", "_classes")

    def classes(**spec: Any) -> Any:
        return getattr(read({"allow": {key: spec}}).allow, attribute)

    assert classes(names=["a"], default="b").permits("b")
    assert not classes(names=["a"], default="b").permits("c")
    assert not classes(names=[]).permits("a")
    assert classes(default="b").permits("c")


def test_gateway_classes_have_to_be_named() -> None:
    def gateways(spec: dict[str, Any]) -> Any:
        return read({"allow": {"gatewayClasses": spec}}).allow.gateway_classes

    assert gateways({"names": ["shared"]}).permits("shared")
    assert gateways({"default": "shared"}).permits("shared")
    assert not gateways({"default": "shared"}).permits("other")
    assert not gateways({}).permits("other")
    assert not gateways({"names": None}).permits("other")


def test_a_list_of_source_ranges_that_is_empty_permits_none() -> None:
    assert read({"allow": {"loadBalancers": {"sourceRanges": []}}}).allow.load_balancer_ranges == ()


def test_every_key_of_the_reference_is_read() -> None:
    tenant = read(COMPLETE)

    assert [str(subject) for subject in tenant.owners] == [
        "acme-leads",
        "acme-ci/deployer",
        "system:serviceaccounts:acme-ops",
    ]
    assert tenant.namespaces.names == {"legacy-shop"}
    assert tenant.namespaces.quota == 5
    assert tenant.namespaces.protect
    assert tenant.namespaces.labels.required == {"cost-centre": "cc-[0-9]{4}"}
    assert not tenant.namespaces.labels.permits("colour")
    assert tenant.namespaces.labels.permits("acme.io/a/b")
    assert not tenant.namespaces.annotations.permits("net.alpha.kubernetes.io/x")
    assert tenant.allow.node_ports == ((30000, 30100), (31000, 31000))
    assert tenant.allow.load_balancer_ranges == ("203.0.113.0/24",)
    assert tenant.allow.host_collision == "namespace"
    assert tenant.allow.cluster_refs == {"ClusterIssuer": ("letsencrypt",)}
    assert tenant.pod_security == "restricted"


@pytest.mark.parametrize(
    ("path", "value", "where", "words"),
    [
        ("spec.owners", None, "spec", ['"owners" is missing in spec; it is required']),
        ("spec.owner", [], "spec.owner", ['"spec.owner" is no known field', 'mean "owners"']),
        ("spec.owners", {}, "spec.owners", ["allowed: a list"]),
        ("spec.owners[0].kind", "Team", "spec.owners[0].kind", ["User, Group, ServiceAccount"]),
        ("spec.owners[0].name", None, "spec.owners[0]", ['"name" is missing in spec.owners[0]']),
        ("spec.owners[0].name", "", "spec.owners[0].name", ["allowed: one name in full"]),
        ("spec.owners[0].name", "*", "spec.owners[0].name", ["allowed: one name in full"]),
        ("spec.owners[0].namespace", "x", "spec.owners[0].namespace", ["only a ServiceAccount"]),
        (
            "spec.owners[1]",
            {"kind": "ServiceAccount", "name": "ci"},
            "spec.owners[1]",
            ['"namespace" is missing'],
        ),
        (
            "spec.owners[0].name",
            "system:authenticated",
            "spec.owners[0].name",
            [
                'is "system:authenticated"',
                "system:serviceaccounts:<namespace>",
                "Fix: name a group",
            ],
        ),
        (
            "spec.owners[0].name",
            "system:serviceaccounts",
            "spec.owners[0].name",
            ['is "system:serviceaccounts"'],
        ),
        ("spec.owners[0].name", "system:masters", "spec.owners[0].name", ['is "system:masters"']),
        (
            "spec.owners[1]",
            {"kind": "User", "name": "system:serviceaccount:acme-ci:ci"},
            "spec.owners[1].name",
            ["a ServiceAccount by namespace and name"],
        ),
        ("spec.suspended", "yes", "spec.suspended", ["allowed: true or false"]),
        ("spec.namespaces.prefix", 7, "spec.namespaces.prefix", ["allowed: a string"]),
        (
            "spec.namespaces.prefixOverlap",
            "ok",
            "spec.namespaces.prefixOverlap",
            ["refuse, accept"],
        ),
        ("spec.namespaces.quota", -1, "spec.namespaces.quota", ["is -1; allowed: 0 or more"]),
        ("spec.namespaces.quota", "5", "spec.namespaces.quota", ["allowed: a whole number"]),
        ("spec.namespaces.selector", {}, "spec.namespaces.selector", ["selects every namespace"]),
        (
            "spec.namespaces.selector",
            {"matchExpressions": [{"key": "a", "operator": "Is"}]},
            "spec.namespaces.selector.matchExpressions[0].operator",
            ["Fix:"],
        ),
        (
            "spec.namespaces.labels.required",
            {"team": "("},
            "spec.namespaces.labels.required.team",
            ["no regular expression"],
        ),
        ("spec.namespaces.label", {}, "spec.namespaces.label", ['Did you mean "labels"?']),
        ("spec.allow.services", [], "spec.allow.services", ["is no known field"]),
        (
            "spec.allow.serviceTypes",
            ["Nodeport"],
            "spec.allow.serviceTypes[0]",
            ['Did you mean "NodePort"?'],
        ),
        ("spec.allow.nodePorts", ["x-y"], "spec.allow.nodePorts[0]", ["30000-30100"]),
        ("spec.allow.externalIPs", ["10.0.0"], "spec.allow.externalIPs[0]", ["or a CIDR"]),
        ("spec.allow.endpointCIDRs", ["10.0.0.0/33"], "spec.allow.endpointCIDRs[0]", ["or a CIDR"]),
        (
            "spec.allow.loadBalancers",
            {"sourceRanges": ["0/0", "x"], "ips": ["y"]},
            "spec.allow.loadBalancers.sourceRanges[0]",
            ["or a CIDR"],
        ),
        (
            "spec.allow.hostCollision",
            "none",
            "spec.allow.hostCollision",
            ["cluster, tenant, namespace, off"],
        ),
        ("spec.allow.ingressClasses", ["nginx"], "spec.allow.ingressClasses", ["an object"]),
        ("spec.allow.subjects", [{"kind": "User", "name": "*"}], "spec.allow.subjects[0].name", []),
        ("spec.allow.clusterRefs", {"A": "b"}, "spec.allow.clusterRefs.A", ["a list"]),
        ("spec.podSecurity.require", "strict", "spec.podSecurity.require", ["restricted"]),
        ("spec.provision.networkPolicy", "deny", "spec.provision.networkPolicy", ["default-deny"]),
        ("metadata.name", None, "metadata", ['"name" is missing in metadata']),
        ("spec", None, "", ['"spec" is missing']),
    ],
)
def test_a_mistake_is_refused_at_its_place(
    path: str, value: Any, where: str, words: list[str]
) -> None:
    found = mistakes(changed(MINIMAL, {path: value}))

    assert str(found[0].path) == where
    assert [word for word in words if word not in found[0].message] == [], found[0].message


def test_all_mistakes_are_told_with_file_line_and_column() -> None:
    text = """\
apiVersion: tenantgate.io/v1
kind: Tenant
metadata: {name: acme}
spec:
  owners:
  - kind: Group
    name: system:authenticated
  - {kind: ServiceAccount, name: ci}
  namespaces:
    quota: -1
"""
    with pytest.raises(PolicyError) as error:
        parse_policies({"tenants/acme.yaml": text})

    places = [(problem.file, problem.line, problem.column) for problem in error.value.problems]
    assert places == [
        ("tenants/acme.yaml", 7, 11),
        ("tenants/acme.yaml", 8, 5),
        ("tenants/acme.yaml", 10, 12),
    ]


def test_conflicts_between_tenants_are_told_in_the_file_that_has_to_give_way() -> None:
    text = """\
apiVersion: tenantgate.io/v1
kind: Tenant
metadata: {name: %s}
spec:
  owners: [{kind: Group, name: leads}]
  namespaces:
    prefix: %s
"""
    with pytest.raises(PolicyError) as error:
        parse_policies({"a.yaml": text % ("a", "acme-"), "b.yaml": text % ("b", "acme-prod-")})

    (problem,) = error.value.problems
    assert str(problem).startswith('b.yaml:7:13: spec.namespaces.prefix is "acme-prod-"')


def test_one_tenant_is_defined_once() -> None:
    text = (
        "apiVersion: tenantgate.io/v1\nkind: Tenant\nmetadata: {name: acme}\nspec: {owners: []}\n"
    )

    with pytest.raises(PolicyError) as error:
        parse_policies({"a.yaml": text, "b.yaml": text})

    assert 'Tenant "acme" is already defined at a.yaml:1' in str(error.value)
