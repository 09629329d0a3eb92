"""The servers that benchmarks visit: started on free ports of the loopback, and always ended again."""

import itertools
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.bodies import CONTEXT
from benchmarks.load import Place


@dataclass(frozen=True, slots=True)
class Server:
    """A server that is up: what it is called, its process, and where to send reviews."""

    name: str
    pid: int
    place: Place


@contextmanager
def serve(
    folder: Path,
    workers: int,
    path: str,
    context: str = CONTEXT,
    policies: Path | None = None,
) -> Iterator[Server]:
    """Run `tenantgate serve` as it is installed, on policies (the shipped ones) and a context of files."""
    described = folder / "context.yaml"
    described.write_text(context)
    port, ops = _free_port(), _free_port()
    command = [
        str(Path(sys.executable).with_name("tenantgate")),
        "serve",
        f"--listen=127.0.0.1:{port}",
        f"--ops-listen=127.0.0.1:{ops}",
        f"--cert-dir={folder / 'certs'}",
        f"--context={described}",
        f"--workers={workers}",
        *([f"--policy={policies}"] if policies else []),
    ]
    with _running(command, folder / "webhook.log") as pid:
        _until(lambda: _ready(ops), "tenantgate serve", folder / "webhook.log")
        yield Server("webhook", pid, Place(port, path, echo=True))


@contextmanager
def serve_constant(folder: Path, workers: int) -> Iterator[Server]:
    """Run the constant-answer server on the stack of `serve`, with the same certificate."""
    port = _free_port()
    command = [
        *(sys.executable, "-m", "gunicorn", "benchmarks.constant:app"),
        *("--worker-class=asgi", "--asgi-loop=uvloop", "--asgi-lifespan=off", "--keep-alive=95"),
        *(f"--workers={workers}", f"--bind=127.0.0.1:{port}", "--no-control-socket"),
        *(
            f"--certfile={folder / 'certs' / 'tls.crt'}",
            f"--keyfile={folder / 'certs' / 'tls.key'}",
        ),
    ]
    with _running(command, folder / "constant.log") as pid:
        _until(lambda: _listens(port), "the constant server", folder / "constant.log")
        yield Server("constant", pid, Place(port, "/", echo=False))


@contextmanager
def _running(command: Sequence[str], log: Path) -> Iterator[int]:
    """Run a server in a process group of its own; what it says on stderr goes to a file."""
    known = {key: value for key, value in os.environ.items() if not key.startswith("TENANTGATE_")}
    with log.open("wb") as stderr:
        process = subprocess.Popen(  # noqa: S603 - our own command
            command,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            cwd=Path(__file__).parent.parent,
            env=known,
        )
        try:
            yield process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=45)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _until(condition: Any, what: str, log: Path) -> None:
    """Wait, half a minute at most, for a server to be there."""
    for _ in itertools.repeat(None, 300):
        if condition():
            return
        time.sleep(0.1)
    raise SystemExit(f"{what} did not start:\n{log.read_text()[-2000:]}")


def _ready(ops: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{ops}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
