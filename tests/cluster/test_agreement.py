"""`tenantgate check` on a laptop says what the cluster says: same SCC, or the same objections.

The cluster is asked with a dry run, by alice for bare pods and by their controllers for those of
workloads. The laptop has the manifests, and the cluster's namespaces, service accounts and RBAC as
one file. Between the two stands all that an API server does to a pod before a webhook sees it.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.cluster import ADMIN, ALICE, Cluster, controller, service_account
from tests.cluster.objects import Object, pod

FACTS = "namespaces,serviceaccounts,roles,rolebindings,clusterroles,clusterrolebindings"

RANGES = {"runAsUser": 1000660001, "seLinuxOptions": {"level": "s0:c26,c5"}}


def volume(**source: Any) -> Object:
    """Return a pod with one volume."""
    return pod(volumes=[{"name": "data", **source}])


def ports(*numbers: dict[str, int], **spec: Any) -> Object:
    """Return a pod whose container has ports."""
    made = pod(**spec)
    made["spec"]["containers"][0]["ports"] = list(numbers)
    return made


def sidecar(security: Object, **more: Any) -> Object:
    """Return a pod with an init container."""
    init = {"name": "setup", "image": "busybox", "securityContext": security, **more}
    return pod(initContainers=[init])


PODS = {
    "plain": pod(),
    "empty contexts": pod(security={}, securityContext={}),
    "nulls": pod(security=None, securityContext=None, volumes=None, hostNetwork=None),
    "explicitly harmless": pod(
        security={"privileged": False, "allowPrivilegeEscalation": False, **RANGES},
        securityContext={"fsGroup": 1000660000, "seccompProfile": {"type": "RuntimeDefault"}},
        hostNetwork=False,
        hostPID=False,
    ),
    "named annotations": pod(annotations={"openshift.io/scc": "privileged"}),
    "required, usable": pod(annotations={"openshift.io/required-scc": "restricted-v3"}),
    "required, in its own user namespace": pod(
        annotations={"openshift.io/required-scc": "restricted-v3"}, hostUsers=False
    ),
    "required, not usable": pod(annotations={"openshift.io/required-scc": "privileged"}),
    "required, unknown": pod(annotations={"openshift.io/required-scc": "nope"}),
    "own user namespace": pod(hostUsers=False),
    "own user namespace, other user": pod(security={"runAsUser": 5}, hostUsers=False),
    "the host's user namespace": pod(hostUsers=True),
    "privileged": pod(security={"privileged": True}),
    "escalating": pod(security={"allowPrivilegeEscalation": True}),
    "root": pod(security={"runAsUser": 0}),
    "root by the pod": pod(securityContext={"runAsUser": 0}),
    "root by the pod, not the container": pod(
        security={"runAsUser": 1000660000}, securityContext={"runAsUser": 0}
    ),
    "perhaps root": pod(security={"runAsNonRoot": False}),
    "capability": pod(security={"capabilities": {"add": ["NET_ADMIN"], "drop": ["KILL"]}}),
    "harmless capability": pod(security={"capabilities": {"add": ["NET_BIND_SERVICE"]}}),
    "procMount": pod(security={"procMount": "Default"}),
    "another level": pod(securityContext={"seLinuxOptions": {"level": "s0:c1,c2"}}),
    "a level out of order": pod(securityContext={"seLinuxOptions": {"level": "s0:c5,c26"}}),
    "an SELinux type": pod(security={"seLinuxOptions": {"type": "spc_t"}}),
    "another fsGroup": pod(securityContext={"fsGroup": 1000660001}),
    "groups": pod(securityContext={"supplementalGroups": [5, 6]}),
    "no seccomp": pod(securityContext={"seccompProfile": {"type": "Unconfined"}}),
    "no seccomp in a container": pod(security={"seccompProfile": {"type": "Unconfined"}}),
    "local seccomp": pod(
        security={"seccompProfile": {"type": "Localhost", "localhostProfile": "a.json"}}
    ),
    "seccomp by annotation": pod(
        annotations={"seccomp.security.alpha.kubernetes.io/pod": "unconfined"}
    ),
    "safe sysctl": pod(
        securityContext={"sysctls": [{"name": "net.ipv4.tcp_syncookies", "value": "1"}]}
    ),
    "unsafe sysctl": pod(securityContext={"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}),
    "host network": pod(hostNetwork=True),
    "host network with ports": ports(
        {"containerPort": 80}, {"containerPort": 81}, hostNetwork=True
    ),
    "host port": ports({"containerPort": 80, "hostPort": 8080}),
    "container port": ports({"containerPort": 80}),
    "host processes and IPC": pod(hostPID=True, hostIPC=True),
    "hostPath": volume(hostPath={"path": "/"}),
    "nfs": volume(nfs={"server": "files", "path": "/"}),
    "a volume without source": volume(),
    "emptyDir": volume(emptyDir={}),
    "claim": volume(persistentVolumeClaim={"claimName": "data"}),
    "secret": volume(secret={"secretName": "data"}),
    "image": volume(image={"reference": "registry.example.com/data:1"}),
    "downward API": volume(
        downwardAPI={"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]}
    ),
    "projected": volume(
        projected={"sources": [{"serviceAccountToken": {"path": "t", "audience": "vault"}}]}
    ),
    "init container": sidecar({"privileged": True}),
    "sidecar": sidecar({"runAsUser": 0}, restartPolicy="Always"),
    "Windows": pod(os={"name": "windows"}),
    "Linux": pod(os={"name": "linux"}, hostPID=True),
    "no token": pod(automountServiceAccountToken=False),
    "trusted account": pod(serviceAccountName="trusted", security={"runAsUser": 0}),
    "trusted account, its old name": pod(serviceAccount="trusted", security={"runAsUser": 0}),
    "trusted account, too much": pod(serviceAccountName="trusted", hostNetwork=True),
    "account without token": pod(serviceAccountName="silent"),
}

WORKLOADS = {
    "Deployment": ("apps/v1", "replicaset-controller", ("spec",)),
    "ReplicaSet": ("apps/v1", "replicaset-controller", ("spec",)),
    "StatefulSet": ("apps/v1", "statefulset-controller", ("spec",)),
    "DaemonSet": ("apps/v1", "daemon-set-controller", ("spec",)),
    "ReplicationController": ("v1", "replication-controller", ("spec",)),
    "Job": ("batch/v1", "job-controller", ("spec",)),
    "CronJob": ("batch/v1", "job-controller", ("spec", "jobTemplate", "spec")),
}

TEMPLATES = {
    "plain": pod(),
    "root": pod(security={"runAsUser": 0}),
    "trusted": pod(serviceAccountName="trusted", security={"runAsUser": 0}),
    "host network": ports({"containerPort": 80}, hostNetwork=True),
}


@dataclass(frozen=True)
class Verdict:
    """An answer: the SCC and through whom, or the objections."""

    scc: str
    subject: str
    objections: frozenset[str]


@pytest.fixture(scope="module")
def place(cluster: Cluster, tenantgate: Any) -> str:
    """A namespace of alice's with an account that may use `anyuid`, and one without a token."""
    name = cluster.namespace("place")
    cluster.grant(ALICE, name)
    accounts = [
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": each, "namespace": name},
        }
        for each in ("trusted", "silent")
    ]
    cluster.create(accounts[0], {**accounts[1], "automountServiceAccountToken": False})
    cluster.grant_scc("anyuid", service_account(name, "trusted"), name)
    trusted = pod("wait", serviceAccountName="trusted", security={"runAsUser": 0})
    cluster.create_until_admitted(ALICE, trusted, name, "--dry-run=server")
    return name


@pytest.fixture(scope="module")
def told(cluster: Cluster, place: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What `check` says of every manifest, by file: one run for all of them."""
    folder = tmp_path_factory.mktemp("manifests")
    for case, wanted in PODS.items():
        _write(folder / f"pod {case}.yaml", wanted)
    for kind in WORKLOADS:
        for case, template in TEMPLATES.items():
            _write(folder / f"{kind} {case}.yaml", workload(kind, template))
    facts = cluster.kubectl("get", FACTS, "-A", "-o", "yaml", user=ADMIN)
    context = tmp_path_factory.mktemp("context") / "cluster.yaml"
    context.write_text(facts.stdout)
    done = subprocess.run(  # noqa: S603 - the command under test
        [
            *(sys.executable, "-m", "webhook", "check", "-f", folder, "--context", context),
            *("--as", ALICE, "-n", place, "-o", "json"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("case", PODS)
def test_a_pod(cluster, place, told, case):
    expected = _in_cluster(cluster, PODS[case], place, ALICE)

    assert _on_laptop(told, f"pod {case}.yaml") == expected


@pytest.mark.parametrize("kind", WORKLOADS)
@pytest.mark.parametrize("case", TEMPLATES)
def test_the_pods_of_a_workload(cluster, place, told, kind, case):
    name = WORKLOADS[kind][1]

    expected = _in_cluster(cluster, TEMPLATES[case], place, controller(name))

    assert _on_laptop(told, f"{kind} {case}.yaml") == expected


def workload(kind: str, template: Object) -> Object:
    """Return a workload whose pods look like the given one."""
    version, _, path = WORKLOADS[kind]
    spec = {"template": {"spec": template["spec"]}}
    for key in reversed(path[1:]):
        spec = {key: spec}
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "web"}, "spec": spec}


def _in_cluster(cluster: Cluster, wanted: Object, namespace: str, user: str) -> Verdict:
    done = cluster.create_as(user, wanted, namespace, "--dry-run=server")
    if done.returncode:
        assert "denied the request" in done.stderr, done.stderr
        lines = [line.rpartition("request: ")[2] for line in done.stderr.splitlines()]
        return Verdict("", "", frozenset(line for line in lines if "; allowed: " in line))
    notes = json.loads(done.stdout)["metadata"].get("annotations", {})
    scc = notes.get("openshift.io/scc", "")
    return Verdict(
        scc, notes.get("security.openshift.io/validated-scc-subject-type", ""), frozenset()
    )


def _on_laptop(told: Any, file: str) -> Verdict:
    (item,) = (each for each in told["objects"] if Path(each["file"]).name == file)
    assert item["verdict"] != "error", item["reason"]
    findings = [each for each in told["findings"] if Path(each["file"]).name == file]
    objections = frozenset(
        each["message"].replace("spec.jobTemplate.", "").replace("spec.template.", "")
        for each in findings
    )
    return Verdict(item["scc"] or "", item["subject"] or "", objections)


def _write(path: Path, wanted: Object) -> None:
    path.write_text(yaml.safe_dump(wanted))
