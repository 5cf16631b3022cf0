"""Text messages through a real Asterisk: SIP MESSAGE in, a text agent, SIP MESSAGE out, records, webhooks, the API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.fakes.llm_server import LlmAgent, LlmServer, LlmTalk, Message, echo, until
from tests.fakes.text_phone import TextPhone
from tests.fakes.webhook_server import Answer, Hook
from tests.integration.stage import CALLER_ADDRESS, CALLER_NUMBER, Stage, staged


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def llms() -> AsyncIterator[LlmServer]:
    async with LlmServer() as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def phone(stage: Stage) -> AsyncIterator[TextPhone]:
    pbx = (stage.pbx.bind, stage.pbx.sip_port)
    async with TextPhone(pbx=pbx, address=CALLER_ADDRESS, number=CALLER_NUMBER) as made:
        yield made


async def text_number(stage: Stage, agent: LlmAgent | None, *, hook: Hook | None = None, **fields: Any) -> str:
    """A number whose text messages this agent answers; fields: of the number."""
    number = await stage.import_number(None)
    changes: dict[str, Any] = dict(fields)
    if agent:
        body = {"response_engine": agent.engine, "voice_id": "none"}
        agent_id = (await stage.controller.post("/create-agent", body, expect=201)).json["agent_id"]
        changes["inbound_sms_agents"] = changes["outbound_sms_agents"] = [{"agent_id": agent_id, "weight": 1}]
    if hook:
        changes["inbound_sms_webhook_url"] = hook.url
    reply = await stage.controller.request("PATCH", f"/update-phone-number/{number}", changes)
    assert reply.status == 200, reply.text
    return number


async def the_chat(stage: Stage, number: str, *, items: int = 0) -> dict[str, Any]:
    """The only chat of a number, once so much was written in it: a text is recorded when it has gone out."""
    for _ in range(500):
        found = await _chat_now(stage, number)
        if len(found.get("message_with_tool_calls", ())) >= items:
            break
        await asyncio.sleep(0.01)
    return found


async def _chat_now(stage: Stage, number: str) -> dict[str, Any]:
    criteria = {"agent_number": {"type": "string", "op": "eq", "value": number}}
    reply = await stage.controller.post("/v3/list-chats", {"filter_criteria": criteria}, expect=200)
    (item,) = reply.json["items"]
    found: dict[str, Any] = (await stage.controller.get(f"/get-chat/{item['chat_id']}")).json
    return found


async def test_a_text_is_answered_by_the_agent(stage: Stage, llms: LlmServer, phone: TextPhone) -> None:
    agent = llms.agent(
        opening=({"response_type": "response", "response_id": 0, "content": "Hi", "content_complete": True},)
    )
    number = await text_number(stage, agent)
    assert await phone.write(number, "hello ünï") == 202
    assert await phone.text(0) == "you said hello ünï"
    assert phone.sender(0) == f"sip:{number}@127.0.0.1"
    await phone.write(number, "again\r\nX-Evil: 1")
    assert await phone.text(1) == "you said again\r\nX-Evil: 1"
    (talk,) = agent.talks
    chat = await the_chat(stage, number, items=4)
    assert talk.path.endswith("/" + chat["chat_id"])
    assert [m["response_id"] for m in talk.heard] == [1, 2]
    assert [m["role"] for m in talk.heard[1]["transcript"]] == ["user", "agent", "user"]
    assert (chat["chat_status"], chat["chat_type"]) == ("ongoing", "sms_chat")
    assert (chat["from_number"], chat["to_number"]) == (CALLER_NUMBER, number)
    assert [(m["role"], m["content"]) for m in chat["message_with_tool_calls"]][:2] == [
        ("user", "hello ünï"),
        ("agent", "you said hello ünï"),
    ]
    assert chat["transcript"].startswith("User: hello ünï\nAgent: you said hello ünï\n")


async def test_the_agent_ends_the_chat_and_the_webhooks_tell(stage: Stage, llms: LlmServer, phone: TextPhone) -> None:
    async def bye(talk: LlmTalk, message: Message) -> None:
        await talk.say(response_type="tool_call_invocation", tool_call_id="t1", name="look", arguments="{}")
        await talk.say(response_type="tool_call_result", tool_call_id="t1", content="found")
        await talk.respond(message["response_id"], "good", "bye", end_call=True)

    number = await text_number(stage, llms.agent(bye))
    await phone.write(number, "bye")
    assert await phone.text(0) == "goodbye"
    told = [
        await stage.events.event(name, to_number=number) for name in ("chat_started", "chat_ended", "chat_analyzed")
    ]
    assert all(delivery.signed for delivery in told)
    started, ended, analyzed = (delivery.json["chat"] for delivery in told)
    assert (started["chat_status"], "transcript" in started) == ("ongoing", False)
    assert (ended["chat_status"], "chat_analysis" in ended) == ("ended", False)
    assert analyzed["chat_analysis"]["chat_successful"] is True
    roles = [item["role"] for item in ended["message_with_tool_calls"]]
    assert roles == ["user", "tool_call_invocation", "tool_call_result", "agent"]
    assert stage.events.events(to_number=number) == ["chat_started", "chat_ended", "chat_analyzed"]
    await phone.write(number, "one more")  # begins the next chat
    assert await phone.text(1) == "goodbye"


async def test_the_inbound_webhook_chooses_agent_and_variables(stage: Stage, llms: LlmServer, phone: TextPhone) -> None:
    agent = llms.agent()
    engine = {**agent.engine, "llm_websocket_url": agent.url.rstrip("/") + "?customer={{name}}"}
    body = {"response_engine": engine, "voice_id": "none"}
    agent_id = (await stage.controller.post("/create-agent", body, expect=201)).json["agent_id"]
    fields = {"override_agent_id": agent_id, "dynamic_variables": {"name": "A&B"}, "metadata": {"id": 7}}
    answers = iter([Answer(500), Answer(200, json.dumps({"chat_inbound": fields}).encode())])
    hook = stage.webhooks.hook(lambda _: next(answers))
    number = await text_number(stage, None, hook=hook)
    await phone.write(number, "one")
    await phone.write(number, "two")  # while the webhook is asked
    await until(lambda: any(text.body == b"you said two" for text in phone.texts))
    asked, retried = hook.deliveries
    assert asked.signed and asked.event == "chat_inbound"
    assert (asked.call["from_number"], asked.call["to_number"]) == (CALLER_NUMBER, number)
    assert asked.call["chat_id"] == retried.call["chat_id"]
    assert "agent_id" not in asked.call
    chat = await the_chat(stage, number)
    assert agent.talks[0].path == f"/{agent.url.rstrip('/').rpartition('/')[2]}/{chat['chat_id']}?customer=A%26B"
    assert (chat["metadata"], chat["retell_llm_dynamic_variables"]) == ({"id": 7}, {"name": "A&B"})


@pytest.mark.parametrize("fields", [{}, {"reject": True, "override_agent_id": "agent_x"}])
async def test_a_refused_text_gets_no_answer_and_no_record(
    stage: Stage, llms: LlmServer, phone: TextPhone, fields: dict[str, Any]
) -> None:
    hook = stage.webhooks.hook(Answer(200, json.dumps({"chat_inbound": fields}).encode()))
    number = await text_number(stage, None, hook=hook)
    await phone.write(number, "anybody?")
    await until(lambda: bool(hook.deliveries))
    open_number = await text_number(stage, llms.agent())
    await phone.write(open_number, "you")
    assert await phone.text(0) == "you said you"  # the first text that came back
    criteria = {"agent_number": {"type": "string", "op": "eq", "value": number}}
    reply = await stage.controller.post("/v3/list-chats", {"filter_criteria": criteria, "include_total": True})
    assert reply.json == {"items": [], "has_more": False, "total": 0}


async def test_an_agent_that_only_speaks_is_named_in_the_log(stage: Stage, phone: TextPhone) -> None:
    agent_id = await stage.create_agent(stage.agents.agent())
    number = await text_number(stage, None, inbound_sms_agents=[{"agent_id": agent_id, "weight": 1}])
    await phone.write(number, "hello")
    await until(
        lambda: f"agent {agent_id} has a response_engine of type audio-websocket" in stage.controller.log_text()
    )


async def test_a_chat_outlives_the_controller(stage: Stage, llms: LlmServer, phone: TextPhone) -> None:
    agent = llms.agent()
    number = await text_number(stage, agent)
    await phone.write(number, "before")
    assert await phone.text(0) == "you said before"
    chat_id = (await the_chat(stage, number, items=2))["chat_id"]
    await stage.controller.kill()
    await stage.controller.start()
    await phone.write(number, "after")
    assert await phone.text(1) == "you said after"
    chat = await the_chat(stage, number, items=4)
    assert (chat["chat_id"], chat["chat_status"], len(chat["message_with_tool_calls"])) == (chat_id, "ongoing", 4)
    assert agent.talks[1].path.endswith(chat_id)
    assert (await stage.controller.request("PATCH", f"/end-chat/{chat_id}")).status == 204
    assert (await the_chat(stage, number))["chat_status"] == "ended"
    assert (await stage.controller.request("PATCH", f"/end-chat/{chat_id}")).status == 400


async def test_a_lost_agent_is_dialled_again_and_asked_again(stage: Stage, llms: LlmServer, phone: TextPhone) -> None:
    async def drops_the_first(talk: LlmTalk, message: Message) -> None:
        if len(agent.talks) == 1:
            await talk.connection.close(1011)
        else:
            await echo(talk, message)

    agent = llms.agent(drops_the_first)
    number = await text_number(stage, agent)
    await phone.write(number, "still there?")
    assert await phone.text(0) == "you said still there?"
    assert len(agent.talks) == 2


async def test_an_agent_that_is_always_lost_makes_an_error(stage: Stage, llms: LlmServer, phone: TextPhone) -> None:
    async def drops(talk: LlmTalk, message: Message) -> None:
        await talk.connection.close(1011)

    number = await text_number(stage, llms.agent(drops))
    await phone.write(number, "hello?")
    ended = await stage.events.event("chat_ended", to_number=number)
    assert ended.json["chat"]["chat_status"] == "error"


async def test_a_long_answer_comes_in_parts(stage: Stage, llms: LlmServer, phone: TextPhone) -> None:
    words = " ".join(["word"] * 500)

    async def at_length(talk: LlmTalk, message: Message) -> None:
        await talk.respond(message["response_id"], words)

    number = await text_number(stage, llms.agent(at_length))
    await phone.write(number, "tell me")
    got = [await phone.text(index) for index in range(3)]
    assert all(len(text.encode()) <= 1000 for text in got)
    assert " ".join(got) == words
    assert len((await the_chat(stage, number, items=2))["message_with_tool_calls"]) == 2


async def test_the_api_begins_a_chat_through_the_trunk(stage: Stage, llms: LlmServer, phone: TextPhone) -> None:
    opening = {"response_id": 0, "content": "Hi {}", "content_complete": True}
    config = {"response_type": "config", "config": {"call_details": True, "auto_reconnect": True}}
    agent = llms.agent(opening=(config, opening))
    number = await text_number(stage, agent, termination_uri=f"{phone.address}:{phone.port}", transport="UDP")
    body = {"from_number": number, "to_number": CALLER_NUMBER, "metadata": {"a": 1}}
    chat = (await stage.controller.post("/create-sms-chat", body, expect=200)).json
    assert await phone.text(0) == "Hi {}"
    assert phone.texts[0].request_uri == f"sip:{CALLER_NUMBER}@{phone.address}:{phone.port}"
    assert phone.sender(0) == f"sip:{number}@{phone.address}"
    await phone.write(number, "who is it?")
    assert await phone.text(1) == "you said who is it?"
    (talk,) = agent.talks
    (details,) = [m for m in talk.heard if m["interaction_type"] == "call_details"]
    assert (details["call"]["call_id"], details["call"]["direction"]) == (chat["chat_id"], "outbound")
    assert any(m["interaction_type"] == "ping_pong" for m in talk.heard)
    found = await the_chat(stage, number, items=3)
    assert (found["chat_id"], found["metadata"]) == (chat["chat_id"], {"a": 1})
    assert [m["role"] for m in found["message_with_tool_calls"]] == ["agent", "user", "agent"]


async def test_a_chat_over_the_api(stage: Stage, llms: LlmServer) -> None:
    agent = llms.agent(opening=({"response_id": 0, "content": "Hi", "content_complete": True},))
    body = {"response_engine": agent.engine, "voice_id": "none"}
    agent_id = (await stage.controller.post("/create-agent", body, expect=201)).json["agent_id"]
    chat = (await stage.controller.post("/create-chat", {"agent_id": agent_id}, expect=201)).json
    assert [m["content"] for m in chat["message_with_tool_calls"]] == ["Hi"]
    for said in ("one", "two"):
        asked = {"chat_id": chat["chat_id"], "content": said}
        reply = await stage.controller.post("/create-chat-completion", asked, expect=201)
        assert [m["content"] for m in reply.json["messages"]] == [f"you said {said}"]
    path = f"/update-chat/{chat['chat_id']}"
    changed = await stage.controller.request("PATCH", path, {"metadata": {"k": "v"}, "custom_attributes": {"x": True}})
    assert (changed.json["metadata"], changed.json["custom_attributes"]) == ({"k": "v"}, {"x": True})
    assert (await stage.controller.request("DELETE", f"/delete-chat/{chat['chat_id']}")).status == 204
    assert (await stage.controller.get(f"/get-chat/{chat['chat_id']}")).status == 422


async def test_a_chat_goes_on_as_it_was_overrides_included(stage: Stage, llms: LlmServer, phone: TextPhone) -> None:
    agent, other = llms.agent(), llms.agent()
    body = {"response_engine": other.engine, "voice_id": "none"}
    agent_id = (await stage.controller.post("/create-agent", body, expect=201)).json["agent_id"]
    engine = {**agent.engine, "llm_websocket_url": agent.url.rstrip("/") + "?for={{name}}"}
    fields = {
        "override_agent_id": agent_id,
        "dynamic_variables": {"name": "Bob"},
        "agent_override": {"agent": {"response_engine": engine}},
    }
    hook = stage.webhooks.hook(Answer(200, json.dumps({"chat_inbound": fields}).encode()))
    number = await text_number(stage, None, hook=hook)
    await phone.write(number, "before")
    assert await phone.text(0) == "you said before"
    assert (await stage.controller.request("DELETE", f"/delete-agent/{agent_id}")).status == 204
    await stage.controller.kill()
    await stage.controller.start()
    await phone.write(number, "after")
    assert await phone.text(1) == "you said after"
    chat = await the_chat(stage, number, items=4)
    assert (chat["agent_id"], chat["version"]) == (agent_id, 0)
    assert "agent_override" not in json.dumps(chat)
    assert [talk.path.partition("?")[2] for talk in agent.talks] == ["for=Bob", "for=Bob"]
    assert (other.talks, len(hook.deliveries)) == ([], 1)


async def test_an_answer_that_is_owed_comes_after_the_restart(stage: Stage, llms: LlmServer, phone: TextPhone) -> None:
    async def says_nothing(talk: LlmTalk, message: Message) -> None:
        pass

    agent = llms.agent(says_nothing)
    number = await text_number(stage, agent)
    await phone.write(number, "are you there?")
    await until(lambda: bool(agent.talks and agent.talks[0].heard))
    await stage.controller.kill()
    agent.script = echo
    await stage.controller.start()
    assert await phone.text(0) == "you said are you there?"
    assert len((await the_chat(stage, number, items=2))["message_with_tool_calls"]) == 2


async def test_retransmissions_are_answered_once(stage: Stage, llms: LlmServer, phone: TextPhone) -> None:
    number = await text_number(stage, llms.agent())
    assert await phone.write(number, "hello", copies=3) == 202
    assert await phone.text(0) == "you said hello"
    await phone.write(number, "next")
    assert await phone.text(1) == "you said next"
    chat = await the_chat(stage, number, items=4)
    assert [item["content"] for item in chat["message_with_tool_calls"] if item["role"] == "user"] == ["hello", "next"]


async def test_texts_of_two_users_stay_in_order_and_apart(stage: Stage, llms: LlmServer, phone: TextPhone) -> None:
    async def counts(talk: LlmTalk, message: Message) -> None:
        wrote = [item["content"] for item in message["transcript"] if item["role"] == "user"]
        await talk.respond(message["response_id"], f"{len(wrote)} of {wrote[0].split()[0]}")

    number = await text_number(stage, llms.agent(counts))
    pbx = (stage.pbx.bind, stage.pbx.sip_port)
    async with TextPhone(pbx=pbx, address=CALLER_ADDRESS, number="+14155550111") as other:

        async def converse(one: TextPhone) -> None:
            for index in range(10):
                assert await one.write(number, f"{one.number} {index}") == 202
                assert await one.text(index) == f"{index + 1} of {one.number}"

        await asyncio.gather(converse(phone), converse(other))
    reply = await stage.controller.post(
        "/v3/list-chats", {"filter_criteria": {"agent_number": {"type": "string", "op": "eq", "value": number}}}
    )
    assert len(reply.json["items"]) == 2
    for item in reply.json["items"]:
        chat = (await stage.controller.get(f"/get-chat/{item['chat_id']}")).json
        wrote = [entry["content"] for entry in chat["message_with_tool_calls"] if entry["role"] == "user"]
        assert wrote == [f"{chat['from_number']} {index}" for index in range(10)]


async def test_a_text_that_asterisk_does_not_take_is_told_to_its_sender(
    stage: Stage, llms: LlmServer, phone: TextPhone
) -> None:
    number = await text_number(stage, llms.agent())
    assert await phone.write(number, "x" * 1023) == 202
    assert (await phone.text(0), await phone.text(1)) == ("you said", "x" * 1000)
    assert await phone.text(2) == "x" * 23
    assert await phone.write(number, "x" * 1024) == 202
    assert "too long" in await phone.text(3)
    assert await phone.write(number, "ü" * 600) == 202  # 1200 bytes; told so once in five minutes
    for content_type in ("text/html", "application/im-iscomposing+xml", None):
        assert await phone.write(number, "<b>", content_type=content_type) == 415
    assert await phone.write(number, "") == 202
    assert await phone.write(number, "anon", from_header='"Anonymous" <sip:anonymous@anonymous.invalid>') == 202
    await phone.write(number, "still here")
    assert await phone.text(4) == "you said still here"
    chat = await the_chat(stage, number, items=4)
    assert [item["content"] for item in chat["message_with_tool_calls"]][2:] == ["still here", "you said still here"]


async def test_no_header_of_the_sender_sends_the_answer_elsewhere(
    stage: Stage, llms: LlmServer, phone: TextPhone
) -> None:
    number = await text_number(stage, llms.agent())
    evil = f'"<sip:+1999@127.0.0.1>\\" , " <sip:%2B14155550199;maddr=127.0.0.1@{phone.address}?X-Evil=1>'
    assert await phone.write(number, "hello", from_header=evil) == 202
    assert await phone.text(0) == "you said hello"
    assert phone.texts[0].header("X-Evil") is None
    assert phone.texts[0].request_uri == f"sip:+14155550199@{phone.address}:{phone.port}"
    await phone.write(number, "tel", from_header="<tel:+1-415-555-0198>")
    assert await phone.text(1) == "you said tel"
    assert phone.texts[1].request_uri == f"sip:+14155550198@{phone.address}:{phone.port}"


async def test_emoji_are_never_cut_in_two(stage: Stage, llms: LlmServer, phone: TextPhone) -> None:
    async def laughs(talk: LlmTalk, message: Message) -> None:
        await talk.respond(message["response_id"], "😀" * 300, "👩‍👩‍👧" * 100)

    number = await text_number(stage, llms.agent(laughs))
    await phone.write(number, "😀" * 200)
    got = ""
    for index in range(4):
        got += await phone.text(index)
    assert got == "😀" * 300 + "👩‍👩‍👧" * 100
    assert (await the_chat(stage, number, items=2))["message_with_tool_calls"][0]["content"] == "😀" * 200


async def test_a_user_whose_agent_is_dead_is_told_so(stage: Stage, phone: TextPhone) -> None:
    nobody = LlmAgent("ws://127.0.0.1:9/", echo)
    number = await text_number(stage, nobody)
    await phone.write(number, "hello?")
    assert "cannot answer at the moment" in await phone.text(0)
    told = [
        await stage.events.event(name, to_number=number) for name in ("chat_started", "chat_ended", "chat_analyzed")
    ]
    assert all(delivery.signed for delivery in told)
    assert told[2].json["chat"]["chat_status"] == "error"
    assert told[2].json["chat"]["chat_analysis"]["chat_successful"] is False
    assert stage.events.events(to_number=number) == ["chat_started", "chat_ended", "chat_analyzed"]


async def test_lists_of_countries_hold_for_texts(stage: Stage, llms: LlmServer, phone: TextPhone) -> None:
    agent = llms.agent()
    number = await text_number(
        stage,
        agent,
        allowed_inbound_country_list=["DE"],
        allowed_outbound_country_list=["DE"],
        termination_uri=f"{phone.address}:{phone.port}",
        transport="UDP",
    )
    await phone.write(number, "from the US")
    reply = await stage.controller.post("/create-sms-chat", {"from_number": number, "to_number": CALLER_NUMBER})
    assert reply.status == 400
    assert "its allowed_outbound_country_list is DE" in reply.json["message"]
    await phone.write(number, "from Germany", from_header=f"<sip:+4930123456@{phone.address}>")
    assert await phone.text(0) == "you said from Germany"
    assert (await the_chat(stage, number))["from_number"] == "+4930123456"


async def test_a_chat_agent_answers_texts(stage: Stage, llms: LlmServer, phone: TextPhone) -> None:
    body = {"response_engine": llms.agent().engine, "agent_name": "Ada", "webhook_events": ["chat_ended"]}
    agent_id = (await stage.controller.post("/create-chat-agent", body, expect=201)).json["agent_id"]
    number = await text_number(stage, None, inbound_sms_agents=[{"agent_id": agent_id, "weight": 1}])
    await phone.write(number, "hello")
    assert await phone.text(0) == "you said hello"
    chat = await the_chat(stage, number, items=2)
    assert (chat["agent_id"], chat["agent_name"]) == (agent_id, "Ada")
    assert (await stage.controller.request("PATCH", f"/end-chat/{chat['chat_id']}")).status == 204
    await stage.events.event("chat_ended", to_number=number)
    assert stage.events.events(to_number=number) == ["chat_ended"]
    again = await stage.controller.request("PUT", f"/rerun-chat-analysis/{chat['chat_id']}")
    assert again.json["chat_analysis"]["chat_successful"] is True


async def test_texts_that_run_through_the_dialplan_are_no_calls(
    tmp_path: Path, llms: LlmServer, go_before_others: None
) -> None:
    options = {"pjsip": "[caller](+)\nmessage_context = from-trunk\n"}
    async with staged(tmp_path, pbx_options=options) as own:
        number = await text_number(own, llms.agent())
        pbx = (own.pbx.bind, own.pbx.sip_port)
        async with TextPhone(pbx=pbx, address=CALLER_ADDRESS, number=CALLER_NUMBER) as phone:
            for index, text in enumerate(("one", "two")):
                await phone.write(number, text)
                assert await phone.text(index) == f"you said {text}"
        calls = (await own.controller.post("/v3/list-calls", {}, expect=200)).json["items"]
        assert calls == []
        assert "orphan caller swept" in own.controller.log_text()


async def test_a_card_number_in_texts_reaches_the_agent_and_is_left_nowhere(
    stage: Stage, llms: LlmServer, phone: TextPhone
) -> None:
    async def goodbye(talk: LlmTalk, message: Message) -> None:
        if message["interaction_type"] == "response_required":
            text = message["transcript"][-1]["content"]
            await talk.respond(message["response_id"], f"I took {text}", end_call="bye" in text)

    agent = llms.agent(goodbye)
    settings = {"response_engine": agent.engine, "data_storage_setting": "everything_except_pii"}
    made = await stage.controller.post("/create-chat-agent", settings, expect=201)
    assert "X-Ari-Agent-Without-Effect" not in made.headers
    number = await text_number(stage, None, inbound_sms_agents=[{"agent_id": made.json["agent_id"], "weight": 1}])
    await phone.write(number, "my card: 4111 1111")
    assert await phone.text(0) == "I took my card: 4111 1111"
    assert (await the_chat(stage, number, items=2))["transcript"].startswith("User: my card: 4111 1111\n")
    await phone.write(number, "1111\u20111111 bye")
    assert await phone.text(1) == "I took 1111\u20111111 bye"
    chat = await the_chat(stage, number)
    await stage.events.event("chat_analyzed", chat_id=chat["chat_id"])
    chat = await the_chat(stage, number)
    assert chat["transcript"].splitlines()[::2] == ["User: my card: [credit_card]", "User: [credit_card] bye"]
    told = [delivery.json for delivery in stage.events.about(chat_id=chat["chat_id"])]
    assert [each["event"] for each in told] == ["chat_started", "chat_ended", "chat_analyzed"]
    assert "1111" not in json.dumps([chat, *told]).replace(CALLER_NUMBER, "")
    assert "4111 1111" not in stage.controller.log_text()
