"""Calls every method of the newest Python SDK, once as it should be and once with something wrong."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from retell import APIStatusError, Retell
from retell._resource import SyncAPIResource

from tests.contract.flows import EVERYTHING

Attempt = Callable[[], object]
LLM: Any = {"type": "custom-llm", "llm_websocket_url": "wss://agent.example.com/llm"}


def outcome(attempt: Attempt) -> str:
    """`ok`, or the status and message of the answer, or what the client did not like."""
    try:
        attempt()
    except APIStatusError as error:
        body: Any = error.body
        message = body["message"] if isinstance(body, dict) and body.get("status") == "error" else f"no error: {body}"
        return f"{error.status_code} {message}"
    except Exception as error:  # whatever a client raises is its verdict
        return f"{type(error).__name__}: {error}"
    return "ok"


def play(world: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """The outcomes of each method, good and bad."""
    strict: dict[str, Any] = {"base_url": world["url"], "max_retries": 0, "_strict_response_validation": True}
    with Retell(api_key=world["key"], **strict) as client, Retell(api_key="wrong", **strict) as stranger:
        return {name: (outcome(good), outcome(bad)) for name, (good, bad) in _attempts(client, stranger, world).items()}


def methods(client: Any) -> dict[str, Attempt]:
    """Every method there is, by its name, to be called with as little as it takes."""
    found: dict[str, Attempt] = {}
    for noun in dir(client):
        if noun.startswith("_") or not isinstance(resource := getattr(client, noun), SyncAPIResource):
            continue
        for name, method in inspect.getmembers(resource, inspect.ismethod):
            if not name.startswith("_"):
                found[f"{noun}.{name}"] = _with_anything(method)
    return found


def _with_anything(method: Callable[..., object]) -> Attempt:
    needed = [one for one in inspect.signature(method).parameters.values() if one.default is inspect.Parameter.empty]
    options = {one.name: {"files": [b"x"], "file": b"x"}.get(one.name, "x") for one in needed}
    positional = [options.pop(one.name) for one in needed if one.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    return lambda: method(*positional, **options)


def _attempts(client: Retell, stranger: Retell, world: Mapping[str, str]) -> dict[str, tuple[Attempt, Attempt]]:
    agent = client.agent.create(response_engine=LLM, voice_id="v").agent_id
    doomed = client.agent.create(response_engine=LLM, voice_id="v").agent_id
    calls, agents, numbers = client.call, client.agent, client.phone_number
    chats, chat_agents = client.chat, client.chat_agent
    writes: Any = {"type": "custom-llm", "llm_websocket_url": world["llm"]}
    writer = chat_agents.create(response_engine=writes).agent_id
    live, ended, number = world["live"], world["ended"], world["number"]
    own, other = world["new_number"], world["newer_number"]
    found: dict[str, str] = {}

    def sms() -> None:
        found["chat"] = chats.create_sms_chat(
            from_number=number, to_number="+14155550198", override_agent_id=writer
        ).chat_id

    def chat() -> None:
        found["own"] = chats.create(agent_id=writer, metadata={"order": 7}).chat_id

    def completed() -> None:
        answered = chats.create_chat_completion(chat_id=found["own"], content="hello")
        assert [message.to_dict()["content"] for message in answered.messages] == ["you said hello"]

    prompts = client.llm
    prompt, unused = (prompts.create(general_prompt="Be kind.").llm_id for _ in range(2))
    wrong: Any = [{"type": "book_appointment_cal", "name": "x"}]
    flows, lost = client.conversation_flow, {**EVERYTHING, "start_node_id": "lost"}
    flow, unused_flow = (flows.create(**EVERYTHING).conversation_flow_id for _ in range(2))
    return {
        "conversation_flow.create": (lambda: flows.create(**EVERYTHING), lambda: flows.create(**lost)),
        "conversation_flow.retrieve": (lambda: flows.retrieve(flow), lambda: flows.retrieve("flow_unknown")),
        "conversation_flow.update": (
            lambda: flows.update(flow, start_node_id="menu", global_prompt=None),
            lambda: flows.update(flow, start_node_id="lost"),
        ),
        "conversation_flow.list": (lambda: flows.list(limit=5), lambda: flows.list(limit=5000)),
        "conversation_flow.delete": (lambda: flows.delete(unused_flow), lambda: flows.delete("flow_unknown")),
        "llm.create": (
            lambda: prompts.create(general_prompt="Be kind.", general_tools=[{"type": "end_call", "name": "bye"}]),
            lambda: prompts.create(general_tools=wrong),
        ),
        "llm.retrieve": (lambda: prompts.retrieve(prompt), lambda: prompts.retrieve("llm_unknown")),
        "llm.update": (
            lambda: prompts.update(prompt, begin_message="Hi."),
            lambda: prompts.update(prompt, model_temperature=7),
        ),
        "llm.list": (lambda: prompts.list(limit=5), lambda: prompts.list(limit=5000)),
        "llm.delete": (lambda: prompts.delete(unused), lambda: prompts.delete("llm_unknown")),
        "agent.create": (
            lambda: agents.create(response_engine=LLM, voice_id="v", agent_name="Ada", language=["en-US", "de-DE"]),
            lambda: agents.create(response_engine=LLM, voice_id="v", responsiveness=2),
        ),
        "agent.retrieve": (lambda: agents.retrieve(agent), lambda: agents.retrieve("agent_unknown")),
        "agent.update": (
            lambda: agents.update(agent, agent_name="Eve"),
            lambda: agents.update(agent, max_call_duration_ms=1),
        ),
        "agent.list": (lambda: agents.list(limit=5), lambda: agents.list(limit=5000)),
        "agent.create_version": (
            lambda: agents.create_version(agent, base_version=0),
            lambda: agents.create_version("agent_unknown", base_version=0),
        ),
        "agent.list_versions": (
            lambda: agents.list_versions(agent, limit=5),
            lambda: agents.list_versions("agent_unknown"),
        ),
        "agent.repair": (lambda: agents.repair(agent), lambda: agents.repair("agent_unknown")),
        "agent.publish": (lambda: agents.publish(agent, version=0), lambda: agents.publish(agent, version=99)),
        "agent.delete_version": (
            lambda: agents.delete_version(agent, version=1),
            lambda: agents.delete_version(agent, version=99),
        ),
        "agent.delete": (lambda: agents.delete(doomed), lambda: agents.delete("agent_unknown")),
        "phone_number.import_": (
            lambda: numbers.import_(
                phone_number=own,
                termination_uri="sip.example.com",
                sip_trunk_auth_username="ada",
                sip_trunk_auth_password="secret",
                inbound_agents=[{"agent_id": agent, "weight": 1}],
            ),
            lambda: numbers.import_(
                phone_number=other,
                termination_uri="sip.example.com",
                inbound_agents=[{"agent_id": agent, "weight": 0.5}],
            ),
        ),
        "phone_number.create": (
            lambda: numbers.create(phone_number=other, nickname="Office"),
            lambda: numbers.create(phone_number="+123"),
        ),
        "phone_number.retrieve": (lambda: numbers.retrieve(own), lambda: numbers.retrieve("+19995550000")),
        "phone_number.update": (
            lambda: numbers.update(own, nickname="Sales", inbound_agents=None),
            lambda: numbers.update(own, allowed_inbound_country_list=["Germany"]),
        ),
        "phone_number.list": (lambda: numbers.list(limit=1), lambda: numbers.list(limit=0)),
        "phone_number.delete": (lambda: numbers.delete(own), lambda: numbers.delete("+19995550000")),
        "call.create_phone_call": (
            lambda: calls.create_phone_call(
                from_number=number,
                to_number="+14155550199",
                metadata={"order": 7},
                retell_llm_dynamic_variables={"name": "Ada"},
                custom_sip_headers={"X-Order": "7"},
            ),
            lambda: calls.create_phone_call(from_number="+19995550000", to_number="+14155550199"),
        ),
        "call.register_phone_call": (
            lambda: calls.register_phone_call(agent_id=world["agent"], direction="inbound", metadata={"order": 7}),
            lambda: calls.register_phone_call(agent_id="agent_unknown"),
        ),
        "call.create_web_call": (
            lambda: calls.create_web_call(agent_id=world["agent"], metadata={"order": 7}),
            lambda: calls.create_web_call(agent_id="agent_unknown"),
        ),
        "call.retrieve": (lambda: calls.retrieve(ended), lambda: calls.retrieve("call_unknown")),
        "call.list": (
            lambda: calls.list(
                limit=2,
                include_total=True,
                filter_criteria={
                    "direction": {"type": "enum", "op": "in", "value": ["inbound"]},
                    "start_timestamp": {"type": "range", "op": "bt", "value": [0, 2**45]},
                },
            ),
            lambda: calls.list(limit=5000),
        ),
        "call.update": (
            lambda: calls.update(ended, metadata={"order": 8}),
            lambda: calls.update("call_unknown", metadata={}),
        ),
        "call.update_live": (
            lambda: calls.update_live(live, fields_to_override={"metadata": {"order": 8}}),
            lambda: calls.update_live("call_unknown", fields_to_override={"metadata": {}}),
        ),
        "call.listen_live": (lambda: calls.listen_live(live), lambda: calls.listen_live("call_unknown")),
        "call.take_over_live": (
            lambda: calls.take_over_live(live, participant_id="p"),
            lambda: calls.take_over_live("call_unknown", participant_id="p"),
        ),
        "call.stop": (lambda: calls.stop(live), lambda: calls.stop("call_unknown")),
        "call.rerun_analysis": (lambda: calls.rerun_analysis(ended), lambda: calls.rerun_analysis("call_unknown")),
        "call.delete": (lambda: calls.delete(ended), lambda: calls.delete("call_unknown")),
        "batch_call.create_batch_call": (
            lambda: client.batch_call.create_batch_call(
                from_number=number, tasks=[{"to_number": "+14155550197"}], trigger_timestamp=2**42, name="later"
            ),
            lambda: client.batch_call.create_batch_call(from_number="+19995550000", tasks=[]),
        ),
        "concurrency.retrieve": (client.concurrency.retrieve, stranger.concurrency.retrieve),
        "identity.retrieve": (client.identity.retrieve, stranger.identity.retrieve),
        "chat.create_sms_chat": (
            sms,
            lambda: chats.create_sms_chat(from_number="+19995550000", to_number="+14155550198"),
        ),
        "chat.create": (chat, lambda: chats.create(agent_id="agent_unknown")),
        "chat.create_chat_completion": (
            completed,
            lambda: chats.create_chat_completion(chat_id=found["chat"], content="a text"),
        ),
        "chat.retrieve": (lambda: chats.retrieve(found["own"]), lambda: chats.retrieve("chat_unknown")),
        "chat.update": (
            lambda: chats.update(found["own"], metadata={"order": 8}, override_dynamic_variables={"name": "Eve"}),
            lambda: chats.update("chat_unknown", metadata={}),
        ),
        "chat.list": (
            lambda: chats.list(
                limit=5,
                include_total=True,
                filter_criteria={
                    "chat_status": {"type": "enum", "op": "in", "value": ["ongoing"]},
                    "agent": [{"agent_id": writer, "version": [0]}],
                },
            ),
            lambda: chats.list(limit=5000),
        ),
        "chat.end": (lambda: chats.end(found["chat"]), lambda: chats.end("chat_unknown")),
        "chat.rerun_analysis": (
            lambda: chats.rerun_analysis(found["chat"]),
            lambda: chats.rerun_analysis(found["own"]),
        ),
        "chat.delete": (lambda: chats.delete(found["own"]), lambda: chats.delete("chat_unknown")),
        "chat_agent.create": (
            lambda: chat_agents.create(
                response_engine=writes,
                agent_name="Ada",
                language=["en-US", "de-DE"],
                auto_close_message="Bye, {{name}}.",
                end_chat_after_silence_ms=120_000,
                webhook_events=["chat_ended", "transcript_updated"],
                post_chat_analysis_data=[{"type": "system-presets", "name": "chat_summary", "description": "Short."}],
            ),
            lambda: chat_agents.create(response_engine=writes, end_chat_after_silence_ms=1),
        ),
        "chat_agent.retrieve": (lambda: chat_agents.retrieve(writer), lambda: chat_agents.retrieve(agent)),
        "chat_agent.update": (
            lambda: chat_agents.update(writer, agent_name="Eve", webhook_url=None),
            lambda: chat_agents.update(agent, agent_name="Eve"),
        ),
        "chat_agent.list": (
            lambda: chat_agents.list(
                limit=5, filter_criteria={"channel": {"type": "string", "op": "eq", "value": "chat"}}
            ),
            lambda: chat_agents.list(limit=5000),
        ),
        "chat_agent.create_version": (
            lambda: chat_agents.create_version(writer, base_version=0),
            lambda: chat_agents.create_version(writer, base_version=99),
        ),
        "chat_agent.publish": (
            lambda: chat_agents.publish(writer, version=0),
            lambda: chat_agents.publish(writer, version=99),
        ),
        "chat_agent.delete_version": (
            lambda: chat_agents.delete_version(writer, version=1),
            lambda: chat_agents.delete_version(writer, version=99),
        ),
        "chat_agent.delete": (lambda: chat_agents.delete(writer), lambda: chat_agents.delete("agent_unknown")),
    }
