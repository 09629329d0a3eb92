"""Client certificates: who is answered, who is told off, and that nobody harms the others."""

import json
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.cluster.certificates import Authority
from tests.server.parts import ADMITTED
from tests.server.serving import Connection, Webhook, eventually, post, serving
from webhook.cli import cli

OURS, OTHERS = Authority("API server clients"), Authority("somebody else")


def identity(folder: Path, authority: Authority, name: str) -> Path:
    """Write a client certificate with its key, and return the file."""
    pair = authority.client(name)
    path = folder / f"{name}-{id(authority)}.pem"
    path.write_bytes(pair.certificate + pair.key)
    return path


@pytest.fixture(scope="module", params=["asgi", "gthread"])
def webhook(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Webhook]:
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "clients.crt").write_bytes(OURS.certificate)
    with serving(
        folder,
        f"--server={request.param}",
        "--workers=1",
        f"--client-ca={folder / 'clients.crt'}",
        "--client-name=kube-apiserver",
        "--client-name=other-apiserver",
    ) as running:
        yield running


def ask(webhook: Webhook, who: Path | None) -> tuple[int, bytes]:
    """Return the status and the body that a client gets; status 0 when it is turned away."""
    try:
        with webhook.connect(identity=who) as connection:
            status, _, text = connection.ask(post(ADMITTED))
            return status, text
    except (ConnectionError, ssl.SSLError):
        return 0, b""


@pytest.mark.parametrize("name", ["kube-apiserver", "other-apiserver"])
def test_who_is_named_is_answered(webhook: Webhook, name: str):
    status, text = ask(webhook, identity(webhook.folder, OURS, name))

    assert status == 200
    assert json.loads(text)["response"]["allowed"]


def test_who_shows_no_certificate_is_turned_away(webhook: Webhook):
    assert ask(webhook, None)[0] == 0


def test_who_has_a_certificate_of_somebody_else_is_turned_away(webhook: Webhook):
    assert ask(webhook, identity(webhook.folder, OTHERS, "kube-apiserver"))[0] == 0


def test_a_serving_certificate_proves_no_client(webhook: Webhook):
    pair = OURS.server(["kube-apiserver"])
    path = webhook.folder / "server.pem"
    path.write_bytes(pair.certificate + pair.key)

    assert ask(webhook, path)[0] == 0


def test_who_is_not_named_is_told_so(webhook: Webhook):
    status, text = ask(webhook, identity(webhook.folder, OURS, "mallory"))

    assert status == 403
    assert json.loads(text)["error"] == (
        'the client certificate is for "mallory"; allowed: "kube-apiserver", "other-apiserver". '
        "Fix: name the API server's certificate with --client-name"
    )


def test_sessions_are_not_resumed(webhook: Webhook):
    """A session would outlive the trust in its certificate."""
    who = identity(webhook.folder, OURS, "kube-apiserver")
    with webhook.connect(identity=who, maximum_version=ssl.TLSVersion.TLSv1_2) as connection:
        connection.ask(post(ADMITTED))
        assert not connection.socket.session or not connection.socket.session.has_ticket


def test_probes_and_scrapes_need_none(webhook: Webhook):
    assert webhook.ops("/healthz") == (200, "ok\n")
    assert webhook.ops("/readyz")[0] == 200
    assert webhook.ops("/metrics")[0] == 200


def test_those_who_are_turned_away_harm_nobody(webhook: Webhook):
    """However many there are: the process lives, and who is known is answered."""
    worker = webhook.workers()
    stranger = identity(webhook.folder, OTHERS, "mallory")
    for number in range(60):
        ask(webhook, stranger if number % 2 else None)

    assert ask(webhook, identity(webhook.folder, OURS, "kube-apiserver"))[0] == 200
    assert webhook.workers() == worker
    told = webhook.log()
    assert 1 <= told.count("a client was turned away in the TLS handshake") <= 5
    errors = [record for record in webhook.records("server") if record["level"] == "error"]
    assert errors == []


def test_other_authorities_are_taken_up(webhook: Webhook):
    """The last of this file. A file that holds none leaves the old ones in use."""
    file = webhook.folder / "clients.crt"
    old = identity(webhook.folder, OURS, "kube-apiserver")
    new = identity(webhook.folder, OTHERS, "kube-apiserver")

    file.write_text("nothing of the kind")
    eventually(lambda: "client authorities stay in use" in webhook.log())
    assert ask(webhook, old)[0] == 200

    file.write_bytes(OTHERS.certificate)
    eventually(lambda: ask(webhook, new)[0] == 200)
    assert ask(webhook, old)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--client-name=x"], "--client-name needs --client-ca"),
        (["--client-ca=absent.crt"], "absent.crt cannot be read: No such file or directory"),
        (["--client-ca=empty.crt"], "empty.crt holds no certificate in PEM form"),
    ],
)
def test_what_cannot_be_demanded_is_refused_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], says: str
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    Path("empty.crt").write_text("")

    result = CliRunner().invoke(cli, ["serve", "--listen=127.0.0.1:0", *arguments])

    assert result.exit_code == 2
    assert says in result.stderr


def test_without_the_option_anybody_is_answered(tmp_path: Path):
    with serving(tmp_path, "--workers=1") as running, Connection(running) as connection:
        assert connection.ask(post(ADMITTED))[0] == 200
