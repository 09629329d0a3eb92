"""An API server of a few lines, which can be made to misbehave as a real one rarely does."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Object = dict[str, Any]

NAMESPACES = "/api/v1/namespaces"
ACCOUNTS = "/api/v1/serviceaccounts"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
PATHS = (
    NAMESPACES,
    ACCOUNTS,
    *(
        f"{RBAC}/{name}"
        for name in ("roles", "rolebindings", "clusterroles", "clusterrolebindings")
    ),
)


class FakeApi:
    """Lists, watches, single objects and access reviews, over plain HTTP on loopback.

    `faults` maps a path to the status and message it is refused with, or `WATCH path` for its
    watches alone; `ahead` is by how many seconds its clock is wrong; `single` and `raw` hold what other paths answer. While `gate` is cleared no request is answered. `review` answers access reviews.
    """

    def __init__(self) -> None:
        self.version = 100
        self.oldest = 0
        self.objects: dict[str, dict[tuple[str, str], Object]] = {path: {} for path in PATHS}
        self.single: dict[str, Object] = {}
        self.raw: dict[str, bytes] = {}
        self.faults: dict[str, tuple[int, str]] = {}
        self.ahead = 0.0
        self.gate = threading.Event()
        self.gate.set()
        self.review: Callable[[Object], Object] = lambda spec: {"allowed": False}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.headers: list[Message] = []
        self.reviews: list[Object] = []
        self._events: list[tuple[str, int, bytes]] = []
        self._changed = threading.Condition()
        self._epoch = 0
        self._port = 0
        self._server: ThreadingHTTPServer | None = None

    # Up and down

    def start(self) -> None:
        handler = type("Handler", (_Handler,), {"api": self})
        self._server = _Server(("127.0.0.1", self._port), handler)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        assert self._server
        self._server.shutdown()
        self._server.server_close()
        self.drop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def kubeconfig(self, folder: Path) -> Path:
        file = folder / "kubeconfig"
        cluster = {"name": "fake", "cluster": {"server": self.url}}
        context = {"name": "fake", "context": {"cluster": "fake", "user": "me"}}
        file.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "clusters": [cluster],
                    "contexts": [context],
                    "users": [{"name": "me", "user": {"token": "secret"}}],
                    "current-context": "fake",
                }
            )
        )
        return file

    # Objects

    def put(self, path: str, obj: Object, *, told: bool = True) -> None:
        """Store an object; with `told` false, watches never hear of it."""
        with self._changed:
            self.version += 1
            metadata = {**obj["metadata"], "resourceVersion": str(self.version)}
            obj = {**obj, "metadata": metadata}
            key = metadata.get("namespace", ""), metadata["name"]
            kind = "MODIFIED" if key in self.objects[path] else "ADDED"
            self.objects[path][key] = obj
            if told:
                self._tell(path, {"type": kind, "object": obj})

    def delete(self, path: str, name: str, namespace: str = "") -> None:
        with self._changed:
            self.version += 1
            obj = self.objects[path].pop((namespace, name))
            obj["metadata"]["resourceVersion"] = str(self.version)
            self._tell(path, {"type": "DELETED", "object": obj})

    def forget(self) -> None:
        """Compact: no watch can start from what was before now."""
        self.version += 1
        self.oldest = self.version

    def restore(self, version: int) -> None:
        """Be what an empty backup of that version holds."""
        self.version = version
        self._events.clear()
        for objects in self.objects.values():
            objects.clear()

    def say(self, path: str, line: bytes) -> None:
        """Write a line into the watches of a path."""
        with self._changed:
            self._events.append((path, self.version, line))
            self._changed.notify_all()

    def drop(self) -> None:
        """Break every open watch off."""
        with self._changed:
            self._epoch += 1
            self._changed.notify_all()

    def lists(self, path: str) -> int:
        """Return how often a path was listed from its beginning."""
        return sum(
            1
            for asked, query in self.requests
            if asked == path and "watch" not in query and "continue" not in query
        )

    def watches(self, path: str) -> list[str]:
        """Return the versions that watches of a path started from."""
        return [
            q["resourceVersion"] for asked, q in self.requests if asked == path and "watch" in q
        ]

    def events(self, path: str, version: int) -> Iterator[bytes]:
        """Yield a watch's lines until it is broken off."""
        epoch, place = self._epoch, 0
        while True:
            with self._changed:
                while place == len(self._events) and epoch == self._epoch:
                    self._changed.wait()
                if epoch != self._epoch:
                    return
                about, since, line = self._events[place]
                place += 1
            if about == path and since > version:
                yield line

    def _tell(self, path: str, event: Object) -> None:
        self._events.append((path, self.version, json.dumps(event).encode()))
        self._changed.notify_all()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that gave up is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    api: FakeApi

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        return

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string(time.time() + self.api.ahead)

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = dict(parse_qsl(url.query))
        self.api.requests.append((url.path, query))
        self.api.headers.append(self.headers)
        self.api.gate.wait()
        fault = self.api.faults.get(url.path)
        if "watch" in query:
            fault = fault or self.api.faults.get(f"WATCH {url.path}")
        if fault:
            self._status(*fault)
        elif url.path not in self.api.objects:
            self._one(url.path)
        elif "watch" in query:
            self._watch(url.path, int(query["resourceVersion"]))
        else:
            self._list(url.path, int(query.get("limit", "0")), int(query.get("continue", "0")))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.api.reviews.append(body["spec"])
        self.api.gate.wait()
        if fault := self.api.faults.get(self.path):
            self._status(*fault)
        else:
            self._json(201, {**body, "status": self.api.review(body["spec"])})

    def _one(self, path: str) -> None:
        if path in self.api.raw:
            self._send(200, self.api.raw[path])
            return
        found = self.api.single.get(path)
        parent, _, name = path.rpartition("/")
        found = found or self.api.objects.get(parent, {}).get(("", name))
        if found:
            self._json(200, found)
        else:
            self._status(404, f"{name} not found")

    def _list(self, path: str, limit: int, start: int) -> None:
        items = list(self.api.objects[path].values())
        end = start + limit if limit else len(items)
        metadata = {"resourceVersion": str(self.api.version)}
        if end < len(items):
            metadata["continue"] = str(end)
        self._json(200, {"metadata": metadata, "items": items[start:end]})

    def _watch(self, path: str, version: int) -> None:
        if version > self.api.version:
            self._status(504, "Timeout: Too large resource version")
            return
        if version < self.api.oldest:
            self._status(410, "too old resource version")
            return
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for line in self.api.events(path, version):
                self.wfile.write(b"%x\r\n%s\n\r\n" % (len(line) + 1, line))
        except OSError:
            pass
        self.close_connection = True

    def _status(self, code: int, message: str) -> None:
        self._json(code, {"kind": "Status", "code": code, "message": message})

    def _json(self, code: int, value: Object) -> None:
        self._send(code, json.dumps(value).encode())

    def _send(self, code: int, data: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
