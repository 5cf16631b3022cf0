"""Every request that begins a call or chat refuses an agent alike: the same status, the same words, nothing left."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pytest

from ari_agent.calls.concurrency_slots import Slots
from ari_agent.contract.phone_call import PhoneCallCreate
from ari_agent.routing.agent_choice import TEXT_AGENTS
from ari_agent.store.store import Store
from tests.api import lines, pens
from tests.api.conftest import AUDIO, CUSTOM_LLM, NOW_MS, Api, Json, StartApi, make_agent, refused
from tests.api.web_house import WEB

pytestmark = pytest.mark.slow

FROM, TO = "+14155550100", "+14155550199"
RETELL: Final = {"type": "retell-llm", "llm_id": "llm_1"}
UNFIT: Final = {"agent": {"stt_mode": "custom"}}
"""Right by itself, but an agent with it needs settings that ours has not."""

CALLS: Final = ("create-phone-call", "create-batch-call", "register-call", "register-phone-call", "create-web-call")
CHATS: Final = ("create-chat", "create-sms-chat")
NAMES_NO_VERSION: Final = ("register-call",)
NAMES_A_NUMBER: Final = ("create-phone-call", "create-batch-call", "create-sms-chat")


@dataclass
class Desk:
    """An API with every way to begin a call or chat. lines: writes down what is dialled."""

    api: Api
    store: Store
    lines: lines.Lines
    slots: Slots

    async def ask(self, entry: str, *, agent_id: str | None, version: object = None, override: object = None) -> Any:
        """The answer of one entry that is to have this agent."""
        named = {"agent_id": agent_id, "agent_version": version, "agent_override": override}
        overriding = {"override_agent_id": agent_id, "override_agent_version": version, "agent_override": override}
        bodies: Mapping[str, tuple[str, Json]] = {
            "create-phone-call": ("/v2/create-phone-call", {"from_number": FROM, "to_number": TO, **_set(overriding)}),
            "create-batch-call": (
                "/create-batch-call",
                {"from_number": FROM, "tasks": [{"to_number": TO, **_set(overriding)}]},
            ),
            "register-call": ("/register-call", {**WEB, **_set(named)}),
            "register-phone-call": ("/v2/register-phone-call", _set(named)),
            "create-web-call": ("/v2/create-web-call", _set(named)),
            "create-chat": ("/create-chat", _set(named)),
            "create-sms-chat": ("/create-sms-chat", {"from_number": FROM, "to_number": TO, **_set(overriding)}),
        }
        path, body = bodies[entry]
        return await self.api.post(path, json=body)

    async def agent(self, engine: Mapping[str, object]) -> str:
        """The id of an agent of this kind."""
        return str((await make_agent(self.api, response_engine=engine, voice_id="voice"))["agent_id"])

    async def bind(self, **agents: list[Json]) -> None:
        """Bind agents to the number."""
        assert (await self.api.patch(f"/update-phone-number/{FROM}", json=agents)).status == 200

    async def check_nothing_is_left(self) -> None:
        """No record, no registration, no order, no slot."""
        assert await self.store.calls.count() == 0
        assert await self.store.registrations.waiting() == frozenset()
        assert (await self.store.chats.list()).chats == []
        assert await self.store.batches.next_due_ms() is None
        assert (self.lines.orders, self.slots.in_use) == ([], 0)


def _set(fields: Json) -> Json:
    return {name: value for name, value in fields.items() if value is not None}


@pytest.fixture
async def desk(start_api: StartApi, store: Store) -> AsyncIterator[Desk]:
    own, slots = lines.Lines(), Slots(5)
    originator = lines.originator(store, own, slots, now_ms=NOW_MS)
    async with pens.chat_service(store, pens.Pens(), now_ms=NOW_MS) as chats:
        api = await start_api(
            outbound=originator, batches=lines.batches(store, originator, slots, now_ms=NOW_MS), chats=chats
        )
        number = {"phone_number": FROM, "termination_uri": "sip.example.com"}
        assert (await api.post("/import-phone-number", json=number)).status == 201
        yield Desk(api, store, own, slots)
        await own.hang_up_all()


@pytest.mark.parametrize("entry", [*CALLS, *CHATS])
async def test_an_unknown_agent(desk: Desk, entry: str) -> None:
    answer = await desk.ask(entry, agent_id="agent_none")
    assert await refused(answer, 422) == "agent agent_none not found"
    await desk.check_nothing_is_left()


@pytest.mark.parametrize("version", [7, "no-such-tag"])
@pytest.mark.parametrize("entry", [entry for entry in (*CALLS, *CHATS) if entry not in NAMES_NO_VERSION])
async def test_an_unknown_version(desk: Desk, entry: str, version: int | str) -> None:
    agent_id = await desk.agent(CUSTOM_LLM if entry in CHATS else AUDIO)
    answer = await desk.ask(entry, agent_id=agent_id, version=version)
    assert await refused(answer, 422) == f"agent {agent_id} version {version} not found"
    await desk.check_nothing_is_left()


@pytest.mark.parametrize("entry", [entry for entry in CALLS if entry not in NAMES_NO_VERSION])
async def test_an_override_that_does_not_fit(desk: Desk, entry: str) -> None:
    agent_id = await desk.agent(AUDIO)
    message = await refused(await desk.ask(entry, agent_id=agent_id, override=UNFIT), 400)
    assert message == (
        f"agent_override does not fit agent {agent_id}: settings: custom_stt_config is required when stt_mode is custom"
    )
    await desk.check_nothing_is_left()


@pytest.mark.parametrize("engine", [CUSTOM_LLM, RETELL], ids=lambda engine: engine["type"])
@pytest.mark.parametrize("entry", CALLS)
async def test_an_agent_that_takes_no_calls(desk: Desk, entry: str, engine: Json) -> None:
    agent_id = await desk.agent(engine)
    assert await refused(await desk.ask(entry, agent_id=agent_id), 400) == (
        f"agent {agent_id} has a response_engine of type {engine['type']}, "
        "which takes no calls; set ARI_AGENT_SPEECH_TO_TEXT and ARI_AGENT_TEXT_TO_SPEECH, or use audio-websocket"
    )
    await desk.check_nothing_is_left()


@pytest.mark.parametrize("entry", [entry for entry in CALLS if entry not in NAMES_NO_VERSION])
async def test_an_override_to_a_kind_that_takes_no_calls(desk: Desk, entry: str) -> None:
    agent_id = await desk.agent(AUDIO)
    answer = await desk.ask(entry, agent_id=agent_id, override={"agent": {"response_engine": RETELL}})
    assert "retell-llm, which takes no calls" in await refused(answer, 400)
    await desk.check_nothing_is_left()


@pytest.mark.parametrize("entry", CHATS)
async def test_an_agent_that_writes_no_text(desk: Desk, entry: str) -> None:
    agent_id = await desk.agent(AUDIO)
    assert await refused(await desk.ask(entry, agent_id=agent_id), 400) == (
        f"agent {agent_id} has a response_engine of type audio-websocket, which writes no text; use custom-llm"
    )
    await desk.check_nothing_is_left()


@pytest.mark.parametrize("entry", CALLS)
async def test_a_chat_agent_is_unknown_to_calls(desk: Desk, entry: str) -> None:
    made = await (await desk.api.post("/create-chat-agent", json={"response_engine": CUSTOM_LLM})).json()
    answer = await desk.ask(entry, agent_id=made["agent_id"])
    assert await refused(answer, 422) == f"agent {made['agent_id']} not found"
    await desk.check_nothing_is_left()


@pytest.mark.parametrize("entry", NAMES_A_NUMBER)
async def test_a_number_without_agents(desk: Desk, entry: str) -> None:
    kind, field = (
        ("agent for text messages", "outbound_sms_agents") if entry in CHATS else ("outbound agent", "outbound_agents")
    )
    assert await refused(await desk.ask(entry, agent_id=None), 400) == (
        f"{FROM} has no {kind}: give override_agent_id, or set {field} with PATCH /update-phone-number"
    )
    await desk.check_nothing_is_left()


@pytest.mark.parametrize("entry", NAMES_A_NUMBER)
async def test_a_version_of_the_numbers_own_agent_that_is_not_there(desk: Desk, entry: str) -> None:
    agent_id = await desk.agent(CUSTOM_LLM if entry in CHATS else AUDIO)
    bound = [{"agent_id": agent_id, "weight": 1}]
    await desk.bind(outbound_agents=bound, outbound_sms_agents=bound)
    answer = await desk.ask(entry, agent_id=None, version=7)
    assert await refused(answer, 422) == f"agent {agent_id} version 7 not found"
    await desk.check_nothing_is_left()


async def test_a_batch_is_refused_for_any_agent_that_its_calls_may_draw(desk: Desk) -> None:
    good, bad = await desk.agent(AUDIO), await desk.agent(AUDIO)
    for agents in ([good, bad], [bad, good]):
        await desk.api.patch(f"/update-agent/{bad}", json={"response_engine": AUDIO})
        await desk.bind(outbound_agents=[{"agent_id": agent_id, "weight": 0.5} for agent_id in agents])
        # Changed when it is bound already: it would not be bound any more.
        await desk.api.patch(f"/update-agent/{bad}", json={"response_engine": RETELL})
        assert f"agent {bad} has" in await refused(await desk.ask("create-batch-call", agent_id=None), 400)
        await desk.check_nothing_is_left()
        assert (await desk.ask("create-batch-call", agent_id=good)).status == 201
        (batch,) = await desk.store.batches.due(NOW_MS)
        await desk.store.batches.close(batch.batch_call_id)


async def test_a_batch_is_refused_for_any_of_its_tasks(desk: Desk) -> None:
    agent_id = await desk.agent(AUDIO)
    tasks: list[Json] = [{"to_number": TO, "override_agent_id": agent_id} for _ in range(3)]
    for position, wrong, status, words in (
        (2, {"agent_override": UNFIT}, 400, "agent_override does not fit"),
        (1, {"override_agent_version": 9}, 422, "version 9 not found"),
        (0, {"override_agent_id": await desk.agent(RETELL)}, 400, "takes no calls"),
    ):
        mixed = [{**task, **(wrong if place == position else {})} for place, task in enumerate(tasks)]
        answer = await desk.api.post("/create-batch-call", json={"from_number": FROM, "tasks": mixed})
        assert words in await refused(answer, status)
        await desk.check_nothing_is_left()


async def test_where_there_is_speech_a_text_agent_takes_calls(desk: Desk) -> None:
    request = PhoneCallCreate(from_number=FROM, to_number=TO, override_agent_id=await desk.agent(CUSTOM_LLM))
    hearing = lines.originator(desk.store, desk.lines, desk.slots, now_ms=NOW_MS, serves=TEXT_AGENTS)
    assert (await hearing.place(request)).agent_id == request.override_agent_id
    (order,) = desk.lines.orders
    assert order.agent.response_engine.type == "custom-llm"
