"""Registered calls from their registration to whoever takes them: real store, a clock that stands still."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, update

from ari_agent.calls.registrar import JOIN_MS, REGISTERED_MS, WEB_AUDIO, Registrar, TakenCall
from ari_agent.calls.web.front_end import FrontEnd
from ari_agent.calls.web.web_acceptor import WebAcceptor
from ari_agent.contract.agent import AgentCreate
from ari_agent.contract.agent_override import AgentOverride
from ari_agent.contract.call import Call
from ari_agent.contract.registered_call import CallRegister, PhoneCallRegister, WebCallCreate
from ari_agent.errors import CallNotJoined, UnknownAsset, UnservedAgent
from ari_agent.store.store import Store
from ari_agent.store.tables import calls, registrations

pytestmark = pytest.mark.slow

NOW_MS = 1_760_000_000_000
AUDIO = {"type": "audio-websocket", "audio_websocket_url": "wss://agent.example.com/"}
UNSERVED: list[dict[str, Any]] = [
    {"type": "custom-llm", "llm_websocket_url": "wss://agent.example.com/llm"},
    {"type": "retell-llm", "llm_id": "llm_1"},
    {"type": "conversation-flow", "conversation_flow_id": "flow_1"},
]


@dataclass(slots=True)
class Registry:
    """A registrar with its store; `now_ms` is set by the test."""

    path: Path
    store: Store
    registrar: Registrar
    now_ms: int = NOW_MS

    async def agent(self, engine: dict[str, Any] = AUDIO, **settings: Any) -> str:
        wanted = {"response_engine": engine, "voice_id": "voice", **settings}
        agent = await self.store.agents.create(AgentCreate.model_validate(wanted))
        return agent.agent_id

    async def web(self, **more: Any) -> str:
        asked = {
            "agent_id": await self.agent(),
            "audio_websocket_protocol": "web",
            "audio_encoding": "s16le",
            "sample_rate": 24_000,
        }
        return (await self.registrar.register(CallRegister.model_validate({**asked, **more}))).call_id

    async def phone(self, **more: Any) -> str:
        asked = {"agent_id": await self.agent(webhook_url="http://127.0.0.1:9/hook"), **more}
        return (await self.registrar.register_phone_call(PhoneCallRegister.model_validate(asked))).call_id

    async def joinable(self) -> str:
        asked = WebCallCreate.model_validate({"agent_id": await self.agent()})
        return (await self.registrar.create_web_call(asked)).call_id

    async def call(self, call_id: str) -> Call:
        call = await self.store.calls.get(call_id)
        assert call
        return call


@pytest.fixture
async def registry(tmp_path: Path) -> AsyncIterator[Registry]:
    made: list[Registry] = []
    store = Store(f"sqlite+aiosqlite:///{tmp_path}/calls.db", now_ms=lambda: made[0].now_ms if made else NOW_MS)
    await store.open()
    numbers = itertools.count(1)
    registrar = Registrar(store, new_call_id=lambda: f"call_{next(numbers):032x}", now_ms=lambda: made[0].now_ms)
    made.append(Registry(tmp_path / "calls.db", store, registrar))
    yield made[0]
    await store.close()


async def test_a_call_waits_five_minutes_and_not_a_millisecond_more(registry: Registry) -> None:
    in_time, late = await registry.web(), await registry.phone()
    registry.now_ms += REGISTERED_MS - 1
    await registry.registrar.end_overdue()
    assert (await registry.call(in_time)).call_status == "registered"
    assert await registry.registrar.take(in_time)
    registry.now_ms += 1
    assert await registry.registrar.take(late) is None
    await registry.registrar.end_overdue()
    ended = await registry.call(late)
    assert (ended.call_status, ended.disconnection_reason) == ("error", "registered_call_timeout")
    assert (ended.start_timestamp, ended.end_timestamp) == (None, NOW_MS + REGISTERED_MS)
    assert (await registry.call(in_time)).disconnection_reason is None


async def test_a_web_call_waits_for_its_user_as_long_as_its_token_is_valid(registry: Registry) -> None:
    call_id = await registry.joinable()
    registry.now_ms += JOIN_MS
    assert await registry.registrar.take(call_id) is None
    await registry.registrar.end_overdue()
    ended = await registry.call(call_id)
    assert (ended.call_status, ended.disconnection_reason) == ("error", "error_user_not_joined")


async def test_the_end_of_an_overdue_call_is_told_but_no_start(registry: Registry) -> None:
    call_id = await registry.phone()
    registry.now_ms += REGISTERED_MS
    await registry.registrar.end_overdue()
    await registry.registrar.end_overdue()
    told = []
    while due := await registry.store.outbox.due(registry.now_ms, limit=10):
        told += [(queued.event.call_id, queued.event.event.value) for queued in due]
        for queued in due:
            await registry.store.outbox.delivered(queued.outbox_id)
    assert told == [(call_id, "call_ended"), (call_id, "call_analyzed")]


async def test_one_that_cannot_be_read_is_logged_once_and_keeps_nobody_from_being_ended(
    registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    spoiled = {await registry.phone(): document for document in ("{", '{"call_id":7}', "[]")}
    registration_lost, later = await registry.phone(), await registry.phone()

    def spoil(connection: Connection) -> None:
        for table, documents in ((registrations, {registration_lost: "{"}), (calls, spoiled)):
            for call_id, document in documents.items():
                connection.execute(update(table).where(table.c.call_id == call_id).values(document=document))

    await registry.store._database.write(spoil)
    registry.now_ms += REGISTERED_MS
    for _ in range(2):
        await registry.registrar.end_overdue()
    for call_id in (registration_lost, later):
        assert (await registry.call(call_id)).disconnection_reason == "registered_call_timeout"
    assert await registry.store.registrations.waiting() == frozenset()
    assert [record.levelname for record in caplog.records].count("ERROR") == 4
    for call_id in (*spoiled, registration_lost):
        assert f"of call {call_id} cannot be read: " in caplog.text


async def test_it_ends_overdue_calls_by_itself_those_of_an_earlier_run_too(registry: Registry) -> None:
    call_id = await registry.phone()
    registry.now_ms += REGISTERED_MS
    later = Registrar(registry.store, new_call_id=lambda: "", now_ms=lambda: registry.now_ms)
    running = asyncio.create_task(later.run())
    for _ in range(2000):
        if (await registry.call(call_id)).disconnection_reason:
            break
        await asyncio.sleep(0.005)
    assert (await registry.call(call_id)).disconnection_reason == "registered_call_timeout"
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_call_is_taken_as_it_was_registered_once(registry: Registry) -> None:
    call_id = await registry.web(sample_rate=16_000, end_call_after_silence_ms=10_000, metadata={"a": 1})
    taken = await registry.registrar.take(call_id)
    assert taken
    assert taken.registration.audio
    assert (taken.registration.audio.sample_rate, taken.registration.end_call_after_silence_ms) == (16_000, 10_000)
    assert taken.call.metadata == {"a": 1}
    assert await registry.registrar.take(call_id) is None


async def test_two_controllers_that_race_for_a_call_have_it_once(registry: Registry) -> None:
    second = Store(f"sqlite+aiosqlite:///{registry.path}")
    await second.open()
    other = Registrar(second, new_call_id=lambda: "", now_ms=lambda: registry.now_ms)
    for call_id in [await registry.web() for _ in range(10)]:
        taken = await asyncio.gather(*(racer.take(call_id) for racer in (registry.registrar, other) * 3))
        assert [won.call.call_id for won in taken if won] == [call_id]
    await second.close()


async def test_who_is_cancelled_while_taking_leaves_the_call_to_the_next(registry: Registry) -> None:
    call_id = await registry.phone()
    hasty = asyncio.create_task(registry.registrar.take(call_id))
    await asyncio.sleep(0)
    hasty.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hasty
    for _ in range(2000):
        if taken := await registry.registrar.take(call_id):
            break
        await asyncio.sleep(0.005)
    assert taken
    assert taken.call.call_id == call_id


class ClosedHost:
    """A server that is about to stop."""

    def begin_web_call(self, taken: TakenCall, front: FrontEnd) -> None:
        raise CallNotJoined("the server is about to stop")


class NoWire:
    """A websocket on which nothing comes and goes."""

    async def send(self, message: str | bytes) -> None: ...

    async def close(self, code: int, reason: str) -> None: ...


async def test_a_call_that_a_stopping_server_cannot_begin_waits_for_the_next_one(registry: Registry) -> None:
    call_id = await registry.web()
    with pytest.raises(CallNotJoined, match="about to stop"):
        await WebAcceptor(registry.registrar, ClosedHost()).join(call_id, NoWire(), fallback=WEB_AUDIO)
    assert (await registry.call(call_id)).call_status == "registered"
    assert await registry.registrar.take(call_id)


@pytest.mark.parametrize("engine", UNSERVED, ids=lambda engine: engine["type"])
async def test_an_agent_that_takes_no_calls_is_refused_at_the_registration(
    registry: Registry, engine: dict[str, Any]
) -> None:
    agent_id = await registry.agent(engine)
    remedy = "set ARI_AGENT_SPEECH_TO_TEXT and ARI_AGENT_TEXT_TO_SPEECH, or use audio-websocket"
    why = f"agent {agent_id} has a response_engine of type {engine['type']}, which takes no calls; {remedy}"
    for attempt in (
        registry.web(agent_id=agent_id),
        registry.phone(agent_id=agent_id),
        registry.registrar.create_web_call(WebCallCreate(agent_id=agent_id)),
        registry.registrar.web_call_ticket(WebCallCreate(agent_id=agent_id)),
    ):
        with pytest.raises(UnservedAgent) as refused:
            await attempt
        assert str(refused.value) == why
    assert await registry.store.registrations.waiting() == frozenset()


async def test_an_override_decides_which_kind_of_agent_takes_the_call(registry: Registry) -> None:
    served = AgentOverride.model_validate({"agent": {"response_engine": AUDIO}})
    assert await registry.phone(agent_id=await registry.agent(UNSERVED[0]), agent_override=served)
    unserved = AgentOverride.model_validate({"agent": {"response_engine": UNSERVED[0], "voice_id": "voice"}})
    with pytest.raises(UnservedAgent, match="custom-llm, which takes no calls"):
        await registry.phone(agent_override=unserved)


async def test_an_agent_or_a_version_that_does_not_exist_is_an_unknown_asset(registry: Registry) -> None:
    with pytest.raises(UnknownAsset, match="agent agent_unknown not found"):
        await registry.phone(agent_id="agent_unknown")
    with pytest.raises(UnknownAsset, match="version 7 not found"):
        await registry.phone(agent_version=7)


async def test_the_agent_is_the_one_of_the_registration_whatever_becomes_of_it(registry: Registry) -> None:
    agent_id = await registry.agent()
    call_id = await registry.web(agent_id=agent_id)
    await registry.store.agents.delete(agent_id)
    taken = await registry.registrar.take(call_id)
    assert taken
    assert taken.registration.agent.agent_id == agent_id
