"""Tenants and what they meet: the policies, the people, and a cluster with something in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.cluster import ADMIN, Cluster, Object, allotted, service_account
from tests.cluster.objects import deployment, pod
from tests.cluster.process import eventually
from tests.cluster.tenantgate import NAMESPACE

TENANT = "tenantgate.io/tenant"
MANAGED = "tenantgate.io/managed"

PEOPLE: Mapping[str, tuple[str, ...]] = {
    "alice": ("acme-devs",),
    "olga": ("acme-leads",),
    "bob": ("globex-devs",),
    "gina": ("globex-leads",),
    "ivan": (),
    "paula": ("platform-admins",),
    "otto": (),
    ADMIN: ("system:masters",),
}
"""Members alice of acme and bob of globex, owners olga of acme and gina of globex; paula is platform,
otto is nobody's. Ivan owns a third tenant, which has nothing yet."""

DEPLOYER = service_account("acme-ci", "deployer")
"""Owns acme, by its tenant's file."""

_PLATFORM = """\
apiVersion: tenantgate.io/v1
kind: Platform
metadata: {name: platform}
spec:
  admins: {groups: ["system:masters", platform-admins], serviceAccounts: [platform-system/*]}
  namespaces: [kube-system, kube-public, kube-node-lease, default, platform-system]
  cluster: {podCIDRs: [10.244.0.0/16], serviceCIDRs: [10.0.0.0/24], nodeCIDRs: [10.1.0.0/20]}
  hostnames: {platform: ["*.apps.example.com"]}
  podSecurity: {require: baseline}
"""
_ACME = """\
apiVersion: tenantgate.io/v1
kind: Tenant
metadata: {name: acme}
spec:
  owners: [{kind: Group, name: acme-leads}, {kind: ServiceAccount, namespace: acme-ci, name: deployer}]
  members: [{kind: Group, name: acme-devs}]
  namespaces: {prefix: acme-}
  allow:
    ingressClasses: {names: [nginx], default: nginx}
    storageClasses: {names: [fast], default: fast}
    registries: [registry.example.com]
    pullPolicies: [IfNotPresent, Always]
"""
_GLOBEX = """\
apiVersion: tenantgate.io/v1
kind: Tenant
metadata: {name: globex}
spec:
  owners: [{kind: Group, name: globex-leads}]
  members: [{kind: Group, name: globex-devs}]
  namespaces: {prefix: globex-, quota: 4}
"""
_INITECH = """\
apiVersion: tenantgate.io/v1
kind: Tenant
metadata: {name: initech}
spec:
  owners: [{kind: User, name: ivan}]
  namespaces: {quota: 3}
"""
_SCCS = Path(__file__).parents[3] / "policies" / "scc"

POLICIES: Mapping[str, str] = {
    "platform.yaml": _PLATFORM,
    "acme.yaml": _ACME,
    "globex.yaml": _GLOBEX,
    "initech.yaml": _INITECH,
    **{path.name: path.read_text() for path in sorted(_SCCS.glob("*.yaml"))},
}
"""The policy folder, by file name."""

_EVERY_GROUP = (
    *("", "apps", "autoscaling", "batch", "certificates.k8s.io", "coordination.k8s.io"),
    *("discovery.k8s.io", "events.k8s.io", "networking.k8s.io", "node.k8s.io", "policy"),
    *("rbac.authorization.k8s.io", "scheduling.k8s.io", "storage.k8s.io", "resource.k8s.io"),
    *("apiextensions.k8s.io", "apiregistration.k8s.io", "authentication.k8s.io"),
    *("authorization.k8s.io", "flowcontrol.apiserver.k8s.io"),
)


@dataclass(frozen=True)
class World:
    """The names of the namespaces."""

    web: str = "acme-web"
    ci: str = "acme-ci"
    app: str = "globex-app"
    unowned: str = "sandbox"
    platform: str = "platform-system"
    engine: str = NAMESPACE


def groups_of(user: str) -> tuple[str, ...]:
    """Return the groups that come with a user's name."""
    match user.split(":"):
        case ["system", "serviceaccount", namespace, _]:
            return ("system:serviceaccounts", f"system:serviceaccounts:{namespace}")
        case ["system", "node", _]:
            return ("system:nodes",)
    return PEOPLE.get(user, ())


def furnish(cluster: Cluster) -> World:
    """Create the namespaces, and let everybody do by RBAC whatever they like, SCCs aside.

    So whatever is refused, is refused by the webhook.
    """
    world = World()
    owners = {world.web: "acme", world.ci: "acme", world.app: "globex"}
    for name in (*owners, world.unowned, world.platform):
        labels = {TENANT: owners[name]} if name in owners else {}
        cluster.create(*cluster.furnished(name, allotted(), labels))
    cluster.create(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": "test:anything"},
            "rules": [{"apiGroups": list(_EVERY_GROUP), "resources": ["*"], "verbs": ["*"]}],
        },
        bound("test:anything", [*PEOPLE, "system:anonymous", DEPLOYER, *_accounts(world)]),
    )
    cluster.create(*cluster.furnished(world.engine, {}, {})[1:])
    for namespace in (world.app, world.unowned, world.platform, world.engine, "kube-system"):
        cluster.create(*_objects(namespace))
    _settle(cluster, "alice", _objects(world.web))
    cluster.create(*_managed(world.web))
    return world


def _settle(cluster: Cluster, user: str, objects: Sequence[Object]) -> None:
    """Create objects as a user, once the webhook knows the namespace and RBAC the user."""
    made = {"apiVersion": "v1", "kind": "List", "items": list(objects)}

    def applied() -> bool:
        done = cluster.kubectl("apply", "-f", "-", user=user, groups=groups_of(user), stdin=made)
        return done.returncode == 0

    eventually(applied)


def _accounts(world: World) -> Sequence[str]:
    return [service_account(name, "default") for name in (world.web, world.app)]


def bound(role: str, users: Sequence[str]) -> Object:
    """Return the binding of a ClusterRole to users, everywhere."""
    group = "rbac.authorization.k8s.io"
    return {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": role},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": group, "kind": "User", "name": user} for user in users],
    }


def _objects(namespace: str) -> Sequence[Object]:
    """Return an ordinary object of each kind that a stranger might want to touch."""
    labels = {"app": "web"}
    plain = [
        {**pod("web"), "metadata": {"name": "web", "labels": labels}},
        deployment(pod("web")),
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web"},
            "spec": {"selector": labels, "ports": [{"port": 80}]},
        },
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}, "data": {"a": "b"}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "web"}},
    ]
    return [_in(namespace, each) for each in plain]


def _managed(namespace: str) -> Sequence[Object]:
    """Return what the platform keeps in a tenant's namespace."""
    labels = {"app": "agent", MANAGED: "true"}
    agent = pod("platform-agent")
    plain: list[dict[str, Any]] = [
        {**agent, "metadata": {"labels": labels}},
        deployment(pod("platform-logs"), "platform-logs"),
        {
            "apiVersion": "v1",
            "kind": "Service",
            "spec": {"selector": {"app": "agent"}, "ports": [{"port": 80}]},
        },
        {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "b"}},
        {"apiVersion": "v1", "kind": "ServiceAccount"},
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
        },
        {"apiVersion": "v1", "kind": "ResourceQuota", "spec": {"hard": {"configmaps": "100"}}},
        {
            "apiVersion": "v1",
            "kind": "LimitRange",
            "spec": {"limits": [{"type": "Container", "default": {"memory": "1Gi"}}]},
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "view",
            },
            "subjects": [],
        },
    ]
    names = {"Pod": "platform-agent", "Service": "platform-agent", "Deployment": "platform-logs"}
    return [
        _in(
            namespace,
            {
                **each,
                "metadata": {
                    **each.get("metadata", {}),
                    "name": names.get(each["kind"], f"platform-{each['kind'].lower()}"),
                    "labels": {MANAGED: "true", **each.get("metadata", {}).get("labels", {})},
                },
            },
        )
        for each in plain
    ]


def _in(namespace: str, made: Mapping[str, Any]) -> Object:
    return {**made, "metadata": {**made["metadata"], "namespace": namespace}}


def policy(name: str) -> Any:
    """Return one document of the policy folder."""
    return yaml.safe_load(POLICIES[name])
