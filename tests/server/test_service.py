"""A worker's state, and the whole webhook as one WSGI application."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.parts import ADMITTED
from webhook.certs.files import Files
from webhook.certs.issue import issue
from webhook.certs.serving import ServingCertificate
from webhook.log import Lines
from webhook.server.health import StatusFolder
from webhook.server.service import Service
from webhook.settings import Settings
from webhook.store import SHIPPED


@pytest.fixture
def lines(tmp_path: Path) -> Iterator[Lines]:
    with (tmp_path / "log").open("wb") as file:
        made = Lines(file.fileno())
        yield made
        made.close()


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    folder = tmp_path / "policies"
    folder.mkdir()
    for name in ("rbac.yaml", "scc/restricted-v2.yaml"):
        (folder / Path(name).name).write_text((SHIPPED / name).read_text())
    return folder


def admits(service: Service) -> bool:
    _, answer = service.handler.handle("/mutate", ADMITTED)
    verdict: bool = json.loads(answer)["response"]["allowed"]
    return verdict


def test_it_tells_how_it_is(tmp_path: Path, lines: Lines):
    folder = StatusFolder(tmp_path / "status")
    (tmp_path / "status").mkdir()
    certificate = ServingCertificate(Files(issue(tmp_path).directory))
    service = Service(
        Settings(), lines, folder=folder, certificate=certificate, is_draining=lambda: True
    )
    service.start()
    service.inflight = 3

    (told,) = folder.read()
    assert told.pid == os.getpid()
    assert told.policies == service.status().policies != ""
    assert told.synced
    assert told.draining
    assert told.leaf_expiry == certificate.validity.leaf.timestamp()
    assert (told.inflight, service.status().inflight) == (0, 3)

    service.attend()
    assert folder.read()[0].inflight == 3
    service.stop()
    assert folder.read() == []


def test_without_a_cluster_the_grants_of_the_policy_folder_follow_its_files(
    policies: Path, lines: Lines
):
    service = Service(Settings(policies=(policies,)), lines)
    assert admits(service)

    (policies / "rbac.yaml").unlink()
    service.attend()
    assert not admits(service)

    (policies / "rbac.yaml").write_text((SHIPPED / "rbac.yaml").read_text())
    service.attend()
    assert admits(service)


def test_a_folder_that_vanishes_leaves_the_last_good_set_in_use(
    policies: Path, lines: Lines, tmp_path: Path
):
    service = Service(Settings(policies=(policies,)), lines)
    policies.rename(tmp_path / "away")
    service.attend()

    assert admits(service)
    assert "cannot be read" in service.status().policy_problem

    (tmp_path / "away").rename(policies)
    service.attend()
    assert service.status().policy_problem == ""


def test_any_wsgi_server_can_run_all_of_it(tmp_path: Path):
    """In a process of its own, as it takes over stdout and the root logger."""
    (tmp_path / "review").write_bytes(ADMITTED)
    code = (
        "import json, sys; from pathlib import Path; from webhook.server.wsgi import make\n"
        "client = make().test_client()\n"
        "body = Path(sys.argv[1]).read_bytes()\n"
        "posted = client.post('/mutate', data=body, content_type='application/json')\n"
        "assert posted.get_json()['response']['allowed'] is True\n"
        "assert client.get('/readyz').status_code == 200, client.get('/readyz').text\n"
        "assert 'tenantgate_admission_requests_total' in client.get('/metrics').text\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != "KUBERNETES_SERVICE_HOST"}
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-W", "error", "-c", code, str(tmp_path / "review")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    (record,) = map(json.loads, done.stdout.splitlines())
    assert record["event_type"] == "admission_decision"
