"""Namespaces and ConfigMaps with uids and resourceVersions, in memory: what `Ranges` asks of an Api."""

import copy
import itertools
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from webhook.cluster.client import ApiError

Object = dict[str, Any]
T = TypeVar("T")

NAMESPACES = "/api/v1/namespaces"


class MemoryApi:
    """An API server of one process.

    `before` is told of each request, as `("GET", path)`, before anything is done about it, and
    `after` once it has been done; what they raise is what the caller gets. `merged` holds each
    merge patch that was done: the uid, the annotations that were there, those in the patch.
    """

    def __init__(self) -> None:
        self.objects: dict[str, Object] = {}
        self.before: Callable[[str, str], None] = lambda verb, path: None
        self.after: Callable[[str, str], None] = lambda verb, path: None
        self.requests: list[tuple[str, str]] = []
        self.merged: list[tuple[str, Object, Object]] = []
        self._versions = itertools.count(1)
        self._uids = itertools.count(1)
        self._pages: dict[str, list[Object]] = {}

    # As an administrator

    def create(self, path: str, **metadata: Any) -> Object:
        metadata = {"uid": f"uid-{next(self._uids)}", **metadata}
        metadata["creationTimestamp"] = f"2026-01-01T00:00:{next(self._versions):05}Z"
        self.objects[path] = {"metadata": {"name": path.rpartition("/")[2], **metadata}}
        return self.changed(path)

    def namespace(self, name: str, annotations: Mapping[str, str] | None = None) -> Object:
        return self.create(f"{NAMESPACES}/{name}", annotations=dict(annotations or {}))

    def changed(self, path: str) -> Object:
        self.objects[path]["metadata"]["resourceVersion"] = str(next(self._versions))
        return copy.deepcopy(self.objects[path])

    def annotate(self, name: str, changes: Mapping[str, str | None]) -> None:
        annotations = self.objects[f"{NAMESPACES}/{name}"]["metadata"]["annotations"]
        annotations |= changes
        for key in [key for key, value in annotations.items() if value is None]:
            del annotations[key]
        self.changed(f"{NAMESPACES}/{name}")

    def annotations(self, name: str) -> dict[str, str]:
        found: dict[str, str] = self.objects[f"{NAMESPACES}/{name}"]["metadata"]["annotations"]
        return found

    # As a client

    def find(self, path: str, *, timeout: float) -> Object | None:
        return self._answer("GET", path, lambda: copy.deepcopy(self.objects.get(path)))

    def get(self, path: str, query: Mapping[str, Any] | None = None, *, timeout: float) -> Object:
        query = query or {}

        def listed() -> Object:
            items = self._pages.pop(str(query.get("continue")), None)
            if items is None:
                items = [
                    copy.deepcopy(found)
                    for place, found in self.objects.items()
                    if place.rpartition("/")[0] == path
                ]
            limit = int(query.get("limit", len(items)))
            page: Object = {"metadata": {}, "items": items[:limit]}
            if items[limit:]:
                token = page["metadata"]["continue"] = str(next(self._versions))
                self._pages[token] = items[limit:]
            return page

        return self._answer("GET", path, listed)

    def post(self, path: str, body: Object, *, timeout: float) -> Object:
        place = f"{path}/{body['metadata']['name']}"

        def created() -> Object:
            if place in self.objects:
                raise ApiError("already exists", 409)
            return self.create(place)

        return self._answer("POST", path, created)

    def put(self, path: str, body: Object, *, timeout: float) -> Object:
        def replaced() -> Object:
            self._pinned(path, body)
            self.objects[path] = copy.deepcopy(body)
            return self.changed(path)

        return self._answer("PUT", path, replaced)

    def merge(self, path: str, body: Object, *, timeout: float) -> Object:
        def patched() -> Object:
            self._pinned(path, body)
            annotations = body["metadata"]["annotations"]
            was = copy.deepcopy(self.objects[path]["metadata"])
            self.annotate(path.rpartition("/")[2], annotations)
            self.merged.append((was["uid"], was["annotations"], annotations))
            return copy.deepcopy(self.objects[path])

        return self._answer("PATCH", path, patched)

    def _pinned(self, path: str, body: Object) -> None:
        if path not in self.objects:
            raise ApiError("not found", 404)
        metadata = self.objects[path]["metadata"]
        for key in ("uid", "resourceVersion"):
            if body["metadata"].get(key, metadata[key]) != metadata[key]:
                raise ApiError(f"another {key}", 409)

    def _answer(self, verb: str, path: str, work: Callable[[], T]) -> T:
        self.before(verb, path)
        self.requests.append((verb, path))
        answer = work()
        self.after(verb, path)
        return answer
