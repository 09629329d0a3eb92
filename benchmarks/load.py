"""A load generator that costs little: one event loop, raw protocols, reviews cut out beforehand.

Like the API server it keeps its connections, sends a whole body with its length, and waits for an
answer before it uses the connection again. Every answer is looked at: its status, the uid that it
repeats, the verdict.
"""

import asyncio
import random
import re
import ssl
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

from benchmarks.bodies import Body

MOST = 200_000
"""Requests after which a visit ends, however much time is left."""

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the requests go. With `echo` each answer has to repeat the uid and give the verdict."""

    port: int
    path: str
    echo: bool


@dataclass(slots=True)
class Visit:
    """What was seen on one visit; `latencies` in seconds, `problems` the first few of them."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    errors: int = 0
    problems: list[str] = field(default_factory=list)
    answers: list[tuple[Body, bytes]] = field(default_factory=list)

    def failed(self, problem: str) -> None:
        """Count an answer that is missing or wrong."""
        self.errors += 1
        if len(self.problems) < 5:
            self.problems.append(problem)

    def percentile(self, share: float) -> float:
        """Return the latency, in seconds, that this share of the requests stayed within."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How to visit: which bodies, for how long, over how many connections.

    `pieces` cuts each request at that many random places, sent one by one. `keep` keeps the
    answers, which a visit under load does not.
    """

    bodies: Sequence[Body]
    uids: Iterator[bytes]
    tls: ssl.SSLContext
    seconds: float
    connections: int = 8
    most: int = MOST
    pieces: int = 0
    keep: bool = False
    rng: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311 - varies input, guards nothing


class _Connection(asyncio.Protocol):
    """One connection: sends, waits for the whole answer, looks at it, sends again."""

    def __init__(self, place: Place, plan: Plan, visit: Visit, first: int, until: float) -> None:
        self.place = place
        self.plan = plan
        self.visit = visit
        self.turn = first
        self.until = until
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.received = bytearray()
        self.body = plan.bodies[0]
        self.uid = b""
        self.sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._next()

    def data_received(self, data: bytes) -> None:
        self.received += data
        end = self.received.find(b"\r\n\r\n")
        if end < 0:
            return
        length = _LENGTH.search(self.received, 0, end + 2)
        if length is None:
            self.visit.failed(f"an answer without a length: {bytes(self.received[:200])!r}")
            self.give_up()
            return
        if len(self.received) < end + 4 + int(length[1]):
            return
        self.visit.latencies.append(time.perf_counter() - self.sent)
        self._look(bytes(self.received[: end + 4]), bytes(self.received[end + 4 :]))
        self.received.clear()
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.sent:
            self.visit.failed(f"the connection ended before an answer came: {exc}")
        if not self.done.done():
            self.done.set_result(None)

    def give_up(self) -> None:
        """Leave, without counting that as one more error."""
        self.sent = 0.0
        self.transport.abort()

    def _next(self) -> None:
        """Send the next request, or close when it is time."""
        now = time.perf_counter()
        if now >= self.until or len(self.visit.latencies) >= self.plan.most:
            self.sent = 0.0
            self.transport.close()
            return
        self.body = self.plan.bodies[self.turn % len(self.plan.bodies)]
        self.turn += 1
        self.uid = next(self.plan.uids)
        head = (
            f"POST {self.place.path}?timeout=5s HTTP/1.1\r\nHost: 127.0.0.1:{self.place.port}\r\n"
            "User-Agent: kube-apiserver-admission\r\nAccept: application/json, */*\r\n"
            f"Content-Length: {len(self.body)}\r\nContent-Type: application/json\r\n"
            "Accept-Encoding: gzip\r\n\r\n"
        )
        request = head.encode() + self.body.with_uid(self.uid)
        self.sent = now
        if self.plan.pieces:
            cuts = sorted(self.plan.rng.sample(range(1, len(request)), self.plan.pieces))
            self._send(
                [
                    request[start:end]
                    for start, end in zip([0, *cuts], [*cuts, len(request)], strict=True)
                ]
            )
        else:
            self.transport.write(request)

    def _send(self, pieces: list[bytes]) -> None:
        """Send pieces one by one, each after the one before had time to leave."""
        if self.transport.is_closing():
            return
        self.transport.write(pieces[0])
        if len(pieces) > 1:
            asyncio.get_running_loop().call_later(0.001, self._send, pieces[1:])

    def _look(self, head: bytes, answer: bytes) -> None:
        """Count the answer as an error unless it is the one that this request was due."""
        if not head.startswith(b"HTTP/1.1 200 "):
            self.visit.failed(f"status {head[9:12].decode(errors='replace')}: {answer[:300]!r}")
        elif self.place.echo:
            verdict = b'"allowed":true' if self.body.allowed else b'"allowed":false'
            if self.uid not in answer:
                self.visit.failed(f"an answer to another request: {answer[:300]!r}")
            elif verdict not in answer:
                self.visit.failed(f"{verdict.decode()} was due, but the answer is {answer[:300]!r}")
        if self.plan.keep:
            self.visit.answers.append((self.body, answer))


async def visit(place: Place, plan: Plan) -> Visit:
    """Send requests over all connections until the time is up, and return what was seen."""
    loop = asyncio.get_running_loop()
    seen = Visit()
    start = time.perf_counter()
    connections = []
    for number in range(plan.connections):
        _, connection = await loop.create_connection(
            lambda n=number: _Connection(place, plan, seen, n, start + plan.seconds),  # type: ignore[misc]  # mypy cannot infer a lambda's default
            "127.0.0.1",
            place.port,
            ssl=plan.tls,
            server_hostname="localhost",
        )
        connections.append(connection)
    _, late = await asyncio.wait(
        [connection.done for connection in connections],
        timeout=start + plan.seconds + 15 - time.perf_counter(),
    )
    for connection in connections:
        if connection.done in late:
            seen.failed("no answer within 15 s")
            connection.give_up()
    seen.seconds = time.perf_counter() - start
    return seen
