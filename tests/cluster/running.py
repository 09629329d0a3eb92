"""Controllers at work in the test's own process, with policies that a test can change."""

import os
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.cluster import ADMIN, Cluster
from webhook.cluster.client import connect
from webhook.cluster.events import Events
from webhook.controllers.loop import Context, Controller
from webhook.controllers.run import Loop
from webhook.core.policyset import PolicySet
from webhook.log import Lines
from webhook.metrics import Metrics
from webhook.store import PolicyStore

SCCS = Path(__file__).parents[2] / "policies" / "scc"


def document(kind: str, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return a policy of one of our own kinds."""
    return {
        "apiVersion": "tenantgate.io/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": dict(spec),
    }


class Running:
    """Controllers between `start` and `stop`, as the leader would run them.

    They act as the administrator, or as another user. `policies` are documents by the name of their file, beside the
    shipped SCCs; `metrics` is what they count with.
    """

    def __init__(
        self,
        cluster: Cluster,
        folder: Path,
        make: Callable[[Context], Iterable[Controller]],
        policies: Mapping[str, Mapping[str, Any]],
        user: str = ADMIN,
    ) -> None:
        self._folder = folder
        self._make = make
        self._api = connect(cluster.kubeconfig(user))
        self.metrics = Metrics()
        self._events = Events(self._api)
        self._events.start()
        self._lines = Lines(os.open(os.devnull, os.O_WRONLY))
        self._write(policies)
        self._store = PolicyStore([folder, SCCS])
        self._loops: list[Loop] = []

    def __getitem__(self, name: str) -> Any:
        """Return one of the controllers."""
        (found,) = [loop.controller for loop in self._loops if loop.controller.name == name]
        return found

    @property
    def policies(self) -> PolicySet:
        """The policy set in force."""
        return self._store.current

    def start(self) -> None:
        """Begin, as a process that has just become the leader."""
        context = Context(
            self._api,
            self._store,
            self._events,
            self._lines,
            self.metrics,
            "tenantgate-system",
            "test",
        )
        self._loops = [Loop(context, controller, workers=2) for controller in self._make(context)]
        for loop in self._loops:
            loop.start()

    def stop(self) -> None:
        """End, and forget all that was in memory."""
        for loop in self._loops:
            loop.end()
        for loop in self._loops:
            assert loop.join(time.monotonic() + 20), f"{loop.controller.name} does not end"
            loop.controller.stop()
        self._loops = []

    def close(self) -> None:
        """End for good."""
        self.stop()
        self._events.stop()
        self._lines.close()
        self._api.close()

    def change(self, policies: Mapping[str, Mapping[str, Any] | None]) -> None:
        """Change policy files, all at once; None takes one away."""
        self._write(policies)
        self._store.refresh()
        assert not self._store.problem, self._store.problem
        for loop in self._loops:
            loop.controller.policies_changed()

    def _write(self, policies: Mapping[str, Mapping[str, Any] | None]) -> None:
        for name, policy in policies.items():
            file = self._folder / f"{name}.yaml"
            if policy is None:
                file.unlink(missing_ok=True)
            else:
                file.write_text(yaml.safe_dump(policy))
