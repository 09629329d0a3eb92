"""Pods with known verdicts, sent without end through an API server; every answer is accounted for.

An answer is right, or wrong, or a failure. A failure is explained by a fault that was under way, or
it is unexplained, which counts as badly as a wrong one.
"""

import itertools
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from webhook.cluster.client import Api, ApiError, ClusterError, path_of

Verdict = Literal["admit", "refuse", "by registry"]

SLACK_SECONDS = 4.0
"""After an edit either verdict is right for so long: 2 s to take it up, the rest for this machine."""

_BREATH = 0.1
"""Seconds between a failure and the next attempt."""

_LATENCIES = 200_000


@dataclass(frozen=True, slots=True)
class Case:
    """A pod and what is to become of it; `marker` is in the refusal."""

    name: str
    pod: Mapping[str, Any]
    verdict: Verdict
    marker: str = ""


def pod(
    security: Mapping[str, Any] | None = None,
    image: str = "registry.example.com/app:1",
    **spec: Any,
) -> Mapping[str, Any]:
    """Return the spec of a pod with one container."""
    container: dict[str, Any] = {"name": "app", "image": image}
    if security is not None:
        container["securityContext"] = dict(security)
    return {"containers": [container], **spec}


CASES = (
    Case("plain", pod(), "admit"),
    Case("many", pod(volumes=[{"name": "tmp", "emptyDir": {}}], restartPolicy="Never"), "admit"),
    Case("privileged", pod({"privileged": True}), "refuse", "privileged"),
    Case("root", pod({"runAsUser": 0}), "refuse", "runAsUser"),
    Case("host-network", pod(hostNetwork=True), "refuse", "hostNetwork"),
    Case("host-pid", pod(hostPID=True), "refuse", "hostPID"),
    Case(
        "host-path",
        pod(volumes=[{"name": "host", "hostPath": {"path": "/"}}]),
        "refuse",
        "hostPath",
    ),
    Case(
        "capability",
        pod({"capabilities": {"add": ["SYS_ADMIN"]}}),
        "refuse",
        "SYS_ADMIN",
    ),
    Case("escalation", pod({"allowPrivilegeEscalation": True}), "refuse", "Escalation"),
    Case("registry", pod(image="other.example.com/app:1"), "by registry", "other.example.com"),
)


@dataclass(slots=True)
class Edits:
    """When which policies were put on disk; a broken set changes nothing."""

    granted: list[tuple[float, bool]] = field(default_factory=list)

    def put(self, granted: bool) -> None:
        """Note a set that loads, and whether it grants the other registry."""
        self.granted.append((time.monotonic(), granted))

    def allowed(self, start: float, end: float) -> frozenset[bool]:
        """Return what the verdict on the other registry may be, between two moments."""
        possible: set[bool] = set()
        for index, (since, granted) in enumerate(self.granted):
            last = index + 1 == len(self.granted)
            until = float("inf") if last else self.granted[index + 1][0] + SLACK_SECONDS
            if since <= end and start <= until:
                possible.add(granted)
        return frozenset(possible)


@dataclass(slots=True)
class Windows:
    """When something was broken on purpose, by what it was."""

    spans: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def add(self, what: str, start: float, end: float = float("inf")) -> None:
        """Note that something was broken for a while, or is until `end`."""
        self.spans.setdefault(what, []).append((start, end))

    def end(self, what: str, end: float) -> None:
        """Note until when the last of its kind went on."""
        start, _ = self.spans[what][-1]
        self.spans[what][-1] = (start, end)

    def over(self, start: float, end: float) -> Iterator[str]:
        """Yield what was broken at some time between two moments."""
        for what, spans in self.spans.items():
            if any(since <= end and start <= until for since, until in spans):
                yield what


@dataclass
class Tally:
    """What became of every request."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def right(self, what: str, seconds: float) -> None:
        """Count an answer that is right."""
        with self._guard:
            self.counts[what] += 1
            if len(self.latencies) < _LATENCIES:
                self.latencies.append(seconds)

    def failed(self, why: str) -> None:
        """Count a failure that a fault explains."""
        with self._guard:
            self.counts[why] += 1

    def bad(self, kind: Literal["wrong", "unexplained"], what: str) -> None:
        """Count what must not happen."""
        with self._guard:
            self.counts[kind] += 1
            (self.wrong if kind == "wrong" else self.unexplained).append(what)


_NOT_OURS = re.compile(
    r"failed calling webhook|connection refused|connection reset|EOF|timed out|timeout|"
    r"not evaluated|cannot create resource|starting up|being terminated|shutting down|"
    r"service unavailable|Too Many Requests|Remote end closed|broken pipe",
    re.IGNORECASE,
)
"""How a request fails that was not decided by a policy."""


class Load:
    """Threads of one tenant, each of which creates pods and deletes them again."""

    def __init__(
        self,
        connect: Callable[[], Api],
        namespace: str,
        edits: Edits,
        windows: Windows,
        tally: Tally,
    ) -> None:
        self._connect = connect
        self._path = path_of("api", "v1", "namespaces", namespace, "pods")
        self._edits = edits
        self._windows = windows
        self._tally = tally
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, threads: int) -> None:
        """Begin."""
        for number in range(threads):
            thread = threading.Thread(target=self._run, args=(number,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """End, once what is under way has been answered."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(30)

    def _run(self, number: int) -> None:
        api = self._connect()
        cases = itertools.cycle(CASES[number % len(CASES) :] + CASES[: number % len(CASES)])
        for index, case in enumerate(cases):
            if self._stopping.is_set():
                return
            self._one(api, case, f"{case.name}-{number}-{index}")

    def _one(self, api: Api, case: Case, name: str) -> None:
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name},
            "spec": case.pod,
        }
        start = time.monotonic()
        try:
            made = api.post(self._path, body, timeout=15)
        except ClusterError as error:
            self._refused(case, name, start, error)
            return
        self._admitted(case, made, start)
        with suppress(ClusterError):  # it is looked at again at the end
            api.delete(f"{self._path}/{name}", {"gracePeriodSeconds": 0}, timeout=15)

    def _admitted(self, case: Case, made: Any, start: float) -> None:
        end = time.monotonic()
        fine = case.verdict == "admit" or (
            case.verdict == "by registry" and True in self._edits.allowed(start, end)
        )
        if not fine:
            self._tally.bad("wrong", f"{case.name} was admitted")
            return
        problem = unlike_restricted(made)
        if problem:
            self._tally.bad("wrong", f"{case.name} was admitted as {problem}")
        else:
            self._tally.right("admitted", end - start)

    def _refused(self, case: Case, name: str, start: float, error: ClusterError) -> None:
        end, text = time.monotonic(), str(error)
        status = error.status if isinstance(error, ApiError) else 0
        decided = "denied the request" in text and "not evaluated" not in text and status == 403
        if decided:
            fine = (case.verdict == "refuse" and case.marker in text) or (
                case.verdict == "by registry"
                and case.marker in text
                and False in self._edits.allowed(start, end)
            )
            if fine:
                self._tally.right("refused", end - start)
            else:
                self._tally.bad("wrong", f"{case.name} was refused: {text}")
            return
        if status == 409:  # the attempt before it had come through after all
            self._tally.failed("there already, after an answer that was lost")
            return
        faults = sorted(self._windows.over(start, end))
        if faults and (status in (0, 429, 500, 502, 503, 504) or _NOT_OURS.search(text)):
            self._tally.failed(f"failed during: {', '.join(faults)}")
            time.sleep(_BREATH)
        else:
            self._tally.bad("unexplained", f"{name}: {status} {text}")


def unlike_restricted(made: Any) -> str:
    """Return in what a stored pod is not as `restricted-v2` leaves it, or nothing."""
    metadata, spec = made.get("metadata") or {}, made.get("spec") or {}
    if (metadata.get("annotations") or {}).get("openshift.io/scc") != "restricted-v2":
        return f"under SCC {(metadata.get('annotations') or {}).get('openshift.io/scc')}"
    if any(spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")):
        return "a pod of the host's"
    for container in spec.get("containers") or ():
        context = container.get("securityContext") or {}
        if context.get("privileged") or context.get("allowPrivilegeEscalation") is not False:
            return "privileged, or able to become it"
        if not context.get("runAsUser"):
            return "root, or whatever the image says"
        if (context.get("capabilities") or {}).get("drop") != ["ALL"]:
            return "with capabilities"
    if any("hostPath" in volume for volume in spec.get("volumes") or ()):
        return "with a path of the host"
    return ""
