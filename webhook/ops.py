"""What kubelet and Prometheus ask of a process: is it alive, is it ready, what has it counted."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from flask import Flask, Response


class Check(NamedTuple):
    """One condition of readiness; `problem` is empty when it holds."""

    name: str
    problem: str
    detail: str = ""


def report(found: Iterable[Check]) -> str:
    """Return the checks as Kubernetes' own health endpoints list them."""
    lines, failed = [], False
    for check in found:
        failed = failed or bool(check.problem)
        text = (
            f"[-]{check.name} failed: {check.problem}" if check.problem else f"[+]{check.name} ok"
        )
        lines.append(f"{text} ({check.detail})" if check.detail else text)
    lines.append("readyz check failed" if failed else "readyz check passed")
    return "\n".join(lines) + "\n"


def add_ops(
    app: "Flask", checks: Callable[[], list[Check]], metrics: Callable[[], tuple[bytes, str]]
) -> None:
    """Give an application /healthz, /readyz and /metrics.

    Args:
        app: the application.
        checks: asked anew for each /readyz.
        metrics: the text for /metrics and its content type.
    """
    from flask import Response, request

    def text(told: str, status: int = 200) -> "Response":
        return Response(told, status, content_type="text/plain; charset=utf-8")

    @app.get("/healthz")
    def healthz() -> "Response":
        return text("ok\n")

    @app.get("/readyz")
    def readyz() -> "Response":
        found = checks()
        ready = not any(check.problem for check in found)
        told = report(found) if "verbose" in request.args or not ready else "ok\n"
        return text(told, 200 if ready else 503)

    @app.get("/metrics")
    def metricsz() -> "Response":
        exposed, content_type = metrics()
        return Response(exposed, content_type=content_type)
