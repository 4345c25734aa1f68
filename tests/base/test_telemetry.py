"""Logs without secrets, metrics that count, and spans that stay here unless told otherwise."""

import asyncio
import io
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import structlog
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from stoa.base.errors import NotFound
from stoa.base.settings import Settings
from stoa.base.telemetry import get_logger, metrics, render_metrics, setup, span

KEY = "stoa_" + "k" * 43


@pytest.fixture
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


@pytest.mark.usefixtures("_restored")
class TestLogs:
    def written(self, log_format: str = "json", log_level: str = "INFO") -> io.StringIO:
        stream = io.StringIO()
        setup(Settings.load(log_format=log_format, log_level=log_level), stream=stream)
        return stream

    def test_json_lines_of_ours_and_of_libraries(self) -> None:
        stream = self.written()
        get_logger("stoa.knowledge").info("document added", document="doc_1", pages=12)
        logging.getLogger("some.library").warning("careful: %s", "hot")
        ours, theirs = [json.loads(line) for line in stream.getvalue().splitlines()]
        assert (ours["event"], ours["document"], ours["pages"]) == ("document added", "doc_1", 12)
        assert (ours["logger"], ours["level"]) == ("stoa.knowledge", "info")
        assert (theirs["event"], theirs["logger"]) == ("careful: hot", "some.library")
        assert ours["timestamp"].endswith("Z")

    @pytest.mark.parametrize("log_format", ["json", "text"])
    def test_secrets_are_not_written(self, log_format: str) -> None:
        stream = self.written(log_format)
        log = get_logger("stoa")
        log.info(f"asked with {KEY}", password="hunter22", headers={"Authorization": "hunter23"})
        logging.getLogger("library").warning("GET /?key=%s", KEY, extra={"token": "hunter24"})
        try:
            raise ValueError(f"refused {KEY}")
        except ValueError:
            log.exception("failed")
        text = stream.getvalue()
        assert "refused" in text
        assert "Traceback" in text
        for secret in (KEY, "hunter22", "hunter23", "hunter24"):
            assert secret not in text

    def test_the_level_is_kept(self) -> None:
        stream = self.written(log_level="warning")
        get_logger("stoa").info("quiet")
        get_logger("stoa").warning("loud")
        assert "quiet" not in stream.getvalue()
        assert "loud" in stream.getvalue()

    def test_setting_up_twice_writes_once(self) -> None:
        self.written()
        stream = self.written()
        get_logger("stoa").info("once")
        assert stream.getvalue().count("once") == 1


def value(name: str, **labels: str) -> float:
    return metrics.registry.get_sample_value(name, labels) or 0.0


class TestSpans:
    def test_operations_are_counted_with_their_outcome(self) -> None:
        def count(outcome: str) -> float:
            return value("stoa_operations_total", solution="s", operation="o", outcome=outcome)

        def one(error: BaseException | None) -> None:
            with span("operation", solution="s", operation="o", run=None):
                if error is not None:
                    raise error

        before = {each: count(each) for each in ("ok", "not_found", "bug", "cancelled")}
        one(None)
        for error in (NotFound("x"), ValueError("x"), asyncio.CancelledError()):
            with pytest.raises(type(error)):
                one(error)
        assert {each: count(each) - before[each] for each in before} == dict.fromkeys(before, 1)

    def test_every_span_is_timed(self) -> None:
        labels = {"span": "query", "outcome": "ok"}
        before = value("stoa_span_seconds_count", **labels)
        with span("query", index="x"):
            pass
        assert value("stoa_span_seconds_count", **labels) == before + 1

    def test_metrics_are_rendered_as_text(self) -> None:
        metrics.http_requests.labels("GET", "/health", "200").inc()
        text = render_metrics().decode()
        assert 'stoa_http_requests_total{method="GET",route="/health",status="200"}' in text
        assert "# HELP stoa_model_tokens_total" in text

    def test_without_a_collector_no_provider_is_made(self) -> None:
        setup(Settings.load(), stream=io.StringIO())
        assert not isinstance(trace.get_tracer_provider(), TracerProvider)


class _Collector(BaseHTTPRequestHandler):
    received: list[tuple[str, bytes]] = []

    def do_POST(self) -> None:
        length = int(self.headers["content-length"])
        self.received.append((self.path, self.rfile.read(length)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        pass


def test_spans_go_to_the_configured_collector_and_only_there() -> None:
    """In a process of its own: OpenTelemetry takes one provider per process."""
    _Collector.received.clear()
    server = HTTPServer(("127.0.0.1", 0), _Collector)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    program = (
        "import sys; from stoa.base.telemetry import *; from stoa.base.settings import Settings\n"
        "setup(Settings.load(otlp_endpoint=sys.argv[1]))\n"
        f"with span('operation', solution='ask_docs', api_key='{KEY}', note='{KEY}'): pass\n"
        "flush()"
    )
    address = f"http://127.0.0.1:{server.server_port}"
    try:
        done = subprocess.run(
            [sys.executable, "-c", program, address], timeout=60, capture_output=True, check=False
        )
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert done.returncode == 0, done.stderr
    (path, body), *_ = _Collector.received
    assert path == "/v1/traces"
    assert b"ask_docs" in body
    assert KEY.encode() not in body
