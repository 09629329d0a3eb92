"""Objects that make pods: always admitted, with a warning where their pods will not be."""

import pytest

from tests.cluster.cluster import ALICE, controller
from tests.cluster.objects import deployment, pod

pytestmark = pytest.mark.usefixtures("tenantgate")

HOPELESS = pod(hostNetwork=True, security={"privileged": True})


def test_a_deployment_whose_pods_no_scc_admits_comes_with_a_warning(cluster, shop):
    done = cluster.kubectl("create", "-f", "-", "-n", shop, user=ALICE, stdin=deployment(HOPELESS))

    assert done.returncode == 0, done.stderr
    assert "deployment.apps/web created" in done.stdout
    assert "Warning: " in done.stderr
    assert "hostNetwork" in done.stderr


def test_a_deployment_whose_pods_are_admitted_comes_without(cluster, shop):
    done = cluster.kubectl("create", "-f", "-", "-n", shop, user=ALICE, stdin=deployment(pod()))

    assert (done.returncode, done.stderr) == (0, "")


def test_its_template_is_left_alone(cluster, shop):
    """What is filled in there would come back as a difference to whoever keeps it in git."""
    cluster.kubectl("create", "-f", "-", "-n", shop, user=ALICE, stdin=deployment(pod()))

    template = cluster.get("deployment", "web", shop)["spec"]["template"]
    assert template["spec"]["securityContext"] == {}
    assert "securityContext" not in template["spec"]["containers"][0]


def test_a_controller_is_not_warned(cluster, shop):
    """A ReplicaSet is made by the Deployment's controller, in whose log nobody reads a warning."""
    replica_set = deployment(HOPELESS) | {"kind": "ReplicaSet"}

    done = cluster.kubectl(
        "create", "-f", "-", "-n", shop,
        user=controller("deployment-controller"), stdin=replica_set,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")
