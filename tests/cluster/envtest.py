"""A control plane for tests: etcd and kube-apiserver on loopback ports, and nothing else.

The convention is that of controller-runtime's envtest: the binaries `etcd`, `kube-apiserver` and
`kubectl` are found in `$KUBEBUILDER_ASSETS`, or else in `/usr/local/kubebuilder/bin`. No kubelet
runs, so a pod stays Pending; no controller-manager runs, so nothing makes service accounts, pods of
a Deployment, or aggregated ClusterRoles.

Other than envtest, the ServiceAccount and NodeRestriction plugins and the Node authorizer are on,
as they are in any real cluster.
"""

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.cluster.certificates import Authority, Pair, key_pem, new_key
from tests.cluster.process import Process, free_port

ASSETS = Path(os.environ.get("KUBEBUILDER_ASSETS") or "/usr/local/kubebuilder/bin")
_PODS = {"level": "Metadata", "resources": [{"group": "", "resources": ["pods", "pods/*"]}]}

_NEEDED = ("etcd", "kube-apiserver", "kubectl")


def missing() -> str:
    """Return the sentence that says which binaries are missing and how to get them, or nothing."""
    absent = [name for name in _NEEDED if not os.access(ASSETS / name, os.X_OK)]
    if not absent:
        return ""
    return (
        f"no {', '.join(absent)} in {ASSETS}: install them with `go run sigs.k8s.io/"
        "controller-runtime/tools/setup-envtest@latest use -p path` and name the folder that it "
        "prints in KUBEBUILDER_ASSETS"
    )


class ControlPlane:
    """etcd and kube-apiserver in `folder`, up between `start` and `stop`.

    `audit_log` has a line for every request about pods, and for every other one of the users `audited`. `options` are
    further ones of kube-apiserver.

    `stop_api`, or `api.kill` for a crash, and `start_api` are an outage of the API server: it comes
    back at the same address, with the same certificates and data.
    """

    def __init__(
        self, folder: Path, audited: Sequence[str] = (), options: Sequence[str] = ()
    ) -> None:
        self.folder = folder
        self.url = f"https://127.0.0.1:{free_port()}"
        self.ca = folder / "serving-ca.crt"
        self.audit_log = folder / "audit.log"
        self._audit = {
            "apiVersion": "audit.k8s.io/v1",
            "kind": "Policy",
            "omitStages": ["RequestReceived"],
            "rules": [_PODS, *([{"level": "Metadata", "users": list(audited)}] if audited else [])],
        }
        self._clients = Authority("clients")
        etcd = f"http://127.0.0.1:{free_port()}"
        self._etcd_url = etcd
        self.etcd = Process(_etcd(etcd, folder / "etcd"), folder / "etcd.log")
        self.api = Process([*self._api(), *options], folder / "kube-apiserver.log")

    def start(self) -> None:
        """Write the certificates and start both; return when the API server is ready."""
        serving = Authority("serving")
        self.ca.write_bytes(serving.certificate)
        self._write("serving", serving.server(["127.0.0.1", "localhost"]))
        (self.folder / "client-ca.crt").write_bytes(self._clients.certificate)
        (self.folder / "service-accounts.key").write_bytes(key_pem(new_key()))
        (self.folder / "audit-policy.json").write_text(json.dumps(self._audit))
        self.start_etcd()
        self.start_api()

    def stop(self) -> None:
        """End both; the logs stay, the data (much disk for nothing) goes."""
        self.api.stop()
        self.etcd.stop()
        shutil.rmtree(self.folder / "etcd", ignore_errors=True)

    def start_etcd(self) -> None:
        """Start etcd, on the data that it has; return when it is ready."""
        self.etcd.start()
        self.etcd.wait_for(f"{self._etcd_url}/health")

    def start_api(self) -> None:
        """Start the API server; return when it is ready."""
        self.api.start()
        self.api.wait_for(f"{self.url}/readyz", self.ca, timeout=120)

    def stop_api(self) -> None:
        """End the API server; etcd keeps its data."""
        self.api.stop()

    def client(self, user: str, groups: Sequence[str] = ()) -> Pair:
        """Issue a client certificate that the API server takes for `user` in `groups`."""
        return self._clients.client(user, groups)

    def _write(self, name: str, pair: Pair) -> None:
        (self.folder / f"{name}.crt").write_bytes(pair.certificate)
        (self.folder / f"{name}.key").write_bytes(pair.key)

    def _api(self) -> list[str | Path]:
        folder = self.folder
        return [
            ASSETS / "kube-apiserver",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={self.url.rpartition(':')[2]}",
            f"--tls-cert-file={folder / 'serving.crt'}",
            f"--tls-private-key-file={folder / 'serving.key'}",
            f"--client-ca-file={folder / 'client-ca.crt'}",
            f"--etcd-servers={self._etcd_url}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--allow-privileged=true",
            "--service-cluster-ip-range=10.0.0.0/24",
            # Else a stop would wait for every watch that is open, up to a minute.
            "--shutdown-watch-termination-grace-period=1s",
            f"--audit-policy-file={folder / 'audit-policy.json'}",
            f"--audit-log-path={self.audit_log}",
            # The address of the Service `kubernetes` may not be a loopback one, so it gets none.
            "--endpoint-reconciler-type=none",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={folder / 'service-accounts.key'}",
            f"--service-account-signing-key-file={folder / 'service-accounts.key'}",
        ]


def _etcd(url: str, data: Path) -> list[str | Path]:
    return [
        ASSETS / "etcd",
        f"--data-dir={data}",
        f"--listen-client-urls={url}",
        f"--advertise-client-urls={url}",
        "--listen-peer-urls=http://127.0.0.1:0",
        "--unsafe-no-fsync",
    ]
