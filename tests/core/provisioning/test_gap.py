"""Until a tenant's namespace is provisioned its pods wait, and nobody else's do."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from webhook.core.engine import decide
from webhook.core.model.finding import Decision
from webhook.core.model.marks import PROVISIONED, TENANT
from webhook.core.model.request import EVERYTHING, Facts, Request, User
from webhook.core.model.world import Namespace, NoWorld
from webhook.core.policyset import parse_policies

PLATFORM = """\
apiVersion: tenantgate.io/v1
kind: Platform
metadata: {name: platform}
spec:
  admins: {groups: [platform-admins]}
  cluster: {podCIDRs: [10.244.0.0/16], serviceCIDRs: [10.0.0.0/24], nodeCIDRs: [10.1.0.0/20]}
"""
TENANTS = """\
apiVersion: tenantgate.io/v1
kind: Tenant
metadata: {name: acme}
spec: {owners: [{kind: Group, name: acme-leads}]}
---
apiVersion: tenantgate.io/v1
kind: Tenant
metadata: {name: frugal}
spec: {owners: [{kind: Group, name: frugal-leads}], provision: {resourceQuota: {pods: "5"}}}
"""
TEMPLATE = """\
apiVersion: tenantgate.io/v1
kind: NamespaceTemplate
metadata: {name: standard}
spec:
  match: {tenants: [acme]}
  objects:
    - {apiVersion: v1, kind: ResourceQuota, metadata: {name: platform-quota}, spec: {hard: {pods: "5"}}}
"""
SCC = """\
apiVersion: security.openshift.io/v1
kind: SecurityContextConstraints
metadata: {name: ordinary}
groups: ["system:authenticated"]
allowPrivilegedContainer: false
runAsUser: {type: MustRunAsRange}
seLinuxContext: {type: MustRunAs}
fsGroup: {type: RunAsAny}
supplementalGroups: {type: RunAsAny}
users: []
volumes: ["*"]
allowHostDirVolumePlugin: false
allowHostIPC: false
allowHostNetwork: false
allowHostPID: false
allowHostPorts: false
readOnlyRootFilesystem: false
"""
POLICIES = parse_policies(
    {"platform": PLATFORM, "tenants": TENANTS, "template": TEMPLATE, "scc": SCC}
)
RANGES = {
    "openshift.io/sa.scc.uid-range": "1000000000/10000",
    "openshift.io/sa.scc.supplemental-groups": "1000000000/10000",
    "openshift.io/sa.scc.mcs": "s0:c1,c0",
}
PROVISIONED_ONE = {**RANGES, PROVISIONED: "0123"}
OWNER = User("olga", ("acme-leads", "frugal-leads", "system:authenticated"))
CONTROLLER = User(
    "system:serviceaccount:kube-system:replicaset-controller",
    ("system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"),
)
ADMIN = User("paula", ("platform-admins", "system:authenticated"))


class World(NoWorld):
    """One namespace."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace

    def namespace(self, name):
        return self._namespace if name == self._namespace.name else None


class Anybody:
    def grants(self, user, namespace):
        return EVERYTHING


def created(
    user: User = OWNER,
    tenant: str = "acme",
    annotations: Mapping[str, str] = RANGES,
    privileged: bool = False,
    **changes: Any,
) -> Decision:
    """Return what is decided on a pod in a namespace that looks like this."""
    labels = {TENANT: tenant} if tenant else {}
    namespace = Namespace("shop", labels, annotations)
    container: dict[str, Any] = {"name": "app", "image": "app", "resources": {}}
    if privileged:
        container["securityContext"] = {"privileged": True}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"serviceAccountName": "default", "containers": [container]},
    }
    request = Request("CREATE", "pods", "Pod", user, namespace="shop", name="web", load=lambda: pod)
    facts = Facts(namespace=namespace, access=Anybody(), world=World(namespace))
    return decide(replace(request, **changes), facts, POLICIES)


@pytest.mark.parametrize("user", [OWNER, CONTROLLER], ids=["owner", "controller"])
@pytest.mark.parametrize("tenant", ["acme", "frugal"])
def test_a_pod_waits(tenant, user):
    decision = created(user, tenant)

    assert not decision.allowed
    assert (decision.code, decision.reason, decision.retry_after) == (429, "TooManyRequests", 1)
    assert 'namespace "shop" is being provisioned' in decision.message
    assert "kubectl -n shop get events" in decision.message


def test_it_waits_in_the_second_pass_too():
    filled = created(annotations=PROVISIONED_ONE).object

    decision = created(phase="validate", load=lambda: filled)

    assert decision.code == 429


def test_once_it_is_provisioned_pods_pass():
    assert created(annotations=PROVISIONED_ONE).allowed


def test_the_platform_does_not_wait():
    assert created(ADMIN).allowed


def test_a_namespace_of_nobody_does_not_wait():
    assert created(User("eve", ("system:authenticated",)), tenant="").allowed


def test_what_waiting_does_not_mend_is_refused_for_good():
    decision = created(privileged=True)

    assert decision.code == 403
    assert "privileged" in decision.message
    assert "being provisioned" not in decision.message


def test_a_namespace_without_ranges_waits_for_both():
    decision = created(annotations={})

    assert decision.code == 429
    assert "uid-range" in decision.message
    assert "being provisioned" in decision.message


@pytest.mark.parametrize("operation", ["UPDATE", "DELETE"])
def test_pods_that_are_there_are_not_held(operation):
    decision = created(operation=operation, load_old=lambda: {"metadata": {}, "spec": {}})

    assert decision.code != 429
