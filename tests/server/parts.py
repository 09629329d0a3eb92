"""What the tests of the server share: a handler over files, and reviews to give it."""

import json
import os
from collections.abc import Iterable
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from webhook.cluster.offline import OfflineCluster
from webhook.core.policyset import PolicySet
from webhook.log import DecisionLog, Lines
from webhook.metrics import Metrics, exposition
from webhook.server.gather import Cluster
from webhook.server.handle import Handler
from webhook.server.observer import Observer
from webhook.store import load

POLICIES = load()


class Store:
    """Policies that stay."""

    def __init__(self, current: PolicySet = POLICIES) -> None:
        self.current = current


class Stand:
    """A handler with what it counts into."""

    def __init__(
        self, cluster: Cluster | None = None, store: Store | None = None, descriptor: int = -1
    ) -> None:
        self.store = store or Store()
        self.metrics = Metrics()
        lines = Lines(descriptor if descriptor >= 0 else os.open(os.devnull, os.O_WRONLY))
        observer = Observer(self.metrics, DecisionLog(lines))
        self.flush = observer.flush
        self.handler = Handler(
            self.store,
            cluster or OfflineCluster([], self.store.current.rbac),
            observer,
        )

    def count(self, name: str, *labels: str) -> float:
        """Return a counter's value; `labels` are the values it must bear."""
        text, _ = exposition(self.metrics, lambda: ())
        return sum(
            sample.value
            for family in text_string_to_metric_families(text.decode())
            for sample in family.samples
            if sample.name == name and set(labels) <= set(sample.labels.values())
        )


def pod(**spec: Any) -> dict[str, Any]:
    container = {"name": "web", "image": "registry.example.com/web:1"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"serviceAccountName": "default", "containers": [container], **spec},
    }


def review(
    obj: Any = None, *, uid: str = "705ab4f5", groups: Iterable[str] = (), **request: Any
) -> dict[str, Any]:
    """Return an AdmissionReview: an ordinary user creates a pod, unless told otherwise."""
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": uid,
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "name": "web",
            "namespace": "shop",
            "operation": "CREATE",
            "userInfo": {"username": "alice", "groups": ["system:authenticated", *groups]},
            "object": pod() if obj is None else obj,
            "oldObject": None,
            "dryRun": False,
            "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
            **request,
        },
    }


def body(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


ADMITTED = body(review())
"""A review that is admitted with a patch."""

REFUSED = body(review(pod(hostNetwork=True)))
"""A review that is refused."""
