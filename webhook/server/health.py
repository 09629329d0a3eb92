"""Whether the webhook is ready: each worker says how it is, the ops listener adds it up.

Workers leave their status in a folder, one small file each, written anew every second and
replaced in one step. A status that has gone stale is a worker that hangs, and counts as not ready.
"""

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from webhook.metrics import Reading
from webhook.ops import Check

STALE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Status:
    """How one worker is. Times are seconds since the epoch; `beat` is of the machine's own clock."""

    pid: int
    beat: float
    policies: str = ""
    policies_loaded: float = 0
    policy_problem: str = ""
    synced: bool = False
    cache_problem: str = ""
    leaf_expiry: float = 0
    ca_expiry: float = 0
    inflight: int = 0
    draining: bool = False
    cache_ages: Mapping[str, float] = field(default_factory=dict)


class StatusFolder:
    """The statuses of all workers of one `serve`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def write(self, status: Status) -> None:
        """Replace what a worker said before."""
        path = self._path(status.pid)
        new = path.with_suffix(".new")
        text = msgspec.json.encode(status)
        try:
            new.write_bytes(text)
            new.replace(path)
        except OSError:  # no room: the old one's is as good, and a page of it is taken already
            with path.open("r+b") as file:
                file.write(text.ljust(path.stat().st_size))

    def remove(self, pid: int) -> None:
        """Forget a worker that has ended."""
        self._path(pid).unlink(missing_ok=True)

    def read(self) -> list[Status]:
        """Return what every worker said last."""
        statuses = []
        for path in sorted(self._directory.glob("*.json")):
            with contextlib.suppress(OSError, msgspec.DecodeError):  # it has just ended
                statuses.append(msgspec.json.decode(path.read_bytes(), type=Status))
        return statuses

    def _path(self, pid: int) -> Path:
        return self._directory / f"{pid}.json"


def checks(statuses: Iterable[Status], workers: int) -> list[Check]:
    """Return the conditions of readiness: every worker must meet every one of them."""
    now, beat = time.time(), time.monotonic()
    found = list(statuses)
    fresh = [status for status in found if beat - status.beat <= STALE_SECONDS]
    hanging = [str(status.pid) for status in found if status not in fresh]
    if hanging:
        alive = f"no sign of life from worker {', '.join(hanging)}"
    elif len(fresh) < workers:
        alive = f"{len(fresh)} of {workers} workers have started"
    elif any(status.draining for status in fresh):
        alive = "shutting down"
    else:
        alive = ""
    expired = any(0 < status.leaf_expiry <= now for status in fresh)
    troubles = sorted({status.cache_problem for status in fresh if status.cache_problem})
    problems = {status.policy_problem for status in fresh if status.policy_problem}
    sets = ", ".join(sorted({status.policies for status in fresh if status.policies}))
    return [
        Check("workers", alive),
        Check(
            "policies",
            "" if fresh and all(status.policies for status in fresh) else "not loaded",
            f"{sets}, the last good set, is in use; the files on disk do not load: {problems.pop()}"
            if problems
            else sets,
        ),
        Check(
            "caches",
            "" if fresh and all(status.synced for status in fresh) else "not filled yet",
            "; ".join(troubles),
        ),
        Check(
            "certificate",
            "expired" if expired else "" if fresh else "unknown",
        ),
    ]


def readings(statuses: Iterable[Status], workers: int) -> Iterator[Reading]:
    """Return the workers' states as gauges; where they differ, the one to worry about."""
    found = list(statuses)
    ready = not any(check.problem for check in checks(found, workers))
    yield "tenantgate_ready", {}, int(ready)
    if not found:
        return
    yield "tenantgate_inflight_requests", {}, sum(status.inflight for status in found)
    good = all(status.policies and not status.policy_problem for status in found)
    yield "tenantgate_policy_load_success", {}, int(good)
    loaded = min(status.policies_loaded for status in found)
    yield "tenantgate_policy_load_timestamp_seconds", {}, loaded
    for name in sorted({status.policies for status in found if status.policies}):
        yield "tenantgate_policy_set_info", {"hash": name}, 1
    for cert, expiries in (
        ("leaf", [status.leaf_expiry for status in found if status.leaf_expiry]),
        ("ca", [status.ca_expiry for status in found if status.ca_expiry]),
    ):
        if expiries:
            yield "tenantgate_certificate_expiry_timestamp_seconds", {"cert": cert}, min(expiries)
    ages: dict[str, float] = {}
    for status in found:
        for resource, age in status.cache_ages.items():
            ages[resource] = max(age, ages.get(resource, 0))
    for resource, age in sorted(ages.items()):
        yield "tenantgate_cache_age_seconds", {"resource": resource}, age
