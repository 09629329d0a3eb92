"""How the API server gets to a Service or a pod: by a proxy, which kube-apiserver calls an egress selector."""

import asyncio
import contextlib
import itertools
import json
import tempfile
import threading
from pathlib import Path

_CHUNK = 1 << 16


class Network:
    """Carries what the API server sends into the cluster, from `start` to `stop`."""

    def __init__(self, folder: Path) -> None:
        # In a folder with a short name, as the path of a socket is at most some 100 characters long.
        self._home = tempfile.TemporaryDirectory()
        self._socket = f"{self._home.name}/egress"
        self.hosts: dict[tuple[str, int], int] = {}
        """Local ports, by the address and port that pods and nodes have in the cluster."""

        self.service: dict[str, int] = {}
        """Local ports of what is ready behind the one Service, by pod."""

        self.config = folder / "egress.json"
        self._turn = itertools.count()
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def option(self) -> str:
        """Return the option of kube-apiserver that has it go this way."""
        connection = {
            "proxyProtocol": "HTTPConnect",
            "transport": {"uds": {"udsName": self._socket}},
        }
        selection = {
            "apiVersion": "apiserver.k8s.io/v1beta1",
            "kind": "EgressSelectorConfiguration",
            "egressSelections": [{"name": "cluster", "connection": connection}],
        }
        self.config.write_text(json.dumps(selection))
        return f"--egress-selector-config-file={self.config}"

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()
        listening = asyncio.start_unix_server(self._connect, self._socket)
        self._server = asyncio.run_coroutine_threadsafe(listening, self._loop).result(10)

    def stop(self) -> None:
        """End, with every connection."""

        async def end() -> None:
            if self._server:
                self._server.close()
            tasks = [each for each in asyncio.all_tasks() if each is not asyncio.current_task()]
            for each in tasks:
                each.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._home.cleanup()

    def _port(self, address: str) -> int | None:
        host, _, port = address.rpartition(":")
        if found := self.hosts.get((host, int(port))):
            return found
        ready = sorted(self.service.values()) if port == "443" else []
        return ready[next(self._turn) % len(ready)] if ready else None

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            port = self._port(head.split()[1].decode())
            if port is None:
                writer.write(b"HTTP/1.1 502 nobody listens there\r\n\r\n")
            else:
                backend = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
                await asyncio.gather(_copy(reader, backend[1]), _copy(backend[0], writer))
        writer.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(_CHUNK):
            target.write(data)
            await target.drain()
    target.close()
