"""gunicorn's part: the TLS listener with its workers, and the plain one for kubelet and Prometheus.

Two servers, as TLS is one setting for all of a gunicorn's addresses.
"""

import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from webhook.certs.clients import Clients
from webhook.certs.files import Files
from webhook.certs.serving import ServingCertificate
from webhook.counts import bury
from webhook.log import Lines
from webhook.server import protocol
from webhook.server.app import ops_app, review_app
from webhook.server.asgi import App
from webhook.server.health import StatusFolder
from webhook.server.parent import end_with_parent
from webhook.server.service import Service, keep
from webhook.settings import Settings
from webhook.store import LastGood

KEEPALIVE = 95
"""Seconds that an idle connection stays open: longer than the 90 after which the API server drops
it, as a request that meets a closing connection fails and is not sent again."""

HUNG = 30
"""Seconds without a sign of life after which a worker is replaced."""

LAME_SECONDS = 1.0
"""For which answers say that the connection closes, before the worker stops to accept any."""

_THREADS = 8
_CUT = 3
"""Seconds by which a worker ends before it would be killed, so that its last lines are written."""


def serve_reviews(settings: Settings, listener: socket.socket, run_dir: Path, lines: Lines) -> None:
    """Run the TLS listener until it is told to end; does not return but exits."""
    _Reviews(settings, listener, run_dir, lines).run()


def serve_ops(settings: Settings, listener: socket.socket, run_dir: Path) -> None:
    """Run the ops listener until it is told to end; does not return but exits."""
    statuses = StatusFolder(run_dir).read
    options = {
        "worker_class": "gthread",
        "workers": 1,
        "threads": 4,
        "graceful_timeout": 1,
        "proc_name": "tenantgate-ops",
        "post_fork": lambda arbiter, worker: end_with_parent(worker.ppid),
    }
    _Gunicorn(listener, run_dir, options, lambda: ops_app(statuses, settings.workers)).run()


class _Log(Logger):  # type: ignore[misc]  # gunicorn publishes no types
    """gunicorn's own messages, by way of the log that everything goes to."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.propagate = True


class _Gunicorn(BaseApplication):  # type: ignore[misc]  # gunicorn publishes no types
    """A gunicorn that is configured here and by nothing else."""

    def __init__(
        self,
        listener: socket.socket,
        run_dir: Path,
        options: dict[str, Any],
        make: Callable[[], Any],
    ) -> None:
        self._options = {
            "bind": f"fd://{listener.detach()}",
            "logger_class": _Log,
            "errorlog": None,
            "control_socket_disable": True,
            "worker_tmp_dir": str(run_dir),
            "timeout": HUNG,
            **options,
        }
        self._make = make
        super().__init__()

    def load_config(self) -> None:
        for key, value in self._options.items():
            self.cfg.set(key, value)

    def load(self) -> Any:
        return self._make()


class _Reviews(_Gunicorn):
    """The TLS listener. What a worker needs is made in the worker, after the fork."""

    def __init__(
        self, settings: Settings, listener: socket.socket, run_dir: Path, lines: Lines
    ) -> None:
        self._settings = settings
        self._lines = lines
        self._run_dir = run_dir
        self._run_dir = run_dir
        self._folder = StatusFolder(run_dir)
        self._last_good = LastGood(run_dir)
        self._certificate: ServingCertificate | None = None
        self._service: Service | None = None
        self._worker: Any = None
        self._leaving = False
        names = frozenset(settings.client_names)
        self._clients = Clients(settings.client_ca, names) if settings.client_ca else None
        files = Files(settings.cert_dir)
        options = {
            "worker_class": settings.server,
            "workers": settings.workers,
            "threads": _THREADS if settings.server == "gthread" else 1,
            "asgi_loop": "uvloop",
            "asgi_lifespan": "on",
            "http_protocols": "h1",
            "keepalive": KEEPALIVE,
            "graceful_timeout": settings.graceful_timeout,
            "certfile": str(files.certificate),
            "keyfile": str(files.key),
            "ssl_context": self._tls,
            "proc_name": "tenantgate",
            "post_fork": self._forked,
            "post_worker_init": self._started,
            "worker_abort": lambda worker: lines.flush(),
            "worker_exit": self._exited,
            "child_exit": self._buried,
        }
        super().__init__(listener, run_dir, options, self._app)

    def _app(self) -> Any:
        files = Files(self._settings.cert_dir)
        self._certificate = ServingCertificate(files, self._clients, self._run_dir)
        if self._settings.server == "asgi":
            return App(self._make_service, lambda: protocol.is_crowded(self._worker))
        service = self._make_service()
        service.start()
        keep(service)
        return review_app(service.handler, self._clients, service.tracing)

    def _make_service(self) -> Service:
        self._service = Service(
            self._settings,
            self._lines,
            folder=self._folder,
            certificate=self._certificate,
            is_draining=self._is_draining,
            last_good=self._last_good,
        )
        return self._service

    def _is_draining(self) -> bool:
        return self._leaving or (self._worker is not None and not self._worker.alive)

    def _tls(self, conf: Any, default: Callable[[], Any]) -> Any:
        """Return the TLS context of this worker; without one it must not serve at all."""
        if self._certificate is None:
            raise SystemExit("no certificate was loaded")
        return self._certificate.context

    def _forked(self, arbiter: Any, worker: Any) -> None:
        end_with_parent(worker.ppid)
        self._worker = worker

    def _started(self, worker: Any) -> None:
        if self._settings.server == "asgi":
            protocol.install(worker, self._clients)
            worker.loop.add_signal_handler(signal.SIGTERM, self._leave)
        worker.cfg.set("graceful_timeout", max(1, self._settings.graceful_timeout - _CUT))

    def _leave(self) -> None:
        """Tell clients to close their connections, and only then have gunicorn stop.

        The asgi worker would close a connection at once after an answer that promised to keep it,
        and the request that a client sends on it meanwhile would be lost.
        """
        if not self._leaving:
            self._leaving = True
            self._worker.loop.call_later(LAME_SECONDS, self._stop)

    def _stop(self) -> None:
        self._worker.handle_exit_signal()
        protocol.close_quiet(self._worker)

    def _exited(self, arbiter: Any, worker: Any) -> None:
        if self._service:
            self._service.stop()
        self._lines.close()

    def _buried(self, arbiter: Any, worker: Any) -> None:
        """Forget a worker that died, so that its last status does not count as one that hangs."""
        self._folder.remove(worker.pid)
        bury(self._run_dir, worker.pid)
