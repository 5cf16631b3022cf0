"""Takes text messages as they come in, and hands each to its chat; the first of a pair of numbers begins one.

Asterisk answers retransmissions itself. It takes messages in several threads, so those that come within a millisecond
or so may reach us in another order: Asterisk 22 did that with messages sent without waiting for their confirmation,
which RFC 3428 section 8 forbids, and now and then with those sent at once after it. From here on the order stays.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Final

from ari_agent.asterisk.events import AriEvent, TextMessageReceived
from ari_agent.asterisk.messages import IncomingMessage, incoming_message
from ari_agent.chats.chat_router import ChatRefused, ChatRouter
from ari_agent.chats.dependencies import ChatDependencies
from ari_agent.chats.events import UserWrote
from ari_agent.chats.live_chats import LiveChats
from ari_agent.chats.notices import Pair, pair_of
from ari_agent.chats.sender import send_text
from ari_agent.chats.session import ChatSession
from ari_agent.contract.chat import Chat
from ari_agent.errors import CallError, MalformedMessage, StoreError
from ari_agent.routing.dialled_number import number_spellings

log = logging.getLogger(__name__)

MOST_WAITING_MESSAGES: Final = 100
"""Of one sender: while it is not decided yet who answers, or while the chat cannot keep up."""


class TextInbox:
    """Takes all text messages; one object serves the whole controller. new_chat_id: makes `chat_...` ids."""

    def __init__(
        self, services: ChatDependencies, router: ChatRouter, live: LiveChats, *, new_chat_id: Callable[[], str]
    ) -> None:
        self._services = services
        self._router = router
        self._live = live
        live.on_unread_text = self._again
        self._new_chat_id = new_chat_id
        self._arriving: dict[Pair, deque[IncomingMessage]] = {}

    def on_event(self, event: AriEvent) -> None:
        """Take a text message; never waits. Other events are ignored."""
        if not isinstance(event, TextMessageReceived):
            return
        try:
            message = incoming_message(event)
        except MalformedMessage as error:
            log.warning("%s", error)
            return
        facts = _facts(message)
        if message.is_cut_off:
            log.warning("text message is longer than Asterisk takes", extra=facts)
            self._live.start(self._say_too_long(message))
        elif not message.body.strip():
            log.info("empty text message", extra=facts)
        else:
            self._arrived(message)

    def _again(self, chat: Chat, wrote: UserWrote) -> None:
        """Begin the next chat with a text that was written to one in the moment of its end."""
        if wrote.answer_to and chat.our_number and chat.user_number:
            self._arrived(IncomingMessage(chat.user_number, chat.our_number, wrote.text, wrote.answer_to))

    def _arrived(self, message: IncomingMessage) -> None:
        facts = _facts(message)
        pair = pair_of(message.to_number, message.from_number)
        if session := self._live.between(pair):
            facts["chat_id"] = session.chat_id
            if session.texts_behind < MOST_WAITING_MESSAGES:
                log.info("text message", extra=facts)
                session.post(UserWrote(message.body, message.answer_to))
            else:
                log.warning("too many text messages at once: one is dropped", extra=facts)
        elif (waiting := self._arriving.get(pair)) is not None:
            if len(waiting) < MOST_WAITING_MESSAGES:
                waiting.append(message)
            else:
                log.warning("too many text messages at once: one is dropped", extra=facts)
        elif not self._live.has_room(len(self._arriving)):
            log.error("too many agents are writing at this moment: no more chats are begun", extra=facts)
        else:
            log.info("text message", extra=facts)
            self._arriving[pair] = deque([message])
            self._live.start(self._receive(pair))

    async def _receive(self, pair: Pair) -> None:
        waiting = self._arriving[pair]
        session: ChatSession | None = None
        try:
            while waiting and session is None:
                session = await self._decide(waiting[0], pair)
                if session is None:
                    waiting.popleft()  # refused; whoever wrote again is judged again
        finally:
            del self._arriving[pair]
        if session:
            for message in waiting:
                session.post(UserWrote(message.body, message.answer_to))

    async def _decide(self, message: IncomingMessage, pair: Pair) -> ChatSession | None:
        facts = _facts(message)
        try:
            session = await self._chat_of(message, pair)
        except (ChatRefused, CallError) as refusal:
            log.warning("text message is not answered: %s", refusal, extra=facts)
            return None
        except StoreError as error:
            log.error("text message is not answered: %s", error, extra=facts)
            return None
        log.info("text message has a chat", extra={**facts, "chat_id": session.chat_id})
        return session

    async def _chat_of(self, message: IncomingMessage, pair: Pair) -> ChatSession:
        number = await self._router.number_of(message)
        chats = self._services.store.chats
        senders = number_spellings(message.from_number)
        if session := await self._live.resume(lambda: chats.ongoing_between(number.phone_number, senders)):
            return session
        chat, agent = await self._router.receive(message, number, self._new_chat_id())
        if session := self._live.between(pair):
            return session  # begun by the API, while the webhook was asked
        return await self._live.begin(ChatSession(self._services, chat, agent, destination=message.answer_to))

    async def _say_too_long(self, message: IncomingMessage) -> None:
        """Tell the sender that the text was too long: Asterisk has confirmed it, so they wait for an answer."""
        facts = _facts(message)
        try:
            await self._router.number_of(message)
        except (ChatRefused, StoreError) as error:
            log.warning("text message is not answered: %s", error, extra=facts)
            return
        pair = pair_of(message.to_number, message.from_number)
        if text := self._services.notices.too_long(pair, self._services.now_ms()):
            await send_text(self._services.send, message.answer_to, text, facts=facts)


def _facts(message: IncomingMessage) -> dict[str, object]:
    return {"from": message.from_number, "to": message.to_number, "sip_call_id": message.sip_call_id}
