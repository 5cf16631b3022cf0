"""Chats, in text messages and over the API (Retell, Chat, 2026-08)."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

from aiohttp import web

from ari_agent.api.answer import answer, answer_list, answer_nothing, answer_page
from ari_agent.api.body import path_id, read_body, read_query
from ari_agent.api.dependencies import DEPENDENCIES, ChatService
from ari_agent.api.route import delete, get, patch, post, put
from ari_agent.contract.chat import (
    Chat,
    ChatCompletion,
    ChatCompletionCreate,
    ChatCreate,
    ChatStatus,
    ChatUpdate,
    SmsChatCreate,
)
from ari_agent.contract.chat_list import MESSAGES, ChatFilters, ChatListRequest, ChatPage
from ari_agent.contract.paging import PageQuery
from ari_agent.errors import ApiError, UnknownAsset
from ari_agent.store.chats import ChatPage as StoredPage

COMPLETION_TIMEOUT_S: Final = 60.0
"""How long POST /create-chat-completion waits for the agent."""


async def create_sms_chat(request: web.Request) -> web.Response:
    """Begin a chat in which the agent writes first: its opening goes out as a text message."""
    wanted = await read_body(request, SmsChatCreate)
    return answer(await _service(request).create_sms_chat(wanted))


async def create_chat(request: web.Request) -> web.Response:
    """Begin a chat over the API, and answer it with the agent's opening, if that comes within 10 s."""
    wanted = await read_body(request, ChatCreate)
    return answer(await _service(request).create(wanted), status=201)


async def create_chat_completion(request: web.Request) -> web.Response:
    """Give the agent a text of the user, and answer what it writes and does; 504 where it does nothing within 60 s.

    What comes after that is in the chat, as GET /get-chat shows it: to write the same again would be to say it twice.
    """
    wanted = await read_body(request, ChatCompletionCreate)
    try:
        async with asyncio.timeout(COMPLETION_TIMEOUT_S):
            messages = await _service(request).complete(wanted)
    except TimeoutError:
        raise ApiError(
            504,
            f"the agent has not answered within {COMPLETION_TIMEOUT_S:g} s; the chat goes on, and "
            f"GET /get-chat/{wanted.chat_id} shows the answer when it has come",
        ) from None
    return answer(ChatCompletion(messages=tuple(messages)), status=201)


async def get_chat(request: web.Request) -> web.Response:
    """Answer the chat as far as it has come."""
    return answer(await _stored(request))


async def update_chat(request: web.Request) -> web.Response:
    """Change metadata, attributes, dynamic variables or the storage setting of a chat, even while it is ongoing."""
    chat_id = path_id(request, "chat_id", "chat")
    wanted = await read_body(request, ChatUpdate)
    try:
        return answer(await _service(request).update(chat_id, wanted))
    except ValueError as error:
        raise ApiError(400, str(error)) from None


async def rerun_chat_analysis(request: web.Request) -> web.Response:
    """Analyse a chat that is over again and answer it; without a model its analysis is the same each time."""
    chat = await _stored(request)
    if chat.chat_status is ChatStatus.ONGOING:
        raise ApiError(400, f"chat {chat.chat_id} is ongoing: it is analysed when it ends")
    rerun = request.app[DEPENDENCIES].rerun_chat_analysis
    return answer(await rerun(chat.chat_id) if rerun else chat)


async def end_chat(request: web.Request) -> web.Response:
    """End an ongoing chat."""
    await _service(request).end(path_id(request, "chat_id", "chat"))
    return answer_nothing()


async def delete_chat(request: web.Request) -> web.Response:
    """Delete the record of a chat. An ongoing chat is ended first."""
    await _service(request).delete(path_id(request, "chat_id", "chat"))
    return answer_nothing()


async def list_chats(request: web.Request) -> web.Response:
    """Answer a page of chats, without what was written in them."""
    wanted = await read_body(request, ChatListRequest, optional=True)
    filters = wanted.filter_criteria
    page = await _page(request, wanted, wanted.pagination_key, filters=filters, skip=wanted.skip)
    total = await request.app[DEPENDENCIES].store.chats.count(filters) if wanted.include_total else None
    items = [partial(_without_messages, chat) for chat in page.chats]
    return await answer_page(items, next_key=page.next_key, total=total)


async def list_chats_v1(request: web.Request) -> web.Response:
    """Answer a page of whole chats, as a bare array; the next page begins after the last chat_id of this one."""
    wanted = read_query(request, PageQuery)
    key = wanted.pagination_key
    if key is not None:
        last = await request.app[DEPENDENCIES].store.chats.get(key)
        key = f"{last.start_timestamp}:{last.chat_id}" if last else key
    page = await _page(request, wanted, key)
    return await answer_list(page.chats)


async def _page(
    request: web.Request,
    wanted: ChatListRequest | PageQuery,
    pagination_key: str | None,
    *,
    filters: ChatFilters | None = None,
    skip: int = 0,
) -> StoredPage:
    ascending = wanted.sort_order == "ascending"
    try:
        return await request.app[DEPENDENCIES].store.chats.list(
            filters, ascending=ascending, limit=wanted.limit, pagination_key=pagination_key, skip=skip
        )
    except UnknownAsset as error:
        raise ApiError(400, f"pagination_key: {error.asset_id!r} is none that a page before answered") from None


async def _stored(request: web.Request) -> Chat:
    chat_id = path_id(request, "chat_id", "chat")
    chat = await request.app[DEPENDENCIES].store.chats.get(chat_id)
    if chat is None:
        raise UnknownAsset("chat", chat_id)
    return chat


def _service(request: web.Request) -> ChatService:
    service = request.app[DEPENDENCIES].chats
    if service is None:
        raise ApiError(501, "this server leads no chats")
    return service


def _without_messages(chat: Chat) -> dict[str, object]:
    return {key: value for key, value in chat.as_json().items() if key not in MESSAGES}


ROUTES: Final = (
    post("/create-sms-chat", create_sms_chat, takes=SmsChatCreate, answers=Chat, refuses=[422, 502]),
    post("/create-chat", create_chat, 201, takes=ChatCreate, answers=Chat, refuses=[422]),
    post(
        "/create-chat-completion",
        create_chat_completion,
        201,
        takes=ChatCompletionCreate,
        answers=ChatCompletion,
        refuses=[422, 504],
    ),
    get("/get-chat/{chat_id}", get_chat, answers=Chat),
    patch("/update-chat/{chat_id}", update_chat, takes=ChatUpdate, answers=Chat),
    patch("/end-chat/{chat_id}", end_chat, 204, refuses=[400]),
    delete("/delete-chat/{chat_id}", delete_chat, 204),
    put("/rerun-chat-analysis/{chat_id}", rerun_chat_analysis, answers=Chat, refuses=[400, 502]),
    post("/v3/list-chats", list_chats, may_take=ChatListRequest, answers=ChatPage),
    get("/list-chat", list_chats_v1, lists=Chat, query=PageQuery),
)
