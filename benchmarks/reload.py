"""How long after an edit of a policy file the first request is decided by it, and the last by the old.

    python -m benchmarks.reload --edits 30

Starts `tenantgate serve` with the shipped policies, edits an SCC back and forth at random moments,
and asks over several connections all the while, about a pod that the one version refuses and the
other admits.
"""

import http.client
import json
import os
import platform
import random
import shutil
import ssl
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from benchmarks.bodies import NAMESPACE, Body, pod, uids
from benchmarks.servers import serve
from webhook.store import SHIPPED

CONNECTIONS = 8
"""Enough for each worker to have some."""

LATEST = 2.0
"""Seconds after which every request has to be decided by the new file."""

_STRICT, _LENIENT = "allowHostPID: false", "allowHostPID: true"


@click.command()
@click.option("--edits", type=click.IntRange(2, 1000), default=30, show_default=True)
@click.option("--workers", type=click.IntRange(1, 16), default=2, show_default=True)
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text")
def main(edits: int, workers: int, output: str) -> None:  # noqa: D103 - the module says it
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tenantgate-bench-")))
        policies = folder / "policies"
        shutil.copytree(SHIPPED, policies)
        server = stack.enter_context(serve(folder, workers, "/mutate", policies=policies))
        tls = ssl.create_default_context(cafile=str(folder / "certs" / "ca.crt"))
        asking = [
            http.client.HTTPSConnection("localhost", server.place.port, context=tls, timeout=10)
            for _ in range(CONNECTIONS)
        ]
        times = [
            _edited(policies / "scc" / "restricted-v2.yaml", number % 2 == 0, asking)
            for number in range(edits)
        ]
        for connection in asking:
            connection.close()
    first, last = ([each[at] for each in times] for at in (0, 1))
    report = {
        "setting": {
            "edits": edits,
            "workers": workers,
            "cores": os.cpu_count(),
            "python": platform.python_version(),
        },
        "first_s": _summary(first),
        "last_s": _summary(last),
    }
    click.echo(json.dumps(report, indent=2) if output == "json" else _text(report))
    if max(last) > LATEST:
        sys.exit(1)


def _edited(
    file: Path, lenient: bool, asking: Sequence[http.client.HTTPSConnection]
) -> tuple[float, float]:
    """Edit the file; return the seconds until the first answer by it, and until all are."""
    time.sleep(random.random())  # noqa: S311 - an edit may come at any moment
    old, new = (_STRICT, _LENIENT) if lenient else (_LENIENT, _STRICT)
    edited = file.with_name(".new")
    edited.write_text(file.read_text().replace(old, new))
    edited.replace(file)
    started = time.monotonic()
    first = 0.0
    while True:
        verdicts = [_admits(connection) for connection in asking]
        passed = time.monotonic() - started
        if not first and lenient in verdicts:
            first = passed
        if all(verdict is lenient for verdict in verdicts):
            return first, passed
        if passed > 30:
            raise SystemExit("the edit was not taken up within 30 s")


def _admits(connection: http.client.HTTPSConnection) -> bool:
    """Ask about a pod that wants the node's processes."""
    connection.request("POST", "/mutate?timeout=5s", _HOSTILE, {"Content-Type": "application/json"})
    answer = connection.getresponse().read()
    return bool(json.loads(answer)["response"]["allowed"])


def _hostile() -> bytes:
    made = pod("4", 1)
    made["metadata"]["namespace"] = NAMESPACE
    made["spec"]["hostPID"] = True
    return Body.of(made, allowed=False).with_uid(next(uids(1)))


_HOSTILE = _hostile()


def _summary(seconds: Sequence[float]) -> dict[str, Any]:
    return {
        "mean": round(statistics.mean(seconds), 2),
        "median": round(statistics.median(seconds), 2),
        "max": round(max(seconds), 2),
    }


def _text(report: dict[str, Any]) -> str:
    setting = ", ".join(f"{key} {value}" for key, value in report["setting"].items())
    lines = [setting, f"{'seconds until':34}{'mean':>7}{'median':>8}{'max':>7}"]
    for key, what in (
        ("first_s", "the first decision by the edit"),
        ("last_s", "every decision, in every worker"),
    ):
        row = report[key]
        lines.append(f"{what:34}{row['mean']:7.2f}{row['median']:8.2f}{row['max']:7.2f}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
