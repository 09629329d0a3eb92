"""The hot routes as an ASGI application: reads a body, has it decided, sends the answer.

The event loop decides what needs no live read by itself, as handing it over would cost more than
deciding it. What has to wait for the API server waits in a small pool of threads, no longer than
the caller does.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from time import perf_counter
from typing import Any, Protocol

import orjson

from webhook.core.model.request import Request
from webhook.core.model.review import NotAReview, read_review
from webhook.server.gather import WouldBlock
from webhook.server.handle import (
    LINGER_BYTES,
    LINGER_SECONDS,
    Handler,
    check_head,
    deadline_of,
    late,
    too_large,
)
from webhook.server.tracing import Trace, Tracing
from webhook.settings import MAX_BODY

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MOST_BYTES = 16 * MAX_BODY
"""Of bodies that are still on their way, held at once by a worker."""

ANSWERED = "tenantgate.answered"
"""The key of a scope under which stands what to call once there is an answer."""

FILL_SECONDS = 10.0
"""For which a worker that starts waits for its caches before it accepts; then it says so instead."""

THREADS = 8
MOST_WAITING = 64
"""Requests that may wait for a live read at once; what would queue behind them would be late."""

_log = logging.getLogger(__name__)


class Service(Protocol):
    """What a worker process runs besides answering: started and stopped with it."""

    handler: Handler
    inflight: int
    tracing: Tracing | None

    @property
    def synced(self) -> bool:
        """Whether the caches were filled once."""
        ...

    @property
    def draining(self) -> bool:
        """Whether the worker is about to end, so that no connection should be kept."""
        ...

    def start(self) -> None:
        """Begin; the caches fill themselves from here on."""
        ...

    def tick(self) -> None:
        """Do what is due each second; called on the loop, so it may not wait."""
        ...

    def refresh(self) -> None:
        """Do what is due each second and may take a while."""
        ...

    def stop(self) -> None:
        """End; nothing is lost."""
        ...


class _Crowded(Exception):
    """There is too much to do already."""


class App:
    """The ASGI application of one worker process.

    Args:
        make: makes the service, in the worker.
        is_crowded: tells whether more requests wait for their answers than should.
    """

    def __init__(
        self, make: Callable[[], Service], is_crowded: Callable[[], bool] = lambda: False
    ) -> None:
        self._make = make
        self._is_crowded = is_crowded
        self._service: Service | None = None
        self._pool = ThreadPoolExecutor(THREADS, "live-read")
        self._waiting = 0
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the life of the worker."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await send({"type": "websocket.close"})

    def refusing(self, why: str) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
        """Return the application for a connection on which nothing may be asked."""
        _log.warning("a connection is refused: %s", why)

        async def refused(scope: Scope, receive: Receive, send: Send) -> None:
            answer = orjson.dumps({"error": why})
            if self._service:
                _, answer = self._service.handler.rejected(NotAReview(403, why))
            await _send(send, 403, answer, close=True)
            await _linger(receive)

        return refused

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            self._service = self._make()
            self._service.start()
            await _synced(self._service)
        except Exception as error:  # noqa: BLE001 - told to gunicorn, which gives up
            _log.exception("the worker cannot start")
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        keeping = asyncio.create_task(self._keep(self._service))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        keeping.cancel()
        self._service.stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def _keep(self, service: Service) -> None:
        while True:
            await asyncio.sleep(1)
            try:
                await asyncio.to_thread(service.refresh)
                service.tick()  # afterwards, so that it tells of policies just taken up
            except Exception:  # noqa: BLE001 - whatever it is, the next second may be better
                _log.exception("housekeeping failed; it is tried again")

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        service = self._service
        if service is None:
            await _send(send, 404, b'{"error":"not started"}')
            return
        handler = service.handler
        content_type, length = _head(scope["headers"])
        deadline = deadline_of(scope["query_string"])
        tracing = service.tracing
        trace = tracing.begin(scope["headers"]) if tracing is not None else None
        shed = self._is_crowded()
        service.inflight += 1
        try:
            check_head(scope["path"], scope["method"], content_type, length)
            if shed:
                raise _Crowded
            status, answer = await self._review(handler, scope["path"], receive, deadline, trace)
        except NotAReview as error:
            status, answer = handler.rejected(error, trace)
        except _Crowded:
            shed = True
            status, answer = handler.shed(trace)
        finally:
            service.inflight -= 1
            if answered := scope.get(ANSWERED):
                answered()
        await _send(send, status, answer, close=service.draining)
        if status == 413 or shed:
            await _linger(receive)

    async def _review(
        self,
        handler: Handler,
        path: str,
        receive: Receive,
        deadline: float,
        trace: Trace | None,
    ) -> tuple[int, bytes]:
        end = asyncio.get_running_loop().time() + deadline
        message = await receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            body = _bounded(message.get("body", b""))
        else:
            try:
                async with asyncio.timeout_at(end):
                    body = await self._rest(message, receive)
            except TimeoutError:
                raise late(deadline) from None
        started = perf_counter()
        request = read_review(path, body)
        try:
            decision = handler.decide(request, wait=False, trace=trace)
        except WouldBlock:
            return await self._wait(handler, request, started, end, trace)
        return 200, handler.finish(request, decision, started, trace)

    async def _wait(
        self,
        handler: Handler,
        request: Request,
        started: float,
        end: float,
        trace: Trace | None,
    ) -> tuple[int, bytes]:
        """Decide in a thread, as a live read is needed; refuse when that takes too long."""
        if self._waiting >= MOST_WAITING:
            raise _Crowded
        loop = asyncio.get_running_loop()
        self._waiting += 1
        job = loop.run_in_executor(self._pool, partial(handler.decide, request, trace=trace))
        job.add_done_callback(self._waited)
        try:
            async with asyncio.timeout_at(end):
                decision = await asyncio.shield(job)
        except TimeoutError:
            why = "the API server did not answer in time what this request hangs on"
            decision = handler.undecided("deadline", why, retry=True)
        return 200, handler.finish(request, decision, started, trace)

    async def _rest(self, message: MutableMapping[str, Any], receive: Receive) -> bytes:
        """Return the whole body of which `message` is the first piece.

        Raises:
            TimeoutError: the caller went away, or gunicorn waited long enough for what is missing.
        """
        body = bytearray()
        try:
            while message["type"] == "http.request":
                piece = message.get("body", b"")
                body += piece
                self._held += len(piece)
                if len(body) > MAX_BODY:
                    raise too_large()
                if self._held > MOST_BYTES:
                    raise _Crowded
                if not message.get("more_body", False):
                    return bytes(body)
                message = await receive()
            raise TimeoutError
        finally:
            self._held -= len(body)

    def _waited(self, job: "asyncio.Future[Any]") -> None:
        self._waiting -= 1
        if not job.cancelled():
            job.exception()  # seen, so that nobody warns of it when the caller has left


def _bounded(body: bytes) -> bytes:
    if len(body) > MAX_BODY:
        raise too_large()
    return body


async def _synced(service: Service) -> None:
    """Wait for the caches to fill, for a while: a worker that replaces another is asked at once."""
    end = asyncio.get_running_loop().time() + FILL_SECONDS
    while not service.synced and asyncio.get_running_loop().time() < end:
        service.tick()
        await asyncio.sleep(0.05)


async def _linger(receive: Receive) -> None:
    """Take in what the caller is still sending, or the reset would overtake the answer."""
    left = LINGER_BYTES
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    return


async def _send(send: Send, status: int, body: bytes, *, close: bool = False) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    if status == 405:
        headers.append((b"allow", b"POST"))
    elif status == 429:
        headers.append((b"retry-after", b"1"))
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _head(headers: list[tuple[bytes, bytes]]) -> tuple[str, int | None]:
    """Return the content type and the announced length."""
    content_type, length = "", None
    for name, value in headers:
        if name == b"content-type":
            content_type = value.decode("latin-1")
        elif name == b"content-length" and value.isdigit():
            length = int(value)
    return content_type, length
