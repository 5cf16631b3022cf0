"""All chats: hands each text message to its chat, begins chats for callers of the API, ends those that fell silent.

A chat belongs to a pair of numbers: while it is ongoing, every message between the two is part of it. What a chat has
come to is in the store after every message, so a chat outlives this process: the next message, or request of the API,
takes it up where it was.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from ari_agent.asterisk.events import AriEvent, TextMessageReceived
from ari_agent.asterisk.messages import IncomingMessage, MessageDestination, destination, incoming_message
from ari_agent.asterisk.trunks import trunk
from ari_agent.calls.routing import AgentChoice, draw, number_spellings
from ari_agent.chats.reception import ChatReception, ChatRefused, check_writes, new_chat
from ari_agent.chats.record import ChatRecord
from ari_agent.chats.session import ChatServices, ChatSession, EndAsked, Opening, UserWrote
from ari_agent.contract.agent import Agent
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
from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.errors import (
    AsteriskUnreachable,
    ChatNotOngoing,
    ChatNotStarted,
    MalformedMessage,
    StoreError,
    UnknownAsset,
)

log = logging.getLogger(__name__)

MOST_LIVE_CHATS: Final = 2000
MOST_WAITING_MESSAGES: Final = 100
"""Of one sender, while it is not decided yet who answers."""
SWEEP_EVERY_S: Final = 60.0
OPENING_TIMEOUT_S: Final = 10.0
"""How long POST /create-chat waits for what the agent begins with."""

Pair = tuple[str, str]


class ChatDesk:
    """One for all chats.

    app: the name that trunks in Asterisk begin with. can_send: Asterisk is within reach. new_chat_id: makes `chat_...`.
    """

    def __init__(
        self,
        services: ChatServices,
        reception: ChatReception,
        *,
        app: str,
        can_send: Callable[[], bool],
        dice: Callable[[], float],
        new_chat_id: Callable[[], str],
    ) -> None:
        self._services = services
        self._reception = reception
        self._app = app
        self._can_send = can_send
        self._dice = dice
        self._new_chat_id = new_chat_id
        self._by_id: dict[str, ChatSession] = {}
        self._by_pair: dict[Pair, ChatSession] = {}
        self._arriving: dict[Pair, deque[IncomingMessage]] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._taking_up = asyncio.Lock()

    def live(self) -> Sequence[ChatSession]:
        """The chats that are in this process's hands."""
        return tuple(self._by_id.values())

    # Text messages.

    def on_event(self, event: AriEvent) -> None:
        """Take a text message; never waits. Other events are none of its business."""
        if not isinstance(event, TextMessageReceived):
            return
        try:
            message = incoming_message(event)
        except MalformedMessage as error:
            log.warning("%s", error)
            return
        self._arrived(message)

    def _arrived(self, message: IncomingMessage) -> None:
        facts = {"from": message.from_number, "to": message.to_number, "sip_call_id": message.sip_call_id}
        pair = _pair(message.to_number, message.from_number)
        if session := self._by_pair.get(pair):
            log.info("text message", extra={**facts, "chat_id": session.chat_id})
            session.post(UserWrote(message.body, message.answer_to))
        elif (waiting := self._arriving.get(pair)) is not None:
            if len(waiting) < MOST_WAITING_MESSAGES:
                waiting.append(message)
            else:
                log.warning("too many text messages at once: one is dropped", extra=facts)
        elif len(self._by_id) + len(self._arriving) >= MOST_LIVE_CHATS:
            log.error("%d chats are in progress: no more are begun", MOST_LIVE_CHATS, extra=facts)
        else:
            log.info("text message", extra=facts)
            self._arriving[pair] = deque([message])
            self._start(self._receive(pair))

    async def _receive(self, pair: Pair) -> None:
        waiting = self._arriving[pair]
        session: ChatSession | None = None
        try:
            while waiting and session is None:
                session = await self._decide(waiting[0])
                if session is None:
                    waiting.popleft()  # refused; whoever wrote again is judged again
        finally:
            del self._arriving[pair]
        if session:
            self._lead(session, pair)
            for message in waiting:
                session.post(UserWrote(message.body, message.answer_to))

    async def _decide(self, message: IncomingMessage) -> ChatSession | None:
        facts = {"from": message.from_number, "to": message.to_number, "sip_call_id": message.sip_call_id}
        try:
            arrival = await self._reception.receive(message, self._new_chat_id())
            session = ChatSession(self._services, arrival.chat, arrival.agent)
            if arrival.is_new:
                session.record.started()
                await session.save()
        except (ChatRefused, ChatNotStarted) as refusal:
            log.warning("text message is not answered: %s", refusal, extra=facts)
            return None
        except StoreError as error:
            log.error("text message is not answered: %s", error, extra=facts)
            return None
        log.info("chat begins" if arrival.is_new else "chat goes on", extra={**facts, "chat_id": session.chat_id})
        return session

    # Wishes of the API.

    async def create_sms_chat(self, request: SmsChatCreate) -> Chat:
        """Begin a chat in which the agent writes first.

        Raises:
            UnknownAsset, ChatNotStarted: it cannot be as it is asked for.
            AsteriskUnreachable: nobody to send with.
        """
        number = await self._services.store.phone_numbers.get(request.from_number)
        if number is None:
            raise UnknownAsset("phone number", request.from_number)
        way = self._way_to(number, request.to_number)
        agent = await self._outbound_agent(number, request)
        if not self._can_send():
            raise AsteriskUnreachable("Asterisk", "its event websocket is not connected")
        self._check_room()
        pair = _pair(number.phone_number, request.to_number)
        if earlier := await self._services.store.chats.ongoing_between(
            number.phone_number, number_spellings(request.to_number)
        ):
            await self.end(earlier.chat_id)
        chat = new_chat(
            chat_id=self._new_chat_id(),
            chat_type=ChatType.SMS,
            agent=agent,
            now_ms=self._services.now_ms(),
            direction=CallDirection.OUTBOUND,
            from_number=number.phone_number,
            to_number=request.to_number,
            retell_llm_dynamic_variables=request.retell_llm_dynamic_variables,
            metadata=request.metadata,
        )
        session = await self._begin(ChatSession(self._services, chat, agent, destination=way), pair)
        session.post(Opening())
        return chat

    async def create(self, request: ChatCreate) -> Chat:
        """Begin a chat over the API; answered with what the agent begins with, if that comes in time.

        Raises:
            UnknownAsset, ChatNotStarted: it cannot be as it is asked for.
        """
        agent = await self._agent(AgentChoice(request.agent_id, request.agent_version))
        self._check_room()
        chat = new_chat(
            chat_id=self._new_chat_id(),
            chat_type=ChatType.API,
            agent=agent,
            now_ms=self._services.now_ms(),
            retell_llm_dynamic_variables=request.retell_llm_dynamic_variables,
            metadata=request.metadata,
        )
        session = await self._begin(ChatSession(self._services, chat, agent), None)
        answered: asyncio.Future[tuple[ChatItem, ...]] = asyncio.get_running_loop().create_future()
        session.post(Opening(answered))
        await asyncio.wait([answered], timeout=OPENING_TIMEOUT_S)
        if answered.done():
            answered.exception()  # the chat's status tells
        else:
            answered.cancel()
        return session.record.chat

    async def complete(self, request: ChatCompletionCreate) -> Sequence[ChatItem]:
        """What the agent answers to a user's text.

        Raises:
            UnknownAsset, ChatNotStarted, ChatNotOngoing.
        """
        session = await self._api_session(request.chat_id)
        answered: asyncio.Future[tuple[ChatItem, ...]] = asyncio.get_running_loop().create_future()
        session.post(UserWrote(request.content, answered=answered))
        return await answered

    async def end(self, chat_id: str) -> None:
        """End a chat.

        Raises:
            UnknownAsset, ChatNotOngoing.
        """
        if session := self._by_id.get(chat_id):
            session.post(EndAsked())
            await session.ended.wait()
        else:
            await self._close(await self._ongoing(chat_id))

    async def update(self, chat_id: str, update: ChatUpdate) -> Chat:
        """Change a chat, ongoing or over.

        Raises:
            UnknownAsset: there is no such chat.
        """
        if session := self._by_id.get(chat_id):
            return await session.update(update)
        chat = update.apply(await self._chat(chat_id))
        await self._services.store.chats.save(chat)
        return chat

    async def delete(self, chat_id: str) -> None:
        """Delete a chat's record; an ongoing one ends first.

        Raises:
            UnknownAsset: there is no such chat.
        """
        if chat_id in self._by_id:
            await self.end(chat_id)
        if not await self._services.store.chats.delete(chat_id):
            raise UnknownAsset("chat", chat_id)

    # Chats of earlier.

    async def run(self) -> None:
        """End chats that fell silent and that nobody has in hand, until cancelled."""
        while True:
            try:
                idle_ms = round(self._services.idle_s * 1000)
                for chat in await self._services.store.chats.idle_since(self._services.now_ms() - idle_ms):
                    if chat.chat_id not in self._by_id:
                        await self._close(chat)
            except StoreError as error:
                log.error("silent chats not ended yet: %s", error)
            await asyncio.sleep(SWEEP_EVERY_S)

    async def close(self) -> None:
        """Let go of every chat; they stay ongoing in the store."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _api_session(self, chat_id: str) -> ChatSession:
        """A chat over the API: in hand, or taken up from the store."""
        async with self._taking_up:
            session = self._by_id.get(chat_id)
            chat = session.record.chat if session else await self._ongoing(chat_id)
            if chat.chat_type is not ChatType.API:
                raise ChatNotStarted(f"chat {chat_id} is led in text messages: its user writes from a phone")
            if session is None:
                session = ChatSession(self._services, chat, await self._agent(AgentChoice(chat.agent_id, chat.version)))
                self._lead(session, None)
            return session

    async def _close(self, chat: Chat) -> None:
        agent = await self._services.store.agents.get(chat.agent_id, chat.version)
        record = ChatRecord(chat, agent=agent, account_webhook_url=self._services.account_webhook_url)
        record.ended(ChatStatus.ENDED, self._services.now_ms())
        await self._services.store.chats.save(record.chat, record.owed)

    async def _chat(self, chat_id: str) -> Chat:
        chat = await self._services.store.chats.get(chat_id)
        if chat is None:
            raise UnknownAsset("chat", chat_id)
        return chat

    async def _ongoing(self, chat_id: str) -> Chat:
        chat = await self._chat(chat_id)
        if chat.chat_status is not ChatStatus.ONGOING:
            raise ChatNotOngoing(chat_id, chat.chat_status.value)
        return chat

    # How a chat begins.

    def _check_room(self) -> None:
        if len(self._by_id) >= MOST_LIVE_CHATS:
            raise ChatNotStarted(f"{MOST_LIVE_CHATS} chats are in progress; end some of them first")

    async def _begin(self, session: ChatSession, pair: Pair | None) -> ChatSession:
        session.record.started()
        chat, owed = session.record.chat, list(session.record.owed)
        await self._services.store.chats.save(chat, owed)
        session.record.owed.clear()
        self._lead(session, pair)
        return session

    def _lead(self, session: ChatSession, pair: Pair | None) -> None:
        self._by_id[session.chat_id] = session
        if pair:
            self._by_pair[pair] = session
        self._start(self._live_through(session, pair))

    async def _live_through(self, session: ChatSession, pair: Pair | None) -> None:
        try:
            await session.run()
        finally:
            del self._by_id[session.chat_id]
            if pair and self._by_pair.get(pair) is session:
                del self._by_pair[pair]
        for wrote in session.left_over():
            self._again(session.record.chat, wrote)

    def _again(self, chat: Chat, wrote: UserWrote) -> None:
        """Written to a chat in the moment of its end: it begins the next one."""
        if wrote.answer_to and chat.our_number and chat.user_number:
            self._arrived(IncomingMessage(chat.user_number, chat.our_number, wrote.text, wrote.answer_to, None))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def _way_to(self, number: PhoneNumber, to_number: str) -> MessageDestination:
        config = number.sip_outbound_trunk_config
        wanted = trunk(self._app, number.phone_number, config) if config else None
        if wanted is None:
            raise ChatNotStarted(
                f"{number.phone_number} has no trunk to write through: "
                "set termination_uri with PATCH /update-phone-number"
            )
        return destination(
            wanted.id,
            to_number=to_number,
            from_number=number.phone_number,
            address=wanted.aor["contact"].removeprefix("sip:"),
        )

    async def _outbound_agent(self, number: PhoneNumber, request: SmsChatCreate) -> Agent:
        choice: AgentChoice | None
        if request.override_agent_id:
            choice = AgentChoice(request.override_agent_id, request.override_agent_version)
        else:
            choice = draw(number.outbound_sms_agents or (), self._dice())
            if choice and request.override_agent_version is not None:
                choice = AgentChoice(choice.agent_id, request.override_agent_version)
        if choice is None:
            raise ChatNotStarted(
                f"{number.phone_number} has no agent for text messages: "
                "give override_agent_id, or set outbound_sms_agents with PATCH /update-phone-number"
            )
        return await self._agent(choice)

    async def _agent(self, choice: AgentChoice) -> Agent:
        agent = await self._services.store.agents.get(choice.agent_id, choice.version)
        if agent is None:
            version = "" if choice.version is None else f" version {choice.version}"
            raise UnknownAsset("agent", f"{choice.agent_id}{version}")
        check_writes(agent)
        return agent


def _pair(our_number: str, user_number: str) -> Pair:
    """The two numbers, however they are spelt."""
    return _digits(our_number), _digits(user_number)


def _digits(number: str) -> str:
    match = re.fullmatch(r"(?:\+|00)?([0-9]+)", number)
    return match[1] if match else number
