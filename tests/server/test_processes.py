"""The processes of `serve`: what it starts with, what it survives, how it ends."""

import json
import os
import signal
import ssl
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.server.parts import ADMITTED, body, pod, review
from tests.server.serving import Webhook, eventually, post, serving
from webhook.certs.issue import issue
from webhook.cli import cli
from webhook.server.supervisor import bind
from webhook.settings import Address
from webhook.store import SHIPPED


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _ask(webhook: Webhook, text: bytes = ADMITTED) -> bool:
    with webhook.connect() as connection:
        status, _, answer = connection.ask(post(text))
    assert status == 200
    verdict: bool = json.loads(answer)["response"]["allowed"]
    return verdict


@pytest.mark.parametrize("server", ["asgi", "gthread"])
def test_told_to_end_under_load_it_answers_everything_and_loses_nothing(
    tmp_path: Path, server: str
):
    """Clients send until told that the connection closes; every request sent has its answer."""
    answered: list[str] = []
    lost: list[str] = []
    going = threading.Barrier(9)

    def client(name: int) -> None:
        with webhook.connect() as connection:
            going.wait()
            for number in range(100_000):
                uid = f"{name}-{number}"
                status, headers, _ = connection.ask(post(body(review(uid=uid))))
                (answered if status == 200 else lost).append(uid)
                if status != 200 or headers.get("connection") == "close":
                    return

    with serving(tmp_path, f"--server={server}", "--workers=2") as webhook:
        threads = [threading.Thread(target=client, args=(name,)) for name in range(8)]
        for thread in threads:
            thread.start()
        going.wait()
        eventually(lambda: len(answered) > 100)
        assert webhook.end() == 0
        for thread in threads:
            thread.join()

        assert lost == []
        logged = [record["request_uid"] for record in webhook.records()]
    assert sorted(logged) == sorted(answered)


def test_a_request_under_way_is_finished(tmp_path: Path):
    with serving(tmp_path, "--workers=1") as webhook, webhook.connect() as connection:
        whole = post(ADMITTED)
        connection.send(whole[:-20])
        webhook.process.terminate()
        eventually(lambda: webhook.ops("/readyz")[0] == 503)
        status, headers, answer = connection.ask(whole[-20:])

        assert status == 200
        assert headers["connection"] == "close"
        assert json.loads(answer)["response"]["allowed"] is True
        connection.close()
        assert webhook.end() == 0
        with pytest.raises(OSError, match="refused"):
            webhook.connect()


def test_nobody_who_says_nothing_is_waited_for(tmp_path: Path):
    """The API server keeps idle connections for 90 s; it finds them closed, not broken."""
    with serving(tmp_path, "--workers=1") as webhook:
        used, fresh = webhook.connect(), webhook.connect()
        assert used.ask(post(ADMITTED))[0] == 200
        started = time.monotonic()
        assert webhook.end() == 0

        assert time.monotonic() - started < 10
        assert [connection.answer()[0] for connection in (used, fresh)] == [0, 0]
        used.close()
        fresh.close()


def test_it_takes_its_children_along_even_when_killed(tmp_path: Path):
    with serving(tmp_path, "--workers=2") as webhook:
        folder = _run_folder(webhook)
        family = [*webhook.children(), *webhook.workers()]
        assert len(family) >= 4
        webhook.process.kill()
        webhook.process.wait()
        eventually(lambda: not any(_alive(pid) for pid in family))
    assert folder.exists()

    with serving(tmp_path) as successor:
        assert not folder.exists()
        assert _run_folder(successor).exists()


def test_it_leaves_nothing_behind(tmp_path: Path):
    with serving(tmp_path) as webhook:
        folder = _run_folder(webhook)
        assert webhook.end() == 0

    assert not folder.exists()


def _run_folder(webhook: Webhook) -> Path:
    """Return the folder in which its processes leave what they tell each other."""
    (folder,) = {
        link.readlink().parent
        for pid in (webhook.process.pid, *webhook.workers())
        for link in Path(f"/proc/{pid}/fd").iterdir()
        if "tenantgate-" in str(link.readlink())
    }
    return folder


def test_the_ops_listener_comes_back(tmp_path: Path):
    with serving(tmp_path) as webhook:
        _ask(webhook)
        ops = webhook.children()[1]
        os.kill(ops, signal.SIGKILL)

        eventually(lambda: ops not in webhook.children())
        eventually(lambda: len(webhook.children()) == 2)
        eventually(lambda: webhook.ops("/readyz")[0] == 200)
        assert 'allowed="true"' in webhook.ops("/metrics")[1]
        assert _ask(webhook)


def test_a_worker_that_is_killed_is_replaced_and_its_counts_stay(tmp_path: Path):
    with serving(tmp_path, "--workers=1") as webhook:
        _ask(webhook)
        (worker,) = webhook.workers()
        os.kill(worker, signal.SIGKILL)

        eventually(lambda: bool(webhook.workers()) and webhook.workers() != [worker])
        eventually(lambda: webhook.ops("/readyz")[0] == 200)
        assert _ask(webhook)
        line = 'tenantgate_admission_requests_total{allowed="true",dry_run="false",kind="Pod",operation="CREATE",webhook="mutate"} 2.0'
        assert line in webhook.ops("/metrics")[1]


def test_a_worker_that_hangs_is_not_ready(tmp_path: Path):
    with serving(tmp_path, "--workers=1") as webhook:
        (worker,) = webhook.workers()
        os.kill(worker, signal.SIGSTOP)
        try:
            eventually(lambda: webhook.ops("/readyz")[0] == 503)
            assert f"no sign of life from worker {worker}" in webhook.ops("/readyz")[1]
        finally:
            os.kill(worker, signal.SIGCONT)
        eventually(lambda: webhook.ops("/readyz")[0] == 200)


@pytest.mark.parametrize("server", ["asgi", "gthread"])
def test_a_new_certificate_is_served_without_a_restart(tmp_path: Path, server: str):
    with serving(tmp_path, f"--server={server}", "--workers=1") as webhook:
        before = (webhook.certs / "tls.crt").read_text()
        with webhook.connect() as kept:
            issue(webhook.certs)
            eventually(lambda: _shown(webhook) != before)
            assert _shown(webhook) == (webhook.certs / "tls.crt").read_text()
            assert _ask(webhook)
            assert kept.ask(post(ADMITTED))[0] == 200
        eventually(lambda: bool(webhook.records("certificate_rotated")))


def _shown(webhook: Webhook) -> str:
    return ssl.get_server_certificate(("127.0.0.1", webhook.port))


def test_changed_policies_are_taken_up_and_broken_ones_are_not(tmp_path: Path):
    policies = tmp_path / "policies"
    policies.mkdir()
    rule = (SHIPPED / "scc" / "restricted-v2.yaml").read_text()
    grant = (SHIPPED / "rbac.yaml").read_text()
    (policies / "rbac.yaml").write_text(grant)
    (policies / "scc.yaml").write_text(rule)
    with serving(tmp_path, f"--policy={policies}", "--workers=1") as webhook:
        assert not _ask(webhook, HOSTILE)

        (policies / "scc.yaml").write_text("kind: Nonsense\n")
        eventually(lambda: "do not load" in webhook.ops("/readyz?verbose")[1])
        assert webhook.ops("/readyz")[0] == 200
        assert "tenantgate_policy_load_success 0.0" in webhook.ops("/metrics")[1]
        assert not _ask(webhook, HOSTILE)
        assert _ask(webhook)
        eventually(lambda: bool(webhook.records("policy_rejected")))

        (policies / "scc.yaml").write_text(
            rule.replace("allowHostPID: false", "allowHostPID: true")
        )
        eventually(lambda: _ask(webhook, HOSTILE))
        good = "tenantgate_policy_load_success 1.0"
        eventually(lambda: good in webhook.ops("/metrics")[1])
        eventually(lambda: bool(webhook.records("policy_loaded")))


HOSTILE = body(review(pod(hostPID=True)))


@pytest.mark.parametrize("server", ["asgi", "gthread"])
def test_while_the_cluster_cannot_be_reached_nothing_is_admitted(tmp_path: Path, server: str):
    with (
        bind(Address("127.0.0.1", 0)) as nobody,
        bind(Address("127.0.0.1", 0)) as first,
        bind(Address("127.0.0.1", 0)) as second,
    ):
        away, *ports = (taken.getsockname()[1] for taken in (nobody, first, second))
        first.close()
        second.close()
        config = tmp_path / "kubeconfig"
        config.write_text(KUBECONFIG.format(away))
        arguments = (f"--server={server}", "--workers=1", f"--kubeconfig={config}")
        with serving(tmp_path, *arguments, ports=(ports[0], ports[1])) as webhook:
            eventually(lambda: "[-]caches failed" in webhook.ops("/readyz")[1])
            eventually(lambda: "refused" in webhook.ops("/readyz")[1])
            with webhook.connect() as connection:
                _, _, answer = connection.ask(post(ADMITTED))
            response = json.loads(answer)["response"]

            assert response["allowed"] is False
            assert response["status"]["code"] == 429
            assert webhook.told() == ""
            assert webhook.end() == 0


KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: away
contexts: [{{name: away, context: {{cluster: away, user: me}}}}]
clusters: [{{name: away, cluster: {{server: "http://127.0.0.1:{}"}}}}]
users: [{{name: me, user: {{token: t}}}}]
"""


def test_files_describe_the_cluster(tmp_path: Path):
    (tmp_path / "shop.yaml").write_text(
        "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n  annotations:\n"
        "    openshift.io/sa.scc.uid-range: 1000990000/10000\n"
        "    openshift.io/sa.scc.mcs: s0:c7,c8\n"
    )
    with serving(tmp_path, f"--context={tmp_path / 'shop.yaml'}") as webhook:
        fits, misses = (
            body(review(pod(securityContext={"runAsUser": uid, "runAsNonRoot": True})))
            for uid in (1000990001, 1000000001)
        )
        assert _ask(webhook, fits)
        assert not _ask(webhook, misses)


def test_it_says_how_to_try_it(tmp_path: Path):
    with serving(tmp_path) as webhook:
        (command,) = (line for line in webhook.told().splitlines() if "curl" in line)
        assert f"--cacert {webhook.certs / 'ca.crt'}" in command
        assert f"https://127.0.0.1:{webhook.port}/mutate" in command
        sample = Path(next(word[1:] for word in command.split() if word.startswith("@")))
        assert "restricted-v2" in webhook.told()

        with webhook.connect() as connection:
            _, _, answer = connection.ask(post(sample.read_bytes()))
        assert json.loads(answer)["response"]["allowed"] is True


def _fails(*arguments: str) -> str:
    """Return what `serve` says when it does not start."""
    listen = ("--listen=127.0.0.1:0", "--ops-listen=127.0.0.1:0")
    given = ["serve", *(() if "--listen" in arguments else listen), *arguments]
    result = CliRunner().invoke(cli, given, env={"KUBERNETES_SERVICE_HOST": None})
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    return result.output


def test_a_pair_that_cannot_serve_is_fatal(tmp_path: Path):
    issue(tmp_path)
    (tmp_path / "tls.key").write_text("no key")

    assert "holds no private key" in _fails(f"--cert-dir={tmp_path}")


def test_an_address_that_is_taken_is_fatal(tmp_path: Path):
    with bind(Address("127.0.0.1", 0)) as taken:
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        told = _fails("--listen", address, "--ops-listen=127.0.0.1:0", f"--cert-dir={tmp_path}")

    assert f"cannot listen on {address}" in told


@pytest.mark.parametrize(
    ("name", "text", "arguments", "says"),
    [
        ("p.yaml", "kind: Nonsense\n", ("--policy", "{}"), "p.yaml:1"),
        ("c.yaml", "kind: [\n", ("--context", "{}"), "c.yaml:"),
        ("c.yaml", "- 1\n", ("--context", "{}"), "is no Kubernetes object"),
        ("k.yaml", "{}", ("--kubeconfig", "{}"), "k.yaml"),
        ("c.yaml", "", ("--context", "{}", "--kubeconfig", "{}"), "one or the other"),
    ],
)
def test_files_that_cannot_be_used_are_fatal(
    tmp_path: Path, name: str, text: str, arguments: Sequence[str], says: str
):
    (tmp_path / name).write_text(text)
    given = [argument.format(tmp_path / name) for argument in arguments]

    assert says in _fails(f"--cert-dir={tmp_path / 'certs'}", *given)
    assert not (tmp_path / "certs").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--context", "/nowhere"), "cannot be read"),
        (("--kubeconfig", "/nowhere"), "no such kubeconfig"),
        (("--access", "sar"), "name one with --kubeconfig"),
        (("--listen", "nowhere"), "HOST:PORT"),
        (("--workers", "0"), "0"),
        (("--log-allowed", "some"), "all, none"),
    ],
)
def test_options_that_make_no_sense_are_fatal(tmp_path: Path, arguments: Sequence[str], says: str):
    assert says in _fails(f"--cert-dir={tmp_path / 'certs'}", *arguments)


def test_every_option_has_a_variable(tmp_path: Path):
    result = CliRunner().invoke(
        cli,
        ["serve", "--ops-listen=127.0.0.1:0", f"--cert-dir={tmp_path}"],
        env={"TENANTGATE_LISTEN": "nowhere", "KUBERNETES_SERVICE_HOST": None},
    )

    assert result.exit_code == 2
    assert "nowhere" in result.output
