"""The connection to a text agent: every way in which a connection begins, goes on and ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

import aiohttp
import pytest

from ari_agent.agents import llm, llm_socket
from ari_agent.agents.llm import LlmResponse, LlmToolInvocation
from ari_agent.agents.llm_connection import (
    CALL_POLICY,
    CHAT_POLICY,
    LlmConnection,
    LlmDisconnected,
    LlmEvent,
    LlmReconnected,
    ReconnectPolicy,
)
from ari_agent.agents.protocol import TellMessage
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.errors import (
    AgentClosed,
    AgentClosedWithoutCode,
    AgentCorruptPayload,
    AgentCutOff,
    AgentError,
    AgentLost,
    AgentRefused,
    AgentUnreachable,
)
from tests.fakes import raw_agent
from tests.fakes.llm_server import LlmServer, LlmTalk, Message, echo, until
from tests.fakes.raw_agent import RawAgent, RawConnection
from tests.fakes.retell_servers import BEGIN, NODE_OPENING, PYTHON_OPENING, node_server, python_server

pytestmark = pytest.mark.slow

CALLS: Final = replace(CALL_POLICY, retry_after_s=0.01)
DETAILS: Final = {"call_id": "call_1", "call_type": "web_call"}
SAID: Final = [{"role": "user", "content": "hello", "words": []}]
NOW_MS: Final = 1_760_000_000_000


@dataclass(slots=True)
class Call:
    """A connection, and what it told."""

    connection: LlmConnection
    events: list[LlmEvent] = field(default_factory=list)
    round_trips_ms: list[float] = field(default_factory=list)

    @property
    def gone(self) -> list[AgentError | None]:
        return [event.error for event in self.events if isinstance(event, LlmDisconnected)]

    def count(self, kind: type) -> int:
        return sum(isinstance(event, kind) for event in self.events)

    async def end(self) -> AgentError | None:
        """Why the connection is gone."""
        await until(lambda: bool(self.gone))
        assert not self.connection.is_open
        return self.gone[0]

    def text(self) -> str:
        return "".join(event.content for event in self.events if isinstance(event, LlmResponse))


@asynccontextmanager
async def a_call(
    url: str,
    policy: ReconnectPolicy = CALLS,
    *,
    on_event: Callable[[LlmEvent], None] | None = None,
    tell: TellMessage | None = None,
) -> AsyncIterator[Call]:
    async with aiohttp.ClientSession() as http:
        events: list[LlmEvent] = []
        round_trips_ms: list[float] = []
        connection = LlmConnection(
            http,
            llm.llm_url(url, "call_1"),
            policy,
            details=lambda: DETAILS,
            on_event=on_event or events.append,
            now_ms=lambda: NOW_MS,
            tell=tell,
            on_round_trip=round_trips_ms.append,
        )
        try:
            yield Call(connection, events, round_trips_ms)
        finally:
            await connection.close()


@pytest.fixture
async def llms() -> AsyncIterator[LlmServer]:
    async with LlmServer() as server:
        yield server


@pytest.fixture
async def raw() -> AsyncIterator[RawAgent]:
    async with RawAgent() as agent:
        yield agent


async def silence(talk: LlmTalk, message: Message) -> None:
    """Listen."""


# The first connection.


async def test_the_handshake_has_the_headers_of_the_policy_and_the_authorization_of_the_url(llms: LlmServer) -> None:
    agent = llms.agent()
    url = agent.url.replace("ws://", "ws://me:secret@")
    async with a_call(url, replace(CALLS, headers={"traceparent": "00-1-2-01", "Authorization": "x"})) as call:
        await call.connection.open()
        await until(lambda: bool(agent.talks))
        request = agent.talks[0].connection.request
    assert request
    assert request.headers["traceparent"] == "00-1-2-01"
    assert request.headers.get_all("Authorization") == ["Basic bWU6c2VjcmV0"]


async def test_the_call_is_the_last_segment_and_the_agent_is_asked(llms: LlmServer) -> None:
    agent = llms.agent()
    async with a_call(agent.url) as call:
        await call.connection.open()
        call.connection.post(llm.response_required(1, SAID))
        await until(lambda: call.text() == "you said hello")
    assert agent.talks[0].path == "/agent-1/call_1"


async def test_every_message_is_told_both_ways_also_one_that_is_none(raw: RawAgent) -> None:
    told: list[tuple[str, bytes, str | None]] = []
    async with a_call(raw.url, tell=lambda *message: told.append(message)) as call:
        opening = asyncio.create_task(call.connection.open())
        connection = await raw.connection()
        await connection.accept()
        await opening
        connection.frame(raw_agent.TEXT, b'{"response_type":"config","config":{}}')
        connection.frame(raw_agent.TEXT, b"{")
        call.connection.post("a question")
        await until(lambda: len(told) == 3)
    assert ("sent", b"a question", None) in told
    assert ("received", b'{"response_type":"config","config":{}}', None) in told
    ((message, why),) = [(message, why) for direction, message, why in told if direction == "received" and why]
    assert (message, why is None) == (b"{", False)


async def test_a_server_that_is_not_there_yet_is_dialled_three_times(llms: LlmServer) -> None:
    agent = llms.agent(refusals=2)
    async with a_call(agent.url) as call:
        await call.connection.open()
        assert call.connection.is_open
    assert (agent.refusals, len(agent.talks)) == (0, 1)


async def test_a_server_that_refuses_is_given_up(llms: LlmServer) -> None:
    agent = llms.agent(refusals=10)
    async with a_call(agent.url) as call:
        with pytest.raises(AgentRefused) as refused:
            await call.connection.open()
        assert (agent.refusals, call.events) == (7, [])
    assert refused.value.disconnection_reason is DisconnectionReason.ERROR_LLM_WEBSOCKET_OPEN


async def test_a_server_that_never_answers_is_given_up(raw: RawAgent) -> None:
    async with a_call(raw.url, replace(CALLS, connect_timeout_s=0.5)) as call:
        with pytest.raises(AgentUnreachable, match="no answer within") as unreachable:
            await call.connection.open()
    assert unreachable.value.disconnection_reason is DisconnectionReason.ERROR_LLM_WEBSOCKET_OPEN
    assert [await raw.connection() for _ in range(3)]


async def test_secrets_in_the_url_are_in_no_error() -> None:
    async with a_call("ws://me:password@127.0.0.1:9/llm?key=secret", replace(CALLS, attempts=1)) as call:
        with pytest.raises(AgentUnreachable) as unreachable:
            await call.connection.open()
    assert "127.0.0.1:9/llm" in str(unreachable.value)
    assert not any(secret in str(unreachable.value) for secret in ("password", "secret"))


# The end.


def closing(code: int | None) -> Callable[[RawConnection], None]:
    payload = b"" if code is None else code.to_bytes(2, "big")
    return lambda connection: connection.frame(raw_agent.CLOSE, payload)


def a_frame(opcode: int, payload: bytes, *, reserved: int = 0) -> Callable[[RawConnection], None]:
    return lambda connection: connection.frame(opcode, payload, reserved=reserved)


OPEN: Final = DisconnectionReason.ERROR_LLM_WEBSOCKET_OPEN
RUNTIME: Final = DisconnectionReason.ERROR_LLM_WEBSOCKET_RUNTIME
LOST: Final = DisconnectionReason.ERROR_LLM_WEBSOCKET_LOST_CONNECTION
CORRUPT: Final = DisconnectionReason.ERROR_LLM_WEBSOCKET_CORRUPT_PAYLOAD


@pytest.mark.parametrize(
    ("end", "expected", "reason"),
    [
        (closing(None), AgentClosedWithoutCode, OPEN),
        (closing(1001), AgentClosed, RUNTIME),
        (closing(1007), AgentClosed, RUNTIME),
        (closing(1008), AgentClosed, RUNTIME),
        (closing(1011), AgentClosed, RUNTIME),
        (closing(4000), AgentClosed, RUNTIME),
        (a_frame(raw_agent.TEXT, b"{}", reserved=1), AgentClosed, RUNTIME),
        (a_frame(raw_agent.TEXT, b" " * (llm_socket.MAX_MESSAGE_BYTES + 1)), AgentClosed, RUNTIME),
        (a_frame(raw_agent.BINARY, b"\0"), AgentCorruptPayload, CORRUPT),
        (a_frame(raw_agent.TEXT, b"\xff"), AgentCorruptPayload, CORRUPT),
    ],
)
async def test_an_end_that_no_dialling_mends(
    raw: RawAgent, end: Callable[[RawConnection], None], expected: type[AgentError], reason: DisconnectionReason
) -> None:
    async with a_call(raw.url) as call:
        opening = asyncio.create_task(call.connection.open())
        connection = await raw.connection()
        await connection.accept()
        await opening
        end(connection)
        error = await call.end()
        assert (type(error), call.count(LlmReconnected)) == (expected, 0)
    assert error is not None
    assert error.disconnection_reason is reason


async def test_an_agent_that_says_goodbye_hangs_up(llms: LlmServer) -> None:
    async def bye(talk: LlmTalk, message: Message) -> None:
        await talk.connection.close()

    async with a_call(llms.agent(bye).url) as call:
        await call.connection.open()
        call.connection.post(llm.response_required(1, SAID))
        assert await call.end() is None
        assert call.count(LlmReconnected) == 0


async def test_a_binary_message_is_answered_with_1007(raw: RawAgent) -> None:
    async with a_call(raw.url) as call:
        opening = asyncio.create_task(call.connection.open())
        connection = await raw.connection()
        await connection.accept()
        await opening
        connection.frame(raw_agent.BINARY, b"sound")
        assert await connection.close_code() == 1007


async def test_a_script_that_fails_closes_with_1011(llms: LlmServer, caplog: pytest.LogCaptureFixture) -> None:
    async def fail(talk: LlmTalk, message: Message) -> None:
        raise RuntimeError("as the demo does")

    async with a_call(llms.agent(fail).url) as call:
        await call.connection.open()
        call.connection.post(llm.response_required(1, SAID))
        error = await call.end()
    assert isinstance(error, AgentClosed)
    assert error.code == 1011


async def test_we_hang_up_with_1000_and_nothing_follows(llms: LlmServer) -> None:
    agent = llms.agent()
    async with a_call(agent.url) as call:
        await call.connection.close()
        await call.connection.open()
        await until(lambda: bool(agent.talks))
        await call.connection.close()
        await call.connection.close()
        assert (call.events, call.connection.is_open) == ([], False)
        call.connection.post(llm.update_only(SAID))
    await until(lambda: agent.talks[0].connection.close_code == 1000)


# Lost, and dialled again.


@pytest.mark.parametrize("cut", [RawConnection.reset, lambda connection: connection.writer.close()])
async def test_a_connection_that_is_cut_off_is_dialled_again(
    raw: RawAgent, cut: Callable[[RawConnection], None]
) -> None:
    async with a_call(raw.url) as call:
        opening = asyncio.create_task(call.connection.open())
        first = await raw.connection()
        await first.accept()
        await opening
        first.frame(raw_agent.TEXT, b'{"response_type":"config","config":{"transcript_with_tool_calls":true}}')
        await until(lambda: call.connection.config.transcript_with_tool_calls is True)
        cut(first)
        second = await raw.connection()
        await second.accept()
        await until(lambda: call.count(LlmReconnected) == 1)
        assert call.connection.config.transcript_with_tool_calls is False
        call.connection.post(llm.response_required(2, SAID))
        _, payload = await second.read_frame()
        assert json.loads(payload)["response_id"] == 2
        assert call.connection.is_open
        assert call.gone == []


async def test_each_connection_is_configured_anew_and_told_the_details(llms: LlmServer) -> None:
    async def vanish_once(talk: LlmTalk, message: Message) -> None:
        if message["interaction_type"] == "response_required":
            if len(agent.talks) == 1:
                await talk.say(response_id=1, content="half a sen", content_complete=False)
                talk.connection.transport.abort()
            else:
                await talk.respond(message["response_id"], "a whole one")

    details = {"response_type": "config", "config": {"call_details": True, "transcript_with_tool_calls": True}}
    agent = llms.agent(vanish_once, opening=(details,))
    async with a_call(agent.url) as call:
        await call.connection.open()
        await until(lambda: call.connection.config.transcript_with_tool_calls is True)
        call.connection.post(llm.response_required(1, SAID))
        await until(lambda: call.count(LlmReconnected) == 1)
        call.connection.post(llm.response_required(2, SAID))
        await until(lambda: call.text().endswith("a whole one"))
    first, second = ([message["interaction_type"] for message in talk.heard] for talk in agent.talks)
    assert first == ["call_details", "response_required"]
    assert sorted(second) == ["call_details", "response_required"]
    assert agent.talks[1].heard[0].get("call", DETAILS) == DETAILS


async def test_an_agent_that_is_always_cut_off_is_given_up_after_four_times(llms: LlmServer) -> None:
    async def vanish(talk: LlmTalk, message: Message) -> None:
        talk.connection.transport.abort()

    agent = llms.agent(vanish, opening=({"response_type": "config", "config": {"call_details": True}},))
    async with a_call(agent.url) as call:
        await call.connection.open()
        error = await call.end()
        assert (type(error), call.count(LlmReconnected), len(agent.talks)) == (AgentCutOff, 4, 5)
    assert error is not None
    assert error.disconnection_reason is RUNTIME


async def test_an_agent_that_cannot_be_reached_again_is_lost(llms: LlmServer) -> None:
    async def vanish(talk: LlmTalk, message: Message) -> None:
        agent.refusals = 100
        talk.connection.transport.abort()

    agent = llms.agent(vanish)
    async with a_call(agent.url) as call:
        await call.connection.open()
        call.connection.post(llm.update_only(SAID))
        error = await call.end()
        assert (type(error), agent.refusals, call.count(LlmReconnected)) == (AgentLost, 96, 0)
    assert error is not None
    assert error.disconnection_reason is LOST


async def test_a_chats_line_is_left_to_whoever_has_something_to_say(llms: LlmServer) -> None:
    async def vanish_once(talk: LlmTalk, message: Message) -> None:
        if len(agent.talks) == 1:
            talk.connection.transport.abort()
        await echo(talk, message)

    agent = llms.agent(vanish_once)
    async with a_call(agent.url, CHAT_POLICY) as call:
        await call.connection.open()
        call.connection.post(llm.response_required(1, SAID))
        assert isinstance(await call.end(), AgentCutOff)
        await call.connection.open()
        call.connection.post(llm.response_required(2, SAID))
        await until(lambda: call.text() == "you said hello")
    assert len(agent.talks) == 2


# Alive or not.


async def test_a_server_that_answers_pings_is_kept(llms: LlmServer) -> None:
    agent = llms.agent(node_server, opening=NODE_OPENING)
    # Longer than three connections of a silent server last; a machine that stands still for 0.5 s is forgiven twice.
    async with a_call(agent.url, replace(CALLS, ping_every_s=0.02, silent_for_s=0.5)) as call:
        await call.connection.open()
        await until(lambda: len(call.round_trips_ms) > 100 or bool(call.gone))
        assert call.gone == []
        assert all(round_trip_ms >= 0 for round_trip_ms in call.round_trips_ms)
    pings = [message for message in agent.talks[0].heard if message["interaction_type"] == "ping_pong"]
    assert pings[0] == {"interaction_type": "ping_pong", "timestamp": NOW_MS}


async def test_a_server_that_does_not_answer_pings_is_dialled_again_twice(llms: LlmServer) -> None:
    agent = llms.agent(silence, opening=({"response_type": "config", "config": {"auto_reconnect": True}},))
    async with a_call(agent.url, replace(CALLS, ping_every_s=0.02, silent_for_s=0.05)) as call:
        await call.connection.open()
        error = await call.end()
        assert (type(error), call.count(LlmReconnected), len(agent.talks)) == (AgentLost, 2, 3)
    assert error is not None
    assert error.disconnection_reason is LOST


async def test_nobody_is_pinged_who_did_not_ask_for_it(llms: LlmServer) -> None:
    agent = llms.agent(echo, opening=({"response_type": "config", "config": {"auto_reconnect": None}},))
    async with a_call(agent.url, replace(CALLS, ping_every_s=0.001, silent_for_s=0.001)) as call:
        await call.connection.open()
        call.connection.post(llm.response_required(1, SAID))
        await until(lambda: call.text() == "you said hello")
        assert call.gone == []
    assert [message["interaction_type"] for message in agent.talks[0].heard] == ["response_required"]


async def test_a_server_that_reads_nothing_is_lost(raw: RawAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llm_socket, "_SEND_TIMEOUT_S", 0.05)
    async with a_call(raw.url, CHAT_POLICY) as call:
        opening = asyncio.create_task(call.connection.open())
        connection = await raw.connection()
        await connection.accept()
        connection.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await opening
        for _ in range(1000):  # more than waits to be sent: the rest is dropped
            call.connection.post("x" * 200_000)
        assert isinstance(await call.end(), AgentCutOff)


# What is said.


async def test_what_is_no_message_is_dropped_and_the_call_goes_on(
    llms: LlmServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def nonsense(talk: LlmTalk, message: Message) -> None:
        for text in ("", "{", "[]", "null", '{"response_type":"shout"}') * 5:
            await talk.connection.send(text)
        wrong: list[dict[str, Any]] = [
            {"response_id": "one", "content": "a", "content_complete": True},
            {"response_id": 1, "content": 5, "content_complete": True},
            {"response_id": 1, "content": "a", "content_complete": "perhaps"},
        ]
        for one in wrong:
            await talk.say(**one)
        await talk.respond(1, "right")

    async with a_call(llms.agent(nonsense).url) as call:
        await call.connection.open()
        call.connection.post(llm.response_required(1, SAID))
        await until(lambda: bool(call.events))
        assert call.text() == "right"
    assert sum("dropped" in record.message for record in caplog.records) == 10


async def test_a_defect_here_ends_the_call_and_is_seen(llms: LlmServer, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[LlmEvent] = []

    def take(event: LlmEvent) -> None:
        seen.append(event)
        if isinstance(event, LlmToolInvocation):
            raise ZeroDivisionError

    tool = {"response_type": "tool_call_invocation", "tool_call_id": "t", "name": "n", "arguments": "{}"}
    async with a_call(llms.agent(silence, opening=(tool,)).url, on_event=take) as call:
        await call.connection.open()
        await until(lambda: len(seen) == 2)
    assert isinstance(seen[1], LlmDisconnected)
    assert seen[1].error is not None
    assert "ZeroDivisionError" in caplog.text


async def test_a_config_that_comes_again_and_again_is_answered_once(llms: LlmServer) -> None:
    config: Message = {"response_type": "config", "config": {"call_details": True}}
    agent = llms.agent(echo, opening=(config,) * 10)
    async with a_call(agent.url) as call:
        await call.connection.open()
        await until(lambda: bool(agent.talks and agent.talks[0].heard))
        call.connection.post(llm.response_required(1, SAID))
        await until(lambda: call.text() == "you said hello")
    assert [message["interaction_type"] for message in agent.talks[0].heard] == ["call_details", "response_required"]


async def test_the_node_example_begins_once_it_knows_the_call(llms: LlmServer) -> None:
    agent = llms.agent(node_server, opening=NODE_OPENING)
    async with a_call(agent.url) as call:
        await call.connection.open()
        await until(lambda: call.text() == BEGIN)
        call.connection.post(llm.reminder_required(1, SAID))
        await until(lambda: call.text() == BEGIN + "I hear you. ")
    assert next(iter(agent.talks[0].heard))["call"] == DETAILS


async def test_the_python_example_finds_an_utterance_in_every_request(llms: LlmServer) -> None:
    agent = llms.agent(python_server, opening=PYTHON_OPENING)
    async with a_call(agent.url) as call:
        await call.connection.open()
        await until(lambda: call.text() == BEGIN)
        call.connection.post(llm.update_only([], turntaking="agent_turn"))
        call.connection.post(llm.reminder_required(1, []))
        call.connection.post(llm.response_required(2, SAID))
        await until(lambda: call.text().endswith("I hear you. hello"))
        assert (call.gone, call.text()) == ([], BEGIN + "Are you there? (unintelligible audio)I hear you. hello")
