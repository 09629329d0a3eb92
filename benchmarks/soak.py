"""A soak: a real kube-apiserver, tenants without end, and everything going wrong around them.

    KUBEBUILDER_ASSETS=... python -m benchmarks.soak --minutes 20

`tenantgate serve` and `tenantgate controller` run against etcd and kube-apiserver of the soak's own.
Pods with known verdicts are created all the time while certificates rotate, policy files are edited
(one set in five broken), workers are killed and the API server restarts. Exits 1 if one verdict was
wrong, or one failure is not explained by a fault.
"""

import argparse
import base64
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.faults import Faults
from benchmarks.mount import Mount
from benchmarks.verdicts import CASES, Edits, Load, Tally, Windows, unlike_restricted
from tests.cluster.cluster import ADMIN, Cluster
from tests.cluster.envtest import ControlPlane, missing
from tests.cluster.process import Process, eventually, free_port
from webhook.cluster.client import Api, ClusterError, connect

NAMESPACE = "soak-app"
OWN = "tenantgate-system"
TENANT = "tess"
TERMS = ("--cert-settle=10s", "--cert-overlap=20s")
"""An authority is exchanged between two rotations: the mount is a matter of a second here."""

_LIVES = (
    "--ip=127.0.0.1",
    "--leaf-lifetime=3m",
    "--ca-lifetime=1h",
    "--cert-settle=5s",
    "--cert-overlap=20s",
)
"""Of certificates: as short as an outage of the API server allows."""

_SHIPPED = Path(__file__).parents[1] / "policies"


def policies(granted: bool) -> dict[str, bytes]:
    """Return a set of policies as a ConfigMap holds it: flat, with one tenant."""
    files = {
        str(path.relative_to(_SHIPPED)).replace("/", "-"): path.read_bytes()
        for path in sorted(_SHIPPED.rglob("*.yaml"))
    }
    registries = ["registry.example.com", *(["other.example.com"] if granted else [])]
    tenant = _policy(
        "Tenant",
        "soak",
        owners=[{"kind": "User", "name": TENANT}],
        namespaces={"prefix": "soak-"},
        allow={"registries": registries},
        provision={"template": "soak"},
    )
    # No quota: nobody here counts what is used, so that the API server would refuse every pod.
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "default"},
        "automountServiceAccountToken": False,
    }
    isolated = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "platform-default-deny"},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
    }
    template = _policy("NamespaceTemplate", "soak", objects=[isolated, account])
    files["template.yaml"] = json.dumps(template).encode()
    return {**files, "tenant.yaml": json.dumps(tenant).encode()}


def _policy(kind: str, name: str, **spec: Any) -> dict[str, Any]:
    metadata = {"name": name}
    return {"apiVersion": "tenantgate.io/v1", "kind": kind, "metadata": metadata, "spec": spec}


class World:
    """The control plane, tenantgate as its manifests install it, and one namespace of a tenant."""

    def __init__(self, folder: Path) -> None:
        self.plane = ControlPlane(folder)
        self.cluster = Cluster(self.plane)
        self.policies = Mount(folder / "policies")
        self.certificates = Mount(folder / "certificates")
        port, ops, own_ops = free_port(), free_port(), free_port()
        self.ops = f"http://127.0.0.1:{ops}"
        url = f"https://127.0.0.1:{port}"
        self.controller = Process(
            _tenantgate(
                "controller",
                f"--policy={self.policies.folder}",
                f"--kubeconfig={folder / 'controller.kubeconfig'}",
                f"--namespace={OWN}",
                f"--ops-listen=127.0.0.1:{own_ops}",
                f"--url={url}",
                "--ip=127.0.0.1",
                *TERMS,
            ),
            folder / "controller.log",
        )
        self.serve = Process(
            _tenantgate(
                "serve",
                f"--policy={self.policies.folder}",
                f"--kubeconfig={folder / 'serve.kubeconfig'}",
                f"--cert-dir={self.certificates.folder}",
                f"--listen=127.0.0.1:{port}",
                f"--ops-listen=127.0.0.1:{ops}",
                "--workers=2",
                "--log-allowed=none",
            ),
            folder / "serve.log",
        )
        self._folder = folder
        self._mounted: Mapping[str, Any] = {}

    def start(self) -> None:
        """Bring everything up; return when a tenant's pod would be judged."""
        self.plane.start()
        self.cluster.prepare()
        base = Path(__file__).parents[1] / "manifests" / "base"
        done = self.cluster.kubectl("apply", "--server-side", "-k", str(base), user=ADMIN)
        if done.returncode:
            raise RuntimeError(f"kubectl apply -k {base}: {done.stderr}")
        for name, account in (("controller", "tenantgate-controller"), ("serve", "tenantgate")):
            identity = self.cluster.kubeconfig(f"system:serviceaccount:{OWN}:{account}")
            (self._folder / f"{name}.kubeconfig").write_bytes(identity.read_bytes())
        self.policies.put(policies(granted=False))
        self.controller.start()
        eventually(self.mount, timeout=60)
        self.serve.start()
        self.serve.wait_for(f"{self.ops}/readyz")
        self.cluster.apply(*_rights())
        eventually(self._registered, timeout=60)
        self._furnish()

    def mount(self) -> bool:
        """Bring the Secret's files to where the webhook reads them, as a kubelet would."""
        secret = self.admin().find(f"/api/v1/namespaces/{OWN}/secrets/tenantgate-tls", timeout=10)
        data = secret.get("data") if isinstance(secret, dict) else None
        if not isinstance(data, dict) or data == self._mounted:
            return bool(data)
        self.certificates.put({name: base64.b64decode(text) for name, text in data.items()})
        self._mounted = data
        return True

    def admin(self) -> Api:
        """Return a way to the API server as an administrator."""
        return connect(self.cluster.kubeconfig(ADMIN))

    def tenant(self) -> Api:
        """Return a way to the API server as the tenant."""
        return connect(self.cluster.kubeconfig(TENANT))

    def stop(self) -> None:
        """End everything."""
        self.serve.kill()
        self.controller.stop()
        self.cluster.close()
        self.plane.stop()

    def _registered(self) -> bool:
        done = self.cluster.kubectl(
            "get", "validatingwebhookconfigurations,mutatingwebhookconfigurations", "-o", "name",
            user=ADMIN,
        )  # fmt: skip
        return done.stdout.count("/tenantgate") == 2

    def _furnish(self) -> None:
        made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
        self.cluster.kubectl("create", "-f", "-", user=TENANT, stdin=made)

        def provisioned() -> bool:
            found = self.cluster.get("namespace", NAMESPACE, NAMESPACE)["metadata"]
            return "tenantgate.io/provisioned" in found.get("annotations", {})

        eventually(provisioned, timeout=30)


def _rights() -> list[Mapping[str, Any]]:
    """Return what lets the tenant create namespaces, and pods in any: tenancy says in which."""
    group = "rbac.authorization.k8s.io"
    rules = [
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["create"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["create", "delete", "get", "list"]},
    ]
    return [
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRole",
            "metadata": {"name": "soak"},
            "rules": rules,
        },
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "soak"},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "soak"},
            "subjects": [{"kind": "User", "name": TENANT, "apiGroup": group}],
        },
    ]


def _tenantgate(*args: str) -> list[str]:
    return [sys.executable, "-m", "webhook", *args]


def audit(world: World) -> list[str]:
    """Return what is wrong with each pod that is stored now."""
    found = world.admin().get(f"/api/v1/namespaces/{NAMESPACE}/pods", timeout=30)
    items = found.get("items") if isinstance(found, dict) else None
    return [
        f"{pod['metadata']['name']} is stored as {problem}"
        for pod in items or ()
        if (problem := unlike_restricted(pod))
    ]


def main() -> int:
    """Run the soak and print what became of every request; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=20, help="how long (default 20)")
    parser.add_argument("--threads", type=int, default=4, help="tenants at a time (default 4)")
    parser.add_argument("--api-restarts", type=int, default=2, help="of the API server (default 2)")
    parser.add_argument("--folder", type=Path, help="where logs stay (default: nowhere)")
    options = parser.parse_args()
    if why := missing():
        print(why, file=sys.stderr)
        return 2
    with contextlib.ExitStack() as stack:
        folder = options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        world = World(folder.resolve())
        stack.callback(world.stop)
        world.start()
        return report(*soak(world, options.minutes * 60, options.threads, options.api_restarts))


def soak(world: World, seconds: float, threads: int, restarts: int) -> tuple[Tally, Faults, float]:
    """Create pods for so long while everything happens; return what became of them."""
    edits, windows, tally = Edits(), Windows(), Tally()
    edits.put(granted=False)
    faults = Faults(windows, edits)
    load = Load(world.tenant, NAMESPACE, edits, windows, tally)
    started = time.monotonic()
    load.start(threads)
    faults.every(0.5, "looks at the Secret", lambda: _mount(world))
    faults.every(2, "looks at the controller", lambda: _keep(world.controller))
    faults.every(30, "rotations", lambda: rotate(world, faults))
    faults.every(7, "policy edits", lambda: faults.edit(world.policies, policies))
    faults.every(23, "killed workers", lambda: faults.kill_worker(world.serve))
    faults.every(10, "audits", lambda: tally.wrong.extend(_audit(world)))
    for number in range(restarts):
        due = started + seconds * (number + 1) / (restarts + 1)
        _progress(until=due, tally=tally, started=started)
        faults.restart_api(world.plane)
        faults.counts["API server restarts"] += 1
    _progress(until=started + seconds, tally=tally, started=started)
    load.stop()
    faults.stop()
    tally.wrong.extend(audit(world))
    return tally, faults, time.monotonic() - started


def rotate(world: World, faults: Faults) -> None:
    """Rotate the serving certificate, or every third time the authority as well."""
    authority = ["--ca"] if faults.counts["rotations"] % 3 == 2 else []
    admin = f"--kubeconfig={world.cluster.kubeconfig(ADMIN)}"
    done = subprocess.run(  # noqa: S603 - the command under test
        _tenantgate("certs", "rotate", *authority, *TERMS, f"--namespace={OWN}", admin),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr.strip())


def _keep(controller: Process) -> None:
    """Start the controller again when it has ended for want of its lease, as its Deployment would."""
    if not controller.running():
        controller.stop()
        controller.start()


def _mount(world: World) -> None:
    with contextlib.suppress(ClusterError):  # the API server may be away
        world.mount()


def _audit(world: World) -> list[str]:
    with contextlib.suppress(ClusterError):
        return audit(world)
    return []


def _progress(until: float, tally: Tally, started: float) -> None:
    """Wait, and say each minute how it goes."""
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(60, left))
        told = ", ".join(f"{what} {count}" for what, count in sorted(tally.counts.items()))
        print(f"{(time.monotonic() - started) / 60:5.1f} min: {told}", file=sys.stderr)


def report(tally: Tally, faults: Faults, seconds: float) -> int:
    """Print the figures; return 1 if something was wrong or stayed unexplained."""
    print(
        f"{seconds / 60:.1f} minutes, {sum(tally.counts.values())} requests, {len(CASES)} kinds of pod"
    )
    for what, count in sorted(tally.counts.items()):
        print(f"  {count:8} {what}")
    for what, count in sorted(faults.counts.items()):
        print(f"  {count:8} {what}")
    if len(tally.latencies) > 1:
        cut = statistics.quantiles(tally.latencies, n=100)
        print(f"  answered in {cut[49] * 1000:.1f} ms (median), {cut[98] * 1000:.1f} ms (p99)")
    for kind, found in (
        ("wrong", tally.wrong),
        ("unexplained", tally.unexplained),
        ("fault not done", faults.errors),
    ):
        for text in found[:20]:
            print(f"{kind}: {text}")
    return 1 if tally.wrong or tally.unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
