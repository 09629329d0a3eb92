"""What may be done to a pod that is there already: changed, resized, debugged, entered."""

import json
from subprocess import CompletedProcess

import pytest

from tests.cluster.cluster import ADMIN, ALICE, UID_RANGE, Cluster, admitted, refused
from tests.cluster.objects import Object, pod

pytestmark = pytest.mark.usefixtures("tenantgate")

UID = int(UID_RANGE.partition("/")[0])
BOB = "bob"


@pytest.fixture
def web(cluster, shop):
    """The name of an admitted pod of alice's."""
    return admitted(cluster.create_as(ALICE, pod(), shop))["metadata"]["name"]


@pytest.fixture
def old(cluster, shop):
    """The name of a privileged pod from before the installation (nobody judges the admin's)."""
    wanted = pod("old", security={"privileged": True}, hostNetwork=True)
    return admitted(cluster.create_as(ADMIN, wanted, shop))["metadata"]["name"]


def patch(
    cluster: Cluster, name: str, namespace: str, change: Object, *options: str
) -> CompletedProcess[str]:
    """Patch a pod as alice."""
    options = ("-n", namespace, "-o", "json", *options)
    return cluster.kubectl("patch", "pod", name, "-p", json.dumps(change), *options, user=ALICE)


def ephemeral(security: Object | None = None) -> Object:
    """Return the patch that adds an ephemeral container."""
    container: Object = {"name": "debug", "image": "busybox"}
    if security is not None:
        container["securityContext"] = security
    return {"spec": {"ephemeralContainers": [container]}}


class TestEphemeralContainers:
    """They reach a pod through a subresource of their own, long after it was admitted."""

    def test_a_harmless_one_is_filled_in(self, cluster, shop, web):
        done = patch(cluster, web, shop, ephemeral(), "--subresource=ephemeralcontainers")

        made = admitted(done)["spec"]["ephemeralContainers"][0]
        assert made["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "runAsUser": UID,
        }

    @pytest.mark.parametrize(
        ("security", "objection"),
        [
            ({"privileged": True}, "privileged is true"),
            ({"allowPrivilegeEscalation": True}, "allowPrivilegeEscalation is true"),
            ({"runAsUser": 0}, "runAsUser is 0"),
            ({"capabilities": {"add": ["SYS_PTRACE"]}}, "capabilities.add"),
        ],
    )
    def test_one_cannot_escalate(self, cluster, shop, web, security, objection):
        done = patch(cluster, web, shop, ephemeral(security), "--subresource=ephemeralcontainers")

        message = refused(done)
        assert "spec.ephemeralContainers[0].securityContext." in message
        assert objection in message
        assert "ephemeralContainers" not in cluster.get("pod", web, shop)["spec"]

    def test_nothing_else_is_smuggled_along(self, cluster, shop, web):
        whole = cluster.get("pod", web, shop)
        whole["spec"].update(ephemeral()["spec"], hostNetwork=True)
        path = f"/api/v1/namespaces/{shop}/pods/{web}/ephemeralcontainers"

        done = cluster.kubectl("replace", "--raw", path, "-f", "-", user=ALICE, stdin=whole)

        assert "spec.hostNetwork is true" in refused(done)

    def test_kubectl_debug_works_within_the_limits(self, cluster, shop, web):
        debug = ("debug", web, "-n", shop, "--image=busybox")

        done = cluster.kubectl(*debug, "--profile=restricted", user=ALICE)

        assert done.returncode == 0, done.stderr
        assert len(cluster.get("pod", web, shop)["spec"]["ephemeralContainers"]) == 1

    def test_kubectl_debug_cannot_leave_them(self, cluster, shop, web):
        debug = ("debug", web, "-n", shop, "--image=busybox")

        message = refused(cluster.kubectl(*debug, "--profile=sysadmin", user=ALICE))

        assert "spec.ephemeralContainers[0].securityContext.privileged is true" in message


class TestResize:
    """`pods/resize` changes what no SCC reads, but the pod is judged on the way."""

    BIGGER = {  # noqa: RUF012 - read only
        "spec": {"containers": [{"name": "app", "resources": {"requests": {"cpu": "200m"}}}]}
    }

    def test_alice_resizes_her_own_pod(self, cluster, shop, web):
        made = admitted(patch(cluster, web, shop, self.BIGGER, "--subresource=resize"))

        assert made["spec"]["containers"][0]["resources"]["requests"]["cpu"] == "200m"
        assert made["metadata"]["annotations"]["openshift.io/scc"] == "restricted-v2"

    def test_a_pod_beyond_her_rights_cannot_be_resized(self, cluster, shop, old):
        message = refused(patch(cluster, old, shop, self.BIGGER, "--subresource=resize"))

        assert "spec.containers[0].securityContext.privileged is true" in message


class TestUpdates:
    """An UPDATE that changes nothing an SCC reads passes, so that old pods can be lived with."""

    def test_an_old_privileged_pod_can_be_labelled(self, cluster, shop, old):
        done = cluster.kubectl("label", "pod", old, "team=shop", "-n", shop, user=ALICE)

        assert done.returncode == 0, done.stderr

    def test_an_old_privileged_pod_can_be_deleted(self, cluster, shop, old):
        done = cluster.kubectl("delete", "pod", old, "-n", shop, "--wait=false", user=ALICE)

        assert done.returncode == 0, done.stderr

    def test_its_scc_annotation_cannot_be_written_over(self, cluster, shop, web):
        change = {"metadata": {"annotations": {"openshift.io/scc": "privileged"}}}

        made = admitted(patch(cluster, web, shop, change))

        assert made["metadata"]["annotations"]["openshift.io/scc"] == "restricted-v2"

    def test_an_admitted_pod_can_be_given_another_image(self, cluster, shop, web):
        change = {"spec": {"containers": [{"name": "app", "image": "registry.example.com/app:2"}]}}

        made = admitted(patch(cluster, web, shop, change))

        assert made["spec"]["containers"][0]["image"] == "registry.example.com/app:2"

    def test_an_scc_cannot_be_required_afterwards(self, cluster, shop, web):
        change = {"metadata": {"annotations": {"openshift.io/required-scc": "restricted-v2"}}}

        assert "openshift.io/required-scc" in refused(patch(cluster, web, shop, change))


class TestExec:
    """Whoever enters a pod needs the right to run it; no kubelet is asked before that is settled."""

    @pytest.mark.parametrize("way", ["exec", "attach"])
    def test_a_pod_beyond_her_rights_is_closed(self, cluster, shop, old, way):
        command = ["--", "true"] if way == "exec" else []

        message = refused(cluster.kubectl(way, old, "-n", shop, *command, user=ALICE))

        assert "spec.containers[0].securityContext.privileged is true" in message

    def test_her_own_pod_is_open(self, cluster, shop, web):
        """The webhook lets her through; then the API server finds that no node runs the pod."""
        done = cluster.kubectl("exec", web, "-n", shop, "--", "true", user=ALICE)

        assert "does not have a host assigned" in done.stderr

    def test_a_pod_of_somebody_else_is_open_where_she_could_have_made_it(self, cluster, shop):
        cluster.grant(BOB, shop)
        admitted(cluster.create_as(BOB, pod("bobs"), shop))

        done = cluster.kubectl("exec", "bobs", "-n", shop, "--", "true", user=ALICE)

        assert "does not have a host assigned" in done.stderr

    def test_a_pod_that_is_not_there_is_not_found(self, cluster, shop):
        """`kubectl exec` looks first; a client that does not is told the same."""
        path = f"/api/v1/namespaces/{shop}/pods/nobody/exec?command=true&stdout=true"

        done = cluster.kubectl("create", "--raw", path, "-f", "-", user=ALICE, stdin="{}")

        assert "(NotFound)" in done.stderr
        assert 'pod "nobody" does not exist' in refused(done)

    def test_the_administrator_enters_every_pod(self, cluster, shop, old):
        done = cluster.kubectl("exec", old, "-n", shop, "--", "true", user=ADMIN)

        assert "does not have a host assigned" in done.stderr
