"""What `tenantgate check` costs: its start-up on one file, and its pace on a folder.

    python -m benchmarks.check --rounds 10

The start-up is told in CPU milliseconds above those of a bare interpreter, started next to it each
round. The folder has 500 documents of the kinds that a deployment repository holds.
"""

import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import yaml

from benchmarks.bodies import NAMESPACE, pod

DOCUMENTS = 500
PER_FILE = 5

BARE = (sys.executable, "-c", "pass")
CHECK = (str(Path(sys.executable).with_name("tenantgate")), "check")


@click.command()
@click.option("--rounds", type=click.IntRange(1, 100), default=10, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text")
def main(rounds: int, seed: int, output: str) -> None:  # noqa: D103 - the module says it
    with tempfile.TemporaryDirectory(prefix="tenantgate-bench-") as name:
        one = Path(name, "one.yaml")
        one.write_text(yaml.safe_dump(_document("Deployment", "one", random.Random(seed))))  # noqa: S311 - varies input, guards nothing
        folder = Path(name, "folder")
        folder.mkdir()
        size = _write(folder, seed)
        report = {
            "setting": {
                "rounds": rounds,
                "documents": DOCUMENTS,
                "megabytes": round(size / 1e6, 2),
                "cores": os.cpu_count(),
                "python": platform.python_version(),
            },
            "start_up": _start_up(one, rounds),
            "folder": _pace(folder, size, min(rounds, 5)),
        }
    click.echo(json.dumps(report, indent=2) if output == "json" else _text(report))


def _start_up(file: Path, rounds: int) -> dict[str, Any]:
    """Check one file and start a bare interpreter, in turn, and compare round by round."""
    check: list[float] = []
    bare: list[float] = []
    commands = [([*CHECK, str(file)], check), (list(BARE), bare)]
    for command, _ in commands:
        _run(command)  # once, so that byte code and files are at hand
    for number in range(rounds):
        for command, costs in commands if number % 2 else commands[::-1]:
            costs.append(_run(command)[0] * 1e3)
    above = [round(ours - theirs, 1) for ours, theirs in zip(check, bare, strict=True)]
    return {
        "check_cpu_ms": round(statistics.median(check), 1),
        "bare_cpu_ms": round(statistics.median(bare), 1),
        "above_bare_ms": statistics.median(above),
        "rounds": above,
    }


def _pace(folder: Path, size: int, rounds: int) -> dict[str, Any]:
    """Check the folder several times over."""
    costs = [_run([*CHECK, "-R", str(folder)]) for _ in range(rounds)]
    cpu = statistics.median(cost[0] for cost in costs)
    wall = statistics.median(cost[1] for cost in costs)
    return {
        "cpu_s": round(cpu, 3),
        "wall_s": round(wall, 3),
        "documents_per_s": round(DOCUMENTS / wall),
        "megabytes_per_s": round(size / 1e6 / wall, 2),
    }


def _run(command: Sequence[str]) -> tuple[float, float]:
    """Return the CPU and wall seconds of a command, which has to come to a verdict."""
    known = {key: value for key, value in os.environ.items() if not key.startswith("TENANTGATE_")}
    start = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said, env=known)  # noqa: S603 - our own program
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in {0, 1}:
            said.seek(0)
            raise SystemExit(
                f"{' '.join(command)} ended with {process.returncode}:\n{said.read().decode()}"
            )
    return usage.ru_utime + usage.ru_stime, wall


def _write(folder: Path, seed: int) -> int:
    """Write the documents, a few to a file, and return how many bytes they are."""
    rng = random.Random(seed)  # noqa: S311 - varies documents
    kinds = ["Deployment"] * 4 + ["StatefulSet", "CronJob", "Pod", "Service", "ConfigMap", "Secret"]
    made = [
        _document(kinds[number % len(kinds)], f"app-{number:03d}", rng)
        for number in range(DOCUMENTS)
    ]
    documents = json.loads(json.dumps(made))  # nothing is shared, so YAML has no anchors to write
    size = 0
    for number in range(0, DOCUMENTS, PER_FILE):
        text = yaml.safe_dump_all(documents[number : number + PER_FILE], sort_keys=False)
        (folder / f"part-{number:03d}.yaml").write_text(text)
        size += len(text.encode())
    return size


def _document(kind: str, name: str, rng: random.Random) -> dict[str, Any]:
    """Return a manifest of a kind, as somebody would commit it."""
    labels = {"app.kubernetes.io/name": name}
    metadata = {"name": name, "namespace": NAMESPACE, "labels": labels}
    selector = {"matchLabels": labels}
    template = {"metadata": {"labels": labels}, "spec": _spec(rng)}
    match kind:
        case "Deployment" | "StatefulSet":
            body: dict[str, Any] = {"replicas": 2, "selector": selector, "template": template}
            if kind == "StatefulSet":
                body["serviceName"] = name
            return {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": body}
        case "CronJob":
            once = {**template, "spec": {**template["spec"], "restartPolicy": "OnFailure"}}
            job = {"schedule": "5 4 * * *", "jobTemplate": {"spec": {"template": once}}}
            return {"apiVersion": "batch/v1", "kind": kind, "metadata": metadata, "spec": job}
        case "Pod":
            return {"apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": _spec(rng)}
        case "Service":
            ports = [{"name": "http", "port": 80, "targetPort": 8080}]
            spec = {"selector": labels, "ports": ports}
            return {"apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": spec}
        case _:
            field = "data" if kind == "ConfigMap" else "stringData"
            data = {f"key-{i:02d}": f"{rng.getrandbits(512):0128x}" for i in range(12)}
            return {"apiVersion": "v1", "kind": kind, "metadata": metadata, field: data}


def _spec(rng: random.Random) -> dict[str, Any]:
    """Return a pod's spec without what an API server would have filled in."""
    spec = pod("4", rng.randrange(2**32))["spec"]
    volumes = [item for item in spec["volumes"] if "projected" not in item]
    known = {item["name"] for item in volumes}
    containers = [
        {
            **container,
            "volumeMounts": [item for item in container["volumeMounts"] if item["name"] in known],
            "env": container["env"][:12],
        }
        for container in spec["containers"]
    ]
    return {"serviceAccountName": "web", "volumes": volumes, "containers": containers}


def _text(report: dict[str, Any]) -> str:
    setting = ", ".join(f"{key} {value}" for key, value in report["setting"].items())
    start, folder = report["start_up"], report["folder"]
    return "\n".join(
        [
            setting,
            f"one file: {start['check_cpu_ms']} ms CPU; a bare interpreter: {start['bare_cpu_ms']}; "
            f"above it: {start['above_bare_ms']}",
            f"folder: {folder['cpu_s']} s CPU, {folder['wall_s']} s; {folder['documents_per_s']} documents/s, "
            f"{folder['megabytes_per_s']} MB/s",
        ]
    )


if __name__ == "__main__":
    main()
