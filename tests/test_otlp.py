"""Traces on their way to a collector: what comes there, and what becomes of them where there is none."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

import ari_agent
from ari_agent.contract.trace import Step, trace_id
from ari_agent.errors import ConfigurationError
from ari_agent.otlp import started_traces
from tests.fakes.otlp_collector import Collector

ROOT = Step("call_1", "call", 1_000, 9_000, kind="server", attributes={"a": 1, "b": "x"})
RING = Step("call_1", "ring", 1_000, 2_000, error="486")


async def test_steps_come_as_spans_of_one_trace_the_last_of_them_at_the_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        async with started_traces(is_on=True) as trace:
            assert trace
            trace(RING)
            trace(ROOT)
        spans = {span.name: span for span in collector.spans}
    ring, call = spans["ring"], spans["call"]
    assert call.service == "ari-agent"
    assert call.trace_id == ring.trace_id == trace_id("call_1")
    assert (call.span_id, call.parent_id, call.kind) == (ROOT.span_id, "", "server")
    assert (ring.span_id, ring.parent_id, ring.kind) == (RING.span_id, ROOT.span_id, "internal")
    assert (call.began_ns, call.ended_ns) == (1_000_000_000, 9_000_000_000)
    assert (call.attributes, call.failed) == ({"a": 1, "b": "x"}, False)
    assert (ring.attributes, ring.failed) == ({"error.type": "486"}, True)


async def test_the_service_has_the_name_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "front desk")
    async with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        async with started_traces(is_on=True) as trace:
            assert trace
            trace(ROOT)
    assert [span.service for span in collector.spans] == ["front desk"]


async def test_a_collector_that_takes_traces_again_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1")
    async with Collector(refusals=2) as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        with caplog.at_level(logging.INFO):
            async with started_traces(is_on=True) as trace:
                assert trace
                for _ in range(4):
                    trace(ROOT)
    assert len(collector.spans) == 2
    told = [record.message.partition(",")[0] for record in caplog.records if record.name == "ari_agent.otlp"]
    assert told == ["traces cannot be sent", "traces are sent again"]


async def test_a_collector_that_is_away_is_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, unused_tcp_port: int
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{unused_tcp_port}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.1")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1")
    with caplog.at_level(logging.INFO):
        async with started_traces(is_on=True) as trace:
            assert trace
            for _ in range(3):
                trace(ROOT)
    told = [record for record in caplog.records if record.name.startswith(("ari_agent", "opentelemetry"))]
    assert [record.levelname for record in told if "cannot be sent" in record.message] == ["WARNING"]
    assert not [record for record in told if record.name.startswith("opentelemetry")]


async def test_a_variable_that_is_wrong_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "1")  # less than a batch
    with pytest.raises(ConfigurationError, match="OTEL_"):
        async with started_traces(is_on=True):
            pass


async def test_where_traces_are_off_there_are_none() -> None:
    async with started_traces(is_on=False) as trace:
        assert trace is None


def test_where_traces_are_off_nothing_is_imported() -> None:
    look = "import sys, ari_agent.otlp; print([name for name in sys.modules if name.startswith('opentelemetry')])"
    assert subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_no_other_module_imports_it() -> None:
    package = Path(ari_agent.__file__).parent
    importing = [path.name for path in package.rglob("*.py") if "opentelemetry." in path.read_text()]
    assert importing == ["otlp.py"]


async def test_where_the_extra_is_missing_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)
    with pytest.raises(ConfigurationError, match=r"pip install ari-agent\[traces\]"):
        async with started_traces(is_on=True):
            pass


@pytest.mark.parametrize("name", ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"])
@pytest.mark.parametrize(
    "url", ["collector:4318", "127.0.0.1:4318", "somebody:secret@collector:4318", "grpc://collector:4317"]
)
async def test_a_collector_whose_address_is_no_url_is_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str, url: str
) -> None:
    monkeypatch.setenv(name, url)
    with pytest.raises(ConfigurationError, match=f"^{name} must be a URL like http://") as refused:
        async with started_traces(is_on=True):
            pass
    assert "secret" not in str(refused.value)


async def test_the_log_says_what_a_collector_answered_and_none_of_its_words(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with Collector(refusals=1, refusal="no such key: k-secret") as collector:
        url = collector.url.replace("http://", "http://somebody:secret@")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"{url}/")
        async with started_traces(is_on=True) as trace:
            assert trace
            trace(ROOT)
    assert f"dropped: {collector.url}/v1/traces answered 400; see OTEL_EXPORTER_OTLP_ENDPOINT" in caplog.text
    assert "secret" not in caplog.text


async def test_a_collector_that_is_away_gave_no_answer(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, unused_tcp_port: int
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", f"http://127.0.0.1:{unused_tcp_port}/here")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.1")
    async with started_traces(is_on=True) as trace:
        assert trace
        trace(ROOT)
    assert f"http://127.0.0.1:{unused_tcp_port}/here gave no answer" in caplog.text
