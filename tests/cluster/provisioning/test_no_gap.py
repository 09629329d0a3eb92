"""A pod that is created right behind its namespace starts only once the namespace is protected."""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.cluster.cluster import ADMIN, ALICE
from tests.cluster.objects import pod
from tests.cluster.process import eventually, read
from tests.cluster.provisioning.parts import ACCOUNT_DEFAULT, DENY, NOTE, PROVISIONED, made
from tests.cluster.tenantgate import Tenantgate
from webhook.cluster.client import Api, ApiError, connect
from webhook.core.model.objects import Json

NAMESPACES, AT_ONCE = 1000, 4
LISTS = {
    "NetworkPolicy": "/apis/networking.k8s.io/v1/networkpolicies",
    "ConfigMap": "/api/v1/configmaps",
    "ServiceAccount": "/api/v1/serviceaccounts",
}
TEMPLATE = (DENY, NOTE, ACCOUNT_DEFAULT)

pytestmark = pytest.mark.usefixtures("controller")


def in_force(tenantgate: Tenantgate) -> set[str]:
    """Return the policy sets that the webhook's workers decide by."""
    lines = read(f"{tenantgate.ops}/metrics").splitlines()
    return {line for line in lines if line.startswith("tenantgate_policy_set_info{")}


def test_a_thousand_namespaces_and_pods_back_to_back(cluster, tenantgate, policies):
    """Whatever a pod's namespace is to hold has an older version, in etcd's order, than the pod."""
    before = in_force(tenantgate)
    tenant = policies.own(TEMPLATE)
    eventually(lambda: len(in_force(tenantgate)) == 1 and not in_force(tenantgate) & before)
    alice, admin = (connect(cluster.kubeconfig(user)) for user in (ALICE, ADMIN))
    answers: Counter[str] = Counter()
    guard = threading.Lock()

    def create(path: str, body: Any, api: Api = alice) -> Json:
        """Create an object, and try again as long as the answer says that this helps."""
        for _ in range(1000):
            try:
                return api.post(path, body, timeout=30)
            except ApiError as error:
                refused = error
            if refused.status == 409 and api is admin:
                return None
            assert (refused.status, refused.retry_after) == (429, 1), refused
            with guard:
                answers["being provisioned" if "being provisioned" in str(refused) else "?"] += 1
            time.sleep(0.02)
        raise AssertionError(f"{path}: still {refused}")

    def namespace_and_pod(number):
        name = f"{tenant}-gap-{number}"
        alice.post("/api/v1/namespaces", made("v1", "Namespace", name), timeout=30)
        account = made("v1", "ServiceAccount", "default")  # as the controller-manager makes it
        create(f"/api/v1/namespaces/{name}/serviceaccounts", account, api=admin)
        return name, create(f"/api/v1/namespaces/{name}/pods", pod())

    with ThreadPoolExecutor(AT_ONCE) as pool:
        pods = dict(pool.map(namespace_and_pod, range(NAMESPACES)))

    assert answers["?"] == 0
    assert answers["being provisioned"] > NAMESPACES / 10
    stored = {
        (kind, item["metadata"]["namespace"], item["metadata"]["name"]): item["metadata"]
        for kind, path in LISTS.items()
        for item in admin.get(path, timeout=60)["items"]
    }
    namespaces = {
        item["metadata"]["name"]: item["metadata"]
        for item in admin.get("/api/v1/namespaces", timeout=60)["items"]
    }
    assert len(pods) == NAMESPACES
    for name, started in pods.items():
        assert PROVISIONED in namespaces[name]["annotations"], name
        born = int(started["metadata"]["resourceVersion"])
        for item in TEMPLATE:
            held = stored[item["kind"], name, item["metadata"]["name"]]
            assert int(held["resourceVersion"]) < born, f"{name}: {item['kind']} after the pod"
