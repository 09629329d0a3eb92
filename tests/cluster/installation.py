"""tenantgate as installed: behind a Service, with its Secret, and a controller that registers it.

There is no network of Services here, so the Service is of type ExternalName, by which the API server
connects to this machine and still expects the Service's own name in the certificate. What a kubelet
and a controller would report of the pod, `up` and `down` do.
"""

import base64
import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tests.cluster.cluster import ADMIN, Cluster
from tests.cluster.running import SCCS, Running
from tests.cluster.tenantgate import NAMESPACE, Tenantgate
from webhook.certs.issue import issue
from webhook.controllers.loop import Context, Controller
from webhook.controllers.registration.controller import Keeping, Registration
from webhook.core.registration import Service

DNS = f"tenantgate.{NAMESPACE}.svc"
SOON = 0.1
"""Seconds after which the controller looks again, for tests that cannot wait."""

BREAK_GLASS = (
    *("delete", "mutatingwebhookconfigurations,validatingwebhookconfigurations"),
    *("-l", "app.kubernetes.io/part-of=tenantgate"),
)
"""What the documentation tells an administrator to do at night."""


class Installation:
    """The webhook, its Service and Secret, and the controller.

    Args:
        cluster: where it is installed.
        folder: for certificates, policies and logs.
        policies: documents by the name of their file, beside the shipped SCCs.
        keeping: options of `Keeping`.
    """

    def __init__(
        self, cluster: Cluster, folder: Path, policies: dict[str, Any] | None = None, **keeping: Any
    ) -> None:
        self.cluster, self.folder = cluster, folder
        self.policies = folder / "policies"
        self.policies.mkdir()
        self.certs = folder / "certs"
        issue(self.certs, [DNS])
        self._given = policies or {}
        self.webhook = Tenantgate(cluster, folder, [self.policies, SCCS])
        port = int(self.webhook.url.rpartition(":")[2])
        self.keeping = Keeping(Service(NAMESPACE, "tenantgate", port), soon=SOON, **keeping)
        self.controller: Running | None = None

    def install(self) -> None:
        """Create what the manifests hold; nothing runs yet."""
        self.webhook.install()
        spec = {"type": "ExternalName", "externalName": "localhost"}
        self.cluster.create(
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": "tenantgate", "namespace": NAMESPACE},
                "spec": spec,
            }
        )
        self.publish()
        self.controller = Running(self.cluster, self.policies, self._made, self._given)

    def publish(self) -> None:
        """Put what is in the folder of certificates into the Secret."""
        data = {
            path.name: base64.b64encode(path.read_bytes()).decode()
            for path in sorted(self.certs.iterdir())
        }
        self.cluster.apply(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": "tenantgate-tls", "namespace": NAMESPACE},
                "type": "kubernetes.io/tls",
                "data": data,
            }
        )

    def up(self) -> None:
        """Start the webhook; it is among the ready endpoints afterwards."""
        self.webhook.start()
        self.ready(True)

    def down(self) -> None:
        """Crash the webhook; it is among the endpoints no longer afterwards."""
        self.webhook.kill()
        self.ready(False)

    def ready(self, ready: bool) -> None:
        """Report whether the webhook's one pod is ready."""
        self.cluster.apply(
            {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {
                    "name": "tenantgate-1",
                    "namespace": NAMESPACE,
                    "labels": {"kubernetes.io/service-name": "tenantgate"},
                },
                "addressType": "IPv4",
                "endpoints": [{"addresses": ["192.0.2.1"], "conditions": {"ready": ready}}],
                "ports": [{"name": "webhook", "port": 8443}],
            }
        )

    def registered(self) -> Sequence[str]:
        """Return the names of all entries that are registered."""
        kinds = "mutatingwebhookconfigurations,validatingwebhookconfigurations"
        found = self.cluster.listed(kinds, "default")
        return [each["name"] for item in found for each in item.get("webhooks", ())]

    def break_glass(self) -> None:
        """Take tenantgate out of the way, by one command."""
        done = self.cluster.kubectl(*BREAK_GLASS, user=ADMIN)
        assert done.returncode == 0, done.stderr

    def ask_back(self) -> None:
        """Have what was deleted registered again."""
        name = "tenantgate-registration"
        self.cluster.kubectl("delete", "configmap", name, "-n", NAMESPACE, user=ADMIN)

    def events(self) -> Sequence[str]:
        """Return the reasons of the events in tenantgate's namespace."""
        return [each["reason"] for each in self.cluster.listed("events", NAMESPACE)]

    def close(self) -> None:
        """End everything that runs."""
        self.webhook.kill()
        if self.controller:
            self.controller.close()

    def _made(self, context: Context) -> Iterable[Controller]:
        # Time flies, lest many edits in a few seconds be taken for a fight.
        yield Registration(context, self.keeping, clock=itertools.count(0, 1000).__next__)
