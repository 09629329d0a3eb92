"""Windows pods and mirror pods: the two kinds that are not what they seem."""

from typing import Any

import pytest

from tests.cluster.cluster import ADMIN, ALICE, admitted, refused
from tests.cluster.objects import Object, pod

pytestmark = pytest.mark.usefixtures("tenantgate")

MIRROR = {"kubernetes.io/config.mirror": "0123456789abcdef"}


@pytest.fixture
def node(cluster):
    """A node that has registered itself, and its own reference in what it makes."""
    name = "node-1"
    user = f"system:node:{name}"
    body = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}}
    cluster.kubectl("create", "-f", "-", user=user, stdin=body)
    uid = cluster.get("node", name, "default")["metadata"]["uid"]
    yield user, {"apiVersion": "v1", "kind": "Node", "name": name, "uid": uid, "controller": True}
    cluster.kubectl("delete", "node", name, user=ADMIN)


def mirror(owner: Object, **spec: Any) -> Object:
    """Return what a kubelet creates for a static pod."""
    made = pod("static", annotations=MIRROR, nodeName=owner["name"], **spec)
    made["metadata"]["ownerReferences"] = [owner]
    return made


def test_a_windows_pod_is_let_through_as_it_is(cluster, shop):
    """No SCC says anything about Windows, and the fields that it would fill in are refused there."""
    made = admitted(cluster.create_as(ALICE, pod(os={"name": "windows"}), shop))

    assert "openshift.io/scc" not in made["metadata"].get("annotations", {})
    assert made["spec"]["securityContext"] == {}


def test_a_linux_pod_that_says_so_is_judged(cluster, shop):
    wanted = pod(os={"name": "linux"}, hostNetwork=True)

    assert "spec.hostNetwork is true" in refused(cluster.create_as(ALICE, wanted, shop))


def test_a_mirror_pod_may_use_what_its_node_may(cluster, shop, node):
    user, owner = node

    made = admitted(cluster.create_as(user, mirror(owner, hostNetwork=True), shop))

    assert made["metadata"]["annotations"]["openshift.io/scc"] == "privileged"


def test_the_annotation_of_a_mirror_pod_exempts_nobody(cluster, shop):
    wanted = pod(annotations=MIRROR, hostNetwork=True, nodeName="node-1")

    assert "spec.hostNetwork is true" in refused(cluster.create_as(ALICE, wanted, shop))
