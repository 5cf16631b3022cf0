"""Where a card number is left that was written in a chat: in the rows of all tables, in webhooks and answers."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

import pytest
from sqlalchemy import Connection, select

from ari_agent.chats.chat_service import ChatService
from ari_agent.contract.chat import Chat, ChatCompletionCreate, ChatCreate, ChatStatus, ChatUpdate
from ari_agent.contract.webhook_event import WebhookEventName
from ari_agent.pii.personal_data import FindMore
from ari_agent.store.database import Database
from ari_agent.store.store import Store
from ari_agent.store.tables import metadata
from tests.api.pens import Pens, chat_service
from tests.chats.paper import NOW_MS, NUMBER, USER, a_chat_agent, a_number, bound, text_from, the_chats
from tests.fakes.llm_server import LlmAgent, LlmServer, LlmTalk, Message, until
from tests.fakes.slow_finder import SlowFinder

pytestmark = pytest.mark.slow

HOOK: Final = "http://127.0.0.1:9/hook"
CARD: Final = "4111 1111 1111 1111"
OPENING: Final = ({"response_id": 0, "content": "Hi", "content_complete": True},)
STRICT: Final = {"data_storage_setting": "everything_except_pii", "webhook_url": HOOK}
BASIC: Final = {"data_storage_setting": "basic_attributes_only", "webhook_url": HOOK}


async def takes_cards(talk: LlmTalk, message: Message) -> None:
    """Pay with the card that is written, say so, and end the chat after "bye"."""
    text = message["transcript"][-1]["content"]
    await talk.say(response_type="tool_call_invocation", tool_call_id="t", name="pay", arguments=json.dumps([text]))
    await talk.respond(message["response_id"], f"I took {text}", end_call=text.endswith("bye"))


@dataclass
class Desk:
    """A store, and the agents that write."""

    store: Store
    llms: LlmServer
    database: Database
    path: Path
    last_agent: LlmAgent | None = None

    async def agent(self, **settings: Any) -> str:
        self.last_agent = self.llms.agent(takes_cards, opening=OPENING)
        return await a_chat_agent(self.store, self.last_agent.engine, **settings)

    async def rows(self) -> str:
        """All that is in the database, but for the agents."""

        def read(connection: Connection) -> str:
            return "\n".join(
                str(tuple(row))
                for name, table in metadata.tables.items()
                if name != "agents"
                for row in connection.execute(select(table))
            )

        return await self.database.read(read)

    async def the_chat(self) -> Chat:
        (chat,) = await the_chats(self.store)
        return chat

    def service(self, *, find_more: FindMore | None = None) -> Any:
        return chat_service(self.store, Pens(), now_ms=NOW_MS, find_more=find_more)


@pytest.fixture
async def desk(store: Store, llms: LlmServer, tmp_path: Path) -> AsyncIterator[Desk]:
    database = Database(f"sqlite:///{tmp_path}/test.db")
    yield Desk(store, llms, database, tmp_path / "test.db")
    await database.close()


async def write(chats: ChatService, chat_id: str, *texts: str) -> list[str]:
    """Write these; returns the agent's answers."""
    answers = []
    for text in texts:
        items = await chats.complete(ChatCompletionCreate(chat_id=chat_id, content=text))
        answers += [item.content for item in items if item.role == "agent"]
    return answers


@pytest.mark.parametrize("settings", [STRICT, BASIC])
async def test_a_chat_in_progress_has_all_of_it_and_one_that_is_over_what_may_be_kept(
    desk: Desk, settings: dict[str, Any]
) -> None:
    agent_id = await desk.agent(**settings)
    async with desk.service() as chats:
        chat_id = (await chats.create(ChatCreate(agent_id=agent_id))).chat_id
        assert await write(chats, chat_id, CARD) == [f"I took {CARD}"]
        assert CARD in str((await desk.the_chat()).transcript)
        assert await write(chats, chat_id, "5500 0000 0000 0004 bye") == ["I took 5500 0000 0000 0004 bye"]
        await until(lambda: not chats.live())
    rows = await desk.rows()
    assert "1111 1111" not in rows and "0000 0000" not in rows
    assert ("[credit_card]" in rows) is (settings is STRICT)
    chat = await desk.the_chat()
    assert chat.chat_status is ChatStatus.ENDED and chat.chat_analysis and chat.chat_analysis.chat_successful


async def test_an_agent_that_says_goodbye_at_once_is_heard_by_whoever_began_the_chat(desk: Desk) -> None:
    opening = ({"response_id": 0, "content": f"Not {CARD}.", "content_complete": True, "end_call": True},)
    agent_id = await a_chat_agent(desk.store, desk.llms.agent(opening=opening).engine, **BASIC)
    async with desk.service() as chats:
        chat = await chats.create(ChatCreate(agent_id=agent_id))
        await until(lambda: not chats.live())
    assert (chat.chat_status, chat.transcript) == (ChatStatus.ENDED, f"Agent: Not {CARD}.\n")
    assert CARD not in await desk.rows()


async def test_after_a_restart_the_agent_is_told_all_and_what_is_kept_is_the_same(desk: Desk) -> None:
    await a_number(desk.store, **bound(await desk.agent(**STRICT)))
    async with desk.service() as chats:
        chats.on_event(text_from(USER, CARD))
        await until(lambda: any(len(each.record.items) == 3 and each.is_idle for each in chats.live()))
    async with desk.service() as chats:
        chats.on_event(text_from(USER, "4111 1111 and 1111 1111 bye"))
        await until(lambda: bool(chats.live()))
        await until(lambda: not chats.live())
    assert desk.last_agent and CARD in json.dumps(desk.last_agent.talks[-1].heard)
    rows = await desk.rows()
    assert "1111 1111" not in rows
    assert NUMBER in rows and USER in rows  # the two numbers are part of every record


async def test_of_metadata_and_variables_no_webhook_that_nobody_took_tells_more_than_the_record(desk: Desk) -> None:
    agent_id = await desk.agent(**STRICT)
    given = {"metadata": {"note": CARD, "tenant": "t7"}, "retell_llm_dynamic_variables": {"card": CARD}}
    async with desk.service() as chats:
        chat = await chats.create(ChatCreate.model_validate({"agent_id": agent_id, **given}))
        (started,) = await desk.store.outbox.due(NOW_MS, 10)
        assert CARD in started.event.body.decode()
        await desk.store.outbox.failed(started.outbox_id, "answered 500", None)
        await chats.end(chat.chat_id)
    (dead,) = await desk.store.outbox.dead_letters()
    told = json.loads(dead.event.body)["chat"]
    assert (dead.event.event, told["metadata"]) == (
        WebhookEventName.CHAT_STARTED,
        {"note": "[credit_card]", "tenant": "t7"},
    )
    assert "1111 1111" not in await desk.rows()


@pytest.mark.parametrize("setting", ["everything_except_pii", "basic_attributes_only"])
async def test_a_chat_that_is_made_stricter_when_it_is_over_loses_it_everywhere(desk: Desk, setting: str) -> None:
    agent_id = await desk.agent(webhook_url=HOOK)
    async with desk.service() as chats:
        chat_id = (await chats.create(ChatCreate(agent_id=agent_id))).chat_id
        await write(chats, chat_id, f"{CARD} bye")
        await until(lambda: not chats.live())
        assert CARD in await desk.rows()
        wanted = ChatUpdate.model_validate({"data_storage_setting": setting})
        chat = await chats.update(chat_id, wanted)
        assert chat == await desk.the_chat() and CARD not in await desk.rows()
        assert chat.chat_analysis and chat.chat_analysis.chat_successful
        assert await chats.update(chat_id, wanted) == chat
        noted = await chats.update(chat_id, ChatUpdate.model_validate({"metadata": {"note": CARD}}))
        assert noted.metadata == {"note": "[credit_card]" if setting == "everything_except_pii" else CARD}
        with pytest.raises(ValueError, match=f"cannot go from {setting} back to everything"):
            await chats.update(chat_id, ChatUpdate.model_validate({"data_storage_setting": "everything"}))
        null = await chats.update(chat_id, ChatUpdate.model_validate({"data_storage_setting": None}))
        assert null.data_storage_setting == setting


async def test_a_chat_that_is_made_stricter_while_it_goes_on_ends_so(desk: Desk) -> None:
    agent_id = await desk.agent(webhook_url=HOOK)
    async with desk.service() as chats:
        chat_id = (await chats.create(ChatCreate(agent_id=agent_id))).chat_id
        await write(chats, chat_id, CARD)
        changed = ChatUpdate.model_validate({"data_storage_setting": "basic_attributes_only"})
        assert CARD in str((await chats.update(chat_id, changed)).transcript)
        await chats.end(chat_id)
    assert CARD not in await desk.rows()


async def test_what_is_changed_while_personal_data_is_looked_for_is_looked_through_as_well(desk: Desk) -> None:
    slowly = SlowFinder()
    agent_id = await desk.agent(**STRICT)
    async with desk.service(find_more=slowly) as chats:
        chat_id = (await chats.create(ChatCreate(agent_id=agent_id))).chat_id
        await write(chats, chat_id, CARD)
        ending = asyncio.create_task(chats.end(chat_id))
        await until(lambda: bool(slowly.looked))
        await chats.update(chat_id, ChatUpdate.model_validate({"metadata": {"note": CARD}}))
        slowly.goes_on.set()
        await ending
    assert (await desk.the_chat()).metadata == {"note": "[credit_card]"}
    assert "1111 1111" not in await desk.rows()


async def test_what_cannot_be_scrubbed_is_not_stored(desk: Desk) -> None:
    def fail(_: Sequence[str]) -> NoReturn:
        raise RuntimeError("the model is broken")

    agent_id = await desk.agent(**STRICT)
    async with desk.service(find_more=fail) as chats:
        chat_id = (await chats.create(ChatCreate(agent_id=agent_id))).chat_id
        await write(chats, chat_id, CARD)
        await chats.end(chat_id)
    chat = await desk.the_chat()
    assert (chat.transcript, chat.message_with_tool_calls) == (None, None)
    assert CARD not in await desk.rows()


async def test_a_chat_whose_agent_is_gone_ends_scrubbed(desk: Desk) -> None:
    values = {"chat_id": "chat_1", "chat_type": "api_chat", "agent_id": "agent_gone", "chat_status": "ongoing"}
    content = {"transcript": f"User: {CARD}\n", "message_with_tool_calls": [{"role": "user", "content": CARD}]}
    chat = Chat.model_validate({**values, **content, "data_storage_setting": "everything_except_pii"})
    await desk.store.chats.save(chat)
    async with desk.service() as chats:
        with pytest.raises(Exception, match="not ongoing"):
            await write(chats, "chat_1", "hello?")
    assert (await desk.the_chat()).transcript == "User: [credit_card]\n"
    assert CARD not in await desk.rows()


async def test_what_is_changed_while_the_end_is_being_stored_is_scrubbed(desk: Desk) -> None:
    agent_id = await desk.agent(**STRICT)
    async with desk.service() as chats:
        chat_id = (await chats.create(ChatCreate(agent_id=agent_id))).chat_id
        (session,) = chats.live()
        with closing(sqlite3.connect(desk.path, isolation_level=None)) as busy:
            busy.execute("BEGIN IMMEDIATE")  # so that nothing else is stored
            ending = asyncio.create_task(chats.end(chat_id))
            await until(lambda: session.is_over)
            noting = asyncio.create_task(chats.update(chat_id, ChatUpdate.model_validate({"metadata": {"note": CARD}})))
            await asyncio.sleep(0.05)
        await asyncio.gather(ending, noting)
    assert (await desk.the_chat()).metadata == {"note": "[credit_card]"}
    assert CARD not in await desk.rows()
