"""`tenantgate controller` as a process, with the rights that its page gives it, and its policies."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.cluster import ADMIN, Cluster, Object, service_account
from tests.cluster.process import Process, eventually, free_port, read
from tests.cluster.tenantgate import NAMESPACE

POLICIES = Path(__file__).parents[3] / "policies"
RIGHTS = Path(__file__).parents[3] / "manifests" / "base" / "21-controller-rbac.yaml"
SCCS = POLICIES / "scc"
ACCOUNT = "tenantgate-controller"
IDENTITY = service_account(NAMESPACE, ACCOUNT)
TENANT, PROVISIONED = "tenantgate.io/tenant", "tenantgate.io/provisioned"
UID_RANGE = "openshift.io/sa.scc.uid-range"
RBAC = "rbac.authorization.k8s.io"
ALL = ["get", "list", "watch", "create", "update", "patch", "delete"]
DATA = ["get", "list", "watch", "create", "patch"]
EXTRA: Sequence[tuple[str, Sequence[str], Sequence[str]]] = (
    ("", ["configmaps"], DATA),
    ("", ["secrets"], [*DATA, "delete"]),
    ("example.com", ["widgets"], ALL),
)
"""What the templates of the tests hold besides the shipped one, which the manifests give the rights for."""

GROUPS = ["", "apps", "batch", "networking.k8s.io", "policy", RBAC]


def document(kind: str, name: str, **spec: Any) -> dict[str, Any]:
    """Return a policy of one of our own kinds."""
    return {
        "apiVersion": "tenantgate.io/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": spec,
    }


def tenant(name: str, **provision: Any) -> dict[str, Any]:
    """Return a tenant that alice owns, with a prefix of its name."""
    return document(
        "Tenant",
        name,
        owners=[{"kind": "User", "name": "alice"}],
        namespaces={"prefix": f"{name}-"},
        provision=provision,
    )


def made(api_version: str, kind: str, name: str, **content: Any) -> dict[str, Any]:
    """Return an object of a template."""
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, **content}


QUOTA = made("v1", "ResourceQuota", "platform-quota", spec={"hard": {"pods": "20", "cpu": "2000m"}})
DENY = made(
    "networking.k8s.io/v1",
    "NetworkPolicy",
    "platform-default-deny",
    spec={"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
)
NOTE = made("v1", "ConfigMap", "platform-note", data={"tenant": "${TENANT}"})
PULL = made("v1", "Secret", "platform-pull", stringData={"token": "s3cr3t"})
ACCOUNT_DEFAULT = made("v1", "ServiceAccount", "default", automountServiceAccountToken=False)
OBJECTS = (QUOTA, DENY, NOTE, PULL, ACCOUNT_DEFAULT)


def template(name: str, *tenants: str, objects: Sequence[Object] = OBJECTS) -> dict[str, Any]:
    """Return a template for these tenants, or for those who name it."""
    return document(
        "NamespaceTemplate",
        name,
        match={"tenants": list(tenants)},
        labels={"tier": "standard"},
        annotations={"example.com/contact": "platform@example.com"},
        objects=list(objects),
    )


def shipped_template(*tenants: str) -> Object:
    """Return the template that is shipped, for these tenants only."""
    found: dict[str, Any] = yaml.safe_load((POLICIES / "namespace.yaml").read_text())
    return {**found, "spec": {**found["spec"], "match": {"tenants": list(tenants)}}}


class Policies:
    """A folder of policy files, which a test may change and has to put back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers = iter(range(1000))

    def write(self, **documents: Mapping[str, Any] | None) -> None:
        """Write documents to files of these names; None takes a file away."""
        for name, content in documents.items():
            file = self.folder / f"{name}.yaml"
            if content is None:
                file.unlink()
                continue
            new = self.folder / f".{name}.new"
            new.write_text(yaml.safe_dump(dict(content)))
            new.replace(file)

    def own(self, objects: Sequence[Object] = OBJECTS, **provision: Any) -> str:
        """Add a tenant with a template of its own; return its name."""
        name = f"t{next(self._numbers)}"
        self.write(
            **{name: tenant(name, **provision), f"{name}-t": template(name, name, objects=objects)}
        )
        return name


class Controller:
    """`tenantgate controller`, one replica of it."""

    def __init__(self, cluster: Cluster, folder: Path, policies: Sequence[Path], name: str) -> None:
        port = free_port()
        self.name = name
        self.ops = f"http://127.0.0.1:{port}"
        self.process = Process(
            [
                *(sys.executable, "-m", "webhook", "controller"),
                *(f"--policy={path}" for path in policies),
                f"--kubeconfig={cluster.kubeconfig(IDENTITY)}",
                f"--namespace={NAMESPACE}",
                f"--ops-listen=127.0.0.1:{port}",
                f"--identity={name}",
                "--registration=external",
                "--cert-source=external",
            ],
            folder / f"controller-{name}.log",
            env={"PATH": os.environ["PATH"]},
        )

    def start(self, *, lead: bool = True) -> None:
        """Start it; return when it leads, or else stands by."""
        self.process.start()
        self.process.wait_for(f"{self.ops}/readyz")
        if lead:
            self.wait_to_lead()

    def wait_to_lead(self, timeout: float = 30) -> None:
        """Wait until it leads."""
        try:
            eventually(lambda: self.metric("tenantgate_controller_leader") == 1, timeout=timeout)
        except AssertionError as error:
            raise AssertionError(f"{self.name} leads: {error}; {self.process.tail()}") from error

    def metric(self, name: str) -> float:
        """Return the value of a metric, with its labels as they are printed; 0 for none."""
        try:
            text = read(f"{self.ops}/metrics")
        except OSError:
            return 0  # it has not come so far yet
        for line in text.splitlines():
            if line.startswith(f"{name} "):
                return float(line.rpartition(" ")[2])
        return 0

    def stop(self) -> int | None:
        """End it as a kubelet would; return its exit status."""
        return self.process.stop()


def install(cluster: Cluster) -> None:
    """Give the controller its rights, and alice all of hers."""
    group = f"{RBAC}/v1"
    subject = {"kind": "ServiceAccount", "namespace": NAMESPACE, "name": ACCOUNT}
    rules = [
        {"apiGroups": [api_group], "resources": list(resources), "verbs": list(verbs)}
        for api_group, resources, verbs in EXTRA
    ]
    cluster.create(
        *yaml.safe_load_all(RIGHTS.read_text()),
        made(group, "ClusterRole", "test:extra", rules=rules),
        made(
            group,
            "ClusterRoleBinding",
            "test:extra",
            roleRef={"apiGroup": RBAC, "kind": "ClusterRole", "name": "test:extra"},
            subjects=[subject],
        ),
        made(
            group,
            "ClusterRole",
            "test:anything",
            rules=[{"apiGroups": GROUPS, "resources": ["*"], "verbs": ["*"]}],
        ),
        made(
            group,
            "ClusterRoleBinding",
            "test:alice",
            roleRef={"apiGroup": RBAC, "kind": "ClusterRole", "name": "test:anything"},
            subjects=[{"apiGroup": RBAC, "kind": "User", "name": "alice"}],
        ),
    )


def is_provisioned(cluster: Cluster, namespace: str) -> bool:
    """Tell whether a namespace says that it is provisioned."""
    found = namespace_of(cluster, namespace)
    return PROVISIONED in found["metadata"].get("annotations", {})


def namespace_of(cluster: Cluster, name: str) -> Any:
    """Return a Namespace."""
    return cluster.get("namespace", name, name)


def there(cluster: Cluster, kind: str, name: str, namespace: str) -> bool:
    """Tell whether an object is there."""
    done = cluster.kubectl("get", kind, name, "-n", namespace, user=ADMIN)
    return done.returncode == 0


def events(cluster: Cluster, namespace: str, reason: str) -> list[str]:
    """Return the notes of events in a namespace."""
    return [
        item["message"] for item in cluster.listed("events", namespace) if item["reason"] == reason
    ]
