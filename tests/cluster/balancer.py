"""A plain TCP balancer: what kube-proxy is to a Service, with nothing of TLS or HTTP in it.

A backend that is taken out gets no new connections. Those that it has stay, as they do in a
cluster, until either end closes them.
"""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from itertools import cycle
from typing import Any

CHUNK = 1 << 16


class Balancer:
    """Listens on a loopback port from `start` to `stop`; connections go to the backends in turn."""

    def __init__(self) -> None:
        self.port = 0
        self.lost = 0
        """Connections that no backend took."""

        self._backends: list[int] = []
        self._turn = cycle(range(1 << 30))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._open: dict[int, int] = {}

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()
        self._run(self._listen())

    def stop(self) -> None:
        """End, with every connection."""
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def put(self, port: int) -> None:
        """Send new connections to a backend, too."""
        self._loop.call_soon_threadsafe(self._backends.append, port)

    def take_out(self, port: int) -> None:
        """Send no more new connections to a backend; returns when none is on its way."""

        async def take() -> None:
            self._backends.remove(port)

        self._run(take())

    def connections(self, port: int) -> int:
        """Return how many connections a backend has."""
        return self._open.get(port, 0)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _end(self) -> None:
        assert self._server
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            port = self._backends[next(self._turn) % len(self._backends)]
            there = await asyncio.open_connection("127.0.0.1", port)
        except (OSError, ZeroDivisionError):
            self.lost += 1
            writer.transport.abort()
            return
        self._open[port] = self.connections(port) + 1
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_carry(reader, there[1]))
                both.create_task(_carry(there[0], writer))
        finally:
            self._open[port] -= 1
            for each in (writer, there[1]):
                each.close()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hand on what comes, the end of it too, and a reset as one."""
    try:
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
        with contextlib.suppress(OSError):
            writer.write_eof()
    except OSError:
        writer.transport.abort()
