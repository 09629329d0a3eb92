"""The ledger of uid ranges is gone over: when this replica begins to lead, and every eight hours."""

from collections.abc import Iterable

from webhook.controllers.loop import Context, Enqueue
from webhook.controllers.ranges.claims import REPAIR_EVERY, Ranges
from webhook.core.platform import SccSettings
from webhook.metrics import Reading

_KEY = "ledger"


class LedgerRepair:
    """Rebuilds the ledger, and tells of namespaces whose ranges have ids in common."""

    name = "ranges"

    def __init__(self, context: Context, ranges: Ranges) -> None:
        self._context = context
        self._ranges = ranges
        self._enqueue: Enqueue = lambda key: None
        self._repaired: SccSettings | None = None

    @property
    def synced(self) -> bool:
        """Always: it follows nothing."""
        return True

    def start(self, enqueue: Enqueue) -> None:
        """Repair as soon as this replica leads."""
        self._enqueue = enqueue
        enqueue(_KEY)

    def stop(self) -> None:
        """Nothing to end."""

    def policies_changed(self) -> None:
        """Repair if the ranges are others now."""
        if self._context.store.current.platform.scc != self._repaired:
            self._enqueue(_KEY)

    def resync(self) -> None:
        """Nothing to look at between repairs."""

    def readings(self) -> Iterable[Reading]:
        """Return how many blocks are free and taken."""
        return self._ranges.readings()

    def reconcile(self, key: str) -> float | None:
        """Repair the ledger; due again in eight hours."""
        settings = self._context.store.current.platform.scc
        for problem in self._ranges.repair(settings):
            metadata = {"name": problem.namespace, "uid": problem.uid}
            about = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
            self._context.events.emit(about, "Warning", problem.reason, problem.message)
        self._repaired = settings
        return REPAIR_EVERY
