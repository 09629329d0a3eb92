"""While no replica answers, tenants wait and the cluster lives: nothing that it needs is asked for."""

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from tests.cluster.certificates import new_key
from tests.cluster.cluster import ADMIN, Cluster, controller, service_account
from tests.cluster.objects import deployment, pod
from tests.cluster.process import eventually
from tests.cluster.tenancy.api import Answer, Api
from tests.cluster.tenancy.world import World, bound
from tests.cluster.tenantgate import IDENTITY, Tenantgate

CORE = "/api/v1/namespaces/{}"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/{}/leases"
NODE = "system:node:node-1"


@pytest.fixture(scope="module", autouse=True)
def _down(cluster: Cluster, tenantgate: Tenantgate, world: World) -> Iterator[None]:
    """A node, a scheduled pod of a tenant's, and then the webhook crashes."""
    api = Api(cluster)
    done(api(NODE, "POST", "/api/v1/nodes", {"metadata": {"name": "node-1"}}))
    path = CORE.format(world.web)
    done(api(ADMIN, "POST", f"{path}/pods", pod("scheduled")))
    cluster.create(bound("system:node-bootstrapper", ["system:bootstrap:abcdef"]))
    tenantgate.kill()
    yield
    tenantgate.start()


def done(answer: Answer) -> Any:
    """Return the object of an answer that the request was carried out."""
    assert answer.status in (200, 201, 202), answer
    return answer.body


def waits(answer: Answer, entry: str) -> None:
    """Check that a request was refused because nobody could be asked."""
    assert answer.status == 500, answer
    assert f'failed calling webhook "{entry}.tenantgate.io"' in answer.message


def lease(name: str) -> Any:
    return {"metadata": {"name": name}, "spec": {"holderIdentity": "me"}}


def asked(node: str, name: str) -> Any:
    """Return what a kubelet sends to have its client certificate signed."""
    parts = [
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "system:nodes"),
        x509.NameAttribute(NameOID.COMMON_NAME, node),
    ]
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(parts))
    request = builder.sign(new_key(), hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    return {
        "metadata": {"name": name},
        "spec": {
            "request": base64.b64encode(request).decode(),
            "signerName": "kubernetes.io/kube-apiserver-client-kubelet",
            "usages": ["digital signature", "client auth"],
        },
    }


class TestTenants:
    """Nothing of what they write passes unjudged."""

    @pytest.mark.parametrize(
        ("path", "body", "entry"),
        [
            (f"{CORE}/pods", pod("new"), "workloads.mutate"),
            (
                "/apis/apps/v1/namespaces/{}/deployments",
                deployment(pod(), "new"),
                "workloads.validate",
            ),
            (f"{CORE}/configmaps", {"metadata": {"name": "new"}}, "objects.validate"),
            (f"{CORE}/services", {"metadata": {"name": "new"}}, "defaults.mutate"),
            (
                "/apis/rbac.authorization.k8s.io/v1/clusterroles",
                {"metadata": {"name": "new"}},
                "cluster.validate",
            ),
            ("/api/v1/namespaces", {"metadata": {"name": "acme-late"}}, "namespaces.mutate"),
            (f"{CORE}/pods/web/exec?command=true", None, "connect.validate"),
        ],
        ids=["pod", "deployment", "config map", "service", "cluster role", "namespace", "exec"],
    )
    @pytest.mark.parametrize("user", ["alice", "olga", "otto"])
    def test_wait(self, api, world, user, path, body, entry):
        waits(api(user, "POST", path.format(world.web), body), entry)

    @pytest.mark.parametrize("namespace", ["kube-system", "tenantgate-system"])
    def test_so_they_do_where_only_the_platform_works(self, api, namespace):
        path = CORE.format(namespace)

        waits(
            api("alice", "POST", f"{path}/configmaps", {"metadata": {"name": "new"}}),
            "objects-system.validate",
        )
        waits(api("alice", "GET", f"{path}/pods/web/exec?command=true"), "objects-system.validate")

    def test_their_operators_keep_their_leaders(self, api, world):
        user = service_account(world.web, "default")
        path = LEASES.format(world.web)

        made = done(api(user, "POST", path, lease("operator")))
        made["spec"]["holderIdentity"] = "still me"
        done(api(user, "PUT", f"{path}/operator", made))

        waits(api(user, "POST", LEASES.format(world.app), lease("theirs")), "objects.validate")
        waits(api("alice", "POST", path, lease("mine")), "objects.validate")


class TestControlPlane:
    """It goes on leading, reporting and tidying up."""

    @pytest.mark.parametrize("name", ["kube-controller-manager", "kube-scheduler"])
    def test_keeps_its_leases(self, api, name):
        path = LEASES.format("kube-system")

        made = done(api(f"system:{name}", "POST", path, lease(name)))
        made["spec"]["holderIdentity"] = "still me"
        done(api(f"system:{name}", "PUT", f"{path}/{name}", made))

    def test_so_do_components_in_its_namespace_that_are_others(self, api):
        done(api("otto", "POST", LEASES.format("kube-system"), lease("cert-manager-controller")))

    def test_binds_pods(self, api, world):
        binding = {
            "metadata": {"name": "scheduled"},
            "target": {"apiVersion": "v1", "kind": "Node", "name": "node-1"},
        }
        path = f"{CORE.format(world.web)}/pods/scheduled"

        done(api("system:kube-scheduler", "POST", f"{path}/binding", binding))
        condition = {"type": "PodScheduled", "status": "True"}
        status = {"status": {"conditions": [condition]}}
        done(
            api("system:kube-scheduler", "PATCH", f"{path}/status", status, "strategic merge patch")
        )

    @pytest.mark.parametrize("user", ["system:kube-scheduler", "system:kube-controller-manager"])
    def test_asks_about_others(self, api, user):
        """By reviews of tokens and of rights, as whoever serves /metrics does."""
        path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        attributes = {"verb": "get", "resource": "pods"}

        done(api(user, "POST", path, {"spec": {"user": "bob", "resourceAttributes": attributes}}))
        path = "/apis/authentication.k8s.io/v1/tokenreviews"
        done(api(user, "POST", path, {"spec": {"token": "none"}}))

    def test_replaces_a_pod_in_kube_system(self, api):
        path = f"{CORE.format('kube-system')}/pods"
        replacing = controller("replicaset-controller")

        done(api(replacing, "POST", path, pod("dns-1", hostNetwork=True)))
        done(api(replacing, "DELETE", f"{path}/dns-1?gracePeriodSeconds=0"))
        done(api(replacing, "POST", path, pod("dns-2", hostNetwork=True)))

    def test_furnishes_a_new_namespace(self, api):
        """An administrator's, as owners have to wait."""
        done(api(ADMIN, "POST", "/api/v1/namespaces", {"metadata": {"name": "repair"}}))
        path, named = CORE.format("repair"), {"metadata": {"name": "default"}}

        accounts = controller("service-account-controller")
        done(api(accounts, "POST", f"{path}/serviceaccounts", named))
        publisher = controller("root-ca-cert-publisher")
        bundle = {"metadata": {"name": "kube-root-ca.crt"}, "data": {"ca.crt": ""}}
        done(api(publisher, "POST", f"{path}/configmaps", bundle))

    def test_tidies_up(self, api, world):
        path = CORE.format(world.web)
        collector = controller("generic-garbage-collector")
        done(api(ADMIN, "POST", f"{path}/configmaps", {"metadata": {"name": "garbage"}}))
        done(api(ADMIN, "POST", f"{path}/pods", pod("garbage")))

        done(api(collector, "DELETE", f"{path}/configmaps/garbage"))
        done(api(controller("namespace-controller"), "DELETE", f"{path}/events"))
        done(api(controller("pod-garbage-collector"), "DELETE", f"{path}/pods/garbage"))

    def test_takes_a_namespace_apart(self, api):
        done(api(ADMIN, "POST", "/api/v1/namespaces", {"metadata": {"name": "going"}}))
        gone = done(api(ADMIN, "DELETE", "/api/v1/namespaces/going"))

        gone["spec"]["finalizers"] = []
        path = "/api/v1/namespaces/going/finalize"
        done(api(controller("namespace-controller"), "PUT", path, gone))

    def test_keeps_endpoints_up_to_date(self, api, world):
        body = {
            "metadata": {
                "name": "web-1",
                "labels": {"kubernetes.io/service-name": "web"},
            },
            "addressType": "IPv4",
            "endpoints": [{"addresses": ["10.244.0.9"]}],
        }
        path = f"/apis/discovery.k8s.io/v1/namespaces/{world.web}/endpointslices"
        slices = controller("endpointslice-controller")

        made = done(api(slices, "POST", path, body))
        done(api(slices, "PUT", f"{path}/web-1", {**made, "endpoints": []}))

    def test_but_makes_nothing_that_a_tenant_wants_of_it(self, api, world):
        """Pods of a Deployment and claims of a StatefulSet wait, or they would go unjudged."""
        path = CORE.format(world.web)

        waits(
            api(controller("replicaset-controller"), "POST", f"{path}/pods", pod("new")),
            "workloads.mutate",
        )
        spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        waits(
            api(
                controller("statefulset-controller"),
                "POST",
                f"{path}/persistentvolumeclaims",
                {"metadata": {"name": "data"}, "spec": {**spec, "storageClassName": "fast"}},
            ),
            "defaults.mutate",
        )


class TestNodes:
    """They keep their heartbeats, and their pods go on."""

    def test_renew_their_leases(self, api):
        path = LEASES.format("kube-node-lease")

        made = done(api(NODE, "POST", path, lease("node-1")))
        made["spec"]["holderIdentity"] = "node-1"
        done(api(NODE, "PUT", f"{path}/node-1", made))

    def test_report_their_status(self, api):
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady"}
        status = {"status": {"conditions": [ready]}}
        path = "/api/v1/nodes/node-1/status"

        done(api(NODE, "PATCH", path, status, "strategic merge patch"))
        label = {"metadata": {"labels": {"example.com/zone": "a"}}}
        done(api(NODE, "PATCH", "/api/v1/nodes/node-1", label, "merge patch"))

    def test_join(self, api):
        """With a certificate that a bootstrap token asks for, and that they renew by themselves."""
        node = "system:node:node-9"
        path = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
        joining = ["system:bootstrappers"]
        done(api("system:bootstrap:abcdef", "POST", path, asked(node, "join"), groups=joining))
        done(api(node, "POST", path, asked(node, "renew")))
        done(api(node, "POST", "/api/v1/nodes", {"metadata": {"name": "node-9"}}))
        drivers = {"metadata": {"name": "node-9"}, "spec": {"drivers": []}}
        done(api(node, "POST", "/apis/storage.k8s.io/v1/csinodes", drivers))

    def test_report_their_pods(self, api, world):
        path = f"{CORE.format(world.web)}/pods/scheduled"
        done(api(ADMIN, "GET", path))

        def reported() -> bool:
            # The authorizer of nodes has to learn first whose pod it is.
            patch = {"status": {"phase": "Running"}}
            answer = api(NODE, "PATCH", f"{path}/status", patch, "strategic merge patch")
            return bool(answer.status == 200)

        eventually(reported)
        event = {
            "metadata": {"name": "scheduled.1", "namespace": world.web},
            "involvedObject": {"kind": "Pod", "name": "scheduled", "namespace": world.web},
            "reason": "Pulled",
        }
        done(api(NODE, "POST", f"{CORE.format(world.web)}/events", event))
        done(api(NODE, "DELETE", f"{path}?gracePeriodSeconds=0"))


class TestRepair:
    """Those who put it right can."""

    def test_cluster_administrators_may_do_anything(self, api, world):
        path = CORE.format(world.web)

        done(api(ADMIN, "POST", f"{path}/configmaps", {"metadata": {"name": "repair"}}))
        done(api(ADMIN, "POST", f"{path}/pods", pod("repair")))
        done(api(ADMIN, "PATCH", f"/api/v1/namespaces/{world.web}", {}, "merge patch"))
        body = {"metadata": {"name": "repair"}, "rules": []}
        done(api(ADMIN, "POST", "/apis/rbac.authorization.k8s.io/v1/clusterroles", body))

    @pytest.mark.parametrize("namespace", ["kube-system", "tenantgate-system"])
    def test_the_platforms_people_reach_its_namespaces(self, api, namespace):
        path = f"/apis/apps/v1/namespaces/{namespace}/deployments"

        made = done(api("paula", "POST", path, deployment(pod(), "repair")))
        done(
            api("paula", "PATCH", f"{path}/repair/scale", {"spec": {"replicas": 2}}, "merge patch")
        )
        assert made["metadata"]["namespace"] == namespace
        replacing = controller("replicaset-controller")
        done(api(replacing, "POST", f"{CORE.format(namespace)}/pods", pod("repair-1")))

    def test_the_engine_reaches_its_own(self, api):
        """Its lease, and the Secret with its certificate."""
        answer = api(IDENTITY, "POST", LEASES.format("tenantgate-system"), lease("tenantgate"))

        assert "webhook" not in answer.message

    def test_the_registration_can_be_deleted(self, api, world, tenantgate):
        group = "/apis/admissionregistration.k8s.io/v1"
        try:
            for kind in ("mutatingwebhookconfigurations", "validatingwebhookconfigurations"):
                done(api(ADMIN, "DELETE", f"{group}/{kind}/tenantgate"))
            path = f"{CORE.format(world.web)}/configmaps?dryRun=All"
            made = {"metadata": {"name": "free"}}
            eventually(lambda: api("alice", "POST", path, made).status == 201)
        finally:
            tenantgate.start()
            tenantgate.register()
            tenantgate.kill()
