"""Flask serves everything besides the hot routes, and those too where no ASGI carrier is."""

import contextlib
import ssl
from collections.abc import Callable
from typing import Any

import orjson
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from webhook.certs.clients import Clients
from webhook.core.model.review import NotAReview
from webhook.metrics import Metrics, exposition
from webhook.ops import add_ops
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
from webhook.server.health import Status, checks, readings
from webhook.server.tracing import Tracing
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


def review_app(
    handler: Handler, clients: Clients | None = None, tracing: Tracing | None = None
) -> Flask:
    """Return the two review routes alone, for a listener that offers nothing else.

    Where `clients` names some, the others are told that they may not ask.
    """
    app = _app()
    _add_reviews(app, handler, clients, tracing)
    return app


def _app() -> Flask:
    app = Flask("webhook.server", static_folder=None)

    @app.errorhandler(HTTPException)
    def told(error: HTTPException) -> Response:
        return _json(orjson.dumps({"error": error.description}), error.code or 500)

    return app


def _add_ops(app: Flask, statuses: Statuses, workers: int, metrics: Metrics | None) -> None:
    add_ops(
        app,
        lambda: checks(statuses(), workers),
        lambda: exposition(metrics, lambda: readings(statuses(), workers)),
    )


def _add_reviews(
    app: Flask,
    handler: Handler,
    clients: Clients | None = None,
    tracing: Tracing | None = None,
) -> None:
    @app.route("/<any(mutate, validate):endpoint>", methods=_METHODS)
    def review(endpoint: str) -> Response:
        trace = tracing.begin(_headers()) if tracing is not None else None
        try:
            if clients and (why := clients.objection(_shown())):
                raise NotAReview(403, why)
            check_head(
                request.path,
                request.method,
                request.headers.get("Content-Type", ""),
                request.content_length,
            )
            body = _body()
        except NotAReview as error:
            status, answer = handler.rejected(error, trace)
            if status == 413:
                _linger()
        else:
            status, answer = handler.handle(request.path, body, trace)
        response = _json(answer, status)
        if status == 405:
            response.headers["Allow"] = "POST"
        return response


def _shown() -> Any:
    """Return the client's certificate."""
    connection = request.environ.get("gunicorn.socket")
    return connection.getpeercert() if isinstance(connection, ssl.SSLSocket) else None


def _headers() -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in request.headers]


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
