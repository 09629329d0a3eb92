"""What controllers make for a tenant is judged like what the tenant makes.

No controller runs: each test sends what one would, as its service account.
"""

import copy
from typing import Any

import pytest

from tests.cluster.cluster import ADMIN, controller
from tests.cluster.objects import deployment, pod
from tests.cluster.process import eventually
from tests.cluster.tenancy.attempts import Attempt
from tests.cluster.tenancy.world import MANAGED, bound

pytestmark = pytest.mark.usefixtures("world")

PODS = "/api/v1/namespaces/{}/pods"
CLAIMS = "/api/v1/namespaces/{}/persistentvolumeclaims"
DEPLOYMENTS = "/apis/apps/v1/namespaces/{}/deployments"
CONTROLLERS = (
    *("replicaset-controller", "statefulset-controller", "daemon-set-controller"),
    *("job-controller", "replication-controller"),
)


def from_elsewhere(name: str = "web") -> Any:
    """Return a pod whose image is from a registry that acme was not granted."""
    made = copy.deepcopy(pod(name))
    made["spec"]["containers"][0]["image"] = "quay.io/evil/app:1"
    return made


def test_a_deployment_is_refused_for_the_pods_that_it_would_make(api, world):
    attempt = Attempt("POST", DEPLOYMENTS, deployment(from_elsewhere()))

    answer = attempt.by("alice", api, world.web)

    assert answer.status == 403
    assert "spec.template.spec.containers[0].image" in answer.message
    assert "[T-WL-6]" in answer.message


@pytest.mark.parametrize("name", CONTROLLERS)
def test_the_pod_of_one_that_is_there_is_refused_when_it_arrives(api, world, cluster, name):
    """The Deployment is older than the rule, say; an administrator made it here."""
    old = Attempt("POST", DEPLOYMENTS, deployment(from_elsewhere(), "old")).by(
        ADMIN, api, world.web
    )
    assert old.status == 201, old

    answer = Attempt("POST", PODS, from_elsewhere("old-1")).by(controller(name), api, world.web)

    assert answer.status == 403
    assert "quay.io/evil/app:1" in answer.message
    assert "[T-WL-6]" in answer.message


@pytest.mark.parametrize("name", CONTROLLERS)
def test_a_pod_that_breaks_no_rule_is_admitted(api, world, name):
    answer = Attempt("POST", PODS, pod("web-1")).by(controller(name), api, world.web)

    assert answer.status == 201, answer


def test_a_daemons_pod_may_name_its_node(api, world):
    """That controller, and no other, picks the node by the field that holds its name."""
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["node-1"]}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    attempt = Attempt("POST", PODS, pod("agent-1", affinity={"nodeAffinity": required}))

    assert attempt.by(controller("daemon-set-controller"), api, world.web).status == 201
    refused = attempt.by(controller("replicaset-controller"), api, world.web)
    assert "[T-WL-2]" in refused.message


def test_a_pod_of_the_platforms_is_its_own_business(api, world):
    """Its marker counts as a controller brings it; no tenant can put it into a template."""
    made = from_elsewhere("platform-agent-1")
    made["metadata"]["labels"] = {MANAGED: "true"}

    assert (
        Attempt("POST", PODS, made).by(controller("replicaset-controller"), api, world.web).status
        == 201
    )
    assert "[T-OBJ-2]" in Attempt("POST", PODS, made).by("alice", api, world.web).message
    template = deployment(pod())
    template["spec"]["template"]["metadata"]["labels"][MANAGED] = "true"
    forged = Attempt("POST", DEPLOYMENTS, template).by("alice", api, world.web)
    assert "spec.template.metadata.labels" in forged.message
    assert "[T-OBJ-2]" in forged.message


def claim(**spec: Any) -> Any:
    return {
        "metadata": {"name": "data-web-0"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
            **spec,
        },
    }


@pytest.mark.parametrize("user", ["alice", controller("statefulset-controller")])
def test_the_claim_of_a_stateful_set_may_not_ask_for_more(api, world, user):
    answer = Attempt("POST", CLAIMS, claim(storageClassName="gold")).by(user, api, world.web)

    assert answer.status == 403, answer
    assert "[T-STO-1]" in answer.message


@pytest.mark.parametrize("user", ["alice", controller("statefulset-controller")])
def test_it_gets_the_tenants_class(api, world, user):
    answer = Attempt("POST", CLAIMS, claim()).by(user, api, world.web)

    assert answer.status == 201, answer
    assert answer.body["spec"]["storageClassName"] == "fast"


def test_an_ingress_gets_the_tenants_class(api, world):
    rules = [{"host": "new.example.org"}]
    body = {"metadata": {"name": "new"}, "spec": {"rules": rules}}
    path = "/apis/networking.k8s.io/v1/namespaces/{}/ingresses"

    answer = Attempt("POST", path, body).by("alice", api, world.web)

    assert answer.status == 201, answer
    assert answer.body["spec"]["ingressClassName"] == "nginx"


def test_an_add_on_in_kube_system_is_no_way_around(api, cluster, world):
    """It has the rights to do so, and does what a tenant's object tells it."""
    add_on = controller("helm-controller")
    cluster.apply(bound("cluster-admin", [add_on]))
    body = {"metadata": {"name": "web-0"}, "spec": {"type": "NodePort", "ports": [{"port": 80}]}}
    attempt = Attempt("POST", "/api/v1/namespaces/{}/services", body)

    def refused() -> str:
        message = str(attempt.by(add_on, api, world.web).message)
        return message if "denied the request" in message else ""

    assert "[T-SVC-1]" in eventually(refused)
    assert attempt.by(add_on, api, world.unowned).status == 201
