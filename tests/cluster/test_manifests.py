"""The manifests on a real API server: applied as an operator does, and run with the rights that they give."""

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.cluster import ADMIN, Cluster, admitted, refused, service_account, started
from tests.cluster.envtest import ASSETS, ControlPlane
from tests.cluster.objects import pod
from tests.cluster.process import Process, eventually, free_port
from tests.manifests.rendering import (
    COMPONENTS,
    MANIFESTS,
    NAMESPACE,
    OVERLAYS,
    by_name,
    kustomize,
    pod_template,
    tool,
    with_component,
)

ENFORCE = MANIFESTS / "overlays" / "enforce"
IDENTITIES = tuple(
    service_account(NAMESPACE, name) for name in ("tenantgate", "tenantgate-controller")
)
STRICT = ("--server-side", "--validate=strict")
REGISTRATIONS = "mutatingwebhookconfigurations,validatingwebhookconfigurations"
MAKERS = (
    "deployment-controller",
    "namespace-controller",
    "replicaset-controller",
    "resourcequota-controller",
)
OTHERS = [
    ("cert-manager.io", "v1", "Certificate"),
    ("cert-manager.io", "v1", "Issuer"),
    ("monitoring.coreos.com", "v1", "PrometheusRule"),
    ("monitoring.coreos.com", "v1", "ServiceMonitor"),
]
"""Kinds of other projects, as (group, version, kind). They are defined here so that objects of theirs can be applied; what is in them
nobody looks at."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A control plane that nothing was installed in."""
    with started(
        ControlPlane(tmp_path_factory.mktemp("manifests"), audited=list(IDENTITIES))
    ) as made:
        made.create(*(_definition(*each) for each in OTHERS))
        for _, _, kind in OTHERS:
            name = f"crd/{_plural(kind)}.{next(g for g, _, k in OTHERS if k == kind)}"
            done = made.kubectl("wait", "--for=condition=Established", name, user=ADMIN)
            assert done.returncode == 0, done.stderr
        yield made


def _plural(kind: str) -> str:
    return f"{kind.lower()}s"


def _definition(group: str, version: str, kind: str) -> dict[str, Any]:
    plural = _plural(kind)
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "listKind": f"{kind}List"},
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }


def apply(cluster: Cluster, *what: str | Path, stdin: str | None = None) -> None:
    """Apply with every check that the API server has; a warning counts as a mistake."""
    done = cluster.kubectl("apply", *STRICT, *map(str, what), user=ADMIN, stdin=stdin)

    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr.lower(), done.stderr


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.name)
def test_an_overlay_is_taken_as_it_is_written(cluster: Cluster, overlay: Path) -> None:
    """And is stored so: a GitOps controller would find nothing to do."""
    apply(cluster, "-k", overlay)

    changes = cluster.kubectl("diff", "--server-side", "-k", str(overlay), user=ADMIN)
    assert changes.returncode == 0, changes.stdout


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda path: path.name)
def test_a_component_is_taken_as_it_is_written(
    cluster: Cluster, component: Path, tmp_path: Path
) -> None:
    apply(cluster, "-k", with_component(ENFORCE, component, tmp_path))


@pytest.fixture(scope="module")
def makers(cluster: Cluster) -> Iterator[None]:
    """The controllers that make pods of a Deployment, which no part of envtest is."""
    binary = ASSETS / "kube-controller-manager"
    if not os.access(binary, os.X_OK):
        pytest.skip(f"no kube-controller-manager in {ASSETS}: put the API server's version there")
    running = Process(
        [
            binary,
            f"--kubeconfig={cluster.kubeconfig('system:kube-controller-manager')}",
            f"--controllers={','.join(MAKERS)}",
            "--use-service-account-credentials",
            "--leader-elect=false",
            "--secure-port=0",
        ],
        cluster.plane.folder / "kube-controller-manager.log",
    )
    running.start()
    yield
    running.stop()


@pytest.mark.usefixtures("makers")
def test_the_pods_are_made(cluster: Cluster) -> None:
    """Past Pod Security admission, the priority class and the quota that speaks of it."""
    apply(cluster, "-k", ENFORCE)

    wanted = 2 * ["tenantgate-controller"] + 3 * ["tenantgate"]
    eventually(lambda: len(cluster.listed("pods", NAMESPACE)) == len(wanted), timeout=60)
    pods = cluster.listed("pods", NAMESPACE)
    assert sorted(each["spec"]["serviceAccountName"] for each in pods) == sorted(wanted)
    assert {each["spec"]["priority"] for each in pods} == {2_000_000_000}
    assert {each["metadata"]["namespace"] for each in pods} == {NAMESPACE}


TENANT = """\
apiVersion: tenantgate.io/v1
kind: Tenant
metadata: {name: acme}
spec:
  owners: [{kind: Group, name: acme-leads}]
  members: [{kind: Group, name: acme-devs}]
  namespaces: {prefix: acme-}
  provision:
    roleBindings: [{clusterRole: "tenantgate:admin", to: owners}, {clusterRole: "tenantgate:edit", to: members}]
"""


class Deployed:
    """Webhook and controller as the Deployments describe them, each as its own service account.

    The parts of a kubelet that are missing here: policies and Secret are written where pods mount them, and
    processes are reached by URL, as nobody routes to a Service.
    """

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self._cluster, self._folder = cluster, folder
        self._objects = kustomize(ENFORCE)
        self._url = f"https://127.0.0.1:{free_port()}"
        policies = by_name(self._objects)["ConfigMap/tenantgate-policies"]["data"]
        (folder / "policies").mkdir()
        for name, text in {**policies, "acme.yaml": TENANT}.items():
            (folder / "policies" / name).write_text(text)
        self.controller = self._process("tenantgate-controller", f"--url={self._url}")
        self.webhook = self._process("tenantgate", f"--listen={self._url.removeprefix('https://')}")

    def start(self) -> None:
        """Start both, and wait until the API server asks the webhook."""
        self.controller.start()
        certs = self._folder / "certs"
        certs.mkdir()
        for name, text in eventually(self._secret, timeout=60).items():
            (certs / name).write_bytes(base64.b64decode(text))
        self.webhook.start()
        eventually(self._registered, timeout=60)

    def stop(self) -> None:
        self.controller.kill()
        self.webhook.kill()

    def _process(self, name: str, *options: str) -> Process:
        """Return the process that a Deployment's pod would run, with the volumes' paths exchanged."""
        spec = pod_template(self._objects, name)["spec"]
        (container,) = spec["containers"]
        args: Sequence[str] = container["args"]
        for mount in (each for each in container["volumeMounts"] if each.get("readOnly")):
            here = f"={self._folder / mount['name']}"
            args = [arg.replace(f"={mount['mountPath']}", here) for arg in args]
        identity = service_account(NAMESPACE, spec["serviceAccountName"])
        command = [
            *(sys.executable, "-m", "webhook"),
            *args,
            f"--kubeconfig={self._cluster.kubeconfig(identity)}",
            f"--ops-listen=127.0.0.1:{free_port()}",
            *options,
        ]
        env = {"PATH": os.environ["PATH"], "POD_NAMESPACE": NAMESPACE}
        return Process(command, self._folder / f"{name}.log", env=env)

    def _secret(self) -> Mapping[str, str] | None:
        assert self.controller.running(), self.controller.tail()
        done = self._cluster.kubectl(
            *("get", "secret", "tenantgate-tls", "-n", NAMESPACE, "-o", "json"), user=ADMIN
        )
        return dict(json.loads(done.stdout)["data"]) if done.returncode == 0 else None

    def _registered(self) -> bool:
        for process in (self.controller, self.webhook):
            assert process.running(), process.tail()
        done = self._cluster.kubectl("get", REGISTRATIONS, "-o", "name", user=ADMIN)
        return len(done.stdout.split()) == 2


@pytest.fixture(scope="module")
def installation(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    apply(cluster, "-k", ENFORCE)
    made = Deployed(cluster, tmp_path_factory.mktemp("installation"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


def as_acme(
    cluster: Cluster, *args: str, group: str, stdin: Any = None
) -> subprocess.CompletedProcess[str]:
    return cluster.kubectl(*args, user=f"{group}-member", groups=[group], stdin=stdin)


def refused_to_us(cluster: Cluster) -> list[str]:
    """Return the requests of our service accounts that they had no right to, from the audit log."""
    events = [json.loads(line) for line in cluster.plane.audit_log.read_text().splitlines()]
    ours = [event for event in events if event["user"]["username"] in IDENTITIES]
    assert {event["user"]["username"] for event in ours} == set(IDENTITIES)
    return [
        f"{event['user']['username']}: {event['verb']} {event['requestURI']}"
        for event in ours
        if event.get("responseStatus", {}).get("code") == 403
    ]


def test_both_do_their_work_with_the_rights_of_the_manifests_and_no_others(
    cluster: Cluster, installation: Deployed
) -> None:
    """An owner makes a namespace, a member runs a pod in it; nothing was refused to either process."""

    def made() -> bool:
        done = as_acme(cluster, "create", "namespace", "acme-web", group="acme-leads")
        return done.returncode == 0

    eventually(made, timeout=60)

    def provisioned() -> Any:
        annotations = cluster.get("namespace", "acme-web", "")["metadata"]["annotations"]
        return annotations.get("tenantgate.io/provisioned")

    try:
        eventually(provisioned, timeout=60)
    except AssertionError as error:
        raise AssertionError(f"{error}; {installation.controller.tail()}") from error
    assert cluster.get("rolebinding", "platform-tenantgate:edit", "acme-web")

    create = ("create", "-n", "acme-web", "-o", "json", "-f", "-")

    def created() -> subprocess.CompletedProcess[str] | None:
        done = as_acme(cluster, *create, group="acme-devs", stdin=pod())
        return done if done.returncode == 0 else None

    good = admitted(eventually(created, timeout=30))
    assert good["metadata"]["annotations"]["openshift.io/scc"] == "restricted-v2"
    bad = pod("bad", security={"privileged": True})
    assert "privileged is true" in refused(as_acme(cluster, *create, group="acme-devs", stdin=bad))

    assert refused_to_us(cluster) == []


def test_what_is_provisioned_is_put_back_with_these_rights(
    cluster: Cluster, installation: Deployed
) -> None:
    """A quota that was deleted, and a rule that was added to a network policy."""
    before = cluster.get("networkpolicy", "platform-allow-dns", "acme-web")["spec"]
    everybody = {"spec": {"ingress": [{}], "policyTypes": ["Ingress", "Egress"]}}
    for done in (
        ("delete", "resourcequota", "platform-quota", "-n", "acme-web"),
        (
            *("patch", "networkpolicy", "platform-allow-dns", "-n", "acme-web"),
            *("--type=merge", "-p", json.dumps(everybody)),
        ),
    ):
        assert cluster.kubectl(*done, user=ADMIN).returncode == 0

    def restored() -> bool:
        found = cluster.get("networkpolicy", "platform-allow-dns", "acme-web")["spec"]
        quotas = cluster.listed("resourcequotas", "acme-web")
        names = {each["metadata"]["name"] for each in quotas}
        return bool(found == before and "platform-quota" in names)

    eventually(restored, timeout=30)
    assert refused_to_us(cluster) == []


# Taking it out


def kept(cluster: Cluster, kinds: str) -> str:
    """Return the names of objects that are there and say that they are ours."""
    done = cluster.kubectl(
        *("get", kinds, "-l", "app.kubernetes.io/part-of=tenantgate", "-o", "name"), user=ADMIN
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.usefixtures("makers", "installation")
def test_it_goes_as_its_page_says(cluster: Cluster) -> None:
    """Commands and order are those of docs/install.md."""
    page = (MANIFESTS.parent / "docs" / "install.md").read_text()
    section = page.partition("\n## Uninstall\n")[2].partition("\n## ")[0]
    commands = re.findall(r"^\$ kubectl (.*)$", section, re.MULTILINE)
    assert len(commands) == 3

    for command in commands:
        words = command.replace("-k .", f"-k {MANIFESTS / 'overlays' / 'enforce'}").split()
        done = cluster.kubectl(*words, user=ADMIN)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        assert kept(cluster, REGISTRATIONS) == "", "the first takes these out, and they stay out"

    assert kept(cluster, "namespaces,clusterroles,clusterrolebindings") == ""
    assert cluster.get("resourcequota", "platform-quota", "acme-web"), "tenants keep what is theirs"


@pytest.mark.usefixtures("makers")
def test_helm_installs_it_and_takes_it_out_again(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "acme.yaml").write_text(TENANT)

    def helm(*words: str | Path) -> None:
        done = subprocess.run(  # noqa: S603 - the tests' own tool
            [tool("helm"), *words, "--namespace", NAMESPACE],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "KUBECONFIG": str(cluster.kubeconfig(ADMIN)),
            },
        )
        assert done.returncode == 0, done.stderr
        assert "would violate" not in done.stderr

    chart = MANIFESTS / "chart"
    helm("package", chart, "--destination", tmp_path)
    (package,) = tmp_path.glob("*.tgz")
    helm("install", "tenantgate", package, "--create-namespace")
    eventually(lambda: len(cluster.listed("pods", NAMESPACE)) == 5, timeout=60)
    policies = f"policies.files.acme\\.yaml={tmp_path / 'acme.yaml'}"
    helm("upgrade", "tenantgate", package, "--set-file", policies)
    stored = cluster.get("configmap", "tenantgate-policies", NAMESPACE)
    assert stored["data"]["acme.yaml"] == TENANT

    helm("uninstall", "tenantgate", "--wait")
    assert kept(cluster, "deployments,services,clusterroles,clusterrolebindings") == ""
