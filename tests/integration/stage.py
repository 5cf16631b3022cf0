"""Everything that a call passes through, real, on loopback: Asterisk, the controller, agents, a customer's server."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp

from ari_agent.contract.parsing.redacted_url import basic_authorization
from ari_agent.demo.pbx import Pbx
from tests.fakes.agent_server import Agent, AgentCall, AgentServer, Refusal, Script, listen
from tests.fakes.controller import Controller
from tests.fakes.lossy_link import LossyLink
from tests.fakes.sip_caller import SipCaller
from tests.fakes.sipp import Sipp
from tests.fakes.sound import find_pieces, noise
from tests.fakes.tcp_relay import TcpRelay
from tests.fakes.webhook_server import Hook, WebhookServer

CALLER_ADDRESS: Final = "127.0.0.2"
"""Calls from here come in as from a trunk, without a password."""
CALLER_NUMBER: Final = "+14155550100"
RECEPTION_ADDRESS: Final = "127.0.0.3"
"""Calls from here come in as from a trunk, too, and may be transferred by their phone."""
ENDPOINTS: Final = f"""
[reception](trunk)
allow_transfer = yes

[reception]
type = identify
endpoint = reception
match = {RECEPTION_ADDRESS}
"""
DIALPLAN: Final = """
[from-trunk](+)
; The agent named by the dialplan, with variables of both kinds.
exten = by-agent,1,Set(AGENTVAR_plan=gold)
 same = n,Set(AGENTVAR_quoted=it's, so\\; to say)
 same = n,Stasis(ari_agent,agent_id=${PJSIP_HEADER(read,X-Agent-Id)},customer=Bob Smith)
 same = n,Hangup()
; The number's agent, drawn by caller.
exten = _*77X.,1,Goto(sticky,+${EXTEN:3},1)
; A destination of FreePBX: the call arrives at `s`, and the DID is in CALLERID(dnid). With an agent, and without.
exten = _*78X.,1,Set(CALLERID(dnid)=+${EXTEN:3})
 same = n,Goto(from-ai-agent,s,1)
exten = _*79X.,1,Set(WITH_AGENT=yes)
 same = n,Set(CALLERID(dnid)=+${EXTEN:3})
 same = n,Goto(from-ai-agent,s,1)
; The number named by the dialplan.
exten = _*76X.,1,Stasis(ari_agent,to_number=+${EXTEN:3})
; A ring group: the agent is called by a channel that is no SIP channel.
exten = _*75X.,1,Set(__AGENTVAR_plan=gold)
 same = n,Dial(Local/+${EXTEN:3}@from-trunk)
exten = _*74X.,1,Dial(Local/+${EXTEN:3}@from-trunk)
; A value in Latin-1, which holds half a character of UTF-8.
exten = latin-1,1,Set(LETTER=ü)
 same = n,Stasis(ari_agent,customer=M${LETTER:0:1}ller)
 same = n,Goto(ari-agent-after,${STASISSTATUS},1)
; A caller at the reception waits here, and then talks to whoever calls `reception`.
exten = waits,1,Set(GLOBAL(AT_RECEPTION)=${CHANNEL})
 same = n,Answer()
 same = n,Wait(60)
exten = reception,1,Bridge(${AT_RECEPTION})
 same = n,Hangup()
; A PBX that says where its telephones may transfer calls to.
exten = _*70X.,1,Set(TRANSFER_CONTEXT=desks)
 same = n,Stasis(ari_agent,to_number=+${EXTEN:3})
; A colleague takes a call that rings at another phone, whose channel this names.
exten = picks-up,1,PickupChan(${RINGING_PHONE},p)
 same = n,Hangup()
; The same in a variable for the agent: in the first step, and in a later one.
exten = _*73X.,1,Set(AGENTVAR_latin=M${EVAL(ü):0:1}ller)
 same = n,Stasis(ari_agent,to_number=+${EXTEN:3})
exten = _*72X.,1,Set(AGENTVAR_plan=gold)
 same = n,Set(AGENTVAR_unknown_latin=M${EVAL(ü):0:1}ller)
 same = n,Stasis(ari_agent,to_number=+${EXTEN:3})
exten = _*71X.,1,Set(AGENTVAR_latin=Müller)
 same = n,Stasis(ari_agent,to_number=+${EXTEN:3})
; The telephone in the console.
exten = browser-phone,1,Dial(${PJSIP_DIAL_CONTACTS(browser-phone)})
 same = n,Hangup(${HANGUPCAUSE})
; What the dialplan sees when the agent is done.
exten = see-after,1,Stasis(ari_agent,agent_id=${PJSIP_HEADER(read,X-Agent-Id)})
 same = n,Set(GLOBAL(SEEN_AFTER)=${ARI_AGENT_CALL_ID}/${ARI_AGENT_DISCONNECTION_REASON}/${STASISSTATUS})
 same = n,Hangup(17)

; The extensions of the PBX itself: the caller is told nothing, and hung up.
[desks]
exten = 101,1,Set(SEEN=${ARI_AGENT_CALL_ID}/${ARI_AGENT_DISCONNECTION_REASON}/${CALLERID(num)})
 same = n,Set(GLOBAL(DESK_101)=${SEEN}/${TRANSFER_CONTEXT})
 same = n,Wait(1)
 same = n,Hangup(17)
; They tell whom they see, and are busy, hang up soon, or do not answer.
exten = 202,1,Set(GLOBAL(SEEN_202)=${CALLERID(num)}/${ARI_AGENT_CALL_ID}/${ARI_AGENT_HDR_X_CASE})
 same = n,Hangup(17)
exten = 203,1,Set(GLOBAL(SEEN_203)=${CALLERID(num)}/${ARI_AGENT_CALL_ID}/${ARI_AGENT_HDR_X_CASE})
 same = n,Answer()
 same = n,Wait(1)
 same = n,Hangup(31)
exten = 204,1,Set(GLOBAL(SEEN_204)=${CALLERID(num)}/${ARI_AGENT_CALL_ID}/${ARI_AGENT_HDR_X_CASE})
 same = n,Hangup(19)
; It stays on the line.
exten = 105,1,Answer()
 same = n,Wait(30)

[from-ai-agent]
exten = s,1,GotoIf($["${WITH_AGENT}" = "yes"]?agent)
 same = n,Stasis(ari_agent)
 same = n,Hangup()
 same = n(agent),Stasis(ari_agent,agent_id=${PJSIP_HEADER(read,X-Agent-Id)})
 same = n,Hangup()

[sticky]
exten = _[+]X.,1,Stasis(ari_agent,agent_draw=caller)
 same = n,Hangup()
"""


def audio_ports(count: int = 600) -> tuple[int, int]:
    """A range for Asterisk's own audio, below the system's ephemeral ports; Asterisk passes over those in use."""
    first = random.randrange(10_000, 32_000 - count, 2)
    return first, first + count - 1


@dataclass(slots=True)
class Connected:
    """A call that is up: both ends and its id."""

    caller: SipCaller
    agent: AgentCall
    call_id: str
    number: str
    agent_id: str
    at: Agent | None = None
    """The agent's URL, where that is not known otherwise."""

    def agent_is_away(self) -> None:
        """The agent takes no websocket any more: a call that is to go on with it ends."""
        assert self.at is not None
        self.at.refusal = Refusal()

    async def hears_itself(self) -> None:
        """Of an agent that echoes: sound goes out to it and back. A stall of this machine may cost a piece of it."""
        said = noise(0.8)
        since_s = self.caller.audio.heard[-1].time_s if self.caller.audio.heard else 0.0
        self.caller.audio.say(said)
        await self.caller.audio.said()
        await asyncio.sleep(0.7)
        heard = self.caller.audio.sound(since_s=since_s)
        pieces = [match.similarity for match in find_pieces(said, heard)]
        assert max(pieces) > 0.99, pieces


@dataclass(slots=True)
class Stage:
    """One set of them, with what the tests do most."""

    pbx: Pbx
    controller: Controller
    agents: AgentServer
    webhooks: WebhookServer
    events: Hook
    """The account's webhook URL."""
    sipp: Sipp
    relay: TcpRelay | None = None
    """Between controller and ARI, where a test wants to cut it."""
    _numbers: int = field(default=0)

    def new_number(self) -> str:
        """A number that no other test dials."""
        self._numbers += 1
        return f"+1415200{self._numbers:04d}"

    async def create_agent(self, agent: Agent, **fields: Any) -> str:
        """Known to the controller; returns agent_id."""
        body = {"response_engine": agent.engine, "voice_id": "none", **fields}
        reply = await self.controller.post("/create-agent", body, expect=201)
        agent_id: str = reply.json["agent_id"]
        return agent_id

    async def import_number(self, agent_id: str | None, **fields: Any) -> str:
        """A new number whose calls this agent answers."""
        number = self.new_number()
        agents = [{"agent_id": agent_id, "weight": 1}] if agent_id else None
        body = {"phone_number": number, "termination_uri": "sip.example.com", "inbound_agents": agents, **fields}
        await self.controller.post("/import-phone-number", body, expect=201)
        return number

    def caller(self, **options: Any) -> SipCaller:
        """A phone that calls as through a trunk."""
        given = {"address": CALLER_ADDRESS, "user": CALLER_NUMBER, **options}
        return SipCaller(pbx=(self.pbx.bind, self.pbx.sip_port), **given)

    def softphone(self) -> SipCaller:
        """A phone that logs in with the softphone's account."""
        account, password = self.pbx.softphone_account, self.pbx.softphone_password
        return SipCaller(pbx=(self.pbx.bind, self.pbx.sip_port), user=account, account=account, password=password)

    @contextlib.asynccontextmanager
    async def connected(
        self,
        script: Script = listen,
        *,
        protocol: str = "twilio",
        rate_hz: int | None = None,
        encoding: str | None = None,
        agent: Mapping[str, Any] | None = None,
        number: Mapping[str, Any] | None = None,
        headers: Sequence[tuple[str, str]] = (),
        muted: bool = False,
        redial_ms: int | None = None,
    ) -> AsyncIterator[Connected]:
        """A caller through to a new agent on a new number; hung up at the end.

        agent, number: fields of those objects. muted: the caller sends no RTP. redial_ms: see AgentServer.agent.
        """
        server_agent = self.agents.agent(
            script, protocol=protocol, rate_hz=rate_hz, encoding=encoding, redial_ms=redial_ms
        )
        agent_id = await self.create_agent(server_agent, **(agent or {}))
        dialled = await self.import_number(agent_id, **(number or {}))
        async with self.caller() as caller:
            caller.audio.muted = muted
            await caller.call(dialled, headers=headers)
            agent_call = await server_agent.call()
            call_id = str(agent_call.about["call_id"])
            await self.begun(call_id)
            yield Connected(caller, agent_call, call_id, dialled, agent_id, at=server_agent)

    async def begun(self, call_id: str, *, timeout_s: float = 5.0, pause_s: float = 0.02) -> None:
        """Until the record says that the call was answered: that is written right after the answer.

        The agent may be there before the record is.
        """
        for _ in range(int(timeout_s / pause_s)):
            reply = await self.controller.get(f"/v2/get-call/{call_id}")
            if reply.status == 200 and reply.json["call_status"] != "registered":
                return
            await asyncio.sleep(pause_s)
        raise TimeoutError(f"call {call_id} has not begun after {timeout_s} s: {reply.text}")

    def asterisk_log_tail(self, lines: int) -> str:
        """The end of Asterisk's log."""
        path = self.pbx.log_path
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""

    async def idle(self, *, timeout_s: float = 5.0) -> None:
        """Until Asterisk has no channel left; AssertionError names those that stay."""
        headers = {"Authorization": basic_authorization(self.pbx.ari_username, self.pbx.ari_password)}
        async with asyncio.timeout(timeout_s + 5), aiohttp.ClientSession(headers=headers) as http:
            for _ in range(int(timeout_s / 0.1)):
                # Over ARI, because a program that is started for each look costs more than most tests.
                async with http.get(f"{self.pbx.ari_url}/channels") as response:
                    left = await response.json()
                if not left:
                    return
                await asyncio.sleep(0.1)
        raise AssertionError(f"channels left: {[channel['name'] for channel in left]}")

    async def clear(self) -> None:
        """Bring everything back to where it was after a test that failed half-way.

        Asterisk may wait half a minute for a far end that is gone.
        """
        if self.pbx.running:
            try:
                await self.controller.wait_for("/readyz", 200)
            except RuntimeError:  # it has ended
                await self.controller.start()
            await self.pbx.cli("channel request hangup all")
            await self.idle(timeout_s=40)
        self.webhooks.resume()
        self.agents.take_script_errors()


@contextlib.asynccontextmanager
async def staged(
    folder: Path,
    *,
    pbx_options: Mapping[str, Any] | None = None,
    through_relay: bool = False,
    link: LossyLink | None = None,
    process_environment: Mapping[str, str] | None = None,
    program: Sequence[str] = ("-m", "ari_agent", "serve"),
    **settings: str,
) -> AsyncIterator[Stage]:
    """A stage of its own, everything started and ready; `settings` are the controller's, program its command.

    process_environment: variables of its process beside the settings.
    link: the controller, its agents and the customer's server are at the far end of it, Asterisk at the near end.
    """
    options: dict[str, Any] = {
        "sip_port": 0,
        "tls_port": 0,
        "ari_port": 0,
        "rtp_ports": audio_ports(),
        "callers": (CALLER_ADDRESS,),
        "pjsip": ENDPOINTS,
        "extensions": DIALPLAN,
        **(pbx_options or {}),
    }
    async with contextlib.AsyncExitStack() as stack:
        pbx = await stack.enter_async_context(Pbx(**options))
        relay = None
        ari_url = pbx.ari_url
        if through_relay:
            relay = await stack.enter_async_context(TcpRelay("127.0.0.1", pbx.ari_port))
            ari_url = f"http://127.0.0.1:{relay.port}/ari"
        settings.setdefault("EXTENSIONS_CONTEXT", "desks")
        settings.setdefault("BROWSER_PHONE_PASSWORD", pbx.browser_phone_password)
        controller = Controller(
            folder,
            ari_url=ari_url,
            ari_username=pbx.ari_username,
            ari_password=pbx.ari_password,
            host=link.far if link else "127.0.0.1",
            prefix=link.command() if link else (),
            process_environment=process_environment,
            program=program,
            **settings,
        )
        await stack.enter_async_context(controller)
        agents = await stack.enter_async_context(AgentServer(sock=link.open_tcp() if link else None))
        sock = link.open_tcp() if link else None
        webhooks = await stack.enter_async_context(WebhookServer(api_key=controller.api_key, sock=sock))
        events = webhooks.hook()
        controller.environment.setdefault("WEBHOOK_URL", events.url)
        await controller.start()
        stage = Stage(pbx, controller, agents, webhooks, events, Sipp(pbx, address=CALLER_ADDRESS), relay)
        yield stage
