"""Flask serves everything besides the hot routes, and those too where no ASGI carrier is."""

import contextlib
from collections.abc import Callable

import orjson
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from webhook.core.model.review import NotAReview
from webhook.metrics import Metrics, exposition
from webhook.server.handle import (
    JSON,
    LINGER_BYTES,
    LINGER_SECONDS,
    Handler,
    check_head,
    deadline_of,
    late,
    too_large,
)
from webhook.server.health import Status, checks, readings, report
from webhook.settings import MAX_BODY

Statuses = Callable[[], list[Status]]

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def ops_app(statuses: Statuses, workers: int) -> Flask:
    """Return the application of the ops listener: /healthz, /readyz and /metrics."""
    app = _app()
    _add_ops(app, statuses, workers, None)
    return app


def full_app(handler: Handler, statuses: Statuses, metrics: Metrics) -> Flask:
    """Return all of the webhook in one application, for any WSGI server."""
    app = _app()
    _add_ops(app, statuses, 1, metrics)
    _add_reviews(app, handler)
    return app


def review_app(handler: Handler) -> Flask:
    """Return the two review routes alone, for a listener that offers nothing else."""
    app = _app()
    _add_reviews(app, handler)
    return app


def _app() -> Flask:
    app = Flask("webhook.server", static_folder=None)

    @app.errorhandler(HTTPException)
    def told(error: HTTPException) -> Response:
        return _json(orjson.dumps({"error": error.description}), error.code or 500)

    return app


def _add_ops(app: Flask, statuses: Statuses, workers: int, metrics: Metrics | None) -> None:
    @app.get("/healthz")
    def healthz() -> Response:
        return _text("ok\n")

    @app.get("/readyz")
    def readyz() -> Response:
        found = checks(statuses(), workers)
        ready = not any(check.problem for check in found)
        told = report(found) if "verbose" in request.args or not ready else "ok\n"
        return _text(told, 200 if ready else 503)

    @app.get("/metrics")
    def metricsz() -> Response:
        text, content_type = exposition(metrics, lambda: readings(statuses()))
        return Response(text, content_type=content_type)


def _add_reviews(app: Flask, handler: Handler) -> None:
    @app.route("/<any(mutate, validate):endpoint>", methods=_METHODS)
    def review(endpoint: str) -> Response:
        try:
            check_head(
                request.path,
                request.method,
                request.headers.get("Content-Type", ""),
                request.content_length,
            )
            body = _body()
        except NotAReview as error:
            status, answer = handler.rejected(error)
            if status == 413:
                _linger()
        else:
            status, answer = handler.handle(request.path, body)
        response = _json(answer, status)
        if status == 405:
            response.headers["Allow"] = "POST"
        return response


def _body() -> bytes:
    """Return the body, which must arrive within the time that a caller waits at most."""
    connection = request.environ.get("gunicorn.socket")
    deadline = deadline_of(request.query_string)
    if connection is not None:
        connection.settimeout(deadline)
    try:
        body = request.stream.read(MAX_BODY + 1)
    except OSError:
        raise late(deadline) from None
    except Exception as error:  # noqa: BLE001 - each server has errors of its own for bad chunks
        raise NotAReview(400, f"the body cannot be read: {error}") from None
    finally:
        if connection is not None:
            connection.settimeout(None)
    if len(body) > MAX_BODY:
        raise too_large()
    return body


def _linger() -> None:
    """Take in what the caller is still sending, or the reset would overtake the answer."""
    left = LINGER_BYTES
    connection = request.environ.get("gunicorn.socket")
    if connection is not None:
        connection.settimeout(LINGER_SECONDS)
    with contextlib.suppress(Exception):
        while left > 0 and (chunk := request.environ["wsgi.input"].read(1 << 16)):
            left -= len(chunk)
    if connection is not None:
        connection.settimeout(None)


def _json(body: bytes, status: int) -> Response:
    return Response(body, status, content_type=JSON)


def _text(text: str, status: int = 200) -> Response:
    return Response(text, status, content_type="text/plain; charset=utf-8")
