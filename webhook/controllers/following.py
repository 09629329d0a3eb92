"""What controllers have in common that follow watches for as long as they run."""

from collections.abc import Sequence
from typing import Any

from webhook.cluster.watch import Watcher
from webhook.controllers.loop import Context, Enqueue


class Following:
    """A controller that looks at everything when it begins, and whenever policies change.

    A subclass puts into `_watchers` what it follows.

    Args:
        context: what every controller works with.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._enqueue: Enqueue = lambda key: None
        self._watchers: Sequence[Watcher[Any]] = ()

    def start(self, enqueue: Enqueue) -> None:
        """Follow the cluster from now on, and look at everything that is known without it."""
        self._enqueue = enqueue
        for watcher in self._watchers:
            watcher.start()
        self.resync()

    def stop(self) -> None:
        """Stop following."""
        for watcher in self._watchers:
            watcher.stop()

    @property
    def synced(self) -> bool:
        """Whether everything that is followed was listed once."""
        return all(watcher.synced for watcher in self._watchers)

    def policies_changed(self) -> None:
        """Look at everything: it may be wanted otherwise now."""
        self.resync()

    def resync(self) -> None:
        """Look at everything."""
        raise NotImplementedError
