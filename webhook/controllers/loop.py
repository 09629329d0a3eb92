"""The shape of a controller; `run.py` runs all of them while this process leads."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from webhook.cluster.client import Api
from webhook.cluster.events import Events
from webhook.log import Lines
from webhook.metrics import Metrics, Reading
from webhook.store import PolicyStore

Enqueue = Callable[[str], None]
"""Says that a key is to be reconciled; may be called at any time, from any thread."""


@dataclass(frozen=True, slots=True)
class Context:
    """What every controller works with; threads may share it.

    `namespace` is tenantgate's own, `identity` the name under which this replica leads.
    """

    api: Api
    store: PolicyStore
    events: Events
    lines: Lines
    metrics: Metrics
    namespace: str
    identity: str


class Controller(Protocol):
    """One concern, reconciled key by key.

    A key is worked on by one thread at a time. Several keys may be worked on at once.
    """

    name: str

    def start(self, enqueue: Enqueue) -> None:
        """Begin to follow the cluster: called once, when this replica has become the leader."""
        ...

    def stop(self) -> None:
        """End what `start` began; returns soon."""
        ...

    @property
    def synced(self) -> bool:
        """Whether everything was listed once; before that nothing is reconciled."""
        ...

    def policies_changed(self) -> None:
        """Another policy set is in force: enqueue what it concerns."""
        ...

    def resync(self) -> None:
        """Enqueue everything: called every ten minutes, in case something was missed."""
        ...

    def reconcile(self, key: str) -> float | None:
        """Bring one key to what it should be; return seconds after which it is due again, if ever.

        Raises:
            ClusterError: it is tried again, later each time.
        """
        ...


@runtime_checkable
class Gauged(Protocol):
    """A controller that has something to show, besides what every one shows."""

    def readings(self) -> Iterable[Reading]:
        """Return how things are, as gauges."""
        ...
