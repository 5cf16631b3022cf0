"""A model that hears and speaks, on a call: its session, audio both ways, interruptions, transcript and tools."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from ari_agent.calls.media.call_media import AgentFailed, AgentHungUp, DtmfAsked, MessagePassed, TransferAsked
from ari_agent.calls.media.commands import (
    ApiControl,
    ControlFailed,
    KeyPressed,
    TransferGoesOn,
    TransferResult,
    Voicemail,
)
from ari_agent.contract.call_control import TransferOutcome, VoicemailNotice
from ari_agent.contract.call_update import CallControl
from ari_agent.contract.transcript import MAX_UTTERANCES
from ari_agent.contract.transfer_progress import TransferProgress
from tests.calls.realtime.spoken_call import KEY, SpokenCall, spoken_call
from tests.fakes.llm_server import until
from tests.fakes.realtime_server import Answer, RealtimeServer
from tests.prompt_agents.talk import Shop, custom, shop

__all__ = ["shop"]

SECOND = bytes(range(256)) * 31 + bytes(64)  # 8000 bytes of mu-law
GREETING = Answer("Hello Ann, how are you today?", SECOND * 2)
END = {"type": "end_call", "name": "hang_up", "description": "The caller is done."}
SALES = {
    "type": "transfer_call",
    "name": "to_sales",
    "transfer_destination": {"type": "predefined", "number": "+14155550199"},
    "speak_during_execution": True,
    "execution_message_type": "static_text",
    "execution_message_description": "One moment, {{customer}}.",
}


async def test_a_conversation() -> None:
    async with RealtimeServer(GREETING, key=KEY) as server, spoken_call(server, general_tools=[END, SALES]) as call:
        session = call.session
        assert session.path == "/v1/realtime?model=gpt-realtime"
        told = (await session.event("session.update"))["session"]
        assert told["type"] == "realtime"
        assert told["instructions"].startswith("Help Ann.")
        assert told["audio"]["input"] == {
            "format": {"type": "audio/pcmu"},
            "turn_detection": {"type": "server_vad", "create_response": True, "interrupt_response": True},
            "transcription": {"model": "gpt-transcribe", "language": "en"},
        }
        assert told["audio"]["output"] == {"format": {"type": "audio/pcmu"}, "voice": "marin"}
        end, sales = told["tools"]
        assert (end["type"], end["name"], end["description"]) == ("function", "hang_up", "The caller is done.")
        assert "Before you call it, say: One moment, Ann." in sales["description"]
        await until(lambda: len(call.ears.played) == len(GREETING.sound))
        assert bytes(call.ears.played) == GREETING.sound  # as it came, byte for byte
        call.leg.hear(b"\x01\x02" * 80)
        call.leg.hear(b"\xff" * 160)
        await session.event("input_audio_buffer.append", index=1)
        assert bytes(session.heard) == b"\x01\x02" * 80 + b"\xff" * 160
        call.hears()
        await session.user_begins("item_u")
        await session.user_said("item_u", "Fine, goodbye.", Answer("Bye!", SECOND, [("hang_up", "{}")], usage=(50, 5)))
        await call.told(AgentHungUp)
        assert session.of("conversation.item.truncate") == []  # everything had been heard
        # what the caller said is written down late, and has its place all the same
        await until(lambda: len(call.said) == 3)
        assert call.said == [("agent", GREETING.text), ("user", "Fine, goodbye."), ("agent", "Bye!")]
        assert [(item["name"], item["type"]) for item in call.items if "name" in item] == [("hang_up", "end_call")]
        assert [(used.model, used.prompt, used.completion) for used in call.leg.usage.model_requests] == [
            ("gpt-realtime", 20, 10),
            ("gpt-realtime", 50, 5),
        ]


async def test_what_was_not_heard_was_not_said() -> None:
    """The model has sent two seconds; the caller speaks after half a second of them."""
    async with RealtimeServer(GREETING) as server, spoken_call(server) as call:
        await until(lambda: len(call.ears.played) == len(GREETING.sound) and bool(call.leg.usage.model_requests))
        call.hears(4800)  # the last mark before that stands at 500 ms
        await call.session.user_begins("item_u")
        cut = await call.session.event("conversation.item.truncate")
        assert 500 <= cut["audio_end_ms"] <= 700
        assert (cut["content_index"], call.ears.clears) == (0, 1)
        await call.session.tell(
            "response.output_audio.delta",
            response_id="resp_2",
            item_id=cut["item_id"],
            output_index=0,
            content_index=0,
            delta="AAAA",
        )
        await call.session.user_said("item_u", "Wait!", Answer("Yes?", SECOND))
        await until(lambda: ("user", "Wait!") in call.said)
        assert bytes(call.ears.played) == GREETING.sound + SECOND  # nothing that came late of the first
        heard = call.said[0][1]
        assert GREETING.text.startswith(heard)
        assert heard in {"Hello", "Hello Ann,"}


async def test_a_beta_server_and_24_khz() -> None:
    async with RealtimeServer(GREETING, beta=True) as server, spoken_call(server, audio="pcm") as call:
        told = (await call.session.event("session.update"))["session"]
        assert (told["input_audio_format"], told["output_audio_format"]) == ("pcm16", "pcm16")
        assert (told["voice"], told["input_audio_transcription"]["model"]) == ("marin", "gpt-transcribe")
        assert (call.leg.encoding, call.leg.rate_hz) == ("s16le", 24_000)
        await until(lambda: len(call.ears.played) == len(GREETING.sound))
        await until(lambda: bool(call.said) and call.said[0][1] == GREETING.text)


async def test_a_voice_that_the_server_does_not_have_is_left_out() -> None:
    async with RealtimeServer(refuses=["voice", "transcription"]) as server, spoken_call(server) as call:
        last = (await call.session.event("session.update", index=2))["session"]["audio"]
        assert "voice" not in last["output"]
        assert "transcription" not in last["input"]


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        ({}, [{"type": "response.create"}]),
        ({"begin_message": "Hi {{customer}}!"}, ["Hi Ann!"]),
        ({"start_speaker": "user"}, []),
        ({"begin_message": "", "begin_after_user_silence_ms": 50}, [{"type": "response.create"}]),
    ],
)
async def test_who_begins(settings: dict[str, Any], asked: list[Any]) -> None:
    async with RealtimeServer() as server, spoken_call(server, **settings) as call:
        if asked:
            await call.session.event("response.create")
        else:
            call.leg.command(ApiControl(CallControl(additional_context="late")))
            await call.session.event("conversation.item.create")
        created = call.session.of("response.create")
        assert len(created) == len(asked)
        for event, wanted in zip(created, asked, strict=True):
            assert event == wanted if isinstance(wanted, dict) else wanted in event["response"]["instructions"]


async def test_tools(shop: tuple[Shop, str]) -> None:
    """The customer's server, variables and states, half of a JSON, and a tool that is none."""
    _, url = shop
    states = [
        {"name": "first", "edges": [{"description": "Once bought", "destination_state_name": "paid"}]},
        {"name": "paid", "state_prompt": "Thank {{name}}."},
    ]
    note = {
        "type": "extract_dynamic_variable",
        "name": "note",
        "variables": [{"type": "string", "name": "name", "description": "n"}],
    }
    calls = [
        ("stock", '{"item": "cup"}'),
        ("note", '{"name": "Bob"}'),
        ("transition_to_paid", "{}"),
        ("stock", '{"item": '),
        ("nothing", "{}"),
    ]
    script = Answer("Let me see.", SECOND, calls)
    more: dict[str, Any] = {"general_tools": [custom(url), note], "states": states, "starting_state": "first"}
    async with RealtimeServer(script) as server, spoken_call(server, **more) as call:
        await call.session.event("response.create", index=1)
        results = [event["item"] for event in call.session.of("conversation.item.create")]
        assert [result["type"] for result in results] == ["function_call_output"] * 5
        assert json.loads(results[0]["output"]) == {"stock": [{"left": 3}]}
        assert [result["output"] for result in results[1:3]] == ["done", "now in state paid"]
        assert "no JSON object" in results[3]["output"]
        assert "there is no tool 'nothing' now" in results[4]["output"]
        request, body = shop[0].asked[0]
        assert request.headers["X-Retell-Signature"].startswith("v=")
        assert json.loads(body)["args"] == {"item": "cup"}
        assert "Thank Bob." in call.session.of("session.update")[-1]["session"]["instructions"]
        kinds = [item["role"] for item in call.items]
        assert kinds == ["agent", *["tool_call_invocation", "tool_call_result"] * 5]


async def test_a_transfer_waits_until_what_was_said_is_heard_and_its_failure_is_told() -> None:
    speaks = Answer("One moment.", SECOND, [("to_sales", "{}")])
    async with RealtimeServer(speaks) as server, spoken_call(server, general_tools=[SALES]) as call:
        await until(lambda: any("name" in item for item in call.items) if call.events[1:] else False)
        assert call.of(TransferAsked) == []
        call.hears()
        asked: TransferAsked = await call.told(TransferAsked)
        assert asked.request.to == "+14155550199"
        call.leg.command(TransferGoesOn(TransferProgress(status="ringing", hears="nobody")))
        progress = TransferProgress(
            status="private_handoff", hears="target", prompt="Tell who calls.", spoken_by="agent"
        )
        call.leg.command(TransferGoesOn(progress))
        event = await call.session.event("response.create", index=1)
        assert event["response"]["instructions"] == "Tell who calls."
        await call.session.answer(Answer("Ann calls.", SECOND))
        call.leg.command(TransferResult(TransferOutcome(status="failed", sip_status=486, message="busy")))
        result = (await call.session.event("conversation.item.create"))["item"]
        assert result["output"] == "The transfer has failed (SIP status 486): busy"
        await call.session.event("response.create", index=2)


async def test_a_caller_who_speaks_calls_a_transfer_off() -> None:
    speaks = Answer("One moment.", SECOND, [("to_sales", "{}")])
    async with RealtimeServer(speaks) as server, spoken_call(server, general_tools=[SALES]) as call:
        await until(lambda: bool(call.events[1:]) and any("name" in item for item in call.items))
        await call.session.user_begins("item_u")
        result = (await call.session.event("conversation.item.create"))["item"]
        assert "the user spoke before it had begun" in result["output"]
        assert call.of(TransferAsked) == []


async def test_keys_both_ways() -> None:
    press = {"type": "press_digit", "name": "press", "delay_ms": 0}
    script = Answer(calls=[("press", '{"digit": "12#"}')])
    async with RealtimeServer(script) as server, spoken_call(server, general_tools=[press]) as call:
        asked: DtmfAsked = await call.told(DtmfAsked)
        assert asked.request.digits == "12#"
        call.leg.command(ControlFailed("dtmf", "no line"))
        for digit in "42":
            call.leg.command(KeyPressed(digit, 100))
        await call.session.event("conversation.item.create", index=2)
        texts = [
            event["item"].get("content", [{}])[0].get("text") for event in call.session.received if "item" in event
        ]
        assert texts == [None, "The keys were not pressed: no line", "Pressed Button: 42"]
        assert [item["digit"] for item in call.items if item["role"] == "dtmf"] == ["4", "2"]


async def test_the_api_and_an_answering_machine() -> None:
    async with RealtimeServer() as server, spoken_call(server, start_speaker="user") as call:
        call.leg.command(ApiControl(CallControl(additional_context="It rains.", trigger_response=True)))
        item = (await call.session.event("conversation.item.create"))["item"]
        assert (item["role"], item["content"][0]["text"]) == ("system", "It rains.")
        await call.session.event("response.create")
        await call.session.answer(Answer("It rains.", SECOND))
        await until(lambda: bool(call.leg.usage.model_requests))
        call.leg.command(Voicemail(VoicemailNotice(status="recording", action="static_text", text="Call back.")))
        event = await call.session.event("response.create", index=1)
        assert "Call back." in event["response"]["instructions"]
        await call.session.answer(Answer("Call back.", SECOND))
        await call.told(AgentHungUp)


async def _still_answers(call: SpokenCall) -> tuple[str, Answer]:
    """An answer has begun, and the leg knows; returns its id."""
    answer, played = Answer("I will", SECOND, ends=False), len(call.ears.played)
    item_id = await call.session.answer(answer)
    await until(lambda: len(call.ears.played) == played + len(SECOND))
    return item_id.replace("item", "resp"), answer


async def test_what_is_to_be_said_is_said_after_the_present_answer() -> None:
    """A voicemail's text arrives while the model speaks: it is asked for, and only then the call ends."""
    async with RealtimeServer() as server, spoken_call(server, start_speaker="user") as call:
        response_id, answer = await _still_answers(call)
        call.leg.command(Voicemail(VoicemailNotice(status="recording", action="static_text", text="Call back.")))
        call.leg.command(ApiControl(CallControl(additional_context="It rains.", trigger_response=True)))
        await call.session.event("conversation.item.create")
        assert call.session.of("response.create") == []
        await call.session.done(response_id, answer, [])
        event = await call.session.event("response.create")
        assert event["response"]["instructions"].endswith("Call back.")
        assert call.of(AgentHungUp) == []
        await call.session.answer(Answer("Call back.", SECOND))
        await call.told(AgentHungUp)
        assert len(call.session.of("response.create")) == 1


async def test_what_is_to_be_said_is_not_lost_to_a_caller_who_speaks_or_to_an_answer_of_the_servers_own() -> None:
    prompt = TransferProgress(status="private_handoff", hears="target", prompt="Tell who calls.", spoken_by="agent")
    active = {"code": "conversation_already_has_active_response", "message": "Conversation already has a response."}
    async with RealtimeServer() as server, spoken_call(server, start_speaker="user") as call:
        await call.session.user_begins("item_u")
        await until(lambda: call.ears.clears == 1)
        call.leg.command(TransferGoesOn(prompt))
        await call.session.user_said("item_u", "Hello?", Answer("Hello!", SECOND))
        event = await call.session.event("response.create")
        assert event["response"]["instructions"] == "Tell who calls."
        # the server has begun an answer by itself meanwhile, and refuses this one
        response_id, answer = await _still_answers(call)
        await call.session.tell("error", error=active)
        await call.session.done(response_id, answer, [])
        event = await call.session.event("response.create", index=1)
        assert event["response"]["instructions"] == "Tell who calls."


def our_log(caplog: pytest.LogCaptureFixture) -> str:
    """What the product has logged; the fake server logs what it receives."""
    return "".join(record.getMessage() for record in caplog.records if record.name.startswith("ari_agent"))


async def _closes(call: SpokenCall) -> None:
    await call.session.connection.close(1000)


async def _closes_with_the_key(call: SpokenCall) -> None:
    await call.session.connection.close(1011, f"no {KEY}, {KEY[:-2]}")


async def _half_a_frame(call: SpokenCall) -> None:
    call.session.connection.transport.abort()


async def _fails_twice(call: SpokenCall) -> None:
    call.server.script = [Answer(status="failed", error="overloaded")] * 2
    await call.session.answer(Answer(status="failed", error=f"overloaded {KEY}"))


async def _takes_speech_and_says_nothing(call: SpokenCall) -> None:
    await call.session.user_said("item_u", "Hello?")


async def _stalls(call: SpokenCall) -> None:
    await call.session.answer(Answer("Well", SECOND, ends=False))


async def _garbage(call: SpokenCall) -> None:
    for _ in range(3200):
        await call.session.tell("response.output_audio.delta", item_id="x", delta="***")


@pytest.mark.parametrize(
    ("does", "reason", "why"),
    [
        (_closes, "error_llm_websocket_lost_connection", "the model's server has ended the session"),
        (_closes_with_the_key, "error_llm_websocket_lost_connection", "(no ***, ***)"),
        (_half_a_frame, "error_llm_websocket_lost_connection", "close code 1006"),
        (_fails_twice, "error_llm_websocket_runtime", "gives no answer: overloaded"),
        (_takes_speech_and_says_nothing, "error_llm_websocket_runtime", "made no progress with its answer for 0.3 s"),
        (_stalls, "error_llm_websocket_runtime", "made no progress"),
        (_garbage, "error_llm_websocket_corrupt_payload", "endless garbage"),
    ],
)
async def test_a_server_that_fails(
    does: Callable[[SpokenCall], Any], reason: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    limit_s = 0.3 if does in {_takes_speech_and_says_nothing, _stalls} else 20.0
    async with RealtimeServer() as server, spoken_call(server, start_speaker="user", answer_s=limit_s) as call:
        await does(call)
        failed: AgentFailed = await call.told(AgentFailed)
        assert (failed.reason.value, why in failed.message) == (reason, True), failed
        assert KEY[:-2] not in our_log(caplog) + failed.message


async def test_the_log_of_a_call_has_no_key() -> None:
    async with RealtimeServer() as server, spoken_call(server, tells_messages=True) as call:
        await call.session.tell("error", error={"message": f"no such thing as {KEY}"})
        await until(lambda: any(b"no such thing as" in told.message for told in call.of(MessagePassed)))
        messages = b"".join(told.message for told in call.of(MessagePassed))
        assert b"no such thing as ***" in messages
        assert KEY.encode() not in messages


@pytest.mark.parametrize(
    ("server", "why"),
    [
        (RealtimeServer(key="another"), "answered 401"),
        (RealtimeServer(is_silent=True), "the session was not set up within 0.5 s"),
        (RealtimeServer(refuses=["instructions"]), "the session was refused: Invalid instructions."),
    ],
)
async def test_a_session_that_is_not_opened(server: RealtimeServer, why: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    limit_s = 0.5 if server.is_silent else 20.0
    async with server, spoken_call(server, waits=False, connect_timeout_s=limit_s) as call:
        failed: AgentFailed = await call.told(AgentFailed)
        assert failed.reason.value == "error_llm_websocket_open"
        assert why in failed.message
        assert KEY not in our_log(caplog) + failed.message


async def test_a_model_that_calls_tools_for_ever_is_not_asked_for_ever() -> None:
    script = [Answer(calls=[("nothing", "{}")])] * 20
    async with RealtimeServer(*script) as server, spoken_call(server) as call:
        await until(lambda: len(call.session.of("conversation.item.create")) == 9)
        call.leg.command(ApiControl(CallControl(additional_context="late")))
        await call.session.event("conversation.item.create", index=9)
        assert len(call.session.of("response.create")) == 9
        await call.session.user_begins("item_u")
        await call.session.user_said("item_u", "Hello?", Answer(calls=[("nothing", "{}")]))
        await call.session.event("response.create", index=9)


async def test_a_flood_harms_nobody() -> None:
    """A message of 8 MiB, and many small events of ever new items: the call goes on, and what is kept of them ends."""
    async with RealtimeServer() as server, spoken_call(server, start_speaker="user") as call:
        await call.session.tell("response.output_audio.delta", item_id="x", delta="A" * (8 * 1024 * 1024))
        for number in range(7000):
            item_id = f"item_of_a_flood_{number}"
            await call.session.tell("response.output_audio_transcript.delta", item_id=item_id, delta="word ")
        await call.session.answer(Answer("Hello.", SECOND))
        await until(lambda: bool(call.leg.usage.model_requests))
        assert call.of(AgentFailed) == []
        assert bytes(call.ears.played) == SECOND
        assert len(call.said) <= MAX_UTTERANCES
