"""The API as anybody may call it: any verb, any subresource, any kind of patch."""

import http.client
import json
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from tests.cluster.cluster import Cluster
from tests.cluster.tenancy.world import groups_of

PATCHES = {
    "json patch": "application/json-patch+json",
    "merge patch": "application/merge-patch+json",
    "strategic merge patch": "application/strategic-merge-patch+json",
    "server-side apply": "application/apply-patch+yaml",
}


@dataclass(frozen=True)
class Answer:
    """What the API server answered."""

    status: int
    body: Any
    warnings: tuple[str, ...]

    @property
    def message(self) -> str:
        """What it said, where it says something."""
        return str(self.body.get("message", "")) if isinstance(self.body, Mapping) else self.body


class Api:
    """Sends requests as users whose certificates the cluster's authority signs."""

    def __init__(self, cluster: Cluster) -> None:
        self._plane = cluster.plane
        self._lock = Lock()
        self._contexts: dict[tuple[str, Sequence[str]], ssl.SSLContext] = {}

    def __call__(
        self,
        user: str,
        method: str,
        path: str,
        body: object = None,
        patch: str = "",
        groups: Sequence[str] | None = None,
    ) -> Answer:
        """Send one request; never raises for what the server says.

        Args:
            user: whom to act as, "" for nobody; the groups come with the name, unless given.
            method: of HTTP.
            path: with its query.
            body: an object, sent as JSON.
            patch: which kind of patch the body is, in the words of `PATCHES`.
            groups: in place of those that go with the user.
        """
        context = self._context(user, groups_of(user) if groups is None else groups)
        address = urlsplit(self._plane.url)
        link = http.client.HTTPSConnection(
            str(address.hostname), address.port, context=context, timeout=30
        )
        try:
            kind = PATCHES[patch] if patch else "application/json"
            sent = None if body is None else json.dumps(body)
            link.request(method, path, sent, {"Content-Type": kind, "Accept": "application/json"})
            answer = link.getresponse()
            text = answer.read().decode(errors="replace")
            warnings = tuple(
                value for key, value in answer.getheaders() if key.lower() == "warning"
            )
            return Answer(answer.status, _parsed(text), warnings)
        finally:
            link.close()

    def _context(self, user: str, groups: Sequence[str]) -> ssl.SSLContext:
        key = user, tuple(groups)
        with self._lock:
            if key not in self._contexts:
                self._contexts[key] = self._made(user, groups)
            return self._contexts[key]

    def _made(self, user: str, groups: Sequence[str]) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self._plane.ca)
        if user:
            pair = self._plane.client(user, groups)
            file = self._plane.folder / f"{uuid4()}.pem"
            file.write_bytes(pair.certificate + pair.key)
            context.load_cert_chain(file)
        return context


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
