"""The certificate is exchanged while it serves: no request is lost, and damage changes nothing."""

import os
import signal
import ssl
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import pytest

from benchmarks.mount import Mount
from tests.server.parts import ADMITTED
from tests.server.serving import Webhook, eventually, post, serving
from webhook.certs.signing import certificate_pem, new_authority, new_leaf

NOW = datetime.now(UTC)
AUTHORITIES = [new_authority(name, NOW, timedelta(days=9)) for name in ("old", "new")]
BOTH = b"".join(certificate_pem(signer.certificate) for signer in AUTHORITIES)


def pair(authority: int = 0) -> Mapping[str, bytes]:
    """Return a new pair, as the Secret holds it in an overlap."""
    made = new_leaf(AUTHORITIES[authority], ["localhost"], NOW, timedelta(days=1))
    return {"ca.crt": BOTH, "tls.crt": made.certificate, "tls.key": made.key}


class Served:
    """A webhook whose certificate is mounted, as a kubelet mounts a Secret."""

    def __init__(self, webhook: Webhook, mount: Mount, files: Mapping[str, bytes]) -> None:
        self.webhook, self.mount, self.files = webhook, mount, files

    def shown(self) -> bytes:
        """Return the certificate that a new connection is shown."""
        with self.webhook.connect(ca=self.webhook.folder / "both.crt") as connection:
            assert connection.ask(post(ADMITTED))[0] == 200
            found = connection.socket.getpeercert(binary_form=True)
        assert found
        return found

    def exchange(self, files: Mapping[str, bytes]) -> None:
        """Mount another pair, and wait until every worker shows it."""
        self.mount.put(files)
        self.files = files
        wanted = ssl.PEM_cert_to_DER_cert(files["tls.crt"].decode())
        eventually(lambda: all(self.shown() == wanted for _ in range(6)))


@pytest.fixture(scope="module", params=["asgi", "gthread"])
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "both.crt").write_bytes(BOTH)
    mount, files = Mount(folder / "certs"), pair()
    mount.put(files)
    with serving(folder, f"--server={request.param}", "--workers=2") as webhook:
        yield Served(webhook, mount, files)


def test_no_request_is_lost_while_certificates_change(served: Served):
    """Half of the clients keep their connection, the others open a new one for each request."""
    done, wrong, counts = threading.Event(), list[BaseException](), [0] * 6

    def client(number: int) -> None:
        trusted = served.webhook.folder / "both.crt"
        connection = served.webhook.connect(ca=trusted)
        try:
            while not done.is_set():
                status, _, text = connection.ask(post(ADMITTED))
                assert status == 200, text
                counts[number] += 1
                if number % 2:
                    connection.close()
                    connection = served.webhook.connect(ca=trusted)
        except BaseException as error:  # noqa: BLE001 - told by the main thread
            wrong.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=client, args=(number,)) for number in range(len(counts))]
    for thread in threads:
        thread.start()
    for turn in range(4):
        served.exchange(pair(turn % 2))
    done.set()
    for thread in threads:
        thread.join()

    assert wrong == []
    assert min(counts) > 10
    told = served.webhook.records("certificate_rotated")
    assert len(told) >= 4


@pytest.mark.parametrize("damage", ["certificate first", "truncated", "gone", "empty"])
def test_damage_leaves_the_last_good_pair_in_use(served: Served, damage: str):
    before, new, told = served.shown(), pair(1), _failures(served)
    served.mount.put(
        {
            "certificate first": {**new, "tls.key": served.files["tls.key"]},
            "truncated": {**new, "tls.crt": new["tls.crt"][:200], "tls.key": new["tls.key"][:50]},
            "gone": {"ca.crt": BOTH},
            "empty": {"ca.crt": BOTH, "tls.crt": b"", "tls.key": b""},
        }[damage]
    )
    eventually(lambda: _failures(served) >= told + 2)

    assert all(served.shown() == before for _ in range(6))
    assert served.webhook.ops("/readyz")[0] == 200

    served.exchange(new)


def _failures(served: Served) -> int:
    """Return how often a worker said that it could not take up what is mounted."""
    return served.webhook.log().count("the former certificate stays in use")


def test_a_worker_that_starts_while_the_files_are_damaged_serves_the_last_good_pair(
    served: Served,
):
    served.exchange(pair(1))
    before, workers = served.shown(), served.webhook.workers()
    served.mount.put({**pair(), "tls.key": b"garbage"})
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    eventually(lambda: len(set(served.webhook.workers()) - set(workers)) == 2)
    eventually(lambda: served.webhook.ops("/readyz")[0] == 200)

    assert all(served.shown() == before for _ in range(6))
    assert "the certificate that was kept is served" in served.webhook.log()

    served.exchange(pair())


def test_the_authoritys_expiry_follows_its_own_file(served: Served):
    """During an overlap it is that of the authority that signed the leaf, and of no other."""
    served.exchange(pair())
    soon = new_authority("former", NOW, timedelta(hours=1))
    served.mount.put({**served.files, "ca.crt": BOTH + certificate_pem(soon.certificate)})
    wanted = AUTHORITIES[0].certificate.not_valid_after_utc.timestamp()

    def shown() -> float:
        text = served.webhook.ops("/metrics")[1]
        (line,) = [
            line
            for line in text.splitlines()
            if line.startswith('tenantgate_certificate_expiry_timestamp_seconds{cert="ca"}')
        ]
        return float(line.split()[-1])

    eventually(lambda: shown() == wanted)
    served.mount.put({**served.files, "ca.crt": certificate_pem(soon.certificate)})
    eventually(lambda: shown() == soon.certificate.not_valid_after_utc.timestamp())
