"""Dynamic variables where they are used: agents' URLs and handshakes, webhook URLs, transfers, headers, texts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import pytest_asyncio

from tests.fakes.agent_server import AgentCall
from tests.fakes.llm_server import LlmServer
from tests.fakes.sip_message import SipMessage, uri_of
from tests.fakes.sipp_callee import answers, callee
from tests.fakes.text_phone import TextPhone
from tests.fakes.webhook_server import Answer, Delivery, Hook
from tests.integration.stage import CALLER_ADDRESS, CALLER_NUMBER, Stage, staged

CUSTOMER = "Ann & Bob/../?x=1#y%2e"
"""Whatever it holds, it stays inside its place."""
DESK = "+14155559999"
NAMES = (
    "customer",
    "direction",
    "user_number",
    "agent_number",
    "call_id",
    "call_type",
    "session_type",
    "session_duration_ms",
    "current_time",
    "current_hour_{{zone}}",
    "nobody",
)
TEMPLATE = "~".join(f"{name.partition('_{{')[0]}={{{{{name}}}}}" for name in NAMES)


def read(text: str) -> dict[str, str]:
    """What became of TEMPLATE."""
    return dict(part.split("=", 1) for part in text.split("~"))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """With variables in the account's webhook URL."""
    async with staged(tmp_path_factory.mktemp("variables")) as made:
        await made.controller.stop()
        made.controller.environment["WEBHOOK_URL"] = f"{made.events.url}?v={TEMPLATE}"
        await made.controller.start()
        yield made


@dataclass(frozen=True, slots=True)
class Heard:
    """What the parts of the customer saw of one call."""

    agent: AgentCall
    agents_webhook: Delivery | None = None
    accounts_webhook: Delivery | None = None
    numbers_webhook: Delivery | None = None
    refer: SipMessage | None = None
    invite: SipMessage | None = None


def _query(heard: Delivery | None) -> str:
    assert heard is not None
    return heard.query["v"]


def _of_refer(heard: Heard) -> str:
    assert heard.refer is not None
    target = uri_of(heard.refer.need("Refer-To"))
    assert target.startswith(f"sip:{DESK}@"), "the destination is a variable, too"
    return unquote(target.partition("X-Case=")[2].partition("&")[0])


def _of_invite(heard: Heard) -> str:
    assert heard.invite is not None
    return heard.invite.need("X-Case")


# Every place that Retell's pages and our own name, but prompts, begin messages, voicemail texts and tools: those belong
# to agents that run elsewhere.
INBOUND: Mapping[str, Callable[[Heard], str]] = {
    "inbound_webhook_url of the number": lambda heard: _query(heard.numbers_webhook),
    "query of the agent's URL": lambda heard: parse_qs(urlsplit(heard.agent.path).query)["v"][0],
    "header of the handshake": lambda heard: heard.agent.headers["x-case"],
    "webhook_url of the agent": lambda heard: _query(heard.agents_webhook),
    "destination and header of a transfer": _of_refer,
}
OUTBOUND: Mapping[str, Callable[[Heard], str]] = {
    "custom_sip_headers": _of_invite,
    "query of the agent's URL": INBOUND["query of the agent's URL"],
    "header of the handshake": INBOUND["header of the handshake"],
    "webhook URL of the account": lambda heard: _query(heard.accounts_webhook),
}


def check(places: Mapping[str, Callable[[Heard], str]], heard: Heard, expected: Mapping[str, str]) -> None:
    for place, look in places.items():
        seen = read(look(heard))
        assert seen.pop("session_duration_ms").isdigit(), place
        assert seen.pop("current_hour").isdigit(), place
        assert seen.pop("current_time").endswith(("PST", "PDT")), place
        assert (place, seen) == (place, {**expected, "nobody": "{{nobody}}"})


async def test_every_place_of_an_inbound_call(stage: Stage) -> None:
    agent = stage.agents.agent()
    agent.engine["audio_websocket_url"] += f"?v={TEMPLATE}"
    agent.engine["audio_websocket_headers"] = {"X-Case": TEMPLATE}
    events, decides = stage.webhooks.hook(), stage.webhooks.hook(Answer.inbound())
    agent_id = await stage.create_agent(agent, webhook_url=f"{events.url}?v={TEMPLATE}")
    number = await stage.import_number(agent_id, inbound_webhook_url=f"{decides.url}?v={TEMPLATE}")
    async with stage.caller() as caller:
        # Written as `customer`, though the header is X-Customer: both spellings are documented.
        await caller.call(number, headers=[("X-Customer", CUSTOMER), ("X-Desk", DESK), ("X-Zone", "UTC")])
        call = await agent.call()
        await call.transfer("{{desk}}", headers={"X-Case": TEMPLATE})
        refer = await caller.refer()
        await caller.bye()
        await call.gone()
    call_id = str(call.about["call_id"])
    ended = await events.event("call_ended", call_id=call_id)
    heard = Heard(call, agents_webhook=ended, numbers_webhook=decides.deliveries[0], refer=refer)
    assert ended.signed
    assert decides.deliveries[0].signed
    expected = {
        "customer": CUSTOMER,
        "direction": "inbound",
        "user_number": CALLER_NUMBER,
        "agent_number": number,
        "call_id": call_id,
        "call_type": "phone_call",
        "session_type": "voice",
    }
    check(INBOUND, heard, expected)
    record = await stage.controller.call(call_id)
    assert record["transfer_destination"] == DESK
    assert record["retell_llm_dynamic_variables"]["x-customer"] == CUSTOMER


async def test_every_place_of_an_outbound_call(stage: Stage) -> None:
    agent = stage.agents.agent()
    agent.engine["audio_websocket_url"] += f"?v={TEMPLATE}"
    agent.engine["audio_websocket_headers"] = {"X-Case": TEMPLATE}
    agent_id = await stage.create_agent(agent)
    async with callee(stage.pbx, answers(ringing_ms=200), port=5394) as far_end:
        number = await stage.import_number(None, termination_uri=far_end.uri, transport="UDP")
        body = {
            "from_number": number,
            "to_number": "+14155550188",
            "override_agent_id": agent_id,
            "retell_llm_dynamic_variables": {"customer": CUSTOMER, "zone": "UTC"},
            "custom_sip_headers": {"X-Case": TEMPLATE},
        }
        placed = (await stage.controller.post("/v2/create-phone-call", body, expect=201)).json
        call = await agent.call()
        await stage.begun(placed["call_id"])
        await call.hang_up()
        await far_end.done()
        (invite,) = far_end.received("INVITE")
    ended = await stage.events.event("call_ended", call_id=placed["call_id"])
    expected = {
        "customer": CUSTOMER,
        "direction": "outbound",
        "user_number": "+14155550188",
        "agent_number": number,
        "call_id": placed["call_id"],
        "call_type": "phone_call",
        "session_type": "voice",
    }
    check(OUTBOUND, Heard(call, invite=invite, accounts_webhook=ended), expected)
    assert placed["custom_sip_headers"]["X-Case"] == invite.need("X-Case")


async def test_a_header_that_cannot_be_sent_with_these_values_is_refused(stage: Stage) -> None:
    number = await stage.import_number(await stage.create_agent(stage.agents.agent()))
    agent_id = await stage.create_agent(stage.agents.agent())
    body = {
        "from_number": number,
        "to_number": "+14155550188",
        "override_agent_id": agent_id,
        "retell_llm_dynamic_variables": {"customer": "Ann\r\nX-Evil: 1"},
        "custom_sip_headers": {"X-Case": "{{customer}}"},
    }
    reply = await stage.controller.post("/v2/create-phone-call", body, expect=400)
    assert "header X-Case holds" in reply.json["message"]


async def test_every_place_of_a_text_message(stage: Stage) -> None:
    pbx = (stage.pbx.bind, stage.pbx.sip_port)
    names = ("direction", "user_number", "agent_number", "session_type", "chat_id")
    template = "~".join(f"{name}={{{{{name}}}}}" for name in names)
    async with LlmServer() as llms, TextPhone(pbx=pbx, address=CALLER_ADDRESS, number=CALLER_NUMBER) as phone:
        agent = llms.agent()
        decides, events = stage.webhooks.hook(Answer(200, b"{}")), stage.webhooks.hook()
        engine = {**agent.engine, "llm_websocket_url": f"{agent.url.rstrip('/')}?v={template}"}
        agent_body = {"response_engine": engine, "voice_id": "none", "webhook_url": f"{events.url}?v={template}"}
        agent_id = (await stage.controller.post("/create-agent", agent_body, expect=201)).json["agent_id"]
        number = await stage.import_number(None)
        changes = {
            "inbound_sms_agents": [{"agent_id": agent_id, "weight": 1}],
            "inbound_sms_webhook_url": f"{decides.url}?v={template}",
        }
        reply = await stage.controller.request("PATCH", f"/update-phone-number/{number}", changes)
        assert reply.status == 200, reply.text
        await phone.write(number, "hello")
        await phone.text(0)
        started = await events.event("chat_started", to_number=number)
        (talk,) = agent.talks
    expected = {
        "direction": "inbound",
        "user_number": CALLER_NUMBER,
        "agent_number": number,
        "session_type": "chat",
        "chat_id": started.call["chat_id"],
    }
    assert read(_query(decides.deliveries[0])) == expected
    assert read(_query(started)) == expected
    assert read(parse_qs(urlsplit(talk.path).query)["v"][0]) == expected


@pytest.mark.parametrize("where", ["{{url}}", "http://{{host}}/", "http://{{user_number}}@{{host}}/"])
async def test_a_caller_chooses_no_host_for_the_agent_or_the_webhooks(stage: Stage, where: str) -> None:
    evil: Hook = stage.webhooks.hook()
    host = urlsplit(evil.url).netloc
    headers = [("X-Url", evil.url), ("X-Host", host), ("X-Agent", f"ws://{host}/")]
    usual, events = stage.agents.agent(), stage.webhooks.hook()
    agent_id = await stage.create_agent(usual, webhook_url=where)
    number = await stage.import_number(agent_id, inbound_webhook_url=where)
    async with stage.caller() as caller:
        await caller.call(number, headers=headers, timeout_s=30)
        await usual.call()
    lured = stage.agents.agent()
    lured.engine["audio_websocket_url"] = where.replace("http", "ws").replace("url", "agent")
    number = await stage.import_number(await stage.create_agent(lured, webhook_url=events.url))
    async with stage.caller() as caller:
        await caller.dial(number, headers=headers)
        await caller.refused(timeout_s=30)
    record = (await events.event("call_ended", to_number=number)).call
    assert record["disconnection_reason"] == "error_llm_websocket_open"
    assert evil.deliveries == []


async def test_a_dialplan_that_trusts_a_header_may_make_it_the_agents_url(stage: Stage) -> None:
    """By naming it: what a variable of the dialplan or of the webhook holds is not the caller's."""
    agent = stage.agents.agent()
    answer = Answer.inbound(dynamic_variables={"agent_url": agent.engine["audio_websocket_url"]})
    moved = {**agent.engine, "audio_websocket_url": "{{agent_url}}"}
    body = {"response_engine": moved, "voice_id": "none"}
    agent_id = (await stage.controller.post("/create-agent", body, expect=201)).json["agent_id"]
    number = await stage.import_number(agent_id, inbound_webhook_url=stage.webhooks.hook(answer).url)
    async with stage.caller() as caller:
        await caller.call(number, headers=[("X-Agent_Url", "ws://evil.example/")])
        await agent.call()


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
