"""`tenantgate serve` as a process, and a client that can misbehave."""

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.error import HTTPError
from urllib.request import urlopen

from webhook.metrics import MULTIPROCESS

PATIENCE = 20.0
"""Seconds after which something that should have happened has not."""

_READY = re.compile(r"reviews on https://\S+:(\d+), .* on http://\S+:(\d+)")


def eventually(condition: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


class Webhook:
    """A running `tenantgate serve` on ports of its own.

    With `ports` it is only waited for until it lives, else until it is ready. `within` is a command
    that runs it, `stdout` a file for its log other than its own.
    """

    def __init__(
        self,
        folder: Path,
        arguments: Sequence[str] = (),
        ports: tuple[int, int] = (0, 0),
        within: Sequence[str] = (),
        stdout: int | None = None,
    ) -> None:
        self.folder = folder
        self.certs = folder / "certs"
        self._log = folder / "stdout"
        self._told = folder / "stderr"
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("TENANTGATE_")
            and name not in ("KUBERNETES_SERVICE_HOST", MULTIPROCESS)
        }
        with self._log.open("wb") as out, self._told.open("wb") as err:
            self.process = subprocess.Popen(  # noqa: S603 - our own program
                [
                    *within,
                    *(sys.executable, "-m", "webhook", "serve"),
                    f"--listen=127.0.0.1:{ports[0]}",
                    f"--ops-listen=127.0.0.1:{ports[1]}",
                    f"--cert-dir={self.certs}",
                    *arguments,
                ],
                stdout=out if stdout is None else stdout,
                stderr=err,
                env=environment,
            )
        self.port, self.ops_port = ports
        if any(ports):
            eventually(self._lives)
        else:
            self.port, self.ops_port = self._ports()

    def _ports(self) -> tuple[int, int]:
        found: list[re.Match[str]] = []

        def ready() -> bool:
            assert self.process.poll() is None, self.told() + self._log.read_text()
            found.extend(_READY.finditer(self.told()))
            return bool(found)

        eventually(ready)
        return int(found[0][1]), int(found[0][2])

    def _lives(self) -> bool:
        try:
            return self.ops("/healthz")[0] == 200
        except OSError:
            assert self.process.poll() is None, self.told()
            return False

    def told(self) -> str:
        """Return what was written to stderr."""
        return self._told.read_text()

    def log(self) -> str:
        """Return what was written to stdout."""
        return self._log.read_text()

    def records(self, event_type: str = "admission_decision") -> list[dict[str, Any]]:
        """Return the log records of a type, so far."""
        *lines, _ = self._log.read_text().split("\n")
        return [record for record in map(json.loads, lines) if record["event_type"] == event_type]

    def ops(self, path: str) -> tuple[int, str]:
        """Ask the ops listener."""
        try:
            with urlopen(f"http://127.0.0.1:{self.ops_port}{path}", timeout=5) as response:
                return response.status, response.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def connect(self, **tls: Any) -> "Connection":
        """Open a TLS connection."""
        return Connection(self, **tls)

    def children(self) -> list[int]:
        """Return the ids of the listeners' processes: the TLS one first."""
        return _children(self.process.pid)

    def workers(self) -> list[int]:
        """Return the ids of the TLS listener's workers."""
        return _children(self.children()[0])

    def end(self, number: int = signal.SIGTERM) -> int:
        """End it; return the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(40)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@contextmanager
def serving(
    folder: Path,
    *arguments: str,
    ports: tuple[int, int] = (0, 0),
    within: Sequence[str] = (),
    stdout: int | None = None,
) -> Iterator[Webhook]:
    """Run the webhook for a while."""
    webhook = Webhook(folder, arguments, ports, within, stdout)
    try:
        yield webhook
    finally:
        if webhook.process.poll() is None:
            webhook.end(signal.SIGINT)


class Connection:
    """One TLS connection, on which every byte is under control."""

    def __init__(
        self, webhook: Webhook, ca: Path | None = None, identity: Path | None = None, **tls: Any
    ) -> None:
        context = ssl.create_default_context(cafile=ca or webhook.certs / "ca.crt")
        context.set_alpn_protocols(["h2", "http/1.1"])
        if identity:
            context.load_cert_chain(identity)
        for name, value in tls.items():
            setattr(context, name, value)
        raw = socket.create_connection(("127.0.0.1", webhook.port), PATIENCE)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.socket = context.wrap_socket(raw, server_hostname="localhost")
        except BaseException:
            raw.close()
            raise
        self._file = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
        self.socket.close()

    def send(self, *pieces: bytes) -> None:
        """Send pieces, apart enough to be read apart."""
        for at, piece in enumerate(pieces):
            if at:
                time.sleep(0.002)
            self.socket.sendall(piece)

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Return the status, headers and body of the next answer; status 0 if there is none."""
        try:
            line = self._file.readline()
        except (ConnectionError, ssl.SSLError):
            line = b""
        if not line:
            return 0, {}, b""
        headers: dict[str, str] = {}
        while (header := self._file.readline()) not in (b"\r\n", b""):
            name, _, value = header.decode().partition(":")
            headers[name.lower()] = value.strip()
        return int(line.split()[1]), headers, self._file.read(int(headers.get("content-length", 0)))

    def ask(self, *pieces: bytes) -> tuple[int, dict[str, str], bytes]:
        """Send pieces of a request, and return its answer."""
        self.send(*pieces)
        return self.answer()


def post(
    body: bytes, path: str = "/mutate?timeout=10s", method: str = "POST", **headers: str
) -> bytes:
    """Return the bytes of a request; a header of value "" is left out."""
    given = {
        "host": "localhost",
        "user-agent": "kube-apiserver-admission",
        "accept": "application/json, */*",
        "content-length": str(len(body)),
        "content-type": "application/json",
        "accept-encoding": "gzip",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    lines = [f"{method} {path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in given.items() if value]
    return "\r\n".join((*lines, "", "")).encode() + body


def chunked(body: bytes, size: int) -> bytes:
    """Return a body in chunks."""
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
