"""Outages, rehearsed: what stops, what goes on, what heals by itself, and what somebody has to do.

What happened is written in docs/operations.md.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from tests.cluster.certificates import Authority
from tests.cluster.cluster import ADMIN, Cluster
from tests.cluster.envtest import ControlPlane
from tests.cluster.installation import DNS, Installation
from tests.cluster.managers import controller_manager
from tests.cluster.objects import deployment, pod
from tests.cluster.process import Process, eventually, get
from tests.cluster.running import document
from tests.cluster.tenancy.api import Answer, Api
from tests.cluster.tenancy.world import bound
from tests.cluster.tenantgate import NAMESPACE

RBAC = "rbac.authorization.k8s.io"
CORE = "/api/v1/namespaces/{}"
APPS = "/apis/apps/v1/namespaces/{}/deployments"
LEASE = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-controller-manager"
WEB = "acme-web"
POLICIES = {
    "platform": document(
        "Platform", "platform", {"admins": {"groups": ["system:masters", "platform-admins"]}}
    ),
    "acme": document(
        "Tenant",
        "acme",
        {
            "owners": [{"kind": "Group", "name": "acme-leads"}],
            "members": [{"kind": "Group", "name": "acme-devs"}],
        },
    ),
}


class Site:
    """A cluster with a control plane that does its work, tenantgate in it, and a tenant's shop."""

    def __init__(self, cluster: Cluster, installed: Installation, managers: Process) -> None:
        self.cluster, self.installed, self.managers = cluster, installed, managers
        self.api = Api(cluster)

    def crash(self) -> None:
        """Lose all machines of the control plane and every pod of ours, at once."""
        self.installed.down()
        self.managers.kill()
        self.cluster.plane.api.kill()
        self.cluster.plane.etcd.kill()

    def boot(self) -> float:
        """Switch the control plane on again; return how long it took to be ready and to lead."""
        began = time.monotonic()
        self.cluster.plane.start_etcd()
        self.cluster.plane.start_api()
        before = self.leads()
        self.managers.start()
        eventually(lambda: self.leads() != before, timeout=60)
        return time.monotonic() - began

    def leads(self) -> Any:
        """Return when the controllers last renewed their lease."""
        return (self.api(ADMIN, "GET", LEASE).body.get("spec") or {}).get("renewTime")

    def pods(self, namespace: str, app: str) -> set[str]:
        """Return the names of an application's pods."""
        path = f"{CORE.format(namespace)}/pods?labelSelector=app%3D{app}"
        return {each["metadata"]["name"] for each in self.api(ADMIN, "GET", path).body["items"]}

    def lose(self, namespace: str, app: str) -> set[str]:
        """Delete the pods of an application, as a node that fails takes them; return their names."""
        gone = self.pods(namespace, app)
        for name in gone:
            path = f"{CORE.format(namespace)}/pods/{name}?gracePeriodSeconds=0"
            assert self.api(ADMIN, "DELETE", path).status == 200
        return gone

    def comes_back(self, namespace: str, app: str, gone: set[str], timeout: float = 60) -> float:
        """Wait until the controllers have replaced an application's pods; return how long it took."""
        began = time.monotonic()
        eventually(lambda: self.pods(namespace, app) - gone, timeout=timeout)
        return time.monotonic() - began

    def as_alice(self, name: str = "new") -> Answer:
        """Have a developer create a pod, dry."""
        path = f"{CORE.format(WEB)}/pods?dryRun=All"
        return self.api("alice", "POST", path, pod(name))

    def judged(self) -> bool:
        """Tell whether a developer's privileged pod is refused by tenantgate itself."""
        path = f"{CORE.format(WEB)}/pods?dryRun=All"
        answer = self.api("alice", "POST", path, pod("bad", security={"privileged": True}))
        return answer.status == 403 and "denied the request" in answer.message

    def waits(self) -> bool:
        """Tell whether a developer's pod is refused because nobody can be asked."""
        answer = self.as_alice()
        return answer.status == 500 and "failed calling webhook" in answer.message


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    plane = ControlPlane(tmp_path_factory.mktemp("rehearsals"))
    cluster = Cluster(plane)
    with ExitStack() as ended:
        ended.callback(plane.stop)
        ended.callback(cluster.close)
        plane.start()
        managers = controller_manager(cluster)
        ended.callback(managers.kill)
        managers.start()
        installed = Installation(cluster, tmp_path_factory.mktemp("installed"), POLICIES)
        ended.callback(installed.close)
        made = Site(cluster, installed, managers)
        eventually(made.leads, timeout=60)
        installed.install()
        furnish(cluster)
        assert installed.controller
        installed.controller.start()
        installed.up()
        eventually(lambda: made.judged(), timeout=60)
        yield made


def furnish(cluster: Cluster) -> None:
    """Create what the rehearsals are about: a tenant's shop, the cluster's DNS, our own pods."""
    ranges = {
        "openshift.io/sa.scc.uid-range": "1000660000/10000",
        "openshift.io/sa.scc.supplemental-groups": "1000660000/10000",
        "openshift.io/sa.scc.mcs": "s0:c26,c5",
    }
    labels = {"tenantgate.io/tenant": "acme"}
    metadata = {"name": WEB, "labels": labels, "annotations": ranges}
    cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    groups = ["", "apps", "coordination.k8s.io"]
    rule = {"apiGroups": groups, "resources": ["*"], "verbs": ["*"]}
    role = {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": "test:all"}}
    cluster.create({**role, "rules": [rule]}, bound("test:all", ["alice", "paula"]))
    for namespace, name in ((WEB, "shop"), ("kube-system", "dns"), (NAMESPACE, "tenantgate")):
        eventually(partial(_has_account, cluster, namespace))
        made = deployment(pod(), name)
        made["metadata"]["namespace"] = namespace
        cluster.create(made)


def _has_account(cluster: Cluster, namespace: str) -> bool:
    done = cluster.kubectl("get", "serviceaccount/default", "-n", namespace, user=ADMIN)
    return not done.returncode


@pytest.fixture(autouse=True)
def _healthy(site: Site) -> Iterator[None]:
    """Each rehearsal but the last ends in a cluster in which all is well."""
    yield
    if site.api(ADMIN, "GET", CORE.format(NAMESPACE)).status == 404:
        return
    if not site.installed.webhook.process.running():
        site.installed.webhook.start()
    site.installed.ready(True)
    if not site.installed.registered():
        site.installed.ask_back()
    eventually(site.judged, timeout=60)


def test_cold_start_of_a_whole_cluster(site: Site):
    """Everything is off, and the registration that fails closed is what is in etcd."""
    site.crash()

    site.boot()

    # What the cluster needs comes back without anybody's help.
    for namespace, name in (("kube-system", "dns"), (NAMESPACE, "tenantgate")):
        gone = site.lose(namespace, name)
        site.comes_back(namespace, name, gone)
    node = {"metadata": {"name": "node-1"}}
    assert site.api("system:node:node-1", "POST", "/api/v1/nodes", node).status == 201
    # What is judged waits, and is told why.
    assert site.waits()
    gone = site.lose(WEB, "shop")
    assert site.pods(WEB, "shop") == set()

    site.installed.up()

    eventually(site.judged, timeout=60)
    site.comes_back(WEB, "shop", gone, timeout=120)


def test_the_webhook_at_zero_replicas(site: Site):
    """Tenants wait; the platform, and who repairs it, do not."""
    site.installed.down()
    api = site.api

    assert site.waits()
    path = f"{CORE.format(WEB)}/configmaps"
    answer = api("alice", "POST", path, {"metadata": {"name": "new"}})
    assert 'failed calling webhook "objects.validate.tenantgate.io"' in answer.message
    assert api("alice", "GET", f"{CORE.format(WEB)}/pods").status == 200
    assert api(ADMIN, "POST", path, {"metadata": {"name": "repair"}}).status == 201
    scale = {"spec": {"replicas": 2}}
    own = f"{APPS.format(NAMESPACE)}/tenantgate"
    assert api("paula", "PATCH", own, scale, "merge patch").status == 200
    eventually(lambda: len(site.pods(NAMESPACE, "tenantgate")) == 2)
    before = site.leads()
    eventually(lambda: site.leads() != before)
    gone = site.lose(WEB, "shop")

    site.installed.up()

    eventually(site.judged, timeout=60)
    site.comes_back(WEB, "shop", gone, timeout=120)


def test_a_restart_of_the_api_server(site: Site):
    """Nobody but the API server has to be restarted: caches, watches and the lease take up again."""
    running = site.installed.webhook.process.pid

    site.cluster.plane.stop_api()
    assert get(f"{site.installed.webhook.ops}/readyz") == 200
    site.cluster.plane.start_api()

    eventually(site.judged, timeout=60)
    assert site.as_alice().status == 201
    assert site.installed.webhook.process.pid == running
    patch = [{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Ignore"}]
    path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/tenantgate"
    assert site.api(ADMIN, "PATCH", path, patch, "json patch").status == 200

    def repaired() -> bool:
        found = site.api(ADMIN, "GET", path).body["webhooks"][0]
        return bool(found["failurePolicy"] == "Fail")

    eventually(repaired, timeout=60)
    site.managers.kill()  # it gives up by itself when it cannot renew its lease
    site.managers.start()


def test_an_expired_certificate(site: Site):
    """The replica says so and is not ready; a new pair is served without a restart."""
    installed = site.installed
    installed.down()
    good = {path.name: path.read_bytes() for path in installed.certs.iterdir()}
    authority = Authority("operator")
    expired = authority.server([DNS, "localhost"], life=timedelta(minutes=-1))
    (installed.certs / "ca.crt").write_bytes(authority.certificate)
    (installed.certs / "tls.crt").write_bytes(expired.certificate)
    (installed.certs / "tls.key").write_bytes(expired.key)
    installed.publish()
    installed.webhook.process.start()
    eventually(lambda: get(f"{installed.webhook.ops}/readyz") == 503)
    eventually(site.waits)
    assert "certificate" in site.as_alice().message
    running = installed.webhook.process.pid

    for name, text in good.items():
        (installed.certs / name).write_bytes(text)
    installed.publish()

    eventually(lambda: get(f"{installed.webhook.ops}/readyz") == 200, timeout=30)
    installed.ready(True)
    eventually(site.judged, timeout=60)
    assert installed.webhook.process.pid == running


def test_break_glass(site: Site):
    """One command, whatever is broken; and it stays so until somebody says otherwise."""
    site.installed.down()
    assert site.waits()

    site.installed.break_glass()

    eventually(lambda: site.as_alice().status == 201)
    eventually(lambda: "RegistrationDeleted" in site.installed.events())
    site.installed.up()
    time.sleep(2)  # twenty looks of the controller, with a webhook that would answer
    assert site.installed.registered() == []
    assert site.as_alice().status == 201

    site.installed.ask_back()

    eventually(site.judged, timeout=60)


def test_uninstalled_in_the_wrong_order(site: Site):
    """Whoever deletes the namespace first takes the registration along, by the garbage collector."""
    site.installed.webhook.kill()
    assert site.waits()

    assert site.api(ADMIN, "DELETE", CORE.format(NAMESPACE)).status == 200

    eventually(lambda: site.installed.registered() == [], timeout=60)
    eventually(lambda: site.as_alice().status == 201)
