"""A call is one trace at a real OTLP receiver, and whoever was asked in it learns its place there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tests.fakes.otlp_collector import Collector, Span
from tests.fakes.webhook_server import Answer
from tests.integration.stage import CALLER_NUMBER, Stage, staged
from tests.integration.target import TO, connected_with_target

SOON = {"OTEL_BSP_SCHEDULE_DELAY": "200", "OTEL_EXPORTER_OTLP_TIMEOUT": "1"}


@dataclass
class Traced:
    """A stage whose traces go to a collector."""

    stage: Stage
    collector: Collector

    async def trace_of(self, call_id: str, *names: str) -> dict[str, Span]:
        """The spans of one call by name, once they are there: the last of a name that comes more than once."""
        await self.stage.events.event("call_ended", call_id=call_id)
        for _ in range(100):
            roots = [span for span in self.collector.spans if span.attributes.get("ari_agent.call_id") == call_id]
            found = {each.name: each for each in self.collector.spans if roots and each.trace_id == roots[0].trace_id}
            if {"call", *names} <= found.keys():
                return found
            await asyncio.sleep(0.1)
        raise AssertionError(f"{names} are not there: {[span.name for span in self.collector.spans]}")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def traced(tmp_path_factory: pytest.TempPathFactory, go_before_others: None) -> AsyncIterator[Traced]:
    async with Collector() as collector:
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, **SOON}
        folder = tmp_path_factory.mktemp("traces")
        async with staged(folder, process_environment=environment, TRACES="on", TRACE_NUMBERS="masked") as stage:
            yield Traced(stage, collector)


async def test_a_call_is_one_trace_of_which_agent_and_webhooks_know(traced: Traced) -> None:
    stage = traced.stage
    hook = stage.webhooks.hook(Answer.inbound())
    async with stage.connected(number={"inbound_webhook_url": hook.url}) as call:
        await call.caller.hang_up()
    spans = await traced.trace_of(call.call_id, "ring", "inbound webhook", "agent", "end", "webhook call_analyzed")
    root = spans.pop("call")
    assert (root.parent_id, root.kind, root.service, root.failed) == ("", "server", "ari-agent", False)
    assert {span.parent_id for span in spans.values()} == {root.span_id}
    ended = await stage.events.event("call_ended", call_id=call.call_id)
    assert call.agent.headers["traceparent"] == spans["agent"].traceparent
    assert hook.deliveries[0].headers["traceparent"] == spans["inbound webhook"].traceparent
    assert ended.headers["traceparent"] == spans["webhook call_ended"].traceparent
    assert root.began_ns <= spans["inbound webhook"].began_ns <= spans["agent"].began_ns <= spans["end"].began_ns
    assert spans["ring"].attributes == {"sip.response.status_code": 200}
    assert spans["end"].ended_ns <= root.ended_ns


async def test_a_trace_tells_who_called_only_as_far_as_it_may_and_nothing_of_urls(traced: Traced) -> None:
    stage = traced.stage
    hook = stage.webhooks.hook(Answer.inbound())
    async with stage.connected(number={"inbound_webhook_url": f"{hook.url}?key=secret"}) as call:
        await call.caller.hang_up()
    spans = await traced.trace_of(call.call_id, "inbound webhook", "webhook call_ended")
    about = spans["call"].attributes
    masked = "*" * (len(CALLER_NUMBER) - 2) + CALLER_NUMBER[-2:]
    assert about["ari_agent.from_number"] == masked
    assert about["ari_agent.disconnection_reason"] == "user_hangup"
    assert about["sip.call_id"] == call.caller.call_id
    told = str([span.attributes for span in spans.values()])
    assert CALLER_NUMBER not in told
    assert "secret" not in told
    assert spans["inbound webhook"].attributes["server.address"] == "127.0.0.1"


async def test_no_header_of_a_caller_has_a_say_in_the_trace(traced: Traced) -> None:
    stage = traced.stage
    theirs = "a" * 32
    headers = [(name, f"00-{theirs}-{'b' * 16}-00") for name in ("traceparent", "X-Traceparent", "Trace-Id")]
    hook = stage.webhooks.hook(Answer.inbound())
    async with stage.connected(
        number={"inbound_webhook_url": hook.url}, headers=[*headers, ("tracestate", "x=1")]
    ) as call:
        await call.caller.hang_up()
    spans = await traced.trace_of(call.call_id, "end", "agent", "inbound webhook", "webhook call_ended")
    ended = await stage.events.event("call_ended", call_id=call.call_id)
    for told, name in (
        (call.agent.headers, "agent"),
        (hook.deliveries[0].headers, "inbound webhook"),
        (ended.headers, "webhook call_ended"),
    ):
        assert told["traceparent"] == spans[name].traceparent
        assert "tracestate" not in told
    assert theirs not in str(spans)


async def test_a_transfer_that_the_target_refuses_is_a_step_that_failed(traced: Traced) -> None:
    async with connected_with_target(traced.stage) as (call, target):
        await call.agent.transfer(TO, mode="sip_invite")
        await target.refuses(486)
        await call.agent.transfer_result()
        await call.caller.hang_up()
    spans = await traced.trace_of(call.call_id, "transfer")
    assert spans["transfer"].failed
    assert spans["transfer"].attributes == {
        "ari_agent.transfer.method": "INVITE",
        "sip.response.status_code": 486,
        "error.type": "486",
    }


async def test_a_collector_that_is_away_is_told_once_and_disturbs_no_call(tmp_path: Path) -> None:
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", **SOON}
    async with staged(tmp_path, process_environment=environment, TRACES="on") as stage:
        for _ in range(3):
            async with stage.connected() as call:
                await asyncio.sleep(0.5)
                await call.caller.hang_up()
            assert (await stage.controller.ended_call(call.call_id))["disconnection_reason"] == "user_hangup"
        await asyncio.sleep(2)
        log = stage.controller.log_text()
    assert log.count("traces cannot be sent") == 1
    assert "Traceback" not in log
