"""Whether the webhook's memory grows with the reviews that it has answered.

    python -m benchmarks.memory --reviews 200000

Starts `tenantgate serve` with the shipped policies and twenty tenants, and sends reviews of which
none is like another: new names, users, labels and annotations each time, in two hundred namespaces,
pods and other objects, admitted and refused. Tells what the worker holds at the start and on the way.
"""

import json
import os
import platform
import shutil
import ssl
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import uvloop

from benchmarks.bodies import Body, pod, uids
from benchmarks.load import Place, Plan, visit
from benchmarks.processes import largest, resident
from benchmarks.servers import Server, serve
from webhook.store import SHIPPED

TENANTS, NAMESPACES = 20, 200
STEPS = (0.0, 0.02, 0.1, 0.25, 0.5, 0.75, 1.0)
"""After which shares of all reviews the memory is looked at."""

_FRESH = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True)
class Fresh(Body):
    """A review in which the uid stands wherever a name of anybody's choice may stand."""

    def with_uid(self, uid: bytes) -> bytes:
        """Return the review of one request, like which there is no other."""
        return self.head.replace(_FRESH.encode(), uid)

    def __len__(self) -> int:
        return len(self.head)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the worker holds after so many reviews, in MB."""

    reviews: int
    megabytes: float


@click.command()
@click.option("--reviews", type=click.IntRange(1000), default=200_000, show_default=True)
@click.option("--seconds", type=float, default=900.0, show_default=True, help="At most.")
@click.option(
    "--growth",
    type=float,
    default=10.0,
    show_default=True,
    help="MB allowed after the first tenth.",
)
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text")
def main(reviews: int, seconds: float, growth: float, output: str) -> None:  # noqa: D103 - the module says it
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tenantgate-bench-")))
        server = stack.enter_context(
            serve(folder, 1, "/mutate", context=context(), policies=policies(folder))
        )
        tls = ssl.create_default_context(cafile=str(folder / "certs" / "ca.crt"))
        readings, errors = _watched(server, tls, reviews, time.monotonic() + seconds)
    later = [each for each in readings if each.reviews >= readings[-1].reviews / 10]
    grown = round(later[-1].megabytes - later[0].megabytes, 1)
    report = {
        "setting": {"python": platform.python_version(), "cores": os.cpu_count()},
        "readings": [{"reviews": each.reviews, "mb": each.megabytes} for each in readings],
        "grown_mb_after_a_tenth": grown,
        "errors": errors,
    }
    click.echo(json.dumps(report, indent=2) if output == "json" else _text(report))
    if errors or grown > growth:
        sys.exit(1)


def policies(folder: Path) -> Path:
    """Write the shipped policies and some tenants, and return where they are."""
    made = folder / "policies"
    shutil.copytree(SHIPPED, made)
    documents = [
        {
            "apiVersion": "tenantgate.io/v1",
            "kind": "Tenant",
            "metadata": {"name": f"tenant-{number:02d}"},
            "spec": {
                "owners": [{"kind": "Group", "name": f"leads-{number:02d}"}],
                "members": [{"kind": "Group", "name": f"devs-{number:02d}"}],
            },
        }
        for number in range(TENANTS)
    ]
    text = "".join(f"---\n{json.dumps(document)}\n" for document in documents)
    (made / "benchmark-tenants.yaml").write_text(text)
    return made


def context() -> str:
    """Return the namespaces of the tenants."""
    documents = [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {
                "name": _namespace(number),
                "labels": {"tenantgate.io/tenant": f"tenant-{number % TENANTS:02d}"},
                "annotations": {
                    "openshift.io/sa.scc.uid-range": f"{1000000000 + number * 10000}/10000",
                    "openshift.io/sa.scc.mcs": f"s0:c{number % 1000},c{number // 1000 + 1000}",
                },
            },
        }
        for number in range(NAMESPACES)
    ]
    return "".join(f"---\n{json.dumps(document)}\n" for document in documents)


def bodies() -> Sequence[Fresh]:
    """Return reviews of all namespaces: an admitted pod, a refused one, a Service, a ConfigMap."""
    return [
        Fresh(json.dumps(_review(number, *asked), separators=(",", ":")).encode(), b"", asked[-1])
        for number in range(NAMESPACES)
        for asked in (
            ("Pod", "pods", _pod(allowed=True), True),
            ("Service", "services", _object("Service", {"ports": [{"port": 80}]}), True),
            ("Pod", "pods", _pod(allowed=False), False),
            ("ConfigMap", "configmaps", _object("ConfigMap", {}), True),
        )
    ]


def _namespace(number: int) -> str:
    return f"tenant-{number % TENANTS:02d}-{number // TENANTS:02d}"


def _object(kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {
        "name": f"a{_FRESH}",
        "labels": {f"l{_FRESH}": f"v{_FRESH}"},
        "annotations": {f"example.com/a{_FRESH}": f"v{_FRESH}"},
    }
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": spec}


def _pod(*, allowed: bool) -> dict[str, Any]:
    made = pod("4", 1, allowed=allowed)
    made["metadata"] |= _object("Pod", {})["metadata"]
    for container in made["spec"]["containers"]:
        container["image"] = f"registry.example.com/{_FRESH}:1"
    return made


def _review(
    number: int, kind: str, resource: str, obj: dict[str, Any], allowed: bool
) -> dict[str, Any]:
    tenant = f"{number % TENANTS:02d}"
    home = _namespace(number)
    return {
        "kind": "AdmissionReview",
        "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": _FRESH,
            "kind": {"group": "", "version": "v1", "kind": kind},
            "resource": {"group": "", "version": "v1", "resource": resource},
            "name": obj["metadata"]["name"],
            "namespace": home,
            "operation": "CREATE",
            "userInfo": {
                "username": f"user-{_FRESH}",
                "groups": [f"devs-{tenant}", f"g-{_FRESH}", "system:authenticated"],
            },
            "object": {**obj, "metadata": {**obj["metadata"], "namespace": home}},
            "oldObject": None,
            "dryRun": False,
        },
    }


def _watched(
    server: Server, tls: ssl.SSLContext, reviews: int, until: float
) -> tuple[list[Reading], int]:
    """Send reviews in steps, and look at the worker after each of them."""
    place = Place(server.place.port, "/mutate", echo=True)
    wanted, names = bodies(), uids(1)
    readings: list[Reading] = []
    errors = sent = 0
    for step in STEPS:
        most = int(reviews * step) - sent
        left = until - time.monotonic()
        if most > 0 and left > 0:
            turned = _turned(wanted, sent)
            seen = uvloop.run(visit(place, Plan(turned, names, tls, left, most=most)))
            sent += len(seen.latencies)
            errors += seen.errors
            for problem in seen.problems:
                click.echo(problem, err=True)
        worker = largest(server.pid)
        readings.append(Reading(sent, round(resident(worker) / 1e6, 1)))
    return readings, errors


def _turned(wanted: Sequence[Fresh], by: int) -> Sequence[Fresh]:
    """Return the reviews, beginning with another one."""
    at = by % len(wanted)
    return [*wanted[at:], *wanted[:at]]


def _text(report: dict[str, Any]) -> str:
    lines = [f"{'reviews':>9}{'MB':>9}"]
    lines += [f"{each['reviews']:9}{each['mb']:9.1f}" for each in report["readings"]]
    return "\n".join(
        [
            *lines,
            f"grown after the first tenth: {report['grown_mb_after_a_tenth']} MB; "
            f"errors: {report['errors']}",
        ]
    )


if __name__ == "__main__":
    main()
