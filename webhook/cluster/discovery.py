"""Where the API server keeps a kind: its URL path, and whether it lives in namespaces.

Found by the server's own discovery, and remembered. A kind that is not served is looked for again
soon, as its CustomResourceDefinition may be about to be installed.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from webhook.cluster.client import Api, path_of

LIFETIME = 600.0
"""Seconds for which a found kind is believed in."""

ABSENT = 5.0
"""Seconds after which a kind that was not found is looked for again."""

_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind as the API server serves it: `plural` is its name in URLs and in RBAC."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool

    @property
    def api_version(self) -> str:
        """The `apiVersion` of its objects."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def collection(self, namespace: str = "") -> str:
        """Return the URL path of its objects, those of one namespace or all."""
        root = ("apis", self.group) if self.group else ("api",)
        within = ("namespaces", namespace) if namespace else ()
        return path_of(*root, self.version, *within, self.plural)

    def path(self, namespace: str, name: str) -> str:
        """Return the URL path of one object."""
        return self.collection(namespace) + path_of(name)


class Discovery:
    """The kinds of one API server; threads share it.

    Args:
        api: the way to the API server.
        clock: the time in seconds, from anywhere.
    """

    def __init__(self, api: Api, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._clock = clock
        self._known: dict[str, tuple[float, Mapping[str, Resource]]] = {}
        self._asking = threading.Lock()

    def find(self, api_version: str, kind: str) -> Resource | None:
        """Return where a kind is served; None where it is not.

        Raises:
            ClusterError: the API server gave no answer.
        """
        known = self._current(api_version, kind)
        if known is None:
            with self._asking:
                known = self._current(api_version, kind)
                if known is None:
                    known = self._ask(api_version)
                    self._known[api_version] = self._clock(), known
        return known.get(kind)

    def _current(self, api_version: str, kind: str) -> Mapping[str, Resource] | None:
        asked, known = self._known.get(api_version, (float("-inf"), {}))
        lifetime = LIFETIME if kind in known else ABSENT
        return known if self._clock() < asked + lifetime else None

    def _ask(self, api_version: str) -> Mapping[str, Resource]:
        group, _, version = api_version.rpartition("/")
        path = path_of("apis", group, version) if group else path_of("api", version)
        found = self._api.find(path, timeout=_TIMEOUT)
        listed = found.get("resources") if isinstance(found, dict) else None
        return {
            item["kind"]: Resource(
                group, version, item["kind"], item["name"], item.get("namespaced") is True
            )
            for item in listed or ()
            if _is_resource(item)
        }


def _is_resource(item: Any) -> bool:
    """Tell a resource that can be written from subresources and reviews."""
    return (
        isinstance(item, dict)
        and isinstance(item.get("kind"), str)
        and isinstance(item.get("name"), str)
        and "/" not in item["name"]
        and {"get", "patch"} <= set(item.get("verbs") or ())
    )
