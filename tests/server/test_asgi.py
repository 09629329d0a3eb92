"""The ASGI application by itself: bodies, deadlines, overload, the life of a worker."""

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Iterator, MutableMapping
from typing import Any

import pytest

from tests.server.parts import ADMITTED, Stand
from webhook.cluster.offline import OfflineCluster
from webhook.core.model.request import Namespace
from webhook.server import asgi
from webhook.server.asgi import App
from webhook.server.handle import deadline_of
from webhook.server.tracing import Tracing
from webhook.settings import MAX_BODY

Message = MutableMapping[str, Any]


class Served:
    """A service that only counts what is asked of it."""

    def __init__(self, stand: Stand) -> None:
        self.handler = stand.handler
        self.inflight = 0
        self.tracing: Tracing | None = None
        self.draining = False
        self.synced = True
        self.calls: list[str] = []

    def start(self) -> None:
        self.calls.append("start")

    def tick(self) -> None:
        self.calls.append("tick")

    def refresh(self) -> None:
        self.calls.append("refresh")

    def stop(self) -> None:
        self.calls.append("stop")


class Client:
    """Talks to an application as gunicorn's asgi worker does."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def post(
        self,
        body: bytes = ADMITTED,
        path: str = "/mutate",
        *,
        query: bytes = b"timeout=5s",
        method: str = "POST",
        headers: Any = ((b"content-type", b"application/json"),),
        chunks: list[bytes] | None = None,
        leave: bool = False,
        hang: bool = False,
    ) -> tuple[int, dict[bytes, bytes], bytes]:
        """Send a request; return the status, headers and body of the answer."""
        pieces: Iterator[bytes] = iter([body] if chunks is None else chunks)
        left = 1 if chunks is None else len(chunks)
        sent: list[Message] = []

        async def receive() -> Message:
            nonlocal left
            if left == 0:
                if leave:
                    return {"type": "http.disconnect"}
                await asyncio.sleep(3600)
            left -= 1
            return {
                "type": "http.request",
                "body": next(pieces),
                "more_body": left > 0 or leave or hang,
            }

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query,
            "headers": list(headers),
        }
        await self._app(scope, receive, send)
        start, answer = sent
        assert int(dict(start["headers"])[b"content-length"]) == len(answer["body"])
        return start["status"], dict(start["headers"]), answer["body"]


def during(
    work: Callable[[Client, Served], Coroutine[Any, Any, None]],
    stand: Stand | None = None,
    is_crowded: Callable[[], bool] = lambda: False,
) -> Served:
    """Run a client's work between a worker's start and its end."""
    served = Served(stand or Stand())

    async def live() -> None:
        app = App(lambda: served, is_crowded)
        inbox: asyncio.Queue[Message] = asyncio.Queue()
        outbox: asyncio.Queue[Message] = asyncio.Queue()
        life = asyncio.create_task(app({"type": "lifespan"}, inbox.get, outbox.put))
        await inbox.put({"type": "lifespan.startup"})
        assert await outbox.get() == {"type": "lifespan.startup.complete"}
        try:
            await work(Client(app), served)
        finally:
            await inbox.put({"type": "lifespan.shutdown"})
            assert await outbox.get() == {"type": "lifespan.shutdown.complete"}
            await life

    asyncio.run(live())
    assert served.inflight == 0
    return served


def test_a_review_is_answered():
    async def work(client: Client, served: Served) -> None:
        status, headers, body = await client.post()
        assert status == 200
        assert headers[b"content-type"] == b"application/json"
        assert json.loads(body)["response"]["allowed"] is True

    assert during(work).calls[0] == "start"


def test_a_worker_is_looked_after_until_its_end():
    async def work(client: Client, served: Served) -> None:
        while "tick" not in served.calls:
            await asyncio.sleep(0.05)

    calls = during(work).calls
    assert calls[:3] == ["start", "refresh", "tick"]
    assert calls[-1] == "stop"


def test_a_body_may_come_in_any_pieces():
    async def work(client: Client, served: Served) -> None:
        for at in range(0, len(ADMITTED), 37):
            status, _, body = await client.post(chunks=[ADMITTED[:at], b"", ADMITTED[at:]])
            assert (status, json.loads(body)["response"]["allowed"]) == (200, True)

    during(work)


@pytest.mark.parametrize(
    ("request_", "status", "header"),
    [
        ({"body": b"{"}, 400, None),
        ({"path": "/"}, 404, None),
        ({"path": "/healthz", "method": "GET"}, 404, None),
        ({"method": "GET"}, 405, (b"allow", b"POST")),
        ({"headers": ()}, 415, None),
        ({"headers": ((b"content-type", b"text/plain"),)}, 415, None),
        ({"body": b" " * (MAX_BODY + 1)}, 413, None),
        ({"chunks": [b" " * MAX_BODY, b" "]}, 413, None),
    ],
)
def test_what_is_no_review_gets_a_reason(
    request_: dict[str, Any],
    status: int,
    header: tuple[bytes, bytes] | None,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(asgi, "LINGER_SECONDS", 0.05)

    async def work(client: Client, served: Served) -> None:
        answered, headers, body = await client.post(**request_)
        assert answered == status
        assert json.loads(body)["error"]
        assert header is None or headers[header[0]] == header[1]

    during(work)


def test_an_announced_length_over_the_limit_is_refused_unread(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(asgi, "LINGER_SECONDS", 0.05)
    headers = (
        (b"content-type", b"application/json"),
        (b"content-length", str(MAX_BODY + 1).encode()),
    )

    async def work(client: Client, served: Served) -> None:
        status, _, _ = await client.post(headers=headers, chunks=[])
        assert status == 413

    during(work)


def test_a_body_that_does_not_arrive_is_not_waited_for():
    async def work(client: Client, served: Served) -> None:
        status, _, body = await client.post(
            chunks=[ADMITTED[:50]], query=b"timeout=100ms", hang=True
        )
        assert status == 408
        assert "0.08 s" in json.loads(body)["error"]

    during(work)


@pytest.mark.parametrize("chunks", [[ADMITTED[:50]], []])
def test_a_body_that_ends_early_decides_nothing(chunks: list[bytes]):
    async def work(client: Client, served: Served) -> None:
        assert (await client.post(chunks=chunks, leave=True))[0] == 408

    during(work)


class Slow(OfflineCluster):
    """A cluster that a live read of a namespace hangs on, until it is let go."""

    def __init__(self) -> None:
        super().__init__([], Stand().store.current.rbac)
        self.go = threading.Event()
        self.threads: set[str] = set()

    def namespace(self, name: str) -> Namespace:
        return Namespace(name)

    def read_namespace(self, name: str) -> Namespace:
        self.threads.add(threading.current_thread().name)
        self.go.wait(10)
        return super().namespace(name)


def test_a_live_read_does_not_hold_up_others():
    cluster = Slow()

    async def work(client: Client, served: Served) -> None:
        waiting = asyncio.create_task(client.post())
        other = ADMITTED.replace(b'"pods"', b'"configmaps"')
        assert json.loads((await client.post(other))[2])["response"]["allowed"] is True
        assert not waiting.done()
        cluster.go.set()
        assert json.loads((await waiting)[2])["response"]["allowed"] is True

    during(work, Stand(cluster))
    assert threading.current_thread().name not in cluster.threads


def test_a_live_read_that_takes_too_long_is_a_refusal():
    cluster = Slow()
    stand = Stand(cluster)

    async def work(client: Client, served: Served) -> None:
        status, _, body = await client.post(query=b"timeout=100ms")
        response = json.loads(body)["response"]
        assert status == 200
        assert response["uid"] == "705ab4f5"
        assert response["allowed"] is False
        assert response["status"]["code"] == 429
        assert response["status"]["message"].startswith("not evaluated: ")
        cluster.go.set()

    during(work, stand)
    assert stand.count("tenantgate_evaluation_errors_total", "deadline") == 1
    assert stand.count("tenantgate_admission_requests_total") == 1


def test_more_live_reads_than_can_be_in_time_are_turned_away(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(asgi, "MOST_WAITING", 2)
    cluster = Slow()
    stand = Stand(cluster)

    async def work(client: Client, served: Served) -> None:
        waiting = [asyncio.create_task(client.post()) for _ in range(2)]
        await asyncio.sleep(0)
        for _ in range(100):
            await asyncio.sleep(0.01)
            if len(cluster.threads) == 2:
                break
        status, headers, body = await client.post()
        assert status == 429
        assert headers[b"retry-after"] == b"1"
        assert json.loads(body)["error"]
        cluster.go.set()
        assert [answer[0] for answer in await asyncio.gather(*waiting)] == [200, 200]

    during(work, stand)
    assert stand.count("tenantgate_shed_requests_total") == 1


def test_in_a_crowd_requests_are_turned_away_and_told_when_to_come_back():
    crowd = False
    stand = Stand()

    async def work(client: Client, served: Served) -> None:
        nonlocal crowd
        assert (await client.post())[0] == 200
        crowd = True
        status, headers, body = await client.post()
        assert (status, headers[b"retry-after"]) == (429, b"1")
        assert "try again" in json.loads(body)["error"]
        crowd = False
        assert (await client.post())[0] == 200

    during(work, stand, lambda: crowd)
    assert stand.count("tenantgate_shed_requests_total") == 1


def test_more_bodies_than_can_be_held_are_turned_away(monkeypatch: pytest.MonkeyPatch):
    """Counted is what has arrived: who only announces much keeps nobody out."""
    monkeypatch.setattr(asgi, "MOST_BYTES", 1000)
    monkeypatch.setattr(asgi, "LINGER_SECONDS", 0.05)
    big = ((b"content-type", b"application/json"), (b"content-length", b"7000000"))

    async def work(client: Client, served: Served) -> None:
        def slow(first: bytes) -> asyncio.Task[Any]:
            query = b"timeout=500ms"
            return asyncio.create_task(
                client.post(chunks=[first], query=query, headers=big, hang=True)
            )

        announced = [slow(b"") for _ in range(100)]
        sent = slow(b" " * 900)
        await asyncio.sleep(0.01)
        assert (await client.post())[0] == 200
        assert (await client.post(chunks=[ADMITTED[:50], ADMITTED[50:]]))[0] == 429
        assert [(await each)[0] for each in (*announced, sent)] == [408] * 101
        assert (await client.post(chunks=[ADMITTED[:50], ADMITTED[50:]]))[0] == 200

    during(work)


@pytest.mark.parametrize(
    ("query", "seconds"),
    [
        (b"", 4),
        (b"timeout=5s", 4),
        (b"timeout=10s", 8),
        (b"timeout=1m0s", 24),
        (b"timeout=500ms", 0.4),
        (b"timeout=1.5s", 1.2),
        (b"a=b&timeout=10s&c=d", 8),
        (b"timeout=0s", 4),
        (b"timeout=", 4),
        (b"timeout=soon", 4),
        (b"timeout=-5s", 4),
        (b"timeout=99999s", 24),
        (b"mytimeout=10s", 4),
    ],
)
def test_the_caller_says_how_long_it_waits(query: bytes, seconds: float):
    assert deadline_of(query) == pytest.approx(seconds)


def test_a_worker_that_cannot_start_says_so():
    def fail() -> Served:
        raise RuntimeError("no policies")

    async def live() -> Message:
        outbox: asyncio.Queue[Message] = asyncio.Queue()
        inbox: asyncio.Queue[Message] = asyncio.Queue()
        await inbox.put({"type": "lifespan.startup"})
        await App(fail)({"type": "lifespan"}, inbox.get, outbox.put)
        return await outbox.get()

    assert asyncio.run(live()) == {"type": "lifespan.startup.failed", "message": "no policies"}


def test_a_websocket_is_not_for_us():
    sent: list[Message] = []

    async def live() -> None:
        async def receive() -> Message:
            return {"type": "websocket.connect"}

        async def send(message: Message) -> None:
            sent.append(message)

        await App(lambda: Served(Stand()))({"type": "websocket"}, receive, send)

    asyncio.run(live())
    assert sent == [{"type": "websocket.close"}]


def test_a_worker_about_to_end_keeps_no_connection():
    async def work(client: Client, served: Served) -> None:
        assert b"connection" not in (await client.post())[1]
        served.draining = True
        assert (await client.post())[1][b"connection"] == b"close"

    during(work)


def test_a_worker_accepts_once_its_caches_are_filled():
    served = Served(Stand())
    served.synced = False

    async def live() -> Message:
        inbox: asyncio.Queue[Message] = asyncio.Queue()
        outbox: asyncio.Queue[Message] = asyncio.Queue()
        life = asyncio.create_task(App(lambda: served)({"type": "lifespan"}, inbox.get, outbox.put))
        await inbox.put({"type": "lifespan.startup"})
        while "tick" not in served.calls:
            await asyncio.sleep(0)
        assert outbox.empty()
        served.synced = True
        told = await outbox.get()
        await inbox.put({"type": "lifespan.shutdown"})
        await life
        return told

    assert asyncio.run(live()) == {"type": "lifespan.startup.complete"}
