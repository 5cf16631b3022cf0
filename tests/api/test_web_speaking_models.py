"""Models that hear and speak themselves, over the API and in web calls."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import ClientSession

from ari_agent.agents.realtime import RealtimeAudio
from ari_agent.calls.realtime.realtime_agents import RealtimeAgents
from ari_agent.prompt_agents.custom_function import CustomFunctions
from ari_agent.store.store import Store
from tests.api.conftest import random_call_id
from tests.api.test_unknown_voice import speech_by_flite
from tests.api.web_house import NOW_MS, House, open_house
from tests.fakes.llm_server import until
from tests.fakes.realtime_server import Answer, RealtimeServer
from tests.fakes.sound import noise
from tests.fakes.web_client import WebFrontEnd

BYE = {"type": "end_call", "name": "bye", "description": "The caller is done."}
SOUND = noise(0.5).astype("<i2").tobytes()


@asynccontextmanager
async def realtime_house(store: Store, server: RealtimeServer, audio: RealtimeAudio = "pcm") -> AsyncIterator[House]:
    async with ClientSession() as http:
        functions = CustomFunctions(http, "key", lambda: NOW_MS)
        realtime = RealtimeAgents(server.url, "", functions, store.retell_llms.get, audio=audio)
        async with open_house(store, random_call_id, realtime=realtime, speech=speech_by_flite()) as house:
            yield house


async def test_a_web_call_by_an_override_with_pcm_both_ways(store: Store) -> None:
    """The stored prompt is for a model that writes, and this call's for one that speaks, whose PCM nothing changes."""
    async with RealtimeServer(Answer("Hello.", SOUND)) as server, realtime_house(store, server) as house:
        llm = await house.post("/create-retell-llm", {"general_prompt": "Call {{call_id}}.", "general_tools": [BYE]})
        engine = {"type": "retell-llm", "llm_id": llm["llm_id"]}
        about = {"response_engine": engine, "voice_id": "flite-slt", "interruption_sensitivity": 0}
        made = await house.post("/create-agent", about)
        override = {"retell_llm": {"s2s_model": "gpt-realtime-2"}}
        body = {"agent_id": made["agent_id"], "agent_override": override}
        call_id = str((await house.post("/v2/create-web-call", body))["call_id"])
        async with WebFrontEnd(house.url(call_id), rate_hz=24_000) as front:
            session = await server.session()
            assert session.path == "/v1/realtime?model=gpt-realtime-2"
            told = (await session.event("session.update"))["session"]
            assert told["instructions"].startswith(f"Call {call_id}.")
            pcm = {"type": "audio/pcm", "rate": 24000}
            assert (told["audio"]["input"]["format"], told["audio"]["output"]["format"]) == (pcm, pcm)
            await front.until(lambda: SOUND in b"".join(front.audio))
            said = noise(0.4)
            octets = said.astype("<i2").tobytes()
            pieces = [octets[start : start + 256] for start in range(0, len(octets), 256)]
            await front.say(said)
            await until(lambda: sum(piece in session.heard for piece in pieces) >= len(pieces) - 3, timeout_s=15)
            await session.user_begins("item_u")
            await session.user_said("item_u", "Goodbye.", Answer("Bye!", SOUND, [("bye", "{}")]))
            await front.gone()
        record = await house.ended(call_id)
    assert record["disconnection_reason"] == "agent_hangup"
    assert record["transcript"] == "Agent: Hello.\nUser: Goodbye.\nAgent: Bye!\n"


async def test_the_voice_of_an_agent_whose_model_speaks_is_its_servers_matter(store: Store) -> None:
    voice = "a-voice-of-the-realtime-server"
    async with RealtimeServer() as server, realtime_house(store, server) as house:
        writes = await house.post("/create-retell-llm", {"general_prompt": "Help."})
        speaks = await house.post("/create-retell-llm", {"s2s_model": "gpt-realtime"})
        body = {"response_engine": {"type": "retell-llm", "llm_id": writes["llm_id"]}, "voice_id": voice}
        assert "voice" in str(await house.post("/create-agent", body, expect=400))
        made = await house.post(
            "/create-agent", {**body, "response_engine": {"type": "retell-llm", "llm_id": speaks["llm_id"]}}
        )
        assert made["voice_id"] == voice
