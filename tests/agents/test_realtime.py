"""The realtime API in its client's role: what is sent fits the vendor's own types, what comes is read or refused."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai import AsyncOpenAI
from openai.types.realtime import (
    ConversationItemCreateEvent,
    ConversationItemTruncateEvent,
    InputAudioBufferAppendEvent,
    ResponseCreateEvent,
    SessionUpdateEvent,
)
from pydantic import BaseModel

from ari_agent.agents.message import AgentMessage, Audio, Ignored
from ari_agent.agents.realtime import MAX_CALLS, RealtimeClient, RealtimeSession
from ari_agent.agents.realtime_events import (
    AudioBegan,
    Dialect,
    FunctionCall,
    ResponseBegan,
    ResponseDone,
    ServerError,
    SessionCreated,
    SpeechStarted,
    SpeechText,
    TextWhole,
    Unused,
)
from ari_agent.errors import AgentCorruptPayload
from tests.fakes.realtime_server import Answer, RealtimeServer

TOOL = {"type": "function", "name": "stock", "description": "Asks.", "parameters": {"type": "object", "properties": {}}}
SESSION = RealtimeSession("Help.", [TOOL], "marin", "gpt-transcribe", "en")
QUIET = RealtimeSession("Help.", interrupts=False)


def read(client: RealtimeClient, kind: str, **more: Any) -> AgentMessage:
    return client.read_text(json.dumps({"type": kind, **more}).encode())


@pytest.mark.parametrize(
    ("message", "model"),
    [
        (RealtimeClient().session(SESSION, event_id="session"), SessionUpdateEvent),
        (RealtimeClient("pcm").session(QUIET, event_id="session"), SessionUpdateEvent),
        (RealtimeClient().session(SESSION, event_id="s", without=["voice", "transcription"]), SessionUpdateEvent),
        (RealtimeClient().retold(SESSION), SessionUpdateEvent),
        (RealtimeClient().audio(b"\xff" * 160), InputAudioBufferAppendEvent),
        (RealtimeClient().response(), ResponseCreateEvent),
        (RealtimeClient().response("Say hello."), ResponseCreateEvent),
        (RealtimeClient().said("It rains.", role="system"), ConversationItemCreateEvent),
        (RealtimeClient().dtmf("1", 100), ConversationItemCreateEvent),
        (RealtimeClient().result("call_1", "done"), ConversationItemCreateEvent),
        (RealtimeClient().truncate("item_1", 0, 840), ConversationItemTruncateEvent),
    ],
)
def test_what_is_sent_is_what_the_vendors_types_say(message: bytes, model: type[BaseModel]) -> None:
    """Nothing is lost on the way through them, so that no field has a name or a place that they do not know."""
    told = json.loads(message)
    known = {name for each in _models(model) for name in each.model_fields}
    assert model.model_validate(told, strict=True).model_dump(exclude_unset=True, mode="json") == told
    assert set(_keys(told)) <= known | {"properties", "type", "pcm"}


def _keys(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(key for inner in value.values() for key in _keys(inner))]
    return [key for inner in value for key in _keys(inner)] if isinstance(value, list) else []


def _models(model: type[BaseModel], seen: set[type[BaseModel]] | None = None) -> set[type[BaseModel]]:
    seen = set() if seen is None else seen
    if model not in seen:
        seen.add(model)
        for field in model.model_fields.values():
            for inner in _classes(field.annotation):
                _models(inner, seen)
    return seen


def _classes(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for inner in getattr(annotation, "__args__", ()) for found in _classes(inner)]


async def test_the_vendors_own_client_understands_the_fake_that_the_other_tests_talk_to() -> None:
    """So that our client, which does too, speaks the protocol and not a dialect of the two of them."""
    async with RealtimeServer(Answer("Hello you.", b"\x01" * 800, [("stock", '{"item": "cup"}')])) as server:
        client = AsyncOpenAI(api_key="key", websocket_base_url=server.url.removesuffix("/realtime"))
        async with client, client.realtime.connect(model="gpt-realtime") as connection, asyncio.timeout(20):
            assert (await connection.recv()).type == "session.created"
            await connection.session.update(session={"type": "realtime", "output_modalities": ["audio"]})
            await connection.response.create()
            events = []
            async for event in connection:
                events.append(event)
                if event.type == "response.done":
                    break
    sound = b"".join(base64.b64decode(event.delta) for event in events if event.type == "response.output_audio.delta")
    assert sound == b"\x01" * 800
    (call,) = [event for event in events if event.type == "response.function_call_arguments.done"]
    assert (call.name, call.arguments) == ("stock", '{"item": "cup"}')
    done = events[-1]
    assert done.type == "response.done"
    assert done.response.usage is not None
    assert (done.response.usage.input_tokens, done.response.usage.output_tokens) == (20, 10)
    # and what the vendor's types read, ours read from the same bytes
    ours = RealtimeClient()
    read_back = [ours.read_text(event.model_dump_json(exclude_none=True).encode()) for event in events]
    assert b"".join(message.payload for message in read_back if isinstance(message, Audio)) == sound
    assert read_back[-1] == ResponseDone(
        "completed", calls=(FunctionCall(call.call_id, "stock", '{"item": "cup"}'),), input_tokens=20, output_tokens=10
    )


def test_the_beta_is_recognised_and_spoken() -> None:
    client = RealtimeClient()
    assert read(client, "session.created", session={"input_audio_format": "pcm16"}) == SessionCreated(Dialect.BETA)
    told = json.loads(client.session(SESSION, event_id="s"))["session"]
    assert (told["input_audio_format"], told["modalities"], told["voice"]) == ("g711_ulaw", ["audio", "text"], "marin")
    assert told["input_audio_transcription"] == {"model": "gpt-transcribe", "language": "en"}
    assert "input_audio_transcription" not in json.loads(client.session(QUIET, event_id="s"))["session"]
    assert "type" not in json.loads(client.retold(SESSION))["session"]
    # in the beta the name of a tool stands in another event than its arguments
    read(client, "response.created", response={"id": "r"})
    read(client, "response.output_item.added", item={"type": "function_call", "id": "i", "name": "stock"})
    read(client, "response.function_call_arguments.done", item_id="i", call_id="c", arguments="{}")
    assert read(client, "response.done", response={}) == ResponseDone(
        "completed", calls=(FunctionCall("c", "stock", "{}"),)
    )


def test_audio_says_what_it_is_of_once() -> None:
    client, place = RealtimeClient(), {"response_id": "r", "item_id": "i", "content_index": 0, "delta": "//8="}
    first = read(client, "response.output_audio.delta", **place)
    assert first == Audio(b"\xff\xff", before=AudioBegan("r", "i", 0))
    assert read(client, "response.audio.delta", **place) == Audio(b"\xff\xff")
    odd = place | {"item_id": "j", "content_index": "?", "response_id": None}
    assert read(client, "response.audio.delta", **odd) == Audio(b"\xff\xff", before=AudioBegan("", "j", 0))
    assert client.read_binary(json.dumps({"type": "response.audio.delta", **odd}).encode()) == Audio(b"\xff\xff")


@pytest.mark.parametrize(
    ("kind", "more", "wanted"),
    [
        ("session.created", {}, SessionCreated(Dialect.CURRENT)),
        ("response.created", {"response": {"id": 7}}, ResponseBegan("")),
        ("input_audio_buffer.speech_started", {}, SpeechStarted("")),
        ("conversation.item.input_audio_transcription.failed", {"item_id": "i"}, SpeechText("i", "")),
        ("response.audio_transcript.done", {"item_id": "i", "transcript": " Hi. "}, TextWhole("", "i", "Hi.")),
        ("rate_limits.updated", {}, Unused(is_of_response=False)),
        ("response.content_part.added", {}, Unused(is_of_response=True)),
        ("surprise", {}, Ignored("surprise")),
        ("error", {"error": {"message": "no", "code": "c", "param": "p"}}, ServerError("no", "c", "p")),
        ("error", {"error": {"code": "quota"}}, ServerError("quota", "quota")),
        ("error", {"message": "no"}, ServerError("no")),
        ("error", {}, ServerError("no reason given")),
    ],
)
def test_events_that_are_read(kind: str, more: dict[str, Any], wanted: AgentMessage) -> None:
    assert read(RealtimeClient(), kind, **more) == wanted


@pytest.mark.parametrize(
    ("details", "why"),
    [
        ({"error": {"message": "overloaded"}}, "overloaded"),
        ({"error": {"code": "server_error"}}, "server_error"),
        ({"reason": "max_output_tokens"}, "max_output_tokens"),
        ({}, ""),
    ],
)
def test_the_tools_of_an_answer_that_has_failed_are_not_run(details: dict[str, Any], why: str) -> None:
    client, call = RealtimeClient(), {"type": "function_call", "call_id": "c", "name": "n", "arguments": "{}"}
    read(client, "response.output_item.done", item=call)
    response = {"status": "failed", "status_details": details, "output": [call], "usage": {"input_tokens": -1}}
    assert read(client, "response.done", response=response) == ResponseDone("failed", why)


def test_a_flood_of_tools_is_cut() -> None:
    client = RealtimeClient()
    calls = [{"type": "function_call", "call_id": f"{n}", "name": "n", "arguments": "{}"} for n in range(99)]
    for number in range(2000):
        item = {"type": "function_call", "id": f"{number}", "name": "n"}
        read(client, "response.output_item.added", item=item)
    done = read(client, "response.done", response={"output": [*calls, {"type": "message"}]})
    assert isinstance(done, ResponseDone)
    assert len(done.calls) == MAX_CALLS


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"{", "not valid JSON"),
        (b"[]", "no object"),
        (b"{}", "no type"),
        (b'{"type":"response.audio.delta","item_id":"i"}', "not base64"),
        (b'{"type":"response.audio.delta","item_id":"i","delta":"*"}', "not base64"),
        (b'{"type":"response.audio.delta","delta":"AAAA"}', "item_id must be"),
        (b'{"type":"response.audio.delta","delta":"AAAA","item_id":"%b"}' % (b"x" * 300), "item_id must be"),
        (b'{"type":"response.done"}', "needs response"),
        (b'{"type":"response.output_item.done","item":{"type":"function_call"}}', "needs call_id"),
        (b'{"type":"response.function_call_arguments.done","item_id":"i","call_id":"c","arguments":"{}"}', "needs"),
        (
            b'{"type":"response.function_call_arguments.done","name":"n","call_id":"c","arguments":"%b"}'
            % (b"x" * 70_000),
            "more than 65536",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(text: bytes, why: str) -> None:
    with pytest.raises(AgentCorruptPayload, match=why):
        RealtimeClient().read_text(text)


def test_what_the_protocol_has_no_message_for_is_empty() -> None:
    client = RealtimeClient()
    assert (client.opening(), client.closing()) == ((), ())
    assert (client.mark("m"), client.control({"event": "error"}), client.pong()) == (b"", b"", b"")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "type", "name", "call_id", "arguments", "output", "usage", "status", "item", "message"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)
KINDS = st.sampled_from(
    [
        "session.created",
        "error",
        "response.done",
        "response.created",
        "response.output_item.done",
        "response.audio.delta",
    ]
)


@given(KINDS, st.dictionaries(st.sampled_from(["session", "error", "response", "item", "delta", "item_id"]), JSON))
def test_no_event_crashes_the_reader(kind: str, more: dict[str, Any]) -> None:
    with contextlib.suppress(AgentCorruptPayload):
        read(RealtimeClient(), kind, **more)
