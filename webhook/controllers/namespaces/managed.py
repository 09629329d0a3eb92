"""The objects that were put into namespaces, as they are: followed for every kind that templates use."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from webhook.cluster.client import Api, ClusterError
from webhook.cluster.discovery import Discovery, Resource
from webhook.cluster.watch import Watcher
from webhook.controllers.namespaces.live import Live, LiveObjects
from webhook.core.model.marks import HASH, MANAGED
from webhook.core.model.objects import JsonObject
from webhook.core.model.world import annotations
from webhook.core.provisioning.reconciliation.inventory import Item

_PATIENCE = 5.0
"""Seconds after its first use for which a kind's list is waited for."""

_POLL = 0.01


class NotServedError(ClusterError):
    """The API server knows no such kind, or not in namespaces."""


class NotListedError(ClusterError):
    """The objects of a kind have not been listed yet."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one wanted object belongs, and what is there."""

    resource: Resource
    namespace: str
    item: Item
    kind: LiveObjects

    @property
    def path(self) -> str:
        """The URL path of the object."""
        return self.resource.path(self.namespace, self.item.name)

    @property
    def live(self) -> Live | None:
        """What is there, as far as is known."""
        return self.kind.get((self.namespace, self.item.name))

    def is_in_place(self, wanted: JsonObject, *, sealed: bool) -> bool:
        """Tell whether what is there is what is wanted; if `sealed`, and nothing besides."""
        live = self.live
        if live is None or live.terminating or (sealed and live.intruders):
            return False
        wanted_hash = annotations(wanted).get(HASH, "")
        key = self.namespace, self.item.name
        return self.kind.is_settled(key, live, wanted_hash) or live.is_as(wanted)

    def wrote(self, answer: JsonObject) -> Live:
        """Remember what the API server returned."""
        live = Live.of(answer)
        self.kind.wrote((self.namespace, self.item.name), live)
        return live


@dataclass(frozen=True, slots=True)
class _Followed:
    kind: LiveObjects
    watcher: Watcher[Any]
    since: float


class ManagedObjects:
    """Everything that carries our marker, of each kind that was asked for.

    Args:
        api: the way to the API server.
        changed: hears the namespace of each object that is new, has changed or is gone.
    """

    def __init__(self, api: Api, changed: Callable[[str], None]) -> None:
        self._api = api
        self._changed = changed
        self.discovery = Discovery(api)
        self._kinds: dict[tuple[str, str], _Followed] = {}
        self._adding = threading.Lock()
        self._ending = False

    def place(self, namespace: str, item: Item) -> Place:
        """Return where an object belongs, with all that is known of what is there.

        Raises:
            NotServedError: the API server does not serve its kind in namespaces.
            NotListedError: what is there could not be listed in time.
            ClusterError: the API server gave no answer.
        """
        resource = self.discovery.find(item.api_version, item.kind)
        if resource is None:
            raise NotServedError(f"the cluster serves no kind {item.kind} of {item.api_version}")
        if not resource.namespaced:
            raise NotServedError(f"{item.kind} of {item.api_version} belongs to no namespace")
        followed = self._follow(resource)
        while not followed.watcher.synced:
            if time.monotonic() > followed.since + _PATIENCE or self._ending:
                raise NotListedError(f"{resource.plural}: {followed.watcher.problem}")
            time.sleep(_POLL)
        return Place(resource, namespace, item, followed.kind)

    def forget(self, namespace: str) -> None:
        """Forget what was written in a namespace that is gone."""
        for followed in tuple(self._kinds.values()):
            followed.kind.forget(namespace)

    def stop(self) -> None:
        """Stop following."""
        self._ending = True
        with self._adding:
            for followed in self._kinds.values():
                followed.watcher.stop()

    def ages(self) -> Iterator[tuple[str, float]]:
        """Yield each watch with the seconds since it was last in step."""
        for followed in tuple(self._kinds.values()):
            yield followed.watcher.resource, followed.watcher.age

    def _follow(self, resource: Resource) -> _Followed:
        key = resource.api_version, resource.kind
        with self._adding:
            if key not in self._kinds:
                kind = LiveObjects(resource, self._changed)
                watcher = Watcher(
                    self._api,
                    f"provisioned {resource.plural}",
                    resource.collection(),
                    kind,
                    selector=f"{MANAGED}=true",
                    optional=True,
                )
                self._kinds[key] = _Followed(kind, watcher, time.monotonic())
                if not self._ending:
                    watcher.start()
            return self._kinds[key]
