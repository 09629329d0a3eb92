"""JSON lines on stdout: one an event, one a decision.

Where requests are served, lines are gathered and written by a thread of their own, so that neither
a decision nor an event loop ever waits for whoever reads the log.
"""

import atexit
import logging
import os
import sys
import threading
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from webhook.core.model.finding import Decision, Filled, Finding, line
from webhook.core.model.request import Request
from webhook.outlet import Outlet

FLUSH_SECONDS = 0.1
FLUSH_BYTES = 64 * 1024
MOST_BYTES = 8 * 1024 * 1024
"""What is kept for a reader that has stopped reading; beyond it, lines are counted and dropped."""

_MOST_FINDINGS = 10
_MOST_FILLED = 50
_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS


class Lines:
    """Where the log lines of one process go."""

    def __init__(self, descriptor: int, lock: Path | None = None) -> None:
        self._outlet = Outlet(descriptor, lock)
        self._reset()
        os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        """Begin with nothing: what waits when a process forks is written by the parent alone."""
        self._waiting: list[bytes] = []
        self._size = 0
        self._dropped = 0
        self._guard = threading.Lock()
        self._writing = threading.Lock()
        self._wake = threading.Event()
        self._gathering = False

    def gather(self) -> None:
        """From now on, let a thread write, a tenth of a second's lines at a time."""
        self._gathering = True
        threading.Thread(target=self._run, name="log", daemon=True).start()

    def event(self, level: str, logger: str, msg: str, event_type: str, **fields: Any) -> None:
        """Log one event; `fields` must be JSON."""
        self.write(
            {
                "ts": datetime.now(UTC),
                "level": level,
                "logger": logger,
                "msg": msg,
                "event_type": event_type,
                **fields,
            }
        )

    def write(self, record: Mapping[str, Any]) -> None:
        """Take one record; it is written at once, or by the thread, and before the end."""
        text = orjson.dumps(record, default=str, option=_OPTIONS)
        with self._guard:
            if self._size + len(text) > MOST_BYTES:
                self._dropped += 1
                return
            self._waiting.append(text)
            self._size += len(text)
            full = self._size >= FLUSH_BYTES
        if not self._gathering:
            self.flush()
        elif full:
            self._wake.set()

    def flush(self) -> None:
        """Write what is waiting, now; a reader that is busy gets a moment, and no more."""
        with self._writing:
            with self._guard:
                waiting, self._waiting, self._size = self._waiting, [], 0
                dropped, self._dropped = self._dropped, 0
            if dropped:
                waiting.append(_dropped(dropped))
            try:
                left = self._outlet.put(waiting)
            except OSError:  # a full disk, or nobody reads any more: no reason to stop serving
                dropped, left = len(waiting) + max(dropped - 1, 0), []
            else:
                if dropped and left:
                    left.pop()  # the line that tells of the others
                else:
                    dropped = 0
            self._keep(left, dropped)

    def _keep(self, left: list[bytes], dropped: int) -> None:
        """Take back what could not be written, where the thread will try it again."""
        with self._guard:
            self._dropped += dropped
            if self._gathering:
                self._waiting[:0] = left
                self._size += sum(map(len, left))
            else:
                self._dropped += len(left)

    def close(self) -> None:
        """Write what is waiting, and from now on write each line as it comes."""
        self._gathering = False
        self._wake.set()
        self.flush()

    def _run(self) -> None:
        while self._gathering:
            self._wake.wait(FLUSH_SECONDS)
            self._wake.clear()
            self.flush()


class DecisionLog:
    """Writes one record a request, as often as `--log-allowed` asks for admissions."""

    def __init__(self, lines: Lines, allowed_rate: float = 1.0) -> None:
        self._lines = lines
        self._below = int(allowed_rate * 2**32)

    def record(
        self, request: Request, decision: Decision, policy_hash: str, duration: float
    ) -> None:
        """Log what was decided and why, never what the object holds."""
        if (
            decision.allowed
            and self._below < 2**32
            and zlib.crc32(request.uid.encode(errors="replace")) >= self._below
        ):
            return
        head = decision.message.partition("\n")[0]
        self._lines.write(
            {
                "ts": datetime.now(UTC),
                "level": "info" if decision.evaluated else "error",
                "logger": "webhook.decision",
                "msg": "allowed" if decision.allowed else f"denied: {head}",
                "event_type": "admission_decision",
                "request_uid": request.uid,
                "webhook": request.phase,
                "operation": request.operation,
                "subresource": request.subresource,
                "dry_run": request.dry_run,
                "user": request.user.name,
                "groups_hash": groups_hash(request.user.groups),
                "service_account": _service_account(request),
                "kind_group": request.group,
                "kind_version": request.version,
                "kind": request.kind,
                "namespace": request.namespace,
                "name": request.name or _generated_name(request),
                "requester_class": decision.requester,
                "tenants": list(decision.tenants),
                "allowed": decision.allowed,
                "mutated": bool(decision.patch) and request.phase == "mutate",
                "scc": decision.scc,
                "scc_subject_type": decision.subject,
                "policy_set_hash": policy_hash,
                "findings": [_told(finding) for finding in decision.findings[:_MOST_FINDINGS]],
                "filled": [_lent(each) for each in decision.filled[:_MOST_FILLED]],
                "duration_ms": round(duration * 1000, 3),
            }
        )


class JsonHandler(logging.Handler):
    """Gives the standard library's log records the same shape, gunicorn's among them."""

    def __init__(self, lines: Lines) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; an `event_type` given by `extra` is kept."""
        try:
            fields: dict[str, Any] = {}
            if record.exc_info:
                fields["exception"] = logging.Formatter().formatException(record.exc_info)
            self._lines.event(
                record.levelname.lower(),
                record.name,
                record.getMessage(),
                getattr(record, "event_type", "server"),
                **fields,
            )
        except Exception:  # noqa: BLE001 - logging's own contract: no error leaves emit
            self.handleError(record)

    def flush(self) -> None:
        """Write what is waiting."""
        self._lines.flush()


def configure(lock: Path | None = None, level: int = logging.INFO) -> Lines:
    """Send everything that is logged in this process to stdout, as JSON lines."""
    lines = Lines(sys.stdout.fileno(), lock)
    root = logging.getLogger()
    root.handlers[:] = [JsonHandler(lines)]
    root.setLevel(level)
    logging.captureWarnings(True)
    atexit.register(lines.close)
    return lines


@lru_cache(maxsize=1024)
def groups_hash(groups: tuple[str, ...]) -> str:
    """Return a short digest of a set of groups: enough to tell equal from different."""
    text = "\n".join(sorted(set(groups)))
    return sha256(text.encode(errors="replace")).hexdigest()[:16]


def _told(finding: Finding) -> dict[str, str]:
    return {
        "policy": finding.policy,
        "rule": finding.rule,
        "action": finding.action,
        "path": finding.path.pointer(),
        "message": line(finding),
    }


def _lent(filled: Filled) -> dict[str, str]:
    """Return where something was filled in and by whom; what it is, the policy says."""
    return {"policy": filled.policy, "path": filled.path.pointer()}


def _generated_name(request: Request) -> str:
    """Return the prefix of a name that is yet to be given, if the object was looked at at all."""
    return _string(request, "metadata", "generateName")


def _service_account(request: Request) -> str:
    """Return the service account that a pod runs as."""
    return _string(request, "spec", "serviceAccountName") if request.kind == "Pod" else ""


def _string(request: Request, part: str, key: str) -> str:
    """Return a string of the object; one that no rule asked for is not decoded for the log."""
    seen = request.__dict__.get("object")
    inner = seen.get(part) if isinstance(seen, dict) else None
    value = inner.get(key) if isinstance(inner, dict) else None
    return value if isinstance(value, str) else ""


def _dropped(count: int) -> bytes:
    return orjson.dumps(
        {
            "ts": datetime.now(UTC),
            "level": "error",
            "logger": "webhook.log",
            "msg": f"{count} log lines were dropped: they could not be written",
            "event_type": "log_dropped",
        },
        option=_OPTIONS,
    )
