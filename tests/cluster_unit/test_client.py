"""Finding the API server, and what is said when that fails."""

import json
import socket
from datetime import UTC, datetime, timedelta

import pytest

from webhook.cluster.client import ApiError, ClusterError, ConfigurationError, connect


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """Neither a pod nor a home with a kubeconfig."""
    for name in ("KUBERNETES_SERVICE_HOST", "KUBECONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def test_a_file_that_is_missing(tmp_path):
    with pytest.raises(ConfigurationError, match=r"/gone: no such kubeconfig file; .*--kubeconfig"):
        connect(tmp_path / "gone")


def test_a_context_that_is_missing(server, tmp_path):
    with pytest.raises(ConfigurationError, match='no context "prod"; it has: fake'):
        connect(server.kubeconfig(tmp_path), "prod")


def test_no_current_context(server, tmp_path):
    file = server.kubeconfig(tmp_path)
    file.write_text(json.dumps({**json.loads(file.read_text()), "current-context": ""}))

    with pytest.raises(ConfigurationError, match="choose with --kube-context one of: fake"):
        connect(file)
    assert connect(file, "fake").host == server.url


@pytest.mark.usefixtures("nowhere")
def test_a_context_alone_is_looked_for_where_kubectl_does(server, tmp_path, monkeypatch):
    with pytest.raises(ConfigurationError, match=r"~/\.kube/config: no such kubeconfig file"):
        connect(context="fake")

    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'gone'}:{server.kubeconfig(tmp_path)}")
    assert connect(context="fake").host == server.url


@pytest.mark.usefixtures("nowhere")
def test_no_cluster_at_all():
    with pytest.raises(ConfigurationError, match=r"not inside a cluster .*--kubeconfig FILE"):
        connect()


@pytest.mark.usefixtures("nowhere")
def test_a_pod_without_its_token(monkeypatch):
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")

    with pytest.raises(ConfigurationError, match=r"the cluster around us: cannot be used: .*token"):
        connect()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [", "not YAML"),
        ("just words", "is no kubeconfig file: it holds no map"),
        ("contexts: 5", "cannot be used"),
        ("", "is no kubeconfig file: it holds no map"),
        (
            "{current-context: a, contexts: [{name: a, context: {cluster: b, user: c}}]}",
            "cannot be used",
        ),
    ],
)
def test_a_file_that_is_none(tmp_path, text, expected):
    file = tmp_path / "kubeconfig"
    file.write_text(text)

    with pytest.raises(ConfigurationError, match=expected):
        connect(file)


def test_a_certificate_that_is_none(server, tmp_path):
    file = server.kubeconfig(tmp_path)
    config = json.loads(file.read_text())
    config["clusters"][0]["cluster"] = {
        "server": "https://127.0.0.1:1",
        "certificate-authority-data": "bm90IGEgY2VydGlmaWNhdGU=",
    }
    file.write_text(json.dumps(config))

    with pytest.raises(ConfigurationError, match="cannot be used"):
        connect(file)


def test_a_server_that_answers(server, api):
    server.single["/version"] = {"gitVersion": "v1.36.0"}

    assert api.check() == "v1.36.0"


def test_a_server_that_is_away(server, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    file = server.kubeconfig(tmp_path)
    file.write_text(file.read_text().replace(server.url, f"http://127.0.0.1:{port}"))

    with pytest.raises(ClusterError, match=f"^GET http://127.0.0.1:{port}/version: Connection ref"):
        connect(file).check()


def test_a_server_that_never_answers(server, api):
    server.gate.clear()

    with pytest.raises(ClusterError, match="/version: no answer in time"):
        api.check(timeout=0.1)


def test_a_server_that_refuses_us(server, api):
    server.faults["/version"] = (401, "Unauthorized")

    with pytest.raises(ApiError, match="/version: 401 Unauthorized") as caught:
        api.check()

    assert caught.value.status == 401


def test_an_answer_that_is_not_json(server, api):
    server.raw["/version"] = b"<html>"

    with pytest.raises(ClusterError, match="/version: the answer is not JSON"):
        api.check()


def test_the_token_is_sent(server, api):
    server.single["/version"] = {"gitVersion": "v1.36.0"}
    api.check()

    assert server.headers[-1]["authorization"] == "Bearer secret"
    assert server.headers[-1]["User-Agent"].startswith("tenantgate/")


@pytest.mark.parametrize("days", [0, -400, 7000])
def test_the_time_is_the_servers(server, api, days):
    """Our own clock counts only until the server has answered once."""
    assert abs(api.now() - datetime.now(UTC)) < timedelta(minutes=1)
    server.single["/version"] = {"gitVersion": "v1.36.0"}
    server.ahead = days * 86400.0
    api.check()

    assert abs(api.now() - datetime.now(UTC) - timedelta(days=days)) < timedelta(minutes=1)
