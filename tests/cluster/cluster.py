"""What a test does to a cluster: namespaces, users and their rights, kubectl."""

import base64
import itertools
import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kubernetes import client, config

from tests.cluster.envtest import ASSETS, ControlPlane
from tests.cluster.process import eventually

Object = Mapping[str, Any]

ADMIN = "admin"
"""In `system:masters`: may do everything, and no webhook is asked about it."""

ALICE = "alice"
"""A tenant: an ordinary user with the rights that `Cluster.grant` gave her, and no others."""

UID_RANGE = "1000660000/10000"
MCS = "s0:c26,c5"
"""What every namespace of the tests is allotted, unless a test says otherwise."""

_TENANT = "test:tenant"


class Cluster:
    """A running control plane, as its users meet it.

    A user is a name and groups, proved by a client certificate; the API server itself adds
    `system:authenticated`. The name of a service account brings its groups along, so that a
    controller is as easily acted as a person: `controller("replicaset-controller")`.
    """

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane
        self._clients: list[client.ApiClient] = []
        self._numbers = itertools.count(1)

    def prepare(self) -> None:
        """Make what a controller-manager would have made, and the role of tenants."""
        for namespace in ("default", "kube-system"):
            self.create(*self._furniture(namespace))
        self.create(
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRole",
                "metadata": {"name": _TENANT},
                "rules": [
                    {
                        "apiGroups": ["", "apps", "batch"],
                        "resources": ["*"],
                        "verbs": ["get", "list", "watch", "create", "update", "patch", "delete"],
                    }
                ],
            }
        )

    def close(self) -> None:
        """Close the connections of every client handed out."""
        for each in self._clients:
            each.close()  # type: ignore[no-untyped-call]
        self._clients.clear()

    # Acting

    def kubectl(
        self,
        *args: str,
        user: str,
        groups: Sequence[str] = (),
        stdin: Object | str | None = None,
        token: str = "",
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl as a user and return its exit code and what it printed; never raises.

        `stdin` is text or one object, for `-f -`. With a `token`, that proves who the user is.
        """
        kubeconfig = self.kubeconfig(user, groups, token)
        text = stdin if isinstance(stdin, str | None) else json.dumps(stdin)
        home = str(self.plane.folder)
        return subprocess.run(  # noqa: S603 - the tests' own binary
            [ASSETS / "kubectl", *args],
            input=text,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={"KUBECONFIG": str(kubeconfig), "HOME": home, "PATH": os.environ["PATH"]},
        )

    def create_as(
        self, user: str, made: Object, namespace: str, *options: str
    ) -> subprocess.CompletedProcess[str]:
        """Create an object as a user, with `kubectl create`; the answer is for `admitted`."""
        options = ("-n", namespace, "-o", "json", *options)
        return self.kubectl("create", "-f", "-", *options, user=user, stdin=made)

    def create_until_admitted(
        self, user: str, made: Object, namespace: str, *options: str, timeout: float = 10
    ) -> Any:
        """Create an object as a user, again and again until it is admitted; return it.

        For what counts from now on, but reaches the webhook in its own time, such as a grant.
        """
        last: subprocess.CompletedProcess[str] | None = None

        def attempt() -> subprocess.CompletedProcess[str] | None:
            nonlocal last
            last = self.create_as(user, made, namespace, *options)
            return last if last.returncode == 0 else None

        try:
            return admitted(eventually(attempt, timeout=timeout, every=0.1))
        except AssertionError as error:
            raise AssertionError(f"{error}: {last.stderr if last else ''}") from error

    def client(self, user: str, groups: Sequence[str] = ()) -> client.ApiClient:
        """Return an API client of a user; it is closed with the cluster."""
        path = str(self.kubeconfig(user, groups))
        made: client.ApiClient = config.new_client_from_config(path)  # type: ignore[no-untyped-call]
        self._clients.append(made)
        return made

    def kubeconfig(self, user: str, groups: Sequence[str] = (), token: str = "") -> Path:
        """Return a kubeconfig file that holds everything to act as the user."""
        groups = (*groups, *_groups(user))
        stem = "-".join((user, *groups, *([str(hash(token))] if token else []))).replace("/", "_")
        path = self.plane.folder / f"{stem.replace(':', '_')}.kubeconfig"
        if not path.exists():
            proof = {"token": token} if token else self._certificate(user, groups)
            path.write_text(json.dumps(self._config(proof)))
            path.chmod(0o600)
        return path

    def token(self, namespace: str, service_account: str) -> str:
        """Mint a token of a service account, as the kubelet does for a pod's volume."""
        return self._admin("create", "token", service_account, "-n", namespace).strip()

    # Arranging, as the administrator

    def create(self, *objects: Object) -> None:
        """Create objects as the administrator."""
        listed = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self._admin("create", "-f", "-", stdin=listed)

    def apply(self, *objects: Object) -> None:
        """Create or change objects as the administrator."""
        listed = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self._admin("apply", "-f", "-", stdin=listed)

    def get(self, kind: str, name: str, namespace: str) -> Any:
        """Return one stored object."""
        return json.loads(self._admin("get", kind, name, "-n", namespace, "-o", "json"))

    def listed(self, kind: str, namespace: str) -> Any:
        """Return every object of a kind in the namespace."""
        return json.loads(self._admin("get", kind, "-n", namespace, "-o", "json"))["items"]

    def namespace(
        self,
        prefix: str,
        *,
        uid_range: str = UID_RANGE,
        mcs: str = MCS,
        annotations: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> str:
        """Create a namespace with its service account and its allotted ranges; return its name.

        The name is the prefix and a number: no controller runs that would finish the deletion of
        a namespace, so every test has new ones. `annotations` replaces the three of the ranges.
        """
        name = f"{prefix}-{next(self._numbers)}"
        ranges = allotted(uid_range, mcs) if annotations is None else annotations
        self.create(*self.furnished(name, ranges, labels or {}))
        return name

    def furnished(
        self, name: str, annotations: Mapping[str, str], labels: Mapping[str, str]
    ) -> Sequence[Object]:
        """Return a Namespace and what the controller-manager puts into every one."""
        metadata = {"name": name, "annotations": dict(annotations), "labels": dict(labels)}
        made = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
        return [made, *self._furniture(name)]

    def grant(self, user: str, namespace: str) -> None:
        """Let a user edit what is in the namespace, as the ClusterRole `edit` would.

        (That one is empty here: a controller puts its rules together.)
        """
        self._bind(namespace, "edit", {"kind": "ClusterRole", "name": _TENANT}, user)

    def grant_scc(self, scc: str, user: str, namespace: str) -> None:
        """Let a user, or a service account, use an SCC in the namespace by RBAC.

        It is a RoleBinding to one of the ClusterRoles of `policies/rbac.yaml`.
        """
        role = {"kind": "ClusterRole", "name": f"system:openshift:scc:{scc}"}
        self._bind(namespace, f"scc-{scc}", role, user)

    def revoke_scc(self, scc: str, user: str, namespace: str) -> None:
        """Take back what `grant_scc` gave."""
        self._admin("delete", "rolebinding", _binding(f"scc-{scc}", user), "-n", namespace)

    def _bind(self, namespace: str, name: str, role: Object, user: str) -> None:
        subject: Object
        match user.split(":"):
            case ["system", "serviceaccount", home, account]:
                subject = {"kind": "ServiceAccount", "namespace": home, "name": account}
            case _:
                api_group = "rbac.authorization.k8s.io"
                subject = {"kind": "User", "name": user, "apiGroup": api_group}
        self.create(
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "RoleBinding",
                "metadata": {"name": _binding(name, user), "namespace": namespace},
                "roleRef": {**role, "apiGroup": "rbac.authorization.k8s.io"},
                "subjects": [subject],
            }
        )

    def _admin(self, *args: str, stdin: Object | None = None) -> str:
        done = self.kubectl(*args, user=ADMIN, stdin=stdin)
        assert done.returncode == 0, f"kubectl {' '.join(args)}: {done.stderr}"
        return done.stdout

    def _furniture(self, namespace: str) -> Sequence[Object]:
        """Return what the controller-manager puts into every namespace."""
        account = {"name": "default", "namespace": namespace}
        ca = {"name": "kube-root-ca.crt", "namespace": namespace}
        data = {"ca.crt": self.plane.ca.read_text()}
        return [
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account},
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": ca, "data": data},
        ]

    def _certificate(self, user: str, groups: Sequence[str]) -> dict[str, str]:
        pair = self.plane.client(user, groups)
        return {
            "client-certificate-data": base64.b64encode(pair.certificate).decode(),
            "client-key-data": base64.b64encode(pair.key).decode(),
        }

    def _config(self, proof: Mapping[str, str]) -> Object:
        ca = base64.b64encode(self.plane.ca.read_bytes()).decode()
        server = {"server": self.plane.url, "certificate-authority-data": ca}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": server}],
            "users": [{"name": "test", "user": dict(proof)}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "current-context": "test",
        }


@contextmanager
def started(plane: ControlPlane) -> Iterator[Cluster]:
    """Run a control plane, prepared for tests, and end it with all that was handed out."""
    made = Cluster(plane)
    try:
        plane.start()
        made.prepare()
        yield made
    finally:
        made.close()
        plane.stop()


def allotted(uid_range: str = UID_RANGE, mcs: str = MCS) -> Mapping[str, str]:
    """Return the annotations that a namespace gets with its ranges."""
    return {
        "openshift.io/sa.scc.uid-range": uid_range,
        "openshift.io/sa.scc.supplemental-groups": uid_range,
        "openshift.io/sa.scc.mcs": mcs,
    }


def admitted(done: subprocess.CompletedProcess[str]) -> Any:
    """Return the object that kubectl got back, as the cluster keeps it."""
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """Return what kubectl said about a request that the webhook refused."""
    assert done.returncode != 0, f"admitted: {done.stdout}"
    assert '.tenantgate.io" denied the request: ' in done.stderr, done.stderr
    return done.stderr


def service_account(namespace: str, name: str) -> str:
    """Return the user name of a service account."""
    return f"system:serviceaccount:{namespace}:{name}"


def controller(name: str) -> str:
    """Return the user name that a built-in controller, such as `job-controller`, acts under."""
    return service_account("kube-system", name)


def _binding(name: str, user: str) -> str:
    """Return the name of the RoleBinding that grants a user something."""
    return f"{name}-{user.replace(':', '-')}"


def _groups(user: str) -> tuple[str, ...]:
    """Return the groups that come with a user's name."""
    match user.split(":"):
        case [name] if name == ADMIN:
            return ("system:masters",)
        case ["system", "serviceaccount", namespace, _]:
            return ("system:serviceaccounts", f"system:serviceaccounts:{namespace}")
        case ["system", "node", _]:
            return ("system:nodes",)
        case _:
            return ()
