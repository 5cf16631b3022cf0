"""A real server with a real store for calls over the audio websocket; front ends and agents are on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestClient, TestServer

from ari_agent.api.auth import HAS_OWN_LOGIN
from ari_agent.api.dependencies import ApiDependencies
from ari_agent.api.server import build_api
from ari_agent.asterisk.ari import Ari
from ari_agent.calls.concurrency_slots import Slots
from ari_agent.calls.dial_guard import DialGuard
from ari_agent.calls.dialogue.agent_settings import check_voice
from ari_agent.calls.dialogue.text_agent_leg import Speech
from ari_agent.calls.inbound_router import InboundRouter
from ari_agent.calls.media.voice_ends import VoiceEnds
from ari_agent.calls.realtime.realtime_agents import RealtimeAgents
from ari_agent.calls.record_writer import RecordWriter
from ari_agent.calls.registrar import Registrar
from ari_agent.calls.session_dependencies import SessionDependencies, served_kinds
from ari_agent.calls.switchboard import Switchboard
from ari_agent.calls.web.web_acceptor import WebAcceptor
from ari_agent.console.console import build_console, put_under
from ari_agent.console.dependencies import ConsoleDependencies
from ari_agent.media.socket import RtpPorts
from ari_agent.media.wheel import Wheel
from ari_agent.routing.dial_policy import DialRules
from ari_agent.speech.voices import Voices
from ari_agent.store.store import Store
from ari_agent.webhooks.inbound import InboundWebhook
from tests.fakes.agent_server import Agent, AgentServer

API_KEY = "key_test_123"
NOW_MS = 1_760_000_000_000
HOOK = "http://127.0.0.1:9/hook"
"""Nobody is there: what is owed stays in the outbox, where `told` finds it."""
WEB = {"audio_websocket_protocol": "web", "audio_encoding": "s16le", "sample_rate": 24000}
TWILIO = {"audio_websocket_protocol": "twilio", "audio_encoding": "mulaw", "sample_rate": 8000}

Api = TestClient[web.Request, web.Application]
Json = dict[str, Any]


@dataclass(slots=True)
class House:
    """The server with agents behind it. clock: `now_ms` of the server, which stands still."""

    api: Api
    agents: AgentServer
    store: Store
    registrar: Registrar
    switchboard: Switchboard
    slots: Slots
    clock: dict[str, int] = field(default_factory=dict)

    async def agent_id(self, agent: Agent, **settings: Any) -> str:
        """A stored agent that is reached there."""
        made = await self.post("/create-agent", {"response_engine": agent.engine, **settings})
        return str(made["agent_id"])

    async def post(self, path: str, body: Json, *, expect: int = 201) -> Json:
        """The answer, which must have this status."""
        response = await self.api.post(path, json=body)
        answer: Json = await response.json()
        assert response.status == expect, answer
        return answer

    async def register(self, agent: Agent, audio: Json = WEB, **body: Any) -> str:
        """A call to this agent; its call_id."""
        agent_id = await self.agent_id(agent)
        return str((await self.post("/register-call", {"agent_id": agent_id, **audio, **body}))["call_id"])

    def url(self, call_id: str, query: str = "") -> str:
        """Of the audio websocket."""
        return str(self.api.make_url(f"/audio-websocket/{call_id}")).replace("http", "ws") + query

    async def call(self, call_id: str) -> Json:
        """Its record, as the API shows it."""
        answer: Json = await (await self.api.get(f"/v2/get-call/{call_id}")).json()
        return answer

    async def ended(self, call_id: str) -> Json:
        """Its record once it is over."""
        for _ in range(2000):
            if "disconnection_reason" in (call := await self.call(call_id)):
                return call
            await asyncio.sleep(0.005)
        raise TimeoutError(call_id)

    async def told(self, call_id: str) -> list[str]:
        """The webhooks that are owed, in order."""
        told = []
        while due := await self.store.outbox.due(self.clock["now_ms"], limit=10):
            for queued in due:
                if queued.event.call_id == call_id:
                    told.append(queued.event.event.value)
                await self.store.outbox.delivered(queued.outbox_id)
        return told


@asynccontextmanager
async def open_house(
    store: Store,
    new_call_id: Any,
    *,
    speech: Speech | None = None,
    voice_ends: VoiceEnds | None = None,
    realtime: RealtimeAgents | None = None,
    has_console: bool = False,
) -> AsyncIterator[House]:
    """The server runs inside. store: open. speech: ears and voice of text agents. voice_ends: for turns of others.

    realtime: of models that hear and speak themselves.
    """
    clock = {"now_ms": NOW_MS}

    def now_ms() -> int:
        return clock["now_ms"]

    ari = Ari(url="http://127.0.0.1:9/ari", username="nobody", password="none", app="ari_agent")
    registrar = Registrar(
        store,
        new_call_id=new_call_id,
        now_ms=now_ms,
        account_webhook_url=HOOK,
        serves=served_kinds(speech, realtime),
    )
    slots = Slots(20)
    services = SessionDependencies(
        ari=ari,
        app="ari_agent",
        records=RecordWriter(store, account_webhook_url=HOOK),
        slots=slots,
        rtp=RtpPorts("127.0.0.1", first=0, last=0),
        wheel=Wheel(),
        account_webhook_url=HOOK,
        now_ms=now_ms,
        dial_guard=DialGuard(DialRules(), store, now_ms=now_ms),
        speech=speech,
        voice_ends=voice_ends,
        realtime=realtime,
    )
    client: Api
    async with AgentServer() as agents, ClientSession() as session:
        router = InboundRouter(
            ari=ari,
            store=store,
            inbound_webhook=InboundWebhook(session, API_KEY),
            registrar=registrar,
            dice=lambda: 0.0,
            now_ms=now_ms,
        )
        switchboard = Switchboard(services, router, new_call_id=new_call_id)
        voices = speech.voices if speech else Voices()
        dependencies = ApiDependencies(
            store=store,
            switchboard=switchboard,
            api_key=API_KEY,
            now_ms=now_ms,
            registrar=registrar,
            audio_websockets=WebAcceptor(registrar, switchboard),
            has_realtime=realtime is not None,
            check_voice=partial(check_voice, voices),
        )
        app = build_api(dependencies)
        if has_console:
            pages = build_console(ConsoleDependencies(store, switchboard, API_KEY, web_calls=registrar))
            pages[HAS_OWN_LOGIN] = True
            put_under(app, pages)
        client = TestClient(TestServer(app), headers={"Authorization": f"Bearer {API_KEY}"})
        await client.start_server()
        yield House(client, agents, store, registrar, switchboard, slots, clock)
        await switchboard.close()
        await client.close()
        await ari.close()
