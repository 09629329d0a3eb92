"""What gunicorn's HTTP protocol lacks: bounds on connections, and an end for those that idle.

Once a request has arrived, its own deadline holds; while a connection idles between two requests,
gunicorn's keep-alive does. Before the first request nothing would, and a worker that is to end
would wait for its idle connections as long as it may.
"""

import asyncio
from functools import partial
from typing import Any

from gunicorn.asgi.protocol import ASGIProtocol
from gunicorn.workers import gasgi

from webhook.certs.clients import Clients
from webhook.server.asgi import ANSWERED

BACKLOG = 1024
"""Connections that wait to be accepted; with asyncio's 100, a burst of them would wait for seconds."""

HANDSHAKE_SECONDS = 10.0
"""In which TLS must be agreed on; the API server itself waits no longer."""

SHUTDOWN_SECONDS = 2.0
"""In which a client has to close, too, what is closed here; then the connection is cut."""

FIRST_SECONDS = 35.0
"""In which a connection's first request must have been answered; none takes that long."""

MOST_CONNECTIONS = 2048
"""Of one worker. The API server keeps 25 idle ones for each of its own processes and routes, and
opens one more for every request that finds none of them idle."""

MOST_REQUESTS = 512
"""Requests that have arrived at a worker and wait for their answers; it decides 2000 a second."""

QUIET_SECONDS = 1.0
"""Without a byte, after which a connection may be closed although its client may just be sending."""


class BoundedProtocol(ASGIProtocol):  # type: ignore[misc]  # gunicorn publishes no types
    """One connection of gunicorn's asgi worker."""

    app: Any
    _late: asyncio.TimerHandle | None = None
    _begun = _asked = False
    _heard = 0.0

    def connection_made(self, transport: Any) -> None:
        """Take a connection; where there are too many, the one goes that has least to lose."""
        super().connection_made(transport)
        worker = self.worker
        if worker.clients and (why := worker.clients.objection(_shown(transport))):
            self.app = self.app.refusing(why)
        self._heard = worker.loop.time()
        if worker.nr_conns > MOST_CONNECTIONS:
            least = self._least()
            worker.connections.pop(least, None)
            least.transport.abort()
        worker.connections[self] = None
        self._late = worker.loop.call_later(FIRST_SECONDS, self._check)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection."""
        if self._late:
            self._late.cancel()
        self.worker.connections.pop(self, None)
        self._done()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what a client sends."""
        self._begun = True
        super().data_received(data)

    def close_if_quiet(self, seconds: float) -> None:
        """Close a connection on which nothing was said for so long, and nothing is under way."""
        since = self.worker.loop.time() - self._heard
        if self._awaiting_request and not self._begun and since >= seconds:
            self._keepalive_timeout()

    def _on_message_complete(self) -> None:
        super()._on_message_complete()
        if not self._asked:
            self._asked = True
            self.worker.asked += 1

    def _build_http_scope(self, request: Any, sockname: Any, peername: Any) -> dict[str, Any]:
        scope: dict[str, Any] = super()._build_http_scope(request, sockname, peername)
        scope[ANSWERED] = self._done
        return scope

    def _done(self) -> None:
        if self._asked:
            self._asked = False
            self.worker.asked -= 1

    def _arm_keepalive_timer(self) -> None:
        # gunicorn begins to wait for another request here.
        self._done()
        self._begun = False
        self._heard = self.worker.loop.time()
        super()._arm_keepalive_timer()

    def _check(self) -> None:
        if self._is_new and self.transport:
            self.transport.abort()

    @property
    def _is_new(self) -> bool:
        # gunicorn counts a request when it begins to wait for it, so the second means one is done.
        return bool(self.req_count < 2)

    def _least(self) -> "BoundedProtocol":
        """Return the oldest connection without an answer yet, or the one that idles longest."""
        others: list[BoundedProtocol] = list(self.worker.connections)
        for other in others:
            if other._is_new:
                return other
        idle = [other for other in others if other._awaiting_request]
        return min(idle, key=lambda other: other._heard, default=self)


def install(worker: Any, clients: Clients | None = None) -> None:
    """Have an asgi worker use it, and wait for TLS only so long; there are no settings for that.

    Where `clients` names some, the others are told that they may not ask.
    """
    worker.connections = {}
    worker.asked = 0
    worker.clients = clients
    worker.loop.create_server = partial(
        worker.loop.create_server,
        backlog=BACKLOG,
        ssl_handshake_timeout=HANDSHAKE_SECONDS,
        ssl_shutdown_timeout=SHUTDOWN_SECONDS,
    )
    gasgi.ASGIProtocol = BoundedProtocol


def _shown(transport: Any) -> Any:
    connection = transport.get_extra_info("ssl_object")
    return connection.getpeercert() if connection else None


def is_crowded(worker: Any) -> bool:
    """Tell whether an asgi worker has more to answer than it can soon."""
    return bool(worker.asked > MOST_REQUESTS)


def close_quiet(worker: Any) -> None:
    """Close the connections of an asgi worker that nobody uses, until none is left.

    A client that is just sending on one of them loses its request: Go sends it again only while no
    byte of it was written. So whoever has used a connection lately is told to close it by the next
    answer instead.
    """
    for connection in list(worker.connections):
        connection.close_if_quiet(QUIET_SECONDS)
    worker.loop.call_later(0.05, close_quiet, worker)
