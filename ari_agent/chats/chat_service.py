"""All chats of the controller: begun over the API or by a text message, changed, ended, deleted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from ari_agent.asterisk.events import AriEvent
from ari_agent.asterisk.messages import MessageDestination, destination
from ari_agent.asterisk.trunk_destinations import destinations
from ari_agent.chats.chat_recovery import ChatRecovery
from ari_agent.chats.chat_router import ChatRouter, new_chat
from ari_agent.chats.content_to_store import content_to_store
from ari_agent.chats.dependencies import ChatDependencies
from ari_agent.chats.events import Answer, EndRequested, Opening, UserWrote
from ari_agent.chats.inbox import TextInbox
from ari_agent.chats.live_chats import LiveChats
from ari_agent.chats.record import known_analysis
from ari_agent.chats.session import ChatSession
from ari_agent.contract.call import CallDirection
from ari_agent.contract.chat import (
    Chat,
    ChatCompletionCreate,
    ChatCreate,
    ChatItem,
    ChatStatus,
    ChatType,
    ChatUpdate,
    SmsChatCreate,
)
from ari_agent.contract.chat_agent import AnyAgent
from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.contract.storage_setting import is_stricter
from ari_agent.errors import AsteriskUnreachable, ChatNotOngoing, ChatNotStarted, UnknownAsset
from ari_agent.routing.ab_weights import draw
from ari_agent.routing.agent_choice import AgentChoice, Outbound, choose_outbound, prepare_for_text
from ari_agent.routing.dial_policy import Dial, DialRefused
from ari_agent.routing.dialled_number import number_spellings
from ari_agent.store.chats import StoredChat

log = logging.getLogger(__name__)

OPENING_TIMEOUT_S: Final = 10.0
"""How long POST /create-chat waits for what the agent begins with."""


class ChatService:
    """Leads all chats, and does what the API asks for; one object serves the whole controller.

    app: the name that trunks in Asterisk begin with. can_send: tells whether Asterisk is within reach. dice: returns a
    number that is uniform in [0, 1). new_chat_id: makes `chat_...` ids.
    """

    def __init__(
        self,
        services: ChatDependencies,
        router: ChatRouter,
        *,
        app: str,
        can_send: Callable[[], bool],
        dice: Callable[[], float],
        new_chat_id: Callable[[], str],
    ) -> None:
        self._services = services
        self._app = app
        self._can_send = can_send
        self._dice = dice
        self._new_chat_id = new_chat_id
        self._live = LiveChats(services)
        self._inbox = TextInbox(services, router, self._live, new_chat_id=new_chat_id)
        self._recovery = ChatRecovery(services, self._live, can_send=can_send)

    def live(self) -> Sequence[ChatSession]:
        """Return the chats that this process leads."""
        return self._live.all()

    def on_event(self, event: AriEvent) -> None:
        """Take a text message; never waits. Other events are ignored."""
        self._inbox.on_event(event)

    # What the API asks for.

    async def create_sms_chat(self, request: SmsChatCreate) -> Chat:
        """Begin a chat in text messages: the agent writes first. A chat that the two numbers lead already ends.

        Raises:
            UnknownAsset, NoAgentBound, AgentNotUsable, ChatNotStarted: it cannot be as it is asked for.
            DialRefused: the dial policy does not allow it.
            AsteriskUnreachable: no message can be sent now.
        """
        number = await self._services.store.phone_numbers.get(request.from_number)
        if number is None:
            raise UnknownAsset("phone number", request.from_number)
        way = self._way_to(number, request.to_number)
        chosen = choose_outbound(
            draw(number.outbound_sms_agents or (), self._dice()),
            agent_id=request.override_agent_id,
            version=request.override_agent_version,
            number=number.phone_number,
            begins=Outbound.TEXT,
        )
        agent = await self._agent(chosen)
        try:
            self._services.dial_rules.check(Dial(request.to_number, number, agent, through_trunk=True))
        except DialRefused as refusal:
            facts = {"rule": refusal.rule.value, "from": request.from_number, "to": request.to_number}
            log.warning("chat not begun: %s", refusal, extra=facts)
            raise
        if not self._can_send():
            raise AsteriskUnreachable("Asterisk", "its event websocket is not connected")
        self._check_room()
        chats, users = self._services.store.chats, number_spellings(request.to_number)
        if earlier := await self._live.resume(lambda: chats.ongoing_between(number.phone_number, users)):
            await _end(earlier)
        chat = new_chat(
            chat_id=self._new_chat_id(),
            chat_type=ChatType.SMS,
            agent=agent,
            chosen=chosen,
            now_ms=self._services.now_ms(),
            direction=CallDirection.OUTBOUND,
            from_number=number.phone_number,
            to_number=request.to_number,
            retell_llm_dynamic_variables=request.retell_llm_dynamic_variables,
            metadata=request.metadata,
        )
        session = await self._live.begin(ChatSession(self._services, chat, agent, destination=way, awaited=True))
        session.post(Opening())
        return chat

    async def create(self, request: ChatCreate) -> Chat:
        """Begin a chat over the API.

        Returns it with what the agent writes first, if that comes within OPENING_TIMEOUT_S.

        Raises:
            UnknownAgent, AgentNotUsable, ChatNotStarted: it cannot be as it is asked for.
        """
        chosen = AgentChoice(request.agent_id, request.agent_version)
        agent = await self._agent(chosen)
        self._check_room()
        chat = new_chat(
            chat_id=self._new_chat_id(),
            chat_type=ChatType.API,
            agent=agent,
            chosen=chosen,
            now_ms=self._services.now_ms(),
            retell_llm_dynamic_variables=request.retell_llm_dynamic_variables,
            metadata=request.metadata,
        )
        session = await self._live.begin(ChatSession(self._services, chat, agent))
        answered: Answer = asyncio.get_running_loop().create_future()
        session.post(Opening(answered))
        await asyncio.wait([answered], timeout=OPENING_TIMEOUT_S)
        if answered.done():
            answered.exception()  # the chat's status tells
        else:
            answered.cancel()
        return session.record.content

    async def complete(self, request: ChatCompletionCreate) -> Sequence[ChatItem]:
        """Hand a user's text to the agent; returns what the agent writes and does.

        Raises:
            UnknownAsset: there is no such chat.
            ChatNotStarted: the chat is led in text messages.
            ChatNotOngoing: it has ended.
        """
        session = await self._live.ongoing(request.chat_id)
        if session.record.chat.chat_type is not ChatType.API:
            raise ChatNotStarted(f"chat {request.chat_id} is led in text messages: its user writes from a phone")
        answered: Answer = asyncio.get_running_loop().create_future()
        session.post(UserWrote(request.content, answered=answered))
        return await answered

    async def end(self, chat_id: str) -> None:
        """End a chat.

        Raises:
            UnknownAsset: there is no such chat.
            ChatNotOngoing: it has ended already.
        """
        await _end(await self._live.ongoing(chat_id))

    async def update(self, chat_id: str, update: ChatUpdate) -> Chat:
        """Change a chat, ongoing or over. Of one that is over, what may be stored no longer goes at once.

        Raises:
            UnknownAsset: there is no such chat.
            ValueError: the chat would store more than before.
        """
        if self._services.store.is_shared:  # another controller may lead it, and would write what it knows of it
            with suppress(ChatNotOngoing):
                await self._live.ongoing(chat_id)
        async with self._live.lock:
            session = self._live.get(chat_id)
            if session and not session.is_over:
                return await session.update(update)
            if session:
                await session.ended.wait()  # until its last state is stored
            while True:
                stored = await self._services.store.chats.stored(chat_id)
                if stored is None:
                    raise UnknownAsset("chat", chat_id)
                wanted = await self._changed(stored, update)
                if await self._services.store.chats.replace(stored.chat, wanted):
                    return wanted

    async def _changed(self, stored: StoredChat, update: ChatUpdate) -> Chat:
        chat = update.apply(stored.chat)
        if chat.chat_status is ChatStatus.ONGOING:
            return chat
        is_waiting = chat.chat_analysis is None
        if is_waiting and is_stricter(chat.data_storage_setting, stored.chat.data_storage_setting):
            # Of what goes now, the model will not know any more whether anybody answered.
            chat = chat.model_copy(update={"chat_analysis": known_analysis(stored.chat)})
        categories = stored.agent.pii_categories if stored.agent else None
        return chat.model_copy(update=dict(await content_to_store(chat, categories, self._services.find_more)))

    async def delete(self, chat_id: str) -> None:
        """Delete a chat's record; an ongoing one ends first.

        Raises:
            UnknownAsset: there is no such chat.
        """
        if (await self._chat(chat_id)).chat_status is ChatStatus.ONGOING:
            try:
                await self.end(chat_id)
            except ChatNotOngoing:
                log.debug("it has ended by itself", extra={"chat_id": chat_id})
        async with self._live.lock:
            if not await self._services.store.chats.delete(chat_id):
                raise UnknownAsset("chat", chat_id)

    async def run(self) -> None:
        """Look after the chats that an earlier run left behind, until cancelled."""
        await self._recovery.run()

    async def close(self) -> None:
        """Stop leading every chat; they stay ongoing in the store."""
        await self._live.close()

    async def _chat(self, chat_id: str) -> Chat:
        chat = await self._services.store.chats.get(chat_id)
        if chat is None:
            raise UnknownAsset("chat", chat_id)
        return chat

    # How a chat begins.

    def _check_room(self) -> None:
        if not self._live.has_room():
            raise ChatNotStarted("too many agents are writing at this moment; try again later")

    def _way_to(self, number: PhoneNumber, to_number: str) -> MessageDestination:
        ways = destinations(self._app, number.phone_number, number.sip_outbound_trunk_config)
        if not ways:
            raise ChatNotStarted(
                f"{number.phone_number} has no trunk to write through: "
                "set termination_uri with PATCH /update-phone-number"
            )
        return destination(
            ways[0].endpoint,
            to_number=to_number,
            from_number=number.phone_number,
            address=ways[0].uri.removeprefix("sip:"),
        )

    async def _agent(self, choice: AgentChoice) -> AnyAgent:
        found = await self._services.store.agents.any(choice.agent_id, choice.version)
        return prepare_for_text(found, choice, serves=self._services.serves)


async def _end(session: ChatSession) -> None:
    session.post(EndRequested())
    await session.ended.wait()
