"""Exports the traces of calls to an OpenTelemetry collector, by OTLP over HTTP: the extra `traces`, where it is on.

Where the collector is, and how it is asked, say OpenTelemetry's own variables (`OTEL_EXPORTER_OTLP_ENDPOINT` and
others). Steps are queued, and sent by a thread of the SDK: no call waits for it. Where the queue is full, because the
collector is away or slow, the oldest are dropped. Nothing of OpenTelemetry is imported before `OtlpTraces` is made.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

from ari_agent.contract.parsing.redacted_url import shown_url
from ari_agent.contract.trace import Step, Trace, trace_id
from ari_agent.errors import ConfigurationError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExportResult

log = logging.getLogger(__name__)

_STOP_S: Final = 2.0
"""How long the stop of the controller waits for what is queued."""
_NS_PER_MS: Final = 1_000_000
_ENDPOINT, _TRACES_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
_STATUS: Final = re.compile(r"code: (\d{3})")
"""Finds the collector's answer in what the SDK logs of a batch that was refused."""


class OtlpTraces:
    """Takes steps of calls, and sends them as spans, each batch in a thread of the SDK.

    Raises (when made):
        ConfigurationError: the extra `traces` is not installed, or a variable of OpenTelemetry is wrong.
    """

    def __init__(self) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
            from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
            from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult  # noqa: PLC0415
        except ImportError as error:
            raise ConfigurationError(f"ARI_AGENT_TRACES needs `pip install ari-agent[traces]`: {error}") from None
        logging.getLogger("opentelemetry.sdk").setLevel(logging.CRITICAL)  # each batch again; ours says it once
        self._report = report = _Report(_collector_url())

        class ToldOnce(SpanExporter):
            """Passes batches on, and reports when that begins to fail, and when it works again."""

            def __init__(self, exporter: OTLPSpanExporter) -> None:
                self._exporter = exporter

            def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
                result = self._exporter.export(spans)
                report.exported(result is SpanExportResult.SUCCESS)
                return result

            def shutdown(self) -> None:
                self._exporter.shutdown()  # type: ignore[no-untyped-call]

        try:
            self._processor = BatchSpanProcessor(ToldOnce(OTLPSpanExporter()))
            named = Resource.create()
            unnamed = str(named.attributes["service.name"]).startswith("unknown_service")
            self._resource = named.merge(Resource({"service.name": "ari-agent"})) if unnamed else named
        except ValueError as error:
            report.close()
            raise ConfigurationError(f"a variable of OpenTelemetry (OTEL_...) is wrong: {error}") from None

    def __call__(self, step: Step) -> None:
        """Queue a step that is over. See Trace."""
        self._processor.on_end(self._span(step))

    def _span(self, step: Step) -> ReadableSpan:
        from opentelemetry.sdk.trace import ReadableSpan  # noqa: PLC0415
        from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags  # noqa: PLC0415

        def context(span_id: str) -> SpanContext:
            return SpanContext(int(trace_id(step.call_id), 16), int(span_id, 16), False, TraceFlags(TraceFlags.SAMPLED))

        failed = {"error.type": step.error} if step.error else {}
        return ReadableSpan(
            step.name,
            context=context(step.span_id),
            parent=context(step.parent_id) if step.parent_id else None,
            resource=self._resource,
            attributes={**step.attributes, **failed},
            kind=SpanKind[step.kind.upper()],
            status=Status(StatusCode.ERROR) if step.error else Status(StatusCode.UNSET),
            start_time=step.began_ms * _NS_PER_MS,
            end_time=step.ended_ms * _NS_PER_MS,
        )

    async def stop(self) -> None:
        """Send what is queued, for at most _STOP_S; the rest is lost."""
        done = asyncio.Event()
        loop = asyncio.get_running_loop()

        def shut_down() -> None:
            self._processor.shutdown()  # type: ignore[no-untyped-call]
            with suppress(RuntimeError):  # too late: the loop is closed
                loop.call_soon_threadsafe(done.set)

        # A thread of its own, which the end of the process does not wait for: the SDK may go on for half a minute.
        threading.Thread(target=shut_down, name="traces, last batch", daemon=True).start()
        try:
            async with asyncio.timeout(_STOP_S):
                await done.wait()
        except TimeoutError:
            log.info("the last traces were not sent in time")
        finally:
            self._report.close()


@asynccontextmanager
async def started_traces(*, is_on: bool) -> AsyncIterator[Trace | None]:
    """Give what takes the steps of calls, and send the last of them at the end; None where traces are off.

    Raises:
        ConfigurationError: see OtlpTraces.
    """
    traces = OtlpTraces() if is_on else None
    try:
        yield traces
    finally:
        if traces:
            await traces.stop()


def _collector_url() -> str:
    """Return where traces are sent, as a log may show it.

    Raises:
        ConfigurationError: it is no URL, of which the SDK says nothing.
    """
    name = _TRACES_ENDPOINT if os.environ.get(_TRACES_ENDPOINT) else _ENDPOINT
    given = os.environ.get(name) or "http://localhost:4318"
    shown = shown_url(given)
    if not shown.startswith(("http://", "https://")):
        raise ConfigurationError(f"{name} must be a URL like http://127.0.0.1:4318, where OTLP is taken over HTTP")
    return shown if name == _TRACES_ENDPOINT else f"{shown.rstrip('/')}/v1/traces"


class _Report(logging.Handler):
    """Logs the first failure of a row, and its end.

    It reads the log of the SDK's exporter, which nobody else sees: a collector's own words may hold the key that it was
    sent, so that only its status is told.
    """

    def __init__(self, collector_url: str) -> None:
        super().__init__()
        self._collector_url = collector_url
        self._fails = False
        self._status: str | None = None
        self._exporter_log = logging.getLogger("opentelemetry.exporter")
        self._exporter_log.setLevel(logging.ERROR)
        self._exporter_log.propagate = False
        self._exporter_log.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Take the status out of a line about a batch that was refused."""
        found = _STATUS.search(record.getMessage())
        self._status = found[1] if found else None

    def close(self) -> None:
        """Read the log no more. A thread that is left over is not heard either."""
        self._exporter_log.removeHandler(self)
        self._exporter_log.setLevel(logging.CRITICAL)
        self._exporter_log.propagate = True
        super().close()

    def exported(self, succeeded: bool) -> None:
        """Take note of how a batch fared."""
        if succeeded is not self._fails:
            return
        self._fails = not succeeded
        if succeeded:
            log.info("traces are sent again")
        else:
            answer = f"answered {self._status}" if self._status else "gave no answer"
            log.warning("traces cannot be sent, and are dropped: %s %s; see %s", self._collector_url, answer, _ENDPOINT)
