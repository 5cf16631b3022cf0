"""Registers calls that begin when their caller turns up, hands each to the one who does, and ends those nobody takes.

A registered call waits in the store, so it survives a crash, and may be taken in another process than it was made in.
Two ways lead to it: its audio websocket (web_acceptor.py), and an INVITE to `sip:CALL_ID@pbx` (inbound_router.py).
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from ari_agent.calls.record import CallRecord, registered_call
from ari_agent.contract.agent import Agent
from ari_agent.contract.agent_override import AgentOverride
from ari_agent.contract.call import Call, CallDirection
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.contract.parsing.model import AgentVersionReference
from ari_agent.contract.registered_call import (
    AudioFormat,
    CallRegister,
    PhoneCallRegister,
    RegisteredCall,
    Registration,
    WebCallCreate,
    WebCallTicket,
)
from ari_agent.errors import StoreError, UnreadableRecord
from ari_agent.routing.agent_choice import AUDIO_AGENTS, AgentChoice, Serves, agent_tag, prepare_for_call
from ari_agent.store.registrations import Overdue
from ari_agent.store.store import Store

log = logging.getLogger(__name__)

REGISTERED_MS: Final = 300_000
"""How long a call waits to be dialled, or its audio websocket to be opened (Retell, Dial to SIP URI: 5 minutes)."""
JOIN_MS: Final = 30_000
"""How long a web call waits for its user (Retell, Create Web Call: the access token is valid for 30 s)."""
WEB_AUDIO: Final = AudioFormat(audio_websocket_protocol="web", audio_encoding="s16le", sample_rate=24_000)
"""The audio format of calls whose registration names none."""

_LOOK_S: Final = 5.0
"""Another process may register calls too: look this often at least."""
_SHORTEST_LOOK_S: Final = 0.2
_CALL_ID: Final = re.compile(r"call_[0-9a-f]{32}")


def is_call_id(text: str) -> bool:
    """Tell whether this could be the id of a call, and no number or name that somebody dials."""
    return bool(_CALL_ID.fullmatch(text))


@dataclass(frozen=True, slots=True)
class TakenCall:
    """A registered call that somebody has taken. call: its record so far."""

    registration: Registration
    call: Call


class Registrar:
    """Keeps registered calls; one object serves the whole controller.

    new_call_id: makes `call_...` ids. now_ms: milliseconds since the epoch. account_webhook_url: for agents without a
    URL of their own. serves: which kinds of agents can take calls here.
    """

    def __init__(
        self,
        store: Store,
        *,
        new_call_id: Callable[[], str],
        now_ms: Callable[[], int],
        account_webhook_url: str | None = None,
        serves: Serves = AUDIO_AGENTS,
    ) -> None:
        self._store = store
        self._serves = serves
        self._new_call_id = new_call_id
        self._now_ms = now_ms
        self._account_webhook_url = account_webhook_url
        self._returning: set[asyncio.Task[None]] = set()

    async def register(self, request: CallRegister) -> RegisteredCall:
        """Register a call over the audio websocket, in the format that the request tells.

        It is a web call, unless Twilio carries it or the request tells of numbers or a direction.

        Raises:
            UnknownAgent: the agent does not exist.
            AgentNotUsable: it is of a kind that takes no calls.
        """
        agent = await self._agent(request.agent_id)
        call = self._phone_call(
            agent,
            from_number=request.from_number,
            to_number=request.to_number,
            direction=request.direction,
            dynamic_variables=request.retell_llm_dynamic_variables,
            metadata=request.metadata,
        )
        told = (request.from_number, request.to_number, request.direction)
        if request.audio_websocket_protocol == "web" and told == (None, None, None):
            call = _as_web_call(call)
        call = call.model_copy(
            update={
                **request.audio.model_dump(),
                "end_call_after_silence_ms": request.end_call_after_silence_ms,
            }
        )
        registration = Registration(
            call_id=call.call_id,
            agent=agent,
            audio=request.audio,
            end_call_after_silence_ms=request.end_call_after_silence_ms,
            expires_ms=self._now_ms() + REGISTERED_MS,
        )
        await self._store.registrations.save(registration, call)
        log.info("call registered", extra={"call_id": call.call_id, "agent_id": agent.agent_id})
        return RegisteredCall.model_validate(
            {
                **request.changes(),
                "call_id": call.call_id,
                "call_status": call.call_status,
                "opt_out_sensitive_data_storage": agent.data_storage_setting == "basic_attributes_only",
            }
        )

    async def register_phone_call(self, request: PhoneCallRegister) -> Call:
        """Register a call that begins with an INVITE to its call_id.

        Numbers that are not told are empty until the INVITE tells the caller's.

        Raises:
            UnknownAgent: the agent, or this version of it, does not exist.
            AgentNotUsable: the override does not fit it, or it is of a kind that takes no calls.
        """
        agent = await self._agent(request.agent_id, request.agent_version, request.agent_override)
        call = self._phone_call(
            agent,
            from_number=request.from_number,
            to_number=request.to_number,
            direction=request.direction,
            dynamic_variables=request.retell_llm_dynamic_variables,
            metadata=request.metadata,
            chosen=request.agent_version,
        )
        registration = Registration(call_id=call.call_id, agent=agent, expires_ms=self._now_ms() + REGISTERED_MS)
        await self._store.registrations.save(registration, call)
        log.info("phone call registered", extra={"call_id": call.call_id, "agent_id": agent.agent_id})
        return call

    async def create_web_call(self, request: WebCallCreate, audio: AudioFormat = WEB_AUDIO) -> Call:
        """Register a call that begins when its user opens the audio websocket within JOIN_MS.

        Raises:
            As `register_phone_call`.
        """
        call, _ = await self._web_call(request, audio)
        return call

    async def web_call_ticket(self, request: WebCallCreate) -> WebCallTicket:
        """Do the same as `create_web_call`, with the answer of the API's third version."""
        call, expires_ms = await self._web_call(request, WEB_AUDIO)
        return WebCallTicket(access_token=call.access_token or "", call_id=call.call_id, expires_at=expires_ms)

    async def _web_call(self, request: WebCallCreate, audio: AudioFormat) -> tuple[Call, int]:
        agent = await self._agent(request.agent_id, request.agent_version, request.agent_override)
        call = _as_web_call(
            self._phone_call(
                agent,
                from_number=None,
                to_number=None,
                direction=None,
                dynamic_variables=request.retell_llm_dynamic_variables,
                metadata=request.metadata,
                chosen=request.agent_version,
            )
        )
        expires_ms = self._now_ms() + JOIN_MS
        registration = Registration(
            call_id=call.call_id,
            agent=agent,
            audio=audio,
            expires_ms=expires_ms,
            overdue=DisconnectionReason.ERROR_USER_NOT_JOINED,
        )
        await self._store.registrations.save(registration, call)
        log.info("web call registered", extra={"call_id": call.call_id, "agent_id": agent.agent_id})
        return call, expires_ms

    async def find(self, call_id: str) -> Call | None:
        """Return the call object of any call, live or ended; None where no call has this id."""
        return await self._store.calls.get(call_id)

    async def take(self, call_id: str) -> TakenCall | None:
        """Take a registered call, to begin it; None where it was taken before, waited too long, or does not exist.

        Cancelled, it leaves the call to the next one.
        """
        taking = asyncio.create_task(self._take(call_id), name=f"take {call_id}")
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            returning = asyncio.create_task(self._give_back_when_taken(taking), name=f"give back {call_id}")
            self._returning.add(returning)
            returning.add_done_callback(self._returning.discard)
            raise

    async def _take(self, call_id: str) -> TakenCall | None:
        registration = await self._store.registrations.take(call_id, now_ms=self._now_ms())
        call = await self._store.calls.get(call_id) if registration else None
        return TakenCall(registration, call) if registration and call else None

    async def _give_back_when_taken(self, taking: asyncio.Task[TakenCall | None]) -> None:
        try:
            if taken := await taking:
                await self.give_back(taken)
        except StoreError as error:
            log.error("registered call not given back: %s", error)

    async def give_back(self, taken: TakenCall) -> None:
        """Give back a call that was taken and cannot begin: somebody else may take it."""
        await self._store.registrations.give_back(taken.registration)

    async def run(self) -> None:
        """End the calls that nobody takes, those of earlier runs too, until cancelled."""
        while True:
            wait_s = _LOOK_S
            try:
                await self.end_overdue()
                if (next_ms := await self._store.registrations.next_expiry_ms()) is not None:
                    wait_s = min(wait_s, max(_SHORTEST_LOOK_S, (next_ms - self._now_ms()) / 1000))
            except StoreError as error:
                log.error("overdue registrations not ended yet: %s", error)
            await asyncio.sleep(wait_s)

    async def end_overdue(self) -> None:
        """End the calls whose time is up; the registration of a call whose record cannot be read is only forgotten.

        Raises:
            StoreError: the database failed.
        """
        now_ms = self._now_ms()
        for overdue in await self._store.registrations.overdue(now_ms=now_ms):
            try:
                await self._end(overdue, now_ms)
            except UnreadableRecord as error:
                await self._store.registrations.forget(overdue.call_id)
                log.error("a registered call is not ended but left: %s", error, extra={"call_id": overdue.call_id})

    async def _end(self, overdue: Overdue, now_ms: int) -> None:
        stored, registration = await self._store.calls.get_stored(overdue.call_id), overdue.registration
        if stored is None:  # deleted meanwhile
            await self._store.registrations.forget(overdue.call_id)
            return
        reason = registration.overdue if registration else DisconnectionReason.REGISTERED_CALL_TIMEOUT
        record = CallRecord(
            stored.call,
            agent=registration.agent if registration else None,
            account_webhook_url=self._account_webhook_url,
            recovery=stored.recovery,
        )
        record.ended(reason, now_ms)
        if await self._store.registrations.expire(record.call, record.owed):
            log.info("call is over", extra={"call_id": overdue.call_id, "disconnection_reason": reason})

    async def _agent(
        self,
        agent_id: str,
        version: AgentVersionReference | None = None,
        override: AgentOverride | None = None,
    ) -> Agent:
        """Prepare the agent now, when whoever registers reads why it cannot be, and not when the caller is there."""
        choice = AgentChoice(agent_id, version)
        found = await self._store.agents.get(agent_id, version)
        return prepare_for_call(found, choice, override, serves=self._serves)

    def _phone_call(
        self,
        agent: Agent,
        *,
        from_number: str | None,
        to_number: str | None,
        direction: CallDirection | None,
        dynamic_variables: Mapping[str, str] | None,
        metadata: Mapping[str, object] | None,
        chosen: AgentVersionReference | None = None,
    ) -> Call:
        return registered_call(
            call_id=self._new_call_id(),
            direction=direction or CallDirection.INBOUND,
            agent=agent,
            from_number=from_number or "",
            to_number=to_number or "",
            sip_headers={},
            sip_call_id=None,
            dynamic_variables=dynamic_variables or {},
            metadata=metadata,
            agent_tag=agent_tag(agent, chosen),
        )


def _as_web_call(call: Call) -> Call:
    """Turn a phone call into a web call: without numbers and direction, with a token, by which clients know it."""
    no_phone = {"direction": None, "from_number": None, "to_number": None}
    return call.model_copy(update={**no_phone, "call_type": "web_call", "access_token": secrets.token_urlsafe(32)})
