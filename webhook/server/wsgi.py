"""The whole webhook as one WSGI application, for any server that can load one.

`serve` needs none of this: it brings its own server. Another one calls `make` in each of its
processes, as in `waitress-serve --call webhook.server.wsgi:make`, and takes care of TLS itself.
With several processes, `PROMETHEUS_MULTIPROC_DIR` names the folder where their counts are merged.
"""

from flask import Flask

from webhook import log
from webhook.server.app import full_app
from webhook.server.service import Service, keep
from webhook.settings import Settings, in_cluster


def make(settings: Settings | None = None) -> Flask:
    """Return the application; by default with the shipped policies, and the cluster around us."""
    service = Service(settings or Settings(in_cluster=in_cluster()), log.configure())
    service.start()
    keep(service)
    return full_app(service.handler, lambda: [service.status()], service.metrics)
