"""`tenantgate check` on a laptop says of a tenant's manifests what the webhook says."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.cluster import ADMIN, Cluster
from tests.cluster.objects import deployment, pod
from tests.cluster.tenancy.api import Api
from tests.cluster.tenancy.test_controllers import claim, from_elsewhere
from tests.cluster.tenancy.world import MANAGED, POLICIES, World, groups_of

ROLE_GROUP = "rbac.authorization.k8s.io"


def made(kind: str, version: str = "v1", namespace: str = "acme-web", **parts: Any) -> Any:
    metadata = {"name": "mine", "namespace": namespace, **parts.pop("metadata", {})}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **parts}


def placed(value: Any, namespace: str = "acme-web", name: str = "mine") -> Any:
    return {**value, "metadata": {**value["metadata"], "name": name, "namespace": namespace}}


def service(**spec: Any) -> Any:
    return made("Service", spec={"ports": [{"port": 80}], **spec})


def binding(role: str, group: str) -> Any:
    return made(
        "RoleBinding",
        f"{ROLE_GROUP}/v1",
        roleRef={"apiGroup": ROLE_GROUP, "kind": "ClusterRole", "name": role},
        subjects=[{"apiGroup": ROLE_GROUP, "kind": "Group", "name": group}],
    )


def ingress(host: str, **spec: Any) -> Any:
    return made("Ingress", "networking.k8s.io/v1", spec={"rules": [{"host": host}], **spec})


def knocking() -> Any:
    """Return a pod that every SCC admits, and baseline does not."""
    sent = pod()
    sent["spec"]["containers"][0]["livenessProbe"] = {"httpGet": {"host": "10.0.0.1", "port": 80}}
    return sent


MANIFESTS: Mapping[str, Any] = {
    "a config map": made("ConfigMap"),
    "a config map of another tenant": made("ConfigMap", namespace="globex-app"),
    "a config map of the platform": made("ConfigMap", namespace="kube-system"),
    "a config map with a mark": made("ConfigMap", metadata={"labels": {MANAGED: "true"}}),
    "a config map with a reserved name": made("ConfigMap", metadata={"name": "platform-mine"}),
    "a pod": placed(pod()),
    "a pod from elsewhere": placed(from_elsewhere()),
    "a pod on a node of its choice": placed(pod(nodeName="node-1")),
    "a pod that is too much of everything": placed(
        pod(hostNetwork=True, nodeName="node-1", tolerations=[{"operator": "Exists"}])
    ),
    "a pod that knocks at another host": placed(knocking()),
    "a deployment": placed(deployment(pod())),
    "a deployment from elsewhere": placed(deployment(from_elsewhere())),
    "a service": service(),
    "a node port": service(type="NodePort"),
    "an external address": service(externalIPs=["203.0.113.7"]),
    "a claim": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", **placed(claim())},
    "a claim of a class": {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        **placed(claim(storageClassName="gold")),
    },
    "an ingress": ingress("mine.example.org"),
    "an ingress of the platform's": ingress("mine.apps.example.com"),
    "an ingress of another class": ingress("mine.example.org", ingressClassName="internal"),
    "a role for a member": binding("view", "acme-devs"),
    "a role for everybody": binding("view", "system:authenticated"),
    "a role beyond": binding("cluster-admin", "acme-devs"),
    "a cluster role": {
        "apiVersion": f"{ROLE_GROUP}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "mine"},
        "rules": [],
    },
    "a namespace": {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "acme-mine"}},
    "a namespace without prefix": {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "mine"},
    },
}


@pytest.fixture(scope="module", params=["alice", "olga"])
def user(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def told(
    cluster: Cluster, world: World, user: str, tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """What `check` says of every manifest, by file: one run for all of them."""
    folder = tmp_path_factory.mktemp("laptop")
    for part, texts in {
        "policies": POLICIES,
        "manifests": {f"{name}.yaml": json.dumps(value) for name, value in MANIFESTS.items()},
    }.items():
        (folder / part).mkdir()
        for name, text in texts.items():
            (folder / part / name).write_text(text)
    kinds = "namespaces,serviceaccounts,roles,rolebindings,clusterroles,clusterrolebindings"
    facts = cluster.kubectl("get", kinds, "-A", "-o", "yaml", user=ADMIN)
    (folder / "cluster.yaml").write_text(facts.stdout)
    done = subprocess.run(  # noqa: S603 - the command under test
        [
            *(sys.executable, "-m", "webhook", "check", "-f", str(folder / "manifests")),
            *("--policy", str(folder / "policies"), "--context", str(folder / "cluster.yaml")),
            *("--as", user, *(f"--as-group={group}" for group in groups_of(user)), "-o", "json"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest(cluster, world, told, user, name):
    assert _on_laptop(told, f"{name}.yaml") == _in_cluster(Api(cluster), cluster, user, name)


def _in_cluster(api: Api, cluster: Cluster, user: str, name: str) -> tuple[bool, frozenset[str]]:
    """Return whether the manifest is admitted, and by the rules of tenancy why not."""
    done = cluster.kubectl(
        *("create", "-f", "-", "--dry-run=server", "-o", "json"),
        user=user,
        groups=groups_of(user),
        stdin=MANIFESTS[name],
    )
    refused = "denied the request" in done.stderr
    assert refused or done.returncode == 0, done.stderr
    return not refused, frozenset(re.findall(r"\[(T-[A-Z]+-\d+)\]", done.stderr))


def _on_laptop(told: Any, file: str) -> tuple[bool, frozenset[str]]:
    (item,) = (each for each in told["objects"] if Path(each["file"]).name == file)
    assert item["verdict"] != "error", item
    rules = {
        each["rule"]
        for each in told["findings"]
        if Path(each["file"]).name == file and each["policy"] == "tenancy"
    }
    return item["verdict"] != "deny", frozenset(rules)
