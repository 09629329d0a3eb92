"""Flask: the ops routes, and the reviews under any WSGI server."""

import json
import time
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from tests.server.parts import ADMITTED, REFUSED, Stand
from webhook.server.app import full_app, ops_app
from webhook.server.health import Status
from webhook.settings import MAX_BODY

READY = Status(pid=1, beat=time.monotonic(), policies="sha256:1", synced=True)


def ready() -> list[Status]:
    return [replace(READY, beat=time.monotonic())]


@pytest.fixture
def stand() -> Stand:
    return Stand()


@pytest.fixture
def client(stand: Stand) -> FlaskClient:
    return full_app(stand.handler, ready, stand.metrics).test_client()


def test_a_review_is_answered(client: FlaskClient):
    for body, allowed in ((ADMITTED, True), (REFUSED, False)):
        response = client.post("/mutate?timeout=5s", data=body, content_type="application/json")

        assert response.status_code == 200
        assert response.content_type == "application/json"
        assert json.loads(response.data)["response"]["allowed"] is allowed


@pytest.mark.parametrize(
    ("path", "method", "content_type", "body", "status"),
    [
        ("/mutate", "POST", "application/json", b"{", 400),
        ("/mutate", "POST", "application/json", b"", 400),
        ("/validate", "POST", "text/plain", ADMITTED, 415),
        ("/validate", "POST", None, ADMITTED, 415),
        ("/mutate", "GET", None, b"", 405),
        ("/mutate", "DELETE", "application/json", ADMITTED, 405),
        ("/other", "POST", "application/json", ADMITTED, 404),
        ("/mutate/", "POST", "application/json", ADMITTED, 404),
        ("/mutate", "POST", "application/json", b" " * (MAX_BODY + 1), 413),
    ],
)
def test_what_is_no_review_gets_a_reason(
    client: FlaskClient, path: str, method: str, content_type: str | None, body: bytes, status: int
):
    response = client.open(path, method=method, data=body, content_type=content_type)

    assert response.status_code == status
    assert json.loads(response.data)["error"]
    assert (response.headers.get("Allow") == "POST") == (status == 405)


def test_health_says_only_that_the_process_lives():
    client = ops_app(lambda: [], 1).test_client()

    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 503


def test_readiness_lists_its_checks_when_asked(client: FlaskClient):
    assert client.get("/readyz").data == b"ok\n"
    assert b"[+]caches ok" in client.get("/readyz?verbose").data


def test_readiness_says_what_is_missing():
    client = ops_app(lambda: [replace(ready()[0], synced=False)], 1).test_client()
    response = client.get("/readyz")

    assert response.status_code == 503
    assert b"[-]caches failed" in response.data


def test_metrics_are_exposed(client: FlaskClient):
    client.post("/mutate", data=ADMITTED, content_type="application/json")
    text = client.get("/metrics").data.decode()

    assert 'tenantgate_admission_requests_total{allowed="true"' in text
    assert 'tenantgate_policy_set_info{hash="sha256:1"} 1.0' in text


def test_the_ops_listener_answers_no_reviews():
    response = ops_app(ready, 1).test_client().post("/mutate", data=ADMITTED)

    assert response.status_code == 404
