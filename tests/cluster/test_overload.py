"""What the webhook does when the API server hangs, and what the API server does when it is too busy."""

import base64
import json
import os
import re
import signal
import ssl
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from tests.cluster.certificates import Authority
from tests.cluster.cluster import ADMIN, ALICE, Cluster, admitted
from tests.cluster.objects import pod
from tests.cluster.process import eventually
from tests.cluster.tenantgate import Tenantgate
from tests.monitoring.queries import OF_THE_API_SERVER
from tests.server.parts import body, review


def asked(tenantgate: Tenantgate, value: Any, timeout: str = "5s") -> tuple[Any, float]:
    """Ask the webhook itself; return its response and the seconds that it took."""
    request = urllib.request.Request(  # noqa: S310 - our own
        f"{tenantgate.url}/mutate?timeout={timeout}",
        body(value),
        {"Content-Type": "application/json"},
    )
    tls = ssl.create_default_context(cafile=tenantgate.ca)
    started = time.monotonic()
    with urllib.request.urlopen(request, timeout=30, context=tls) as answer:  # noqa: S310 - a loopback address of the test's
        return json.loads(answer.read())["response"], time.monotonic() - started


@pytest.fixture
def hanging(cluster: Cluster, tenantgate: Tenantgate, shop: str) -> Iterator[str]:
    """The API server does not answer; the webhook knows a namespace from before."""
    eventually(lambda: asked(tenantgate, review(pod(), namespace=shop))[0]["allowed"])
    os.kill(cluster.plane.api.pid, signal.SIGSTOP)
    yield shop
    os.kill(cluster.plane.api.pid, signal.SIGCONT)
    eventually(lambda: cluster.kubectl("get", "ns", user=ADMIN).returncode == 0)


def test_what_caches_answer_waits_for_nobody(tenantgate: Tenantgate, hanging: str) -> None:
    response, seconds = asked(tenantgate, review(pod(), namespace=hanging))

    assert response["allowed"]
    assert seconds < 1


def test_what_they_do_not_is_refused_before_the_api_server_gives_up(
    tenantgate: Tenantgate, hanging: str
) -> None:
    response, seconds = asked(tenantgate, review(pod(), namespace="just-made"), "2s")

    assert not response["allowed"]
    assert response["status"]["code"] == 429
    assert "not evaluated: the API server did not answer in time" in response["status"]["message"]
    assert seconds < 2


class Busy:
    """A webhook that says how often it is too busy before it admits everything."""

    def __init__(self, folder: Path) -> None:
        self.refusals = 0
        self.asked = 0
        authority = Authority("busy")
        self.ca = authority.certificate
        pair = authority.server(["127.0.0.1"])
        (folder / "tls.crt").write_bytes(pair.certificate)
        (folder / "tls.key").write_bytes(pair.key)
        busy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                text = self.rfile.read(int(self.headers["Content-Length"]))
                busy.asked += 1
                if busy.asked <= busy.refusals:
                    self.answer(429, {"error": "too many requests are under way; try again"})
                    return
                response = {"uid": json.loads(text)["request"]["uid"], "allowed": True}
                self.answer(200, {**REVIEW, "response": response})

            def answer(self, status: int, value: Any) -> None:
                text = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                if status == 429:
                    self.send_header("Retry-After", "1")
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(folder / "tls.crt", folder / "tls.key")
        self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self._thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self._thread.start()

    def registration(self, namespace: str, policy: str = "Fail") -> dict[str, Any]:
        """Return what has the API server ask about pods of a namespace."""
        return {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": "busy"},
            "webhooks": [
                {
                    "name": "busy.tests.tenantgate.io",
                    "admissionReviewVersions": ["v1"],
                    "sideEffects": "None",
                    "failurePolicy": policy,
                    "timeoutSeconds": 3,
                    "clientConfig": {
                        "url": f"https://127.0.0.1:{self.server.server_port}/validate",
                        "caBundle": base64.b64encode(self.ca).decode(),
                    },
                    "namespaceSelector": {
                        "matchLabels": {"kubernetes.io/metadata.name": namespace}
                    },
                    "rules": [
                        {
                            "apiGroups": [""],
                            "apiVersions": ["v1"],
                            "operations": ["CREATE"],
                            "resources": ["pods"],
                        }
                    ],
                }
            ],
        }

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


REVIEW = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}


@pytest.fixture
def busy(cluster: Cluster, tenantgate: Tenantgate, shop: str, tmp_path: Path) -> Iterator[Busy]:
    """The webhook that is busy, in force beside ours."""
    made = Busy(tmp_path)
    cluster.apply(made.registration(shop))
    try:

        def in_force() -> bool:
            admitted(cluster.create_as(ALICE, pod(), shop, "--dry-run=server"))
            return made.asked > 0

        eventually(in_force, timeout=30)
        made.asked = 0
        yield made
    finally:
        cluster.kubectl("delete", "validatingwebhookconfiguration", "busy", user=ADMIN)
        made.close()


def test_the_api_server_asks_a_busy_webhook_again_and_nobody_notices(
    cluster: Cluster, shop: str, busy: Busy
) -> None:
    busy.refusals = 1
    admitted(cluster.create_as(ALICE, pod(), shop))

    assert busy.asked == 2


def test_one_that_stays_busy_fails_the_request_when_its_time_is_up(
    cluster: Cluster, shop: str, busy: Busy
) -> None:
    """A client learns of a time-out, not of the reason, and is not asked to try again."""
    busy.refusals = 1000
    core = client.CoreV1Api(cluster.client(ALICE))

    with pytest.raises(ApiException) as caught:
        core.create_namespaced_pod(shop, pod("late"))  # type: ignore[arg-type]  # a plain dict, as the client takes it too

    error: Any = caught.value
    assert error.status == 500
    assert "Retry-After" not in error.headers
    assert "context deadline exceeded" in json.loads(error.body)["message"]
    assert busy.asked == 3


def test_the_metrics_that_alerts_ask_for_are_the_api_servers(
    cluster: Cluster, shop: str, busy: Busy
) -> None:
    busy.refusals = 1000
    assert cluster.create_as(ALICE, pod("late"), shop).returncode != 0
    cluster.apply(busy.registration(shop, "Ignore"))
    cluster.create_until_admitted(ALICE, pod("late"), shop, timeout=30)
    text = cluster.kubectl("get", "--raw", "/metrics", user=ADMIN).stdout

    for name, labels in OF_THE_API_SERVER.items():
        found = re.search(rf'^{name}{{(.*name="busy.*)}} ', text, re.M)
        assert found, name
        assert set(re.findall(r'(\w+)="', found[1])) == labels
