"""What tenants cost: decisions and memory with ten of them, and with ten thousand.

    python -m benchmarks.tenants --rounds 5

Each number of tenants is a process of its own, which loads their policies and fills the webhook's
caches from a made-up API server (benchmarks/population.py). The processes are visited in turn, each
round another one first, and decide the same kinds of request for tenants drawn at random.
"""

import gc
import json
import multiprocessing
import os
import platform
import random
import statistics
import time
from collections.abc import Iterable
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast

import click

from benchmarks.population import KINDS, NAMESPACES, Kind, Population, policies
from webhook.cluster.cache import ClusterCache
from webhook.cluster.client import Api
from webhook.core.engine import decide
from webhook.core.model.finding import Decision
from webhook.core.model.request import Request
from webhook.core.policyset import PolicySet, parse_policies
from webhook.server.gather import gather

_CHUNK = 100
"""So many requests are made, untimed, and then decided, as they are read shortly before."""

_PATIENCE = 600
_Times = tuple[list[float], list[float]]
"""Microseconds a request took, round by round, with few tenants and with many."""

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@click.command()
@click.option("--few", type=click.IntRange(2, 100_000), default=10, show_default=True)
@click.option("--many", type=click.IntRange(2, 100_000), default=10_000, show_default=True)
@click.option("--rounds", type=click.IntRange(1, 50), default=5, show_default=True)
@click.option(
    "--requests",
    type=click.IntRange(100, 1_000_000),
    default=2000,
    show_default=True,
    help="Of each kind in a visit.",
)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text")
def main(few: int, many: int, rounds: int, requests: int, seed: int, output: str) -> None:  # noqa: D103 - the module says it
    context = multiprocessing.get_context("spawn")
    pipes: list[Connection] = []
    for tenants in (few, many):
        ours, theirs = context.Pipe()
        context.Process(target=_cluster, args=(theirs, tenants), daemon=True).start()
        theirs.close()
        pipes.append(ours)
    sizes = [_told(pipe) for pipe in pipes]
    times = _rounds(pipes, rounds, requests, seed)
    times["all of them, one of each"] = _summed(times.values())
    report = {
        "setting": {
            "tenants": [few, many],
            "namespaces_each": NAMESPACES,
            "rounds": rounds,
            "requests": requests,
            "cores": os.cpu_count(),
            "python": platform.python_version(),
        },
        "loading": dict(zip(("few", "many"), sizes, strict=True)),
        "decisions": {kind: _compared(*found) for kind, found in times.items()},
    }
    click.echo(json.dumps(report, indent=2) if output == "json" else _text(report))


def _rounds(pipes: list[Connection], rounds: int, requests: int, seed: int) -> dict[str, _Times]:
    """Visit both clusters with each kind, in turn; return microseconds for few and for many."""
    times: dict[str, _Times] = {kind: ([], []) for kind in KINDS}
    for number in range(-1, rounds):  # the first is to warm up
        for kind, found in times.items():
            for which in (0, 1) if number % 2 else (1, 0):
                taken = _asked(pipes[which], (kind, requests, seed + number))
                if number >= 0:
                    found[which].append(taken)
    return times


def _asked(pipe: Connection, question: object) -> float:
    pipe.send(question)
    return float(_told(pipe))


def _told(pipe: Connection) -> Any:
    try:
        return pipe.recv()
    except EOFError:
        raise SystemExit("a cluster's process ended before its time") from None


def _summed(each: Iterable[_Times]) -> _Times:
    few, many = zip(*each, strict=True)
    return [sum(row) for row in zip(*few, strict=True)], [
        sum(row) for row in zip(*many, strict=True)
    ]


def _cluster(pipe: Connection, tenants: int) -> None:
    """Load a cluster, tell what it took, then decide what is asked for until nobody asks."""
    before, started = _memory(), time.process_time()
    texts = policies(tenants)
    loaded, size = parse_policies(texts), sum(map(len, texts.values()))
    del texts
    seconds, policy_bytes = time.process_time() - started, _memory() - before
    population = Population(tenants)
    cache = ClusterCache(cast(Api, population))
    steps = [_memory()]
    cache.start()
    _until(
        lambda: all(cache.ages()[name] < _PATIENCE for name in ("namespaces", "serviceaccounts"))
    )
    steps.append(_memory())
    population.rbac.set()
    _until(lambda: cache.synced)
    steps.append(_memory())
    cache.follow_tenancy()
    _until(lambda: cache.tenancy_synced)
    steps.append(_memory())
    pipe.send(
        {
            "policy_files_mb": round(size / 1e6, 1),
            "policies_load_s": round(seconds, 2),
            "policies_mb": round(policy_bytes / 1e6, 1),
            "namespaces_and_accounts_mb": round((steps[1] - steps[0]) / 1e6, 1),
            "rbac_mb": round((steps[2] - steps[1]) / 1e6, 1),
            "tenancy_mb": round((steps[3] - steps[2]) / 1e6, 1),
        }
    )
    gc.freeze()  # as the webhook does
    try:
        while True:
            kind, count, seed = pipe.recv()
            pipe.send(_visit(KINDS[kind], count, seed, tenants, loaded, cache))
    except EOFError:
        cache.stop()


def _visit(
    kind: Kind, count: int, seed: int, tenants: int, loaded: PolicySet, cache: ClusterCache
) -> float:
    """Return the microseconds of CPU that a request took, facts and both phases included."""
    rng = random.Random(seed)  # noqa: S311 - says which tenant
    seconds = 0.0
    for _ in range(count // _CHUNK):
        asked = [kind.make(rng.randrange(1, tenants), rng) for _ in range(_CHUNK)]
        started = time.thread_time()
        answers = [answered(request, loaded, cache) for request in asked]
        seconds += time.thread_time() - started
        for answer in answers:
            if answer.allowed is not kind.allowed or not answer.evaluated:
                raise SystemExit(f"a wrong verdict, so nothing is measured: {answer.message}")
    return seconds / (count // _CHUNK * _CHUNK) * 1e6


def answered(request: Request, loaded: PolicySet, cache: ClusterCache) -> Decision:
    """Return the verdict of the mutating webhook, and then of the validating one."""
    decision = decide(request, gather(request, loaded, cache, wait=True), loaded)
    if not decision.allowed:
        return decision
    final = replace(request, phase="validate", load=lambda: decision.object)
    return decide(final, gather(final, loaded, cache, wait=True), loaded)


def _memory() -> int:
    """Return the bytes of memory that the process has, once what it need not keep is gone."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES


def _until(condition: Any) -> None:
    for _ in range(_PATIENCE * 20):
        if condition():
            return
        time.sleep(0.05)
    raise SystemExit("the caches did not fill")


def _compared(few: list[float], many: list[float]) -> dict[str, Any]:
    ratios = [round(ours / theirs, 2) for ours, theirs in zip(many, few, strict=True)]
    return {
        "few_us": round(statistics.median(few), 1),
        "many_us": round(statistics.median(many), 1),
        "ratios": ratios,
        "ratio": round(statistics.median(ratios), 2),
    }


def _text(report: dict[str, Any]) -> str:
    lines = [", ".join(f"{key} {value}" for key, value in report["setting"].items()), ""]
    lines.append(f"{'':32}{'few us':>9}{'many us':>9}{'ratio':>7}   round by round")
    for kind, row in report["decisions"].items():
        each = " ".join(f"{ratio:.2f}" for ratio in row["ratios"])
        lines.append(
            f"{kind:32}{row['few_us']:9.1f}{row['many_us']:9.1f}{row['ratio']:7.2f}   {each}"
        )
    lines.append("")
    few, many = report["loading"]["few"], report["loading"]["many"]
    lines += [f"{key:32}{few[key]:9.1f}{many[key]:9.1f}" for key in few]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
