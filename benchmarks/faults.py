"""What is done to a running tenantgate: edits, rotations, killed workers, an API server that restarts.

Each fault notes when it was, so that a failed request can be told from an unexplained one.
"""

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from benchmarks.mount import Mount
from benchmarks.verdicts import Edits, Windows
from tests.cluster.envtest import ControlPlane
from tests.cluster.process import Process

WORKER_SECONDS = 5.0
"""After a worker was killed, requests that it had may fail for so long."""

API_SECONDS = 10.0
"""After the API server answers again, it may still be without its caches for so long."""

BROKEN = (
    "apiVersion: tenantgate.io/v1\nkind: Tenant\nmetadata: {name: soak}\nspec: {ownrs: []}\n",
    "apiVersion: tenantgate.io/v1\nkind: Tenant\nmetadata: {name: soak\n",
    "kind: Tenant\nkind: Tenant\n",
)
"""Policy files that do not load: a slip of the pen, a line cut short, a key twice."""


class Faults:
    """Everything that goes wrong on purpose, each on a thread of its own until `stop`."""

    def __init__(self, windows: Windows, edits: Edits) -> None:
        self.counts: Counter[str] = Counter()
        self.errors: list[str] = []
        self._windows = windows
        self._edits = edits
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._dice = random.Random(20)  # noqa: S311 - the same faults in every run

    def every(self, seconds: float, what: str, act: Callable[[], None]) -> None:
        """Do something again and again; whatever it raises is noted, and ends nothing."""

        def run() -> None:
            while not self._stopping.wait(seconds):
                try:
                    act()
                    self.counts[what] += 1
                except Exception as error:  # noqa: BLE001 - noted, and told at the end
                    self.errors.append(f"{what}: {error}")

        thread = threading.Thread(target=run, name=what, daemon=True)
        self._threads.append(thread)
        thread.start()

    def stop(self) -> None:
        """End them all."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(60)

    def edit(self, mount: Mount, policies: Callable[[bool], dict[str, bytes]]) -> None:
        """Put another set of policies on disk, one in five of them broken."""
        granted = bool(self._dice.getrandbits(1))
        files = policies(granted)
        if self._dice.random() < 0.2:
            files["tenant.yaml"] = self._dice.choice(BROKEN).encode()
            mount.put(files)
            self.counts["broken edits"] += 1
            return
        self._edits.put(granted)
        mount.put(files)

    def kill_worker(self, serve: Process) -> None:
        """Kill one of the webhook's worker processes."""
        workers = serve.workers()
        if not workers:
            return
        start = time.monotonic()
        with suppress(ProcessLookupError):
            os.kill(self._dice.choice(workers), signal.SIGKILL)
        self._windows.add("a killed worker", start, start + WORKER_SECONDS)

    def restart_api(self, plane: ControlPlane) -> None:
        """Kill the API server, or tell it to end, and start it again."""
        what = "a restart of the API server"
        self._windows.add(what, time.monotonic())
        if self.counts["API server restarts"] % 2:
            plane.stop_api()
        else:
            plane.api.kill()
        plane.start_api()
        self._windows.end(what, time.monotonic() + API_SECONDS)
