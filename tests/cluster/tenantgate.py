"""`tenantgate serve`, asked by the API server of the tests as it would be in a real cluster."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

from tests.cluster.cluster import ADMIN, ALICE, Cluster, Object, service_account
from tests.cluster.objects import deployment, pod
from tests.cluster.process import Process, eventually, free_port

ROOT = Path(__file__).parents[2]
SHIPPED_RBAC = ROOT / "policies" / "rbac.yaml"
RIGHTS = ROOT / "manifests" / "base" / "20-webhook-rbac.yaml"
NAMESPACE = "tenantgate-system"
IDENTITY = service_account(NAMESPACE, "tenantgate")
"""Whom the webhook acts as; it has the rights that the manifests give it and no others."""

_AGGREGATED: Object = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRoleBinding",
    "metadata": {"name": "tenantgate-view-as-aggregated"},
    "roleRef": {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": "ClusterRole",
        "name": "system:aggregate-to-view",
    },
    "subjects": [{"kind": "ServiceAccount", "namespace": NAMESPACE, "name": "tenantgate"}],
}
"""What `view`, which is among its rights, is put together from; here no controller does that."""


class Tenantgate:
    """The webhook as a process, and its registration.

    `start` brings it up with the policies given (the shipped set when there are none) and further
    options of `serve`, `register` sends the API server to it. `stop`, `kill` and `start` again are an outage of the webhook: it
    comes back at the same address, with the same certificates, and the registration stays.
    """

    def __init__(
        self,
        cluster: Cluster,
        folder: Path,
        policies: Sequence[Path] = (),
        options: Sequence[str] = (),
    ) -> None:
        port, ops = free_port(), free_port()
        self.cluster = cluster
        self.url = f"https://127.0.0.1:{port}"
        self.ops = f"http://127.0.0.1:{ops}"
        self.ca = folder / "certs" / "ca.crt"
        self._policies = [f"--policy={path}" for path in policies]
        self.process = Process(
            [
                *_tenantgate("serve", *self._policies),
                f"--listen=127.0.0.1:{port}",
                f"--ops-listen=127.0.0.1:{ops}",
                f"--kubeconfig={cluster.kubeconfig(IDENTITY)}",
                f"--cert-dir={folder / 'certs'}",
                "--events",
                *options,
            ],
            folder / "tenantgate.log",
            env=_environment(),
        )

    def install(self) -> None:
        """Give the webhook its rights, and everybody what `policies/rbac.yaml` gives them."""
        self.cluster.create(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
            *yaml.safe_load_all(RIGHTS.read_text()),
            _AGGREGATED,
        )
        self.cluster.apply(*yaml.safe_load_all(SHIPPED_RBAC.read_text()))

    def start(self) -> None:
        """Start the webhook; return when it is ready."""
        self.process.start()
        self.process.wait_for(f"{self.ops}/readyz")

    def stop(self) -> None:
        """End the webhook, as a kubelet would."""
        self.process.stop()

    def kill(self) -> None:
        """End the webhook, as a crash would."""
        self.process.kill()

    def register(self) -> None:
        """Apply what `tenantgate render webhooks` prints; return when it is in force.

        The API server takes a registration up in its own time, so a request is tried, dry, until
        it is answered by the webhook.
        """
        rendered = subprocess.run(  # noqa: S603 - the command under test
            _tenantgate(
                "render", "webhooks", f"--url={self.url}", f"--ca={self.ca}", *self._policies
            ),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=_environment(),
        )
        assert rendered.returncode == 0, rendered.stderr
        self.cluster.apply(*yaml.safe_load_all(rendered.stdout))
        probe = self.cluster.namespace("probe")
        self.cluster.grant(ALICE, probe)
        try:
            eventually(lambda: self._judges(probe), timeout=30)
        except AssertionError as error:
            raise AssertionError(f"the registration: {error}; {self.process.tail()}") from error

    def unregister(self) -> None:
        """Delete the registration: nobody is asked any more."""
        kinds = "mutatingwebhookconfigurations,validatingwebhookconfigurations"
        self.cluster.kubectl("delete", kinds, "tenantgate", "--ignore-not-found", user=ADMIN)

    def _judges(self, namespace: str) -> bool:
        """Tell whether both configurations are in force.

        A pod is judged by the mutating one first, a workload's template by the validating one only.
        """
        bad = pod(security={"privileged": True})
        asked = [
            self.cluster.create_as(ALICE, made, namespace, "--dry-run=server")
            for made in (bad, deployment(bad))
        ]
        return all("privileged is true" in done.stderr for done in asked)


def _tenantgate(*args: str) -> list[str]:
    return [sys.executable, "-m", "webhook", *args]


def _environment() -> dict[str, str]:
    """Return an environment in which no setting of the machine's owner is found."""
    return {"PATH": os.environ["PATH"]}
