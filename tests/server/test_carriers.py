"""Both carriers on a real TLS connection: whatever way the bytes come, the answer is the same."""

import contextlib
import json
import random
import socket
import ssl
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.server.parts import ADMITTED, REFUSED, body, pod, review
from tests.server.serving import Connection, Webhook, chunked, eventually, post, serving
from webhook.settings import MAX_BODY


@pytest.fixture(scope="module", params=["asgi", "gthread"])
def webhook(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Webhook]:
    folder = tmp_path_factory.mktemp(request.param)
    with serving(folder, f"--server={request.param}", "--workers=2") as running:
        yield running


@pytest.fixture
def connection(webhook: Webhook) -> Iterator[Connection]:
    with webhook.connect() as made:
        yield made


def allowed(answer: tuple[int, dict[str, str], bytes], uid: str = "705ab4f5") -> bool:
    status, headers, text = answer
    assert status == 200, text
    assert headers["content-type"] == "application/json"
    response = json.loads(text)["response"]
    assert response["uid"] == uid
    verdict: bool = response["allowed"]
    return verdict


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_reviews_are_answered_over_tls(webhook: Webhook, version: ssl.TLSVersion):
    with webhook.connect(minimum_version=version, maximum_version=version) as connection:
        assert connection.socket.version() == version.name.replace("_", ".")
        assert allowed(connection.ask(post(ADMITTED)))
        assert not allowed(connection.ask(post(REFUSED)))


def test_http_1_is_all_that_is_spoken(connection: Connection):
    assert connection.socket.selected_alpn_protocol() == "http/1.1"


def test_a_connection_is_kept(connection: Connection):
    for number in range(50):
        path = ("/mutate?timeout=5s", "/validate?timeout=5s")[number % 2]
        status, headers, _ = connection.ask(post(REFUSED, path))
        assert status == 200
        assert headers.get("connection", "keep-alive").lower() == "keep-alive"


def test_a_head_may_be_split_anywhere(connection: Connection):
    whole = post(ADMITTED)
    for at in range(1, whole.index(b"\r\n\r\n") + 5):
        assert allowed(connection.ask(whole[:at], whole[at:])), at


def test_a_body_may_be_split_anywhere(connection: Connection):
    whole = post(ADMITTED)
    for at in range(len(whole) - len(ADMITTED) - 1, len(whole) - 1):
        assert allowed(connection.ask(whole[:at], whole[at:])), at


def test_two_requests_may_come_at_once(connection: Connection):
    one, two = (body(review(uid=uid)) for uid in ("first", "second"))
    connection.send(post(one) + post(two, "/validate?timeout=5s"))

    assert allowed(connection.answer(), "first")
    assert not allowed(connection.answer(), "second")  # as nobody filled anything in

    connection.send(post(one) + post(two)[:90], post(two)[90:])
    assert allowed(connection.answer(), "first")
    assert allowed(connection.answer(), "second")


@pytest.mark.parametrize("size", [1, 7, 1000, 100_000])
def test_a_body_may_come_in_chunks(connection: Connection, size: int):
    head = post(b"", content_length="", transfer_encoding="chunked")

    assert allowed(connection.ask(head + chunked(ADMITTED, size)))
    assert allowed(connection.ask(head, chunked(ADMITTED, size)))


def test_a_client_may_ask_before_it_sends(connection: Connection):
    whole = post(ADMITTED, expect="100-continue")
    head = whole[: -len(ADMITTED)]

    assert connection.ask(head)[0] == 100
    assert allowed(connection.ask(ADMITTED))


def test_large_reviews_are_answered(connection: Connection):
    large = pod(nodeSelector={f"key-{number}": "v" * 100 for number in range(10_000)})
    text = body(review(large, operation="UPDATE", oldObject=large))
    assert len(text) > 2_000_000

    assert allowed(connection.ask(post(text, "/mutate?timeout=30s")))


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (post(b"{"), 400),
        (post(b""), 400),
        (post(b"[" * 100_000), 400),
        (post(body({**review(), "apiVersion": "admission.k8s.io/v1beta1"})), 400),
        (post(ADMITTED, "/"), 404),
        (post(ADMITTED, "/mutate/"), 404),
        (post(ADMITTED, "/metrics"), 404),
        (post(b"", method="GET"), 405),
        (post(ADMITTED, method="PUT"), 405),
        (post(ADMITTED, content_type="text/plain"), 415),
        (post(ADMITTED, content_type=""), 415),
    ],
)
def test_what_is_no_review_gets_a_reason(connection: Connection, request_: bytes, status: int):
    answered, headers, text = connection.ask(request_)

    assert answered == status
    assert json.loads(text)["error"]
    assert (headers.get("allow") == "POST") == (status == 405)


@pytest.mark.parametrize("way", ["announced", "chunked"])
def test_a_body_over_the_limit_is_refused(webhook: Webhook, way: str):
    large = b" " * (MAX_BODY + 1)
    whole = (
        post(large)
        if way == "announced"
        else post(b"", content_length="", transfer_encoding="chunked") + chunked(large, 65536)
    )
    with webhook.connect() as connection:
        status, _, text = connection.ask(whole)

    assert status == 413
    assert str(MAX_BODY) in json.loads(text)["error"]


def test_a_body_at_the_limit_is_read(connection: Connection):
    text = ADMITTED + b" " * (MAX_BODY - len(ADMITTED))

    assert allowed(connection.ask(post(text, "/mutate?timeout=30s")))


def test_a_slow_client_delays_nobody_and_is_told(webhook: Webhook):
    with webhook.connect() as slow, webhook.connect() as other:
        slow.send(post(ADMITTED, "/mutate?timeout=1s")[:-50])
        assert allowed(other.ask(post(ADMITTED)))
        status, _, text = slow.answer()

    assert status == 408
    assert "0.8 s" in json.loads(text)["error"]


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\xff\xff" + bytes(range(256)),
        b"\x00" * 1000,
        b"",
    ],
)
def test_bytes_that_are_no_tls_harm_nobody(webhook: Webhook, garbage: bytes):
    with socket.create_connection(("127.0.0.1", webhook.port), 10) as raw:
        raw.sendall(garbage)
        raw.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            assert b"200" not in raw.recv(1000)
    with webhook.connect() as connection:
        assert allowed(connection.ask(post(ADMITTED)))


@pytest.mark.parametrize(
    "garbage",
    [
        b"\r\n\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"POST /mutate HTTP/9.9\r\n\r\n",
        b"POST /mutate HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        b"POST /mutate HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
        b"POST /mutate HTTP/1.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /mutate HTTP/1.1\r\nhost: x\r\n" + b"x: y\r\n" * 500 + b"\r\n",
        b"POST /" + b"x" * 10_000 + b" HTTP/1.1\r\n\r\n",
        b"POST /mutate HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n"
        b"content-type: application/json\r\n\r\nzz\r\n",
        b"\x00\xff" * 5000,
    ],
)
def test_bytes_that_are_no_http_harm_nobody(webhook: Webhook, garbage: bytes):
    with webhook.connect() as connection:
        connection.send(garbage)
        connection.socket.settimeout(1)
        try:
            assert connection.answer()[0] in (0, 400, 408, 414, 415, 431)
        except TimeoutError:
            assert not garbage.strip()  # nothing but empty lines: more may follow
    with webhook.connect() as connection:
        assert allowed(connection.ask(post(ADMITTED)))


def test_every_answer_belongs_to_its_request(webhook: Webhook):
    """Many connections at once, bodies in random pieces, a uid of its own for each request."""
    wrong: list[Any] = []

    def client(number: int) -> None:
        dice = random.Random(number)  # noqa: S311 - varies input, guards nothing
        with webhook.connect() as connection:
            for count in range(40):
                uid, admit = f"{number}-{count}", dice.random() < 0.5
                text = body(review(pod() if admit else pod(hostPID=True), uid=uid))
                whole = post(text)
                cuts = sorted(dice.sample(range(1, len(whole)), dice.randrange(4)))
                pieces = [whole[i:j] for i, j in zip([0, *cuts], [*cuts, None], strict=True)]
                try:
                    assert allowed(connection.ask(*pieces), uid) is admit
                except BaseException as error:  # noqa: BLE001 - told by the main thread
                    wrong.append(error)
                    return

    threads = [threading.Thread(target=client, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_every_request_is_counted_and_logged_once(webhook: Webhook, connection: Connection):
    before = _counted(webhook)
    uids = [f"counted-{number}" for number in range(20)]
    for uid in uids:
        connection.ask(post(body(review(uid=uid))))

    def logged() -> list[str]:
        return [
            record["request_uid"]
            for record in webhook.records()
            if record["request_uid"].startswith("counted-")
        ]

    assert _counted(webhook) - before == 20
    eventually(lambda: len(logged()) >= 20)
    assert logged() == uids


def _counted(webhook: Webhook) -> float:
    _, text = webhook.ops("/metrics")
    return sum(
        float(line.split()[1])
        for line in text.splitlines()
        if line.startswith("tenantgate_admission_requests_total{")
    )


def test_readiness_and_health_are_told_apart_from_reviews(webhook: Webhook):
    assert webhook.ops("/healthz") == (200, "ok\n")
    assert webhook.ops("/readyz") == (200, "ok\n")
    assert "[+]certificate ok" in webhook.ops("/readyz?verbose")[1]
    assert webhook.ops("/mutate")[0] == 404


def test_no_server_error_was_seen(webhook: Webhook):
    """The last of this file: whatever the tests above sent, nothing failed."""
    errors = [
        record for record in webhook.records("server") if record["level"] in ("error", "critical")
    ]
    assert errors == []
