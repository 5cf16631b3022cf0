"""Dynamic variables where they are used: the agent's URL and handshake, webhook URLs, transfers."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from tests.fakes.sip_message import uri_of
from tests.fakes.webhook_server import Answer
from tests.integration.stage import CALLER_NUMBER, Stage


async def test_they_are_in_the_agents_url_its_handshake_its_webhooks_and_its_transfers(stage: Stage) -> None:
    agent = stage.agents.agent()
    agent.engine["audio_websocket_url"] += "?who={{customer}}&tier={{x-tier}}&from={{user_number}}&id={{call_id}}"
    agent.engine["audio_websocket_headers"] = {"X-Customer": "{{customer}}", "X-Hour": "{{current_hour_UTC}}"}
    events = stage.webhooks.hook()
    agent_id = await stage.create_agent(
        agent, webhook_url=f"{events.url}?customer={{{{customer}}}}&way={{{{direction}}}}"
    )
    decides = stage.webhooks.hook(Answer.inbound(dynamic_variables={"customer": "Ann & Bob/", "desk": "+14155559999"}))
    number = await stage.import_number(agent_id, inbound_webhook_url=decides.url)
    async with stage.caller() as caller:
        await caller.call(number, headers=[("X-Tier", "gold?x=1")])
        call = await agent.call()
        await call.transfer("{{desk}}", headers={"X-Case": "{{customer}} of {{agent_number}}"})
        refer = await caller.refer()
        await caller.bye()
        await call.gone()
    call_id = str(call.about["call_id"])
    assert parse_qs(urlsplit(call.path).query) == {
        "who": ["Ann & Bob/"],
        "tier": ["gold?x=1"],
        "from": [CALLER_NUMBER],
        "id": [call_id],
    }
    assert call.headers["x-customer"] == "Ann & Bob/"
    assert call.headers["x-hour"].isdigit()
    target = uri_of(refer.need("Refer-To"))
    assert target.startswith("sip:+14155559999@")
    assert f"X-Case=Ann%20%26%20Bob%2F%20of%20{number.replace('+', '%2B')}" in target
    ended = await events.event("call_ended", call_id=call_id)
    assert ended.signed
    record = await stage.controller.call(call_id)
    assert record["transfer_destination"] == "+14155559999"
    assert record["retell_llm_dynamic_variables"]["customer"] == "Ann & Bob/"


async def test_a_transfer_to_an_unknown_variable_fails_and_the_call_goes_on(stage: Stage) -> None:
    async with stage.connected() as call:
        await call.agent.transfer("{{nobody}}")
        result = await call.agent.transfer_result()
        assert result["status"] == "failed"
        assert (await stage.controller.call(call.call_id))["call_status"] == "ongoing"


async def test_a_url_that_cannot_be_made_is_an_agent_that_cannot_be_reached(stage: Stage) -> None:
    agent = stage.agents.agent()
    agent.engine["audio_websocket_url"] = "{{agent_url}}"
    decides = stage.webhooks.hook(Answer.inbound(dynamic_variables={"agent_url": "not a URL"}))
    number = await stage.import_number(await stage.create_agent(agent), inbound_webhook_url=decides.url)
    async with stage.caller() as caller:
        await caller.dial(number)
        await caller.refused(timeout_s=30)
    reply = await stage.controller.post("/v2/list-calls", {"filter_criteria": {"to_number": [number]}}, expect=200)
    assert reply.json[0]["disconnection_reason"] == "error_llm_websocket_open"
