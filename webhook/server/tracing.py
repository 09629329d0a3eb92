"""OpenTelemetry spans of what a review goes through; nothing of it is imported unless it is asked for.

A review is a child of the API server's own span where that is sent along (W3C `traceparent`).
Where spans go, and how many are kept, OpenTelemetry's own variables say: OTEL_EXPORTER_OTLP_ENDPOINT,
OTEL_TRACES_SAMPLER and the like.
"""

from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

from webhook import __version__
from webhook.core.model.finding import Decision
from webhook.core.model.request import Request

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span, Tracer

EXTRA = "tenantgate[otel]"
"""What has to be installed."""

_HEADERS = frozenset({b"traceparent", b"tracestate"})


def is_installed() -> bool:
    """Tell whether the libraries are there; none of them is loaded for that but a namespace."""
    try:
        return all(
            find_spec(name) is not None
            for name in ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http")
        )
    except ModuleNotFoundError:
        return False


class Tracing:
    """The spans of one process, sent in batches by a thread of the library's own.

    Args:
        exporter: where they go; by default to what the variables name, by OTLP over HTTP.
    """

    def __init__(self, exporter: "SpanExporter | None" = None) -> None:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        if exporter is None:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

            exporter = OTLPSpanExporter()
        service = {"service.name": "tenantgate", "service.version": __version__}
        self._provider = TracerProvider(resource=Resource.create(service))
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("webhook.server", __version__)
        self._propagator = TraceContextTextMapPropagator()

    def begin(self, headers: Iterable[tuple[bytes, bytes]]) -> "Trace":
        """Begin the span of a review that came with these headers, their names in lower case."""
        carrier = {
            name.decode(): value.decode("latin-1") for name, value in headers if name in _HEADERS
        }
        return Trace(self._tracer, self._propagator.extract(carrier) if carrier else None)

    def stop(self) -> None:
        """Send what is waiting, and end."""
        self._provider.shutdown()


class Trace:
    """The span of one review, and those of its stages, one after the other."""

    def __init__(self, tracer: "Tracer", parent: "Context | None") -> None:
        from opentelemetry.trace import SpanKind, set_span_in_context

        self._tracer = tracer
        self._review = tracer.start_span("review", context=parent, kind=SpanKind.SERVER)
        self._context = set_span_in_context(self._review)
        self._stage: Span | None = None

    def stage(self, name: Literal["gather", "decide"]) -> None:
        """Begin a stage, and with that end the one before."""
        if not self._review.is_recording():  # nobody keeps it, or it came too late
            return
        self._end_stage()
        self._stage = self._tracer.start_span(name, context=self._context)

    def end(
        self,
        status: int,
        request: Request | None = None,
        decision: Decision | None = None,
        policy_hash: str = "",
    ) -> None:
        """End the span of the review, with what the log would tell of it as well."""
        self._end_stage()
        self._review.set_attribute("http.response.status_code", status)
        if request is not None and decision is not None:
            self._review.set_attributes(_attributes(request, decision, policy_hash))
            if not decision.evaluated:
                from opentelemetry.trace import StatusCode

                self._review.set_status(StatusCode.ERROR, "not evaluated")
        self._review.end()

    def _end_stage(self) -> None:
        if self._stage is not None:
            self._stage.end()
            self._stage = None


def _attributes(request: Request, decision: Decision, policy_hash: str) -> Mapping[str, Any]:
    """Return what tells a review from others; nothing of the object but its name is among it."""
    return {
        "k8s.namespace.name": request.namespace,
        "tenantgate.request_uid": request.uid,
        "tenantgate.webhook": request.phase,
        "tenantgate.operation": request.operation,
        "tenantgate.kind": request.kind,
        "tenantgate.subresource": request.subresource,
        "tenantgate.name": request.name,
        "tenantgate.dry_run": request.dry_run,
        "tenantgate.allowed": decision.allowed,
        "tenantgate.code": decision.code,
        "tenantgate.scc": decision.scc,
        "tenantgate.policy_set_hash": policy_hash,
        "tenantgate.rules": [
            "/".join(part for part in (finding.policy, finding.rule) if part)
            for finding in decision.findings
        ],
    }
