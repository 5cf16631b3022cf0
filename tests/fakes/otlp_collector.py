"""An OpenTelemetry collector: takes OTLP over HTTP, decodes the protobuf by its own schema, keeps every span."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan

KINDS = {
    WireSpan.SPAN_KIND_INTERNAL: "internal",
    WireSpan.SPAN_KIND_CLIENT: "client",
    WireSpan.SPAN_KIND_SERVER: "server",
}
ERROR = 2  # Status.StatusCode


@dataclass(frozen=True)
class Span:
    """One span as it came. Ids in hexadecimal digits, times in ns since 1970."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: str
    began_ns: int
    ended_ns: int
    attributes: dict[str, Any]
    failed: bool
    service: str

    @property
    def traceparent(self) -> str:
        """What a request that this span makes should carry."""
        return f"00-{self.trace_id}-{self.span_id}-01"


@dataclass
class Collector:
    """Use as `async with`. spans: in order of arrival. refusals: how many requests are answered 400 first,
    with the text `refusal`.
    """

    spans: list[Span] = field(default_factory=list)
    url: str = ""
    refusals: int = 0
    refusal: str = ""
    _runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/v1/traces", self._take)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        if self.refusals:
            self.refusals -= 1
            return web.Response(status=400, text=self.refusal)
        if body[:2] == b"\x1f\x8b":
            body = gzip.decompress(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            service = {each.key: each.value.string_value for each in resource.resource.attributes}["service.name"]
            self.spans += [_span(span, service) for scope in resource.scope_spans for span in scope.spans]
        return web.Response(content_type="application/x-protobuf")


def _span(span: WireSpan, service: str) -> Span:
    return Span(
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.name,
        KINDS[span.kind],
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        {each.key: getattr(each.value, each.value.WhichOneof("value") or "string_value") for each in span.attributes},
        span.status.code == ERROR,
        service,
    )
