"""What one review costs the webhook, beside a server that only answers.

    python -m benchmarks.webhook --body 9 --rounds 5 --seconds 4

Starts `tenantgate serve` with the shipped policies and a constant-answer server on the same stack
(benchmarks/constant.py), both on loopback, and visits them in turn, in another order each round.
"""

import base64
import json
import os
import platform
import random
import ssl
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import jsonpatch
import uvloop

from benchmarks.bodies import SIZES, Body, bodies, uids
from benchmarks.load import Place, Plan, Visit, visit
from benchmarks.processes import cpu_seconds
from benchmarks.servers import Server, serve, serve_constant

CHECKED = 200
"""Reviews that have to come back right, cut into random pieces, before anything is measured."""

_MATCHING = {True: ("mixed", "admitted"), False: ("mixed", "refused")}


@dataclass(frozen=True, slots=True)
class Figures:
    """One server in one round."""

    requests: int
    errors: int
    rps: float
    cpu_us: float
    p50_ms: float
    p99_ms: float

    @classmethod
    def of(cls, seen: Visit, cpu: float) -> "Figures":
        """Return the figures of a visit during which the server used `cpu` seconds."""
        count = len(seen.latencies)
        return cls(
            requests=count,
            errors=seen.errors,
            rps=round(count / seen.seconds, 1),
            cpu_us=round(cpu / max(count, 1) * 1e6, 1),
            p50_ms=round(seen.percentile(0.50) * 1e3, 3),
            p99_ms=round(seen.percentile(0.99) * 1e3, 3),
        )


@click.command()
@click.option("--body", type=click.Choice(sorted(SIZES, key=int)), default="9", show_default=True)
@click.option(
    "--endpoint", type=click.Choice(["mutate", "validate"]), default="mutate", show_default=True
)
@click.option(
    "--pods",
    type=click.Choice(["mixed", "admitted", "refused"]),
    default="mixed",
    show_default=True,
)
@click.option("--rounds", type=click.IntRange(1, 50), default=5, show_default=True)
@click.option(
    "--seconds", type=click.FloatRange(0.2, 60), default=4.0, show_default=True, help="A visit."
)
@click.option("--concurrency", type=click.IntRange(1, 256), default=8, show_default=True)
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text")
def main(  # noqa: D103 - the module says it
    body: str,
    endpoint: str,
    pods: str,
    rounds: int,
    seconds: float,
    concurrency: int,
    workers: int,
    seed: int,
    output: str,
) -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tenantgate-bench-")))
        webhook = stack.enter_context(serve(folder, workers, f"/{endpoint}"))
        constant = stack.enter_context(serve_constant(folder, workers))
        tls = ssl.create_default_context(cafile=str(folder / "certs" / "ca.crt"))
        tls.set_alpn_protocols(["http/1.1"])
        names = uids(seed)
        chosen = [review for review in bodies(body, seed) if pods in _MATCHING[review.allowed]]
        reviews = _checked(webhook, chosen, names, tls, endpoint)
        plan = Plan(reviews, names, tls, seconds, concurrency)
        results = _rounds([webhook, constant], plan, rounds)
    report = {
        "setting": {
            "body_bytes": len(reviews[0]),
            "endpoint": endpoint,
            "pods": pods,
            "rounds": rounds,
            "seconds": seconds,
            "concurrency": concurrency,
            "workers": workers,
            "cores": os.cpu_count(),
            "python": platform.python_version(),
        },
        "servers": {name: _summary(figures) for name, figures in results.items()},
        "cpu_ratio": _ratios(results),
    }
    click.echo(json.dumps(report, indent=2) if output == "json" else _text(report))
    if any(item.errors for figures in results.values() for item in figures):
        sys.exit(1)


def _checked(
    server: Server, reviews: Sequence[Body], names: Iterator[bytes], tls: ssl.SSLContext, to: str
) -> Sequence[Body]:
    """Return the reviews for the endpoint, once the server answered all of them rightly.

    `/validate` is sent what `/mutate` made of the pods that it admitted.
    """
    place = Place(server.place.port, "/mutate", echo=True)
    answers = _right(place, reviews, names, tls)
    if to == "mutate":
        return reviews
    patches = {
        review: json.loads(answer)["response"]["patch"]
        for review, answer in answers
        if review.allowed
    }
    mutated = [_patched(review, patch) for review, patch in patches.items()]
    mutated += [review for review in reviews if not review.allowed]
    _right(Place(server.place.port, "/validate", echo=True), mutated, names, tls)
    return mutated


def _right(
    place: Place, reviews: Sequence[Body], names: Iterator[bytes], tls: ssl.SSLContext
) -> list[tuple[Body, bytes]]:
    """Return the answers to a bounded number of reviews, or end the program at a wrong one."""
    rng = random.Random(0)  # noqa: S311 - says where to cut
    plan = Plan(reviews, names, tls, 30, most=CHECKED, pieces=5, keep=True, rng=rng)
    seen = uvloop.run(visit(place, plan))
    if seen.errors or len(seen.answers) < CHECKED:
        lines = "\n".join(f"  {problem}" for problem in seen.problems)
        raise SystemExit(
            f"{place.path}: {seen.errors} of {len(seen.answers)} answers are wrong, so nothing is measured\n{lines}"
        )
    return seen.answers


def _patched(review: Body, patch: str) -> Body:
    """Return the review of the pod as the webhook changed it."""
    request = json.loads(review.with_uid(next(uids(0))))["request"]
    pod = jsonpatch.apply_patch(request["object"], json.loads(base64.b64decode(patch)))
    return Body.of(pod, allowed=True)


def _rounds(servers: Sequence[Server], plan: Plan, rounds: int) -> dict[str, list[Figures]]:
    """Visit the servers in turn, each round starting with another one."""
    results: dict[str, list[Figures]] = {server.name: [] for server in servers}
    warm = Plan(plan.bodies, plan.uids, plan.tls, min(1.0, plan.seconds), plan.connections)
    for server in servers:
        uvloop.run(visit(server.place, warm))
    for number in range(rounds):
        first = number % len(servers)
        for server in [*servers[first:], *servers[:first]]:
            before = cpu_seconds(server.pid)
            seen = uvloop.run(visit(server.place, plan))
            results[server.name].append(Figures.of(seen, cpu_seconds(server.pid) - before))
            for problem in seen.problems:
                click.echo(f"{server.name}: {problem}", err=True)
    return results


def _summary(figures: Sequence[Figures]) -> dict[str, Any]:
    """Return the median of each figure over the rounds, and the sums of the counts."""
    return {
        "requests": sum(item.requests for item in figures),
        "errors": sum(item.errors for item in figures),
        "rps": statistics.median(item.rps for item in figures),
        "cpu_us": statistics.median(item.cpu_us for item in figures),
        "p50_ms": statistics.median(item.p50_ms for item in figures),
        "p99_ms": statistics.median(item.p99_ms for item in figures),
    }


def _ratios(results: dict[str, list[Figures]]) -> dict[str, Any]:
    """Return the webhook's CPU per request over the constant server's, round by round."""
    pairs = zip(results["webhook"], results["constant"], strict=True)
    ratios = [round(ours.cpu_us / theirs.cpu_us, 2) for ours, theirs in pairs if theirs.cpu_us]
    return {"rounds": ratios, "median": round(statistics.median(ratios), 2) if ratios else None}


def _text(report: dict[str, Any]) -> str:
    setting = ", ".join(f"{key} {value}" for key, value in report["setting"].items())
    lines = [setting, f"{'':10}{'rps':>9}{'CPU us':>9}{'p50 ms':>9}{'p99 ms':>9}{'errors':>8}"]
    lines += [
        f"{name:10}{row['rps']:9.0f}{row['cpu_us']:9.1f}{row['p50_ms']:9.2f}{row['p99_ms']:9.2f}{row['errors']:8}"
        for name, row in report["servers"].items()
    ]
    ratio = report["cpu_ratio"]
    each = " ".join(f"{value:.2f}" for value in ratio["rounds"])
    return "\n".join([*lines, f"CPU ratio, round by round: {each}; median {ratio['median']}"])


if __name__ == "__main__":
    main()
