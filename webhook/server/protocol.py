"""Two bounds that gunicorn's HTTP protocol lacks: on connections, and on those that say nothing.

Once a request has arrived, its own deadline holds; while a connection idles between two requests,
gunicorn's keep-alive does. Before the first request nothing would.
"""

import asyncio
from typing import Any

from gunicorn.asgi.protocol import ASGIProtocol
from gunicorn.workers import gasgi

FIRST_SECONDS = 35.0
"""In which a connection's first request must have been answered; none takes that long."""

MOST_CONNECTIONS = 900
"""Of one worker, within the usual limit of open files. The API server keeps 25 idle ones for each of its own processes and routes."""


class BoundedProtocol(ASGIProtocol):  # type: ignore[misc]
    """One connection of gunicorn's asgi worker."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Take a connection, or drop it where there are too many."""
        super().connection_made(transport)
        if self.worker.nr_conns > MOST_CONNECTIONS:
            transport.abort()
            return
        self._late = self.worker.loop.call_later(FIRST_SECONDS, self._check)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection."""
        if self._late:
            self._late.cancel()
        super().connection_lost(exc)

    def _check(self) -> None:
        # gunicorn counts a request when it begins to wait for it, so the second means one is done.
        if self.req_count < 2 and self.transport:
            self.transport.abort()


def install() -> None:
    """Have the asgi worker of this process use it; there is no setting for that."""
    gasgi.ASGIProtocol = BoundedProtocol
