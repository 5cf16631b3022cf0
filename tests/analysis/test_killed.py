"""The controller is killed with -9 between the end of calls and their analysis: each call_analyzed comes, and once."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ari_agent.clock import now_ms
from ari_agent.contract.call import Call
from ari_agent.contract.call_recovery import CallRecovery
from ari_agent.contract.webhook_plan import WebhookPlan
from ari_agent.store.database import Database
from ari_agent.store.store import Store
from ari_agent.store.tables import outbox
from tests.api.web_house import WEB
from tests.fakes.agent_server import AgentCall, AgentServer
from tests.fakes.controller import Controller, free_tcp_port
from tests.fakes.model_server import TRUTH, ModelServer, Says, model_server
from tests.fakes.web_client import WebFrontEnd
from tests.fakes.webhook_server import Hook, WebhookServer
from tests.store.samples import a_call

pytestmark = pytest.mark.slow

SAID = [{"role": "agent", "content": "Hello."}, {"role": "user", "content": "My order, please."}]
CALLS = 40
WAITS = {"ANALYSIS_WAIT_S": "3600"}


@asynccontextmanager
async def stage(
    folder: Path, models: ModelServer, **settings: Any
) -> AsyncIterator[tuple[Controller, Hook, AgentServer]]:
    """A controller without Asterisk, not started yet, with a model, a receiver of webhooks and agents."""
    controller = Controller(
        folder,
        ari_url=f"http://127.0.0.1:{free_tcp_port()}/ari",
        ari_username="nobody",
        ari_password="none",
        ANALYSIS_MODEL="small",
        ANALYSIS_URL=models.url,
        **settings,
    )
    async with WebhookServer(api_key=controller.api_key) as server, AgentServer() as agents, controller:
        hook = server.hook()
        controller.environment["WEBHOOK_URL"] = hook.url
        yield controller, hook, agents


async def says_and_hangs_up(call: AgentCall) -> None:
    """An agent that tells what was said."""
    await call.send({"event_type": "update", "transcript": SAID})
    await call.hang_up()


async def a_web_call(controller: Controller, agent_id: str) -> str:
    """From its first message to its end; its call_id."""
    made = await controller.post("/register-call", {"agent_id": agent_id, **WEB}, expect=201)
    call_id = str(made.json["call_id"])
    async with WebFrontEnd(f"{controller.url.replace('http', 'ws')}/audio-websocket/{call_id}") as front:
        await front.gone()
    return call_id


async def an_agent(controller: Controller, agents: AgentServer, **settings: Any) -> str:
    engine = agents.agent(says_and_hangs_up, protocol="web").engine
    made = await controller.post("/create-agent", {"response_engine": engine, **settings}, expect=201)
    return str(made.json["agent_id"])


async def test_a_call_whose_controller_dies_while_the_model_thinks_is_analysed_by_the_next_one(tmp_path: Path) -> None:
    wanted = [{"type": "boolean", "name": "ordered", "description": "?"}]
    async with (
        model_server() as models,
        stage(tmp_path, models, **WAITS) as (controller, hook, agents),
    ):
        models.always = Says(TRUTH, delay_s=3600)
        await controller.start(ready=False)
        agent_id = await an_agent(controller, agents, post_call_analysis_data=wanted)
        call_id = await a_web_call(controller, agent_id)
        await hook.event("call_ended", call_id=call_id)
        await models.asked_times(1)
        assert "call_analysis" not in await controller.call(call_id)
        await controller.kill()

        models.always = Says({**TRUTH, "custom_analysis_data": {"ordered": True}})
        await controller.start(ready=False)
        analyzed = (await hook.event("call_analyzed", call_id=call_id, timeout_s=60)).call
        found = {"in_voicemail": False, **TRUTH, "custom_analysis_data": {"ordered": True}}
        assert analyzed["call_analysis"] == found == (await controller.call(call_id))["call_analysis"]
        assert hook.events(call_id=call_id) == ["call_started", "call_ended", "call_analyzed"]
        metrics = await controller.metrics()
        assert metrics['ari_agent_analyses_total{outcome="analysed"}'] == 1

        models.always = Says({**TRUTH, "call_summary": "Said again.", "custom_analysis_data": {"ordered": False}})
        again = await controller.request("PUT", f"/rerun-call-analysis/{call_id}")
        assert again.json["call_analysis"]["call_summary"] == "Said again."
        assert again.json == await controller.call(call_id)


async def test_a_model_that_never_answers_holds_call_analyzed_up_for_a_while_only(tmp_path: Path) -> None:
    async with model_server() as models, stage(tmp_path, models, ANALYSIS_WAIT_S="1") as (controller, hook, agents):
        models.always = Says(TRUTH, delay_s=3600)
        await controller.start(ready=False)
        call_id = await a_web_call(controller, await an_agent(controller, agents))
        analyzed = (await hook.event("call_analyzed", call_id=call_id, timeout_s=60)).call
    assert analyzed["call_analysis"] == {"in_voicemail": False, "user_sentiment": "Unknown", "call_successful": True}
    assert "has not answered within" in analyzed["analysis_report"]["failure"]


def over(call_id: str) -> Call:
    """As the calls of an earlier run left them."""
    said = {"transcript_object": SAID, "transcript_with_tool_calls": SAID}
    ended = {"call_status": "ended", "disconnection_reason": "user_hangup", "duration_ms": 5_000}
    return a_call(call_id, end_timestamp=now_ms(), **said, **ended)


async def queued(database_url: str) -> Counter[str]:
    """How often call_analyzed was queued for each call."""
    database = Database(database_url)
    statement = outbox.select().where(outbox.c.event == "call_analyzed")
    rows = await database.read(lambda connection: connection.execute(statement).all())
    await database.close()
    return Counter(row.call_id for row in rows)


async def test_killed_again_and_again_every_call_is_analysed_and_told_once(tmp_path: Path) -> None:
    plan = WebhookPlan(events=("call_ended", "call_analyzed"), timeout_ms=10_000)
    async with model_server() as models, stage(tmp_path, models, **WAITS) as (controller, hook, _):
        database_url = controller.environment["DATABASE_URL"]
        store = Store(database_url)
        await store.open()
        for number in range(CALLS):
            recovery = CallRecovery(plan, analysis_due_ms=now_ms() + 3_600_000)
            await store.calls.save(over(f"call_{number:02}"), recovery=recovery)

        models.always = Says(TRUTH, delay_s=0.05)
        for share in (1, 2):
            await controller.start(ready=False)
            await models.asked_times(CALLS * share // 3, timeout_s=60)
            await controller.kill()
        await controller.start(ready=False)
        ids = {f"call_{number:02}" for number in range(CALLS)}
        for call_id in ids:
            analyzed = await hook.event("call_analyzed", call_id=call_id, timeout_s=60)
            assert analyzed.call["call_analysis"]["call_summary"] == TRUTH["call_summary"]
        assert await store.analyses.waiting_calls(CALLS) == []
        records = [await store.calls.get(call_id) for call_id in ids]
        assert {call.call_analysis.call_summary for call in records if call and call.call_analysis} == {
            TRUTH["call_summary"]
        }
        await store.close()
    assert await queued(database_url) == dict.fromkeys(ids, 1)
    assert len(models.asked) >= CALLS
