"""AdmissionReviews of three sizes, as the API server sends them for the CREATE of a pod.

The pods look like those of a Deployment by the time that a webhook sees them: labels and an owner,
the service account's token volume in every container, default tolerations, probes, environment and
`managedFields`. The same seed gives the same pods; the uid of each request is new.
"""

import json
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

NAMESPACE = "shop"
SIZES = {"4": 4_000, "9": 9_000, "62": 62_000}
"""Name of a size, in KB, and the bytes of a body to come close to."""

_CONTAINERS = {"4": 1, "9": 2, "62": 12}
_UID = "00000000-0000-0000-0000-000000000000"

CONTEXT = f"""\
apiVersion: v1
kind: Namespace
metadata:
  name: {NAMESPACE}
  labels: {{kubernetes.io/metadata.name: {NAMESPACE}}}
  annotations:
    openshift.io/sa.scc.uid-range: 1000660000/10000
    openshift.io/sa.scc.supplemental-groups: 1000660000/10000
    openshift.io/sa.scc.mcs: s0:c26,c5
---
apiVersion: v1
kind: ServiceAccount
metadata: {{name: web, namespace: {NAMESPACE}}}
"""
"""The cluster around the pods, for `serve --context`."""


@dataclass(frozen=True, slots=True)
class Body:
    """A review, cut open where its uid stands, and the verdict that is due to it."""

    head: bytes
    tail: bytes
    allowed: bool

    def with_uid(self, uid: bytes) -> bytes:
        """Return the review of one request."""
        return self.head + uid + self.tail

    def __len__(self) -> int:
        return len(self.head) + len(_UID) + len(self.tail)

    @classmethod
    def of(cls, pod: dict[str, Any], *, allowed: bool) -> "Body":
        """Return the review of a pod's CREATE by the controller of a ReplicaSet."""
        head, tail = json.dumps(_review(pod), separators=(",", ":")).encode().split(_UID.encode())
        return cls(head, tail, allowed)


def uids(seed: int) -> Iterator[bytes]:
    """Yield uids without end, none of them twice."""
    start = random.Random(seed).getrandbits(64) << 64  # noqa: S311 - names requests, guards nothing
    for number in range(2**64):
        yield str(uuid.UUID(int=start | number)).encode()


def pod(size: str, seed: int, *, allowed: bool = True) -> dict[str, Any]:
    """Return a pod whose review has about the given size.

    One that is not `allowed` asks for a privileged container, which no SCC grants its creator.
    """
    rng = random.Random(f"{seed}/{size}/{allowed}")  # noqa: S311 - varies input, guards nothing
    made = _pod(rng, _CONTAINERS[size])
    if not allowed:
        made["spec"]["containers"][-1]["securityContext"] = {"privileged": True}
    _pad(made, SIZES[size], rng)
    return made


def bodies(size: str, seed: int) -> tuple[Body, ...]:
    """Return reviews of one size: eight that are admitted, and one that is refused."""
    good = [Body.of(pod(size, seed + i), allowed=True) for i in range(8)]
    return (*good, Body.of(pod(size, seed, allowed=False), allowed=False))


def _review(pod: dict[str, Any]) -> dict[str, Any]:
    resource = {"group": "", "version": "v1", "resource": "pods"}
    kind = {"group": "", "version": "v1", "kind": "Pod"}
    return {
        "kind": "AdmissionReview",
        "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": _UID,
            "kind": kind,
            "resource": resource,
            "requestKind": kind,
            "requestResource": resource,
            "namespace": NAMESPACE,
            "operation": "CREATE",
            "userInfo": {
                "username": "system:serviceaccount:kube-system:replicaset-controller",
                "uid": "5f9b8f6e-6d9c-4c8b-9a57-0d9a8bb6a6f1",
                "groups": [
                    "system:serviceaccounts",
                    "system:serviceaccounts:kube-system",
                    "system:authenticated",
                ],
            },
            "object": pod,
            "oldObject": None,
            "dryRun": False,
            "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
        },
    }


def _pod(rng: random.Random, containers: int) -> dict[str, Any]:
    app = f"web-{rng.randrange(1000):03d}"
    suffix = f"{rng.getrandbits(32):08x}"
    labels = {"app.kubernetes.io/name": app, "tier": "front", "pod-template-hash": suffix}
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {
            "generateName": f"{app}-{suffix}-",
            "namespace": NAMESPACE,
            "creationTimestamp": None,
            "labels": labels,
            "annotations": {
                "prometheus.io/scrape": "true",
                "checksum/config": f"{rng.getrandbits(256):064x}",
            },
            "ownerReferences": [
                {
                    "apiVersion": "apps/v1",
                    "kind": "ReplicaSet",
                    "name": f"{app}-{suffix}",
                    "uid": str(uuid.UUID(int=rng.getrandbits(128))),
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
            "managedFields": [
                {
                    "manager": "kube-controller-manager",
                    "operation": "Update",
                    "apiVersion": "v1",
                    "time": "2026-01-01T00:00:00Z",
                    "fieldsType": "FieldsV1",
                    "fieldsV1": {"f:metadata": {"f:generateName": {}, "f:labels": {".": {}}}},
                }
            ],
        },
        "spec": {
            "volumes": [
                {"name": "config", "configMap": {"name": app, "defaultMode": 420}},
                {"name": "scratch", "emptyDir": {}},
                {
                    "name": "kube-api-access-7q2lm",
                    "projected": {
                        "sources": [
                            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                            {
                                "configMap": {
                                    "name": "kube-root-ca.crt",
                                    "items": [{"key": "ca.crt", "path": "ca.crt"}],
                                }
                            },
                            {
                                "downwardAPI": {
                                    "items": [
                                        {
                                            "path": "namespace",
                                            "fieldRef": {
                                                "apiVersion": "v1",
                                                "fieldPath": "metadata.namespace",
                                            },
                                        }
                                    ]
                                }
                            },
                        ],
                        "defaultMode": 420,
                    },
                },
            ],
            "containers": [_container(rng, i) for i in range(containers)],
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 30,
            "dnsPolicy": "ClusterFirst",
            "serviceAccountName": "web",
            "serviceAccount": "web",
            "securityContext": {},
            "schedulerName": "default-scheduler",
            "tolerations": [
                {
                    "key": f"node.kubernetes.io/{key}",
                    "operator": "Exists",
                    "effect": "NoExecute",
                    "tolerationSeconds": 300,
                }
                for key in ("not-ready", "unreachable")
            ],
            "priority": 0,
            "enableServiceLinks": True,
            "preemptionPolicy": "PreemptLowerPriority",
        },
        "status": {},
    }


def _container(rng: random.Random, index: int) -> dict[str, Any]:
    probe = {
        "httpGet": {"path": "/healthz", "port": 8080 + index, "scheme": "HTTP"},
        "timeoutSeconds": 1,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
    }
    return {
        "name": f"part-{index}",
        "image": f"registry.example.com/shop/part-{index}@sha256:{rng.getrandbits(256):064x}",
        "args": ["--listen", f":{8080 + index}"],
        "ports": [{"name": f"http-{index}", "containerPort": 8080 + index, "protocol": "TCP"}],
        "env": [
            {
                "name": "POD_NAME",
                "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}},
            }
        ],
        "resources": {
            "limits": {"cpu": "500m", "memory": "256Mi"},
            "requests": {"cpu": "100m", "memory": "128Mi"},
        },
        "volumeMounts": [
            {"name": "config", "readOnly": True, "mountPath": "/etc/app"},
            {"name": "scratch", "mountPath": "/tmp"},  # noqa: S108 - in the container
            {
                "name": "kube-api-access-7q2lm",
                "readOnly": True,
                "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
            },
        ],
        "livenessProbe": probe,
        "readinessProbe": probe,
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
    }


def _pad(pod: dict[str, Any], target: int, rng: random.Random) -> None:
    """Add environment variables, container by container, until the review has its size."""
    containers = pod["spec"]["containers"]
    missing = target - len(json.dumps(_review(pod), separators=(",", ":")))
    number = 0
    while missing > 0:
        variable = {
            "name": f"SETTING_{number:04d}",
            "value": f"{rng.getrandbits(128):032x}.example.com",
        }
        containers[number % len(containers)]["env"].append(variable)
        missing -= len(json.dumps(variable, separators=(",", ":"))) + 1
        number += 1
