"""A real kube-controller-manager, for tests in which Kubernetes' own controllers take part.

It is no part of envtest; such tests skip where nobody has put one, of the API server's version,
beside its binaries.
"""

import os

import pytest

from tests.cluster.cluster import Cluster
from tests.cluster.envtest import ASSETS
from tests.cluster.process import Process


def controller_manager(cluster: Cluster) -> Process:
    """Return one that runs every controller, each as its own service account; it is not started."""
    binary = ASSETS / "kube-controller-manager"
    if not os.access(binary, os.X_OK):
        pytest.skip(f"no kube-controller-manager in {ASSETS}: put the API server's version there")
    folder = cluster.plane.folder
    return Process(
        [
            binary,
            f"--kubeconfig={cluster.kubeconfig('system:kube-controller-manager')}",
            "--use-service-account-credentials",
            f"--service-account-private-key-file={folder / 'service-accounts.key'}",
            f"--root-ca-file={cluster.plane.ca}",
            "--leader-elect-lease-duration=3s",
            "--leader-elect-renew-deadline=2s",
            "--leader-elect-retry-period=500ms",
            "--secure-port=0",
        ],
        folder / "kube-controller-manager.log",
    )
