"""Others change pods as well, before us and after us: what counts is what comes out.

The other is a MutatingAdmissionPolicy, which the API server runs before the webhooks, and once
more when a webhook has changed the pod. It acts on a pod that already has its SCC, so that its
change comes after ours, as that of an injector of sidecars would.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.cluster import ADMIN, ALICE, Cluster, admitted, refused
from tests.cluster.objects import Object, pod
from tests.cluster.process import eventually

pytestmark = pytest.mark.usefixtures("tenantgate")

_KINDS = "mutatingadmissionpolicies,mutatingadmissionpolicybindings"


@pytest.fixture
def afterwards(cluster: Cluster, shop: str) -> Iterator[Any]:
    """Make the API server change every pod of the shop that has got its SCC, as told in CEL."""
    if not _has_policies(cluster):
        pytest.skip("this API server has no MutatingAdmissionPolicy in v1: it needs 1.36 or later")

    def change(spec: str) -> None:
        cluster.create(*_policy(shop, spec))
        # Taken up in the API server's own time: a pod that asks for it tells when.
        sign = pod("probe", annotations={"openshift.io/scc": "none"})
        eventually(lambda: "changed" in _labels(cluster, sign, shop), timeout=30)

    yield change
    cluster.kubectl("delete", _KINDS, "afterwards", "--ignore-not-found", user=ADMIN)


def test_a_sidecar_that_comes_later_is_filled_in_too(cluster, shop, afterwards):
    afterwards('containers: [Object.spec.containers{name: "proxy", image: "proxy"}]')

    made = admitted(cluster.create_as(ALICE, pod(), shop))

    app, proxy = made["spec"]["containers"]
    assert proxy["name"] == "proxy"
    assert proxy["securityContext"] == app["securityContext"]
    assert proxy["securityContext"]["runAsUser"] == 1000660000


def test_a_pod_that_is_loosened_later_is_refused(cluster, shop, afterwards):
    afterwards("hostNetwork: true")

    message = refused(cluster.create_as(ALICE, pod(), shop))

    assert "spec.hostNetwork is true" in message


def _has_policies(cluster: Cluster) -> bool:
    served = cluster.kubectl("get", "--raw", "/apis/admissionregistration.k8s.io/v1", user=ADMIN)
    return '"mutatingadmissionpolicies"' in served.stdout


def _labels(cluster: Cluster, made: Object, namespace: str) -> dict[str, str]:
    answer = admitted(cluster.create_as(ADMIN, made, namespace, "--dry-run=server"))
    labels: dict[str, str] = answer["metadata"].get("labels", {})
    return labels


def _policy(namespace: str, spec: str) -> tuple[Object, Object]:
    judged = "has(object.metadata.annotations) && 'openshift.io/scc' in object.metadata.annotations"
    metadata = 'metadata: Object.metadata{labels: {"changed": "yes"}}'
    changed = f"Object{{{metadata}, spec: Object.spec{{{spec}}}}}"
    rule = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": ["CREATE"],
        "resources": ["pods"],
    }
    here = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    version = "admissionregistration.k8s.io/v1"
    return (
        {
            "apiVersion": version,
            "kind": "MutatingAdmissionPolicy",
            "metadata": {"name": "afterwards"},
            "spec": {
                "reinvocationPolicy": "IfNeeded",
                "matchConstraints": {"resourceRules": [rule], "namespaceSelector": here},
                "mutations": [
                    {
                        "patchType": "ApplyConfiguration",
                        "applyConfiguration": {"expression": f"{judged} ? {changed} : Object{{}}"},
                    }
                ],
            },
        },
        {
            "apiVersion": version,
            "kind": "MutatingAdmissionPolicyBinding",
            "metadata": {"name": "afterwards"},
            "spec": {"policyName": "afterwards"},
        },
    )
