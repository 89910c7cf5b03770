"""Records what OpenTelemetry's own SDK sends, as files beside this one: run it when the SDK changes.

Usage: pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-http; python3 record.py
Agents, sessions and prices are made up; times are the SDK's own.
"""

from __future__ import annotations

import http.server
import threading
from pathlib import Path

from google.protobuf.json_format import MessageToJson
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Status, StatusCode

FOLDER = Path(__file__).parent / "recorded"
BODIES: dict[str, list[bytes]] = {}


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        BODIES.setdefault(self.path, []).append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def hex_ids(text: str, document: object) -> str:
    """OTLP/JSON writes ids as hexadecimal digits, protobuf's own JSON as base64."""
    import base64
    import json

    def walk(value: object) -> object:
        if isinstance(value, dict):
            return {
                key: base64.b64decode(each).hex() if key in ("traceId", "spanId", "parentSpanId") else walk(each)
                for key, each in value.items()
            }
        return [walk(each) for each in value] if isinstance(value, list) else value

    del document
    return json.dumps(walk(json.loads(text)), indent=1)


def traces(url: str, resource: Resource) -> None:
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(url + "/v1/traces")))
    tracer = provider.get_tracer("recorder")
    with tracer.start_as_current_span("invoke_agent writer") as agent:
        agent.set_attributes({"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "writer"})
        with tracer.start_as_current_span("framework chat") as outer:  # a framework's, around the client's own
            outer.set_attributes({"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-5"})
            outer.set_attributes({"gen_ai.usage.input_tokens": 1200, "gen_ai.usage.output_tokens": 80})
            with tracer.start_as_current_span("chat gpt-5") as chat:
                chat.set_attributes({
                    "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai",
                    "gen_ai.request.model": "gpt-5", "gen_ai.response.model": "gpt-5-2026-08-07",
                    "gen_ai.usage.input_tokens": 1200, "gen_ai.usage.output_tokens": 80,
                    "gen_ai.usage.cache_read.input_tokens": 1000, "gen_ai.conversation.id": "c-1",
                })
        with tracer.start_as_current_span("execute_tool search") as tool:
            tool.set_attributes({"gen_ai.operation.name": "execute_tool"})
    with tracer.start_as_current_span("openai.chat") as old:  # the conventions of 2024
        old.set_attributes({
            "gen_ai.system": "openai", "gen_ai.request.model": "gpt-4o", "gen_ai.usage.prompt_tokens": 10,
            "gen_ai.usage.completion_tokens": 5, "purser.agent": "old-timer", "purser.task": "t-9",
            "gen_ai.usage.cost": 0.0125,
        })
    with tracer.start_as_current_span("chat failing") as failing:
        failing.set_attributes({"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-5"})
        failing.set_status(Status(StatusCode.ERROR, "rate limited"))
    provider.shutdown()


def logs(url: str, resource: Resource) -> None:
    provider = LoggerProvider(resource=resource)
    provider.add_log_record_processor(SimpleLogRecordProcessor(OTLPLogExporter(url + "/v1/logs")))
    logger = provider.get_logger("com.anthropic.claude_code")
    for sequence, attributes in enumerate([
        {"event.name": "user_prompt", "prompt_length": "7"},
        {"event.name": "api_request", "model": "claude-sonnet-4-5", "cost_usd": "0.0271", "cost_usd_micros": 27123,
         "duration_ms": 4211, "input_tokens": 12, "output_tokens": 330, "cache_read_tokens": 15000,
         "cache_creation_tokens": 2000, "request_id": "req_011CT"},
        {"event.name": "api_request", "model": "claude-haiku-4-5", "cost_usd": "0.001", "duration_ms": "900",
         "input_tokens": "5", "output_tokens": "7", "cache_read_tokens": "0", "cache_creation_tokens": "0"},
        {"event.name": "api_error", "model": "claude-sonnet-4-5", "error": "overloaded_error", "status_code": "529",
         "duration_ms": 120},
    ]):
        name = "claude_code." + str(attributes["event.name"])
        logger.emit(LogRecord(
            timestamp=1795770000000000000 + sequence, severity_number=SeverityNumber.INFO, body=name,
            attributes={**attributes, "session.id": "s-1", "event.sequence": sequence},
        ))
    provider.shutdown()


def metrics(url: str, resource: Resource, temporality: AggregationTemporality) -> None:
    exporter = OTLPMetricExporter(
        url + f"/v1/metrics/{temporality.name.lower()}",
        preferred_temporality={Counter: temporality, Histogram: temporality},
    )
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
    provider = MeterProvider(metric_readers=[reader], resource=resource)
    meter = provider.get_meter("com.anthropic.claude_code")
    cost = meter.create_counter("claude_code.cost.usage", unit="USD")
    tokens = meter.create_counter("claude_code.token.usage", unit="tokens")
    usage = meter.create_histogram("gen_ai.client.token.usage", unit="{token}")
    for _ in range(2):
        cost.add(0.25, {"model": "claude-sonnet-4-5", "session.id": "s-1"})
        tokens.add(100, {"model": "claude-sonnet-4-5", "type": "output"})
        tokens.add(5000, {"model": "claude-sonnet-4-5", "type": "cacheRead"})
        usage.record(40, {"gen_ai.token.type": "input", "gen_ai.request.model": "gpt-5"})
        provider.force_flush()
    provider.shutdown()


def main() -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    resource = Resource.create({"service.name": "research", "k8s.namespace.name": "agents", "k8s.pod.uid": "uid-1"})
    traces(url, resource)
    logs(url, Resource.create({"agent": "coder", "service.name": "claude-code"}))
    for temporality in (AggregationTemporality.DELTA, AggregationTemporality.CUMULATIVE):
        metrics(url, Resource.create({"agent": "coder"}), temporality)
    FOLDER.mkdir(exist_ok=True)
    for path, bodies in BODIES.items():
        name = path.removeprefix("/v1/").replace("/", "-")
        for number, body in enumerate(bodies):
            (FOLDER / f"{name}-{number}.pb").write_bytes(body)
    for name, kind in (("traces-0", ExportTraceServiceRequest), ("logs-1", ExportLogsServiceRequest)):
        document = kind.FromString((FOLDER / f"{name}.pb").read_bytes())
        (FOLDER / f"{name}.json").write_text(hex_ids(MessageToJson(document), document) + "\n")
    server.shutdown()


if __name__ == "__main__":
    main()
