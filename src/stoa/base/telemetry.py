"""Spans, metrics and logs. Nothing leaves the machine unless a collector is configured.

A span is also a measurement: every span feeds `stoa_span_seconds`, and the spans named in `_COUNTED`
a counter of their own, so that a number on `/metrics` and a line in a trace can't disagree. Without
a collector spans cost two clock readings. Everything passes `redact` before it is written.
"""

import asyncio
import logging
import sys
import time
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, Final, TextIO

import structlog
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from stoa.base.errors import StoaError
from stoa.base.redaction import redact
from stoa.base.settings import Settings

METRICS_TYPE: Final = CONTENT_TYPE_LATEST
_TRACER = "stoa"
_SECONDS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
_CHATTY = ("httpx", "httpcore", "botocore", "urllib3", "asyncio", "alembic", "opentelemetry")


class Metrics:
    """All metrics of one process, on a registry of their own. Labels are names from code, never
    text or ids from people, so that their number stays bounded."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"stoa_{name}", text, labels, registry=registry)

        def seconds(name: str, text: str, *labels: str) -> Histogram:
            return Histogram(f"stoa_{name}", text, labels, registry=registry, buckets=_SECONDS)

        self.spans = seconds("span_seconds", "Time inside spans.", "span", "outcome")
        self.http_requests = counter(
            "http_requests", "HTTP requests answered.", "method", "route", "status"
        )
        self.http_seconds = seconds("http_request_seconds", "Time to answer.", "method", "route")
        self.operations = counter(
            "operations", "Operations called.", "solution", "operation", "outcome"
        )
        self.runs = counter("runs", "Durable runs ended.", "solution", "operation", "state")
        self.model_calls = counter("model_calls", "Prompts answered.", "prompt", "role", "outcome")
        self.model_tokens = counter("model_tokens", "Tokens used.", "prompt", "direction")
        self.model_cost = counter("model_cost_usd", "US dollars spent on models.", "prompt")
        self.passages_found = counter("passages_found", "Passages that searches returned.")
        self.sign_ins = counter("sign_ins", "Attempts to sign in.", "outcome")

    def render(self) -> bytes:
        """The text that Prometheus reads; its content type is `METRICS_TYPE`."""
        return generate_latest(self.registry)


metrics: Final = Metrics()
_COUNTED: Final = {
    "operation": (metrics.operations, ("solution", "operation")),
    "model": (metrics.model_calls, ("prompt", "role")),
}


def render_metrics() -> bytes:
    """The body of `/metrics`."""
    return metrics.render()


@contextmanager
def span(name: str, /, **attributes: Any) -> Iterator[None]:
    """Open a span of that name around the block; an error marks it with its code, not its text.

    Args:
        name: a word from code: `operation`, `step`, `model`, `query`.
        attributes: plain values; None is left out, secrets are hidden.
    """
    kept = {key: _plain(redact(key, value)) for key, value in attributes.items()}
    kept = {key: value for key, value in kept.items() if value is not None}
    started, outcome = time.perf_counter(), "ok"
    tracer = trace.get_tracer(_TRACER)
    with tracer.start_as_current_span(
        name, attributes=kept, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield
        except BaseException as error:
            outcome = _code_of(error)
            current.set_status(trace.Status(trace.StatusCode.ERROR))
            current.set_attribute("error.type", outcome)
            raise
        finally:
            metrics.spans.labels(name, outcome).observe(time.perf_counter() - started)
            if name in _COUNTED:
                counter, labels = _COUNTED[name]
                counter.labels(*(str(kept.get(each, "")) for each in labels), outcome).inc()


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, str | bool | int | float) else str(value)


def _code_of(error: BaseException) -> str:
    if isinstance(error, StoaError):
        return error.code
    return "cancelled" if isinstance(error, asyncio.CancelledError | GeneratorExit) else "bug"


def get_logger(name: str) -> Any:
    """A logger: `log.info("document added", document=id, pages=12)`. Events are fixed words."""
    return structlog.stdlib.get_logger(name)


def setup(settings: Settings, *, stream: TextIO | None = None) -> None:
    """Set up logs, and spans where a collector is configured. Once per process; again is harmless.

    The logs of libraries take the same road as ours. Run uvicorn with `log_config=None`, so that
    it keeps to that.

    Args:
        settings: `log_level`, `log_format`, `otlp_endpoint`.
        stream: where logs go; standard error unless given.
    """
    _set_up_logs(settings, stream or sys.stderr)
    if settings.otlp_endpoint:
        _send_spans_to(settings.otlp_endpoint)


def _send_spans_to(endpoint: str) -> None:
    if isinstance(trace.get_tracer_provider(), TracerProvider):
        return  # set up before: OpenTelemetry takes one provider per process
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - only here
        OTLPSpanExporter,
    )

    provider = TracerProvider(resource=Resource.create({"service.name": "stoa"}))
    base = endpoint.rstrip("/")
    url = base if base.endswith("/v1/traces") else f"{base}/v1/traces"
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=url)))
    trace.set_tracer_provider(provider)


def flush() -> None:
    """Send what spans are still held; called when a process ends."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.force_flush()


def _set_up_logs(settings: Settings, stream: TextIO) -> None:
    as_json = settings.log_format == "json"
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _add_trace,
        _hide_secrets,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=stream.isatty())
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


def _add_trace(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace"] = trace.format_trace_id(context.trace_id)
    return event


def _hide_secrets(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Last before rendering, so that tracebacks are text by now and are searched as well."""
    for name, value in event.items():
        if not name.startswith("_"):  # structlog's own
            event[name] = redact(name, value)
    return event
