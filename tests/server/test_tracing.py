"""Spans of reviews: what is in them, whose children they are, and that they cost nothing when off."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.server.parts import ADMITTED, POLICIES, REFUSED, Stand, body, pod, review
from tests.server.serving import post, serving
from tests.server.test_asgi import Client, Served, during
from webhook.cli import cli
from webhook.cluster.offline import OfflineCluster
from webhook.server import tracing
from webhook.server.app import review_app
from webhook.server.tracing import Tracing

installed = pytest.mark.skipif(
    not tracing.is_installed(), reason="the extra tenantgate[otel] is not installed"
)
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
LOADED = "import sys; print([name for name in sys.modules if name.startswith('opentelemetry')])"


class Kept:
    """The spans of a while, kept in memory."""

    def __init__(self) -> None:
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

        self._exporter = InMemorySpanExporter()
        self.tracing = Tracing(self._exporter)

    def spans(self) -> dict[str, Any]:
        """Return the spans by name, and end."""
        self.tracing.stop()
        return {span.name: span for span in self._exporter.get_finished_spans()}


class Filling(OfflineCluster):
    """A cluster of which nothing is known yet."""

    synced = False


@pytest.fixture
def kept() -> Kept:
    return Kept()


def asked(kept: Kept, text: bytes, **options: Any) -> dict[str, Any]:
    """Return the spans of one request to the ASGI application."""

    async def work(client: Client, served: Served) -> None:
        served.tracing = kept.tracing
        await client.post(text, **options)

    during(work)
    return kept.spans()


@installed
def test_a_review_is_one_span_with_its_stages(kept: Kept) -> None:
    spans = asked(kept, ADMITTED)

    assert set(spans) == {"review", "gather", "decide"}
    whole = spans["review"]
    assert whole.parent is None
    assert {spans[name].parent.span_id for name in ("gather", "decide")} == {whole.context.span_id}
    assert whole.start_time <= spans["gather"].start_time
    assert spans["gather"].end_time <= spans["decide"].end_time <= whole.end_time
    assert whole.resource.attributes["service.name"] == "tenantgate"
    assert whole.attributes["tenantgate.allowed"] is True
    assert whole.attributes["tenantgate.scc"] == "restricted-v2"
    assert whole.attributes["http.response.status_code"] == 200


@installed
def test_it_belongs_to_the_api_servers_span(kept: Kept) -> None:
    headers = ((b"content-type", b"application/json"), (b"traceparent", PARENT.encode()))
    whole = asked(kept, REFUSED, headers=headers)["review"]

    assert f"{whole.context.trace_id:032x}" == PARENT.split("-")[1]
    assert f"{whole.parent.span_id:016x}" == PARENT.split("-")[2]
    assert whole.attributes["tenantgate.allowed"] is False
    assert "restricted-v2/host-namespaces" in whole.attributes["tenantgate.rules"]


@installed
def test_what_the_api_server_does_not_keep_is_not_kept(kept: Kept) -> None:
    unsampled = PARENT[:-1] + "0"
    headers = ((b"content-type", b"application/json"), (b"traceparent", unsampled.encode()))

    assert asked(kept, ADMITTED, headers=headers) == {}


@installed
@pytest.mark.parametrize(
    ("options", "status"), [({"method": "GET"}, 405), ({"path": "/nowhere"}, 404), ({}, 400)]
)
def test_what_is_no_review_is_a_span_too(kept: Kept, options: dict[str, Any], status: int) -> None:
    spans = asked(kept, b"{}", **options)

    assert spans["review"].attributes["http.response.status_code"] == status


@installed
def test_a_review_that_is_not_evaluated_is_an_error(kept: Kept) -> None:
    stand = Stand(Filling([], POLICIES.rbac))
    stand.handler.handle("/mutate", ADMITTED, kept.tracing.begin(()))

    spans = kept.spans()
    assert spans["review"].status.description == "not evaluated"


@installed
def test_the_other_carrier_does_the_same(kept: Kept) -> None:
    client = review_app(Stand().handler, tracing=kept.tracing).test_client()
    client.post(
        "/mutate", data=ADMITTED, content_type="application/json", headers={"traceparent": PARENT}
    )

    assert f"{kept.spans()['review'].context.trace_id:032x}" == PARENT.split("-")[1]


@installed
def test_no_secret_is_in_a_span(kept: Kept) -> None:
    env = [{"name": "PASSWORD", "value": "hunter2"}]
    container = {"name": "web", "image": "web", "env": env, "securityContext": {"privileged": True}}
    spans = asked(kept, body(review(pod(containers=[container]))))

    assert "hunter2" not in "".join(span.to_json() for span in spans.values())


@installed
def test_serve_sends_what_the_variables_ask_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To nobody here: what cannot be sent costs a log line, and no request."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    with serving(tmp_path, "--workers=1") as webhook:
        with webhook.connect() as connection:
            assert connection.ask(post(ADMITTED))[0] == 200
        assert webhook.end() == 0
        assert "opentelemetry" in "".join(record["logger"] for record in webhook.records("server"))


def test_nothing_of_it_is_loaded_when_it_is_off(tmp_path: Path) -> None:
    serves = (
        "from pathlib import Path; from tests.server.parts import *; "
        "from webhook.server.asgi import App; from webhook.server.gunicorn import serve_reviews; "
        "from webhook.server.service import Service; from webhook.settings import Settings; "
        "import os; from webhook.log import Lines; "
        "service = Service(Settings(), Lines(os.open(os.devnull, os.O_WRONLY))); "
        "assert service.handler.handle('/mutate', ADMITTED)[0] == 200; "
    )
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", serves + LOADED],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )

    assert done.stdout == "[]\n", done.stderr


def test_who_asks_for_it_is_told_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracing, "is_installed", lambda: False)
    result = CliRunner().invoke(cli, ["serve", "--tracing", f"--cert-dir={tmp_path}"])

    assert result.exit_code == 2
    assert "pip install 'tenantgate[otel]'" in result.output
