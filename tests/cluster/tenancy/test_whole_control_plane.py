"""A real kube-controller-manager beside the tenants: it does its work, with or without us."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.cluster import ADMIN, Cluster
from tests.cluster.managers import controller_manager
from tests.cluster.objects import deployment, pod
from tests.cluster.process import eventually
from tests.cluster.tenancy.api import Api
from tests.cluster.tenancy.world import World
from tests.cluster.tenantgate import Tenantgate

LEASE = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-controller-manager"


@pytest.fixture(scope="module", autouse=True)
def _controllers(cluster: Cluster, tenantgate: Tenantgate, world: World) -> Iterator[None]:
    """Every controller, each as its own service account; the webhook crashes once they lead."""
    running = controller_manager(cluster)
    running.start()
    api = Api(cluster)
    try:
        eventually(lambda: holder(api), timeout=60)
        yield
    finally:
        running.stop()


@pytest.fixture
def killed(tenantgate: Tenantgate) -> Iterator[None]:
    """The webhook has crashed; it is back after the test."""
    tenantgate.kill()
    yield
    tenantgate.start()


def holder(api: Api) -> Any:
    return (api(ADMIN, "GET", LEASE).body.get("spec") or {}).get("renewTime")


def pods(api: Api, namespace: str, app: str) -> list[str]:
    path = f"/api/v1/namespaces/{namespace}/pods?labelSelector=app%3D{app}"
    return [each["metadata"]["name"] for each in api(ADMIN, "GET", path).body["items"]]


def apply(api: Api, user: str, namespace: str, made: Any) -> None:
    answer = api(user, "POST", f"/apis/apps/v1/namespaces/{namespace}/deployments", made)
    assert answer.status == 201, answer


@pytest.mark.usefixtures("killed")
def test_without_us_the_platform_goes_on(api, world):
    apply(api, ADMIN, "kube-system", deployment(pod(), "dns"))
    (first,) = eventually(lambda: pods(api, "kube-system", "dns"), timeout=30)

    path = f"/api/v1/namespaces/kube-system/pods/{first}?gracePeriodSeconds=0"
    assert api(ADMIN, "DELETE", path).status == 200
    eventually(lambda: set(pods(api, "kube-system", "dns")) - {first}, timeout=30)

    named = {"metadata": {"name": "furnished"}}
    assert api(ADMIN, "POST", "/api/v1/namespaces", named).status == 201
    furniture = "/api/v1/namespaces/furnished"
    eventually(lambda: api(ADMIN, "GET", f"{furniture}/serviceaccounts/default").status == 200)
    eventually(lambda: api(ADMIN, "GET", f"{furniture}/configmaps/kube-root-ca.crt").status == 200)
    assert api(ADMIN, "DELETE", furniture).status == 200
    eventually(lambda: api(ADMIN, "GET", furniture).status == 404, timeout=30)

    before = holder(api)
    eventually(lambda: holder(api) != before)


def test_with_us_a_tenants_deployment_gets_its_pods(api, world):
    apply(api, "alice", world.web, deployment(pod(), "shop"))

    (name,) = eventually(lambda: pods(api, world.web, "shop"), timeout=30)

    made = api(ADMIN, "GET", f"/api/v1/namespaces/{world.web}/pods/{name}").body
    assert made["metadata"]["annotations"]["openshift.io/scc"] == "restricted-v2"


def test_an_owners_namespace_is_furnished_and_goes_when_she_says(api, world):
    path = "/api/v1/namespaces/acme-brief"
    assert (
        api("olga", "POST", "/api/v1/namespaces", {"metadata": {"name": "acme-brief"}}).status
        == 201
    )
    eventually(lambda: api(ADMIN, "GET", f"{path}/serviceaccounts/default").status == 200)

    assert api("olga", "DELETE", path).status == 200
    eventually(lambda: api(ADMIN, "GET", path).status == 404, timeout=30)
