"""`tenantgate controller`, as far as it comes without a cluster."""

import socket
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.cluster.process import free_port
from webhook.cli import cli
from webhook.cluster import client
from webhook.cluster.client import connect_as_kubectl

CONFIG = """\
apiVersion: v1
kind: Config
clusters: [{{name: it, cluster: {{server: "http://127.0.0.1:{port}"}}}}]
contexts: [{{name: it, context: {{cluster: it, user: me}}}}]
users: [{{name: me, user: {{}}}}]
current-context: it
"""


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No cluster of the machine's owner is found."""
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "TENANTGATE_POLICY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    file = tmp_path / "config"
    file.write_text(CONFIG.format(port=free_port()))
    return file


def controller(*args: str | Path) -> Result:
    return CliRunner().invoke(cli, ["controller", *map(str, args)])


def test_without_a_cluster_it_does_not_start():
    done = controller()

    assert done.exit_code == 2
    assert "~/.kube/config: no such kubeconfig file" in done.output


def test_broken_policies_are_told(tmp_path):
    (tmp_path / "p.yaml").write_text("apiVersion: tenantgate.io/v1\nkind: Platforms\n")

    done = controller("-p", tmp_path / "p.yaml")

    assert done.exit_code == 2
    assert "p.yaml:1:1: " in done.output


def test_an_address_that_is_taken_is_told(kubeconfig):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"

        done = controller("--kubeconfig", kubeconfig, "--ops-listen", address)

    assert done.exit_code == 2
    assert f"cannot listen on {address}" in done.output


def test_a_context_that_is_not_there_is_told(kubeconfig):
    done = controller("--kubeconfig", kubeconfig, "--kube-context", "other")

    assert done.exit_code == 2
    assert 'no context "other"; it has: it' in done.output


class TestTheClusterThatIsFound:
    def test_is_that_of_the_variable(self, kubeconfig, monkeypatch):
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig))

        assert connect_as_kubectl().host.startswith("http://127.0.0.1:")

    def test_is_that_of_the_home_folder(self, kubeconfig, tmp_path):
        (tmp_path / ".kube").mkdir()
        kubeconfig.rename(tmp_path / ".kube" / "config")

        assert connect_as_kubectl().host.startswith("http://127.0.0.1:")

    def test_is_in_a_pod_the_one_around_it(self, monkeypatch):
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
        asked: list[tuple[object, str]] = []
        monkeypatch.setattr(client, "connect", lambda *given: asked.append(given))

        connect_as_kubectl()

        assert asked == [(None, "")]

    def test_is_in_a_pod_with_a_file_that_of_the_file(self, kubeconfig, monkeypatch):
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig))

        assert connect_as_kubectl().host.startswith("http://127.0.0.1:")
