"""Every path of the API, with what it takes and answers: the router and /openapi.json are both made from this table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import BaseModel

from ari_agent.api import (
    agent_versions,
    agents,
    audio_websocket,
    batch_calls,
    call_updates,
    calls,
    chats,
    dead_webhooks,
    health,
    metrics,
    phone_calls,
    phone_numbers,
    registered_calls,
    workspace,
)
from ari_agent.api.dependencies import Handler
from ari_agent.contract.agent import Agent, AgentCreate, AgentUpdate
from ari_agent.contract.agent_list import AgentListRequest, AgentPage
from ari_agent.contract.agent_versions import LatestPublish, TagAssign, VersionCreate, VersionPage, VersionPublish
from ari_agent.contract.batch_call import BatchCall, BatchCallCreate
from ari_agent.contract.call import Call
from ari_agent.contract.call_control import DtmfRequest, HangupRequest, TransferOutcome, TransferRequest
from ari_agent.contract.call_list import CallListRequest, CallPage, OlderCallListQuery, OlderCallListRequest
from ari_agent.contract.call_update import CallUpdate, LiveCallUpdate, Success, TakeOver
from ari_agent.contract.chat import Chat, ChatCompletion, ChatCompletionCreate, ChatCreate, ChatUpdate, SmsChatCreate
from ari_agent.contract.chat_list import ChatListRequest, ChatPage
from ari_agent.contract.dead_webhook import DeadWebhookPage, DeadWebhookQuery, ReplayedWebhooks
from ari_agent.contract.page import PageQuery
from ari_agent.contract.phone_call import OlderPhoneCallCreate, PhoneCallCreate
from ari_agent.contract.phone_number import (
    PhoneNumber,
    PhoneNumberCreate,
    PhoneNumberImport,
    PhoneNumberPage,
    PhoneNumberUpdate,
)
from ari_agent.contract.registered_call import (
    CallRegister,
    PhoneCallRegister,
    RegisteredCall,
    WebCallCreate,
    WebCallTicket,
)
from ari_agent.contract.workspace import ApiKeyInfo, Concurrency


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path.

    takes: the JSON body; takes_nothing: it may be left out. answers: the JSON body of the success, in a bare array if
    `many`. query: of the query string; versioned: it has `?version=`. asks_asterisk: 502 and 503 come from there.
    refuses: statuses of its own errors, beside those that all such paths have.
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    handler: Handler
    tag: str
    status: int = 200
    takes: type[BaseModel] | None = None
    takes_nothing: bool = False
    answers: type[BaseModel] | None = None
    many: bool = False
    query: type[BaseModel] | None = None
    versioned: bool = False
    asks_asterisk: bool = False
    refuses: frozenset[int] = frozenset()
    public: bool = False

    @property
    def operation_id(self) -> str:
        """Unique: the path in one word."""
        return "_".join(part.replace("-", "_") for part in self.path.split("/") if part and "{" not in part)


def _agent_routes() -> Sequence[Route]:
    tag = "agent"
    one = "/{agent_id}"
    return (
        Route("POST", "/create-agent", agents.create_agent, tag, 201, takes=AgentCreate, answers=Agent),
        Route("GET", "/get-agent" + one, agents.get_agent, tag, answers=Agent, versioned=True),
        Route(
            "PATCH",
            "/update-agent" + one,
            agents.update_agent,
            tag,
            takes=AgentUpdate,
            answers=Agent,
            versioned=True,
            refuses=frozenset({412}),
        ),
        Route("DELETE", "/delete-agent" + one, agents.delete_agent, tag, 204),
        Route("GET", "/list-agents", agents.list_agents, tag, answers=Agent, many=True),
        Route(
            "POST",
            "/v2/list-agents",
            agents.list_agents_v2,
            tag,
            takes=AgentListRequest,
            takes_nothing=True,
            query=PageQuery,
            answers=AgentPage,
        ),
    )


def _agent_version_routes() -> Sequence[Route]:
    tag = "agent"
    one = "/{agent_id}"
    gone = frozenset({404})
    return (
        Route(
            "POST",
            "/create-agent-version" + one,
            agent_versions.create_agent_version,
            tag,
            201,
            takes=VersionCreate,
            answers=Agent,
            refuses=gone,
        ),
        Route(
            "DELETE",
            "/delete-agent-version" + one,
            agent_versions.delete_agent_version,
            tag,
            204,
            versioned=True,
            refuses=gone,
        ),
        Route(
            "GET",
            "/list-agent-versions" + one,
            agent_versions.list_agent_versions,
            tag,
            query=PageQuery,
            answers=VersionPage,
        ),
        Route("GET", "/get-agent-versions" + one, agent_versions.get_agent_versions, tag, answers=Agent, many=True),
        Route(
            "POST",
            "/publish-agent-version" + one,
            agent_versions.publish_agent_version,
            tag,
            takes=VersionPublish,
            answers=Agent,
            refuses=gone,
        ),
        Route(
            "POST",
            "/publish-agent" + one,
            agent_versions.publish_agent,
            tag,
            takes=LatestPublish,
            takes_nothing=True,
            answers=Agent,
            refuses=gone,
        ),
        Route(
            "POST",
            "/assign-agent-tag" + one,
            agent_versions.assign_agent_tag,
            tag,
            takes=TagAssign,
            answers=Agent,
            refuses=gone,
        ),
        Route(
            "POST",
            "/repair-agent" + one,
            agent_versions.repair_agent,
            tag,
            answers=Agent,
            versioned=True,
            refuses=gone,
        ),
    )


def _phone_number_routes() -> Sequence[Route]:
    tag = "phone number"
    one = "/{phone_number}"
    return (
        Route(
            "POST",
            "/create-phone-number",
            phone_numbers.create_phone_number,
            tag,
            201,
            takes=PhoneNumberCreate,
            answers=PhoneNumber,
        ),
        Route(
            "POST",
            "/import-phone-number",
            phone_numbers.import_phone_number,
            tag,
            201,
            takes=PhoneNumberImport,
            answers=PhoneNumber,
        ),
        Route("GET", "/get-phone-number" + one, phone_numbers.get_phone_number, tag, answers=PhoneNumber),
        Route(
            "PATCH",
            "/update-phone-number" + one,
            phone_numbers.update_phone_number,
            tag,
            takes=PhoneNumberUpdate,
            answers=PhoneNumber,
        ),
        Route("DELETE", "/delete-phone-number" + one, phone_numbers.delete_phone_number, tag, 204),
        Route("GET", "/list-phone-numbers", phone_numbers.list_phone_numbers, tag, answers=PhoneNumber, many=True),
        Route(
            "GET",
            "/v2/list-phone-numbers",
            phone_numbers.list_phone_numbers_v2,
            tag,
            query=PageQuery,
            answers=PhoneNumberPage,
        ),
    )


def _call_routes() -> Sequence[Route]:
    tag = "call"
    one = "/{call_id}"
    return (
        Route(
            "POST",
            "/v2/create-phone-call",
            phone_calls.create_phone_call,
            tag,
            201,
            takes=PhoneCallCreate,
            answers=Call,
            asks_asterisk=True,
        ),
        Route(
            "POST",
            "/create-batch-call",
            batch_calls.create_batch_call,
            tag,
            201,
            takes=BatchCallCreate,
            answers=BatchCall,
        ),
        Route(
            "POST",
            "/create-phone-call",
            phone_calls.create_phone_call_v1,
            tag,
            201,
            takes=OlderPhoneCallCreate,
            answers=Call,
            asks_asterisk=True,
        ),
        Route(
            "POST",
            "/register-call",
            registered_calls.register_call,
            tag,
            201,
            takes=CallRegister,
            answers=RegisteredCall,
        ),
        Route(
            "POST",
            "/v2/register-phone-call",
            registered_calls.register_phone_call,
            tag,
            201,
            takes=PhoneCallRegister,
            answers=Call,
        ),
        Route(
            "POST", "/v2/create-web-call", registered_calls.create_web_call, tag, 201, takes=WebCallCreate, answers=Call
        ),
        Route(
            "POST",
            "/v3/create-web-call",
            registered_calls.create_web_call_v3,
            tag,
            201,
            takes=WebCallCreate,
            answers=WebCallTicket,
        ),
        Route("GET", "/v2/get-call" + one, calls.get_call, tag, answers=Call),
        Route("GET", "/get-call" + one, calls.get_call, tag, answers=Call),
        Route(
            "POST",
            "/v3/list-calls",
            calls.list_calls,
            tag,
            takes=CallListRequest,
            takes_nothing=True,
            answers=CallPage,
        ),
        Route(
            "POST",
            "/v2/list-calls",
            calls.list_calls_v2,
            tag,
            takes=OlderCallListRequest,
            takes_nothing=True,
            answers=Call,
            many=True,
        ),
        Route("GET", "/list-calls", calls.list_calls_v1, tag, query=OlderCallListQuery, answers=Call, many=True),
        Route(
            "POST",
            "/v2/stop-call" + one,
            calls.stop_call,
            tag,
            204,
            takes=HangupRequest,
            takes_nothing=True,
            asks_asterisk=True,
        ),
        Route(
            "POST",
            "/v2/transfer-call" + one,
            calls.transfer_call,
            tag,
            takes=TransferRequest,
            answers=TransferOutcome,
            asks_asterisk=True,
        ),
        Route("POST", "/v2/send-dtmf" + one, calls.send_dtmf, tag, 204, takes=DtmfRequest, asks_asterisk=True),
    )


def _webhook_routes() -> Sequence[Route]:
    tag = "webhook"
    one = "/{webhook_id}"
    return (
        Route(
            "GET",
            "/list-dead-webhooks",
            dead_webhooks.list_dead_webhooks,
            tag,
            query=DeadWebhookQuery,
            answers=DeadWebhookPage,
        ),
        Route("POST", "/replay-dead-webhook" + one, dead_webhooks.replay_dead_webhook, tag, 204),
        Route("POST", "/replay-dead-webhooks", dead_webhooks.replay_dead_webhooks, tag, answers=ReplayedWebhooks),
        Route("DELETE", "/delete-dead-webhook" + one, dead_webhooks.delete_dead_webhook, tag, 204),
    )


def _chat_routes() -> Sequence[Route]:
    tag = "chat"
    one = "/{chat_id}"
    return (
        Route(
            "POST",
            "/create-sms-chat",
            chats.create_sms_chat,
            tag,
            takes=SmsChatCreate,
            answers=Chat,
            asks_asterisk=True,
        ),
        Route("POST", "/create-chat", chats.create_chat, tag, 201, takes=ChatCreate, answers=Chat),
        Route(
            "POST",
            "/create-chat-completion",
            chats.create_chat_completion,
            tag,
            201,
            takes=ChatCompletionCreate,
            answers=ChatCompletion,
            refuses=frozenset({504}),
        ),
        Route("GET", "/get-chat" + one, chats.get_chat, tag, answers=Chat),
        Route("PATCH", "/update-chat" + one, chats.update_chat, tag, takes=ChatUpdate, answers=Chat),
        Route("PATCH", "/end-chat" + one, chats.end_chat, tag, 204, refuses=frozenset({400})),
        Route("DELETE", "/delete-chat" + one, chats.delete_chat, tag, 204),
        Route(
            "POST",
            "/v3/list-chats",
            chats.list_chats,
            tag,
            takes=ChatListRequest,
            takes_nothing=True,
            answers=ChatPage,
        ),
        Route("GET", "/list-chat", chats.list_chats_v1, tag, query=PageQuery, answers=Chat, many=True),
    )


def _call_update_routes() -> Sequence[Route]:
    tag = "call"
    one = "/{call_id}"
    over = frozenset({400})
    unserved = frozenset({400, 501})
    return (
        Route("PATCH", "/v2/update-call" + one, call_updates.update_call, tag, takes=CallUpdate, answers=Call),
        Route(
            "PATCH",
            "/v2/update-live-call" + one,
            call_updates.update_live_call,
            tag,
            takes=LiveCallUpdate,
            answers=Success,
        ),
        Route("DELETE", "/v2/delete-call" + one, call_updates.delete_call, tag, 204, refuses=over),
        Route("PUT", "/rerun-call-analysis" + one, call_updates.rerun_call_analysis, tag, answers=Call, refuses=over),
        Route("POST", "/v2/listen-live-call" + one, call_updates.listen_live, tag, answers=Success, refuses=unserved),
        Route(
            "POST",
            "/v2/take-over-live-call" + one,
            call_updates.take_over_live,
            tag,
            takes=TakeOver,
            answers=Success,
            refuses=unserved,
        ),
    )


def _workspace_routes() -> Sequence[Route]:
    tag = "workspace"
    return (
        Route("GET", "/get-concurrency", workspace.get_concurrency, tag, answers=Concurrency),
        Route("GET", "/get-api-key-info", workspace.get_api_key_info, tag, answers=ApiKeyInfo),
    )


def _service_routes() -> Sequence[Route]:
    return (
        Route("GET", "/healthz", health.show_health, "service", answers=health.Health, public=True),
        Route("GET", "/readyz", health.show_readiness, "service", answers=health.Readiness, public=True),
        Route("GET", "/metrics", metrics.show_metrics, "service", public=True),
    )


ROUTES: Final[Sequence[Route]] = (
    *_agent_routes(),
    *_agent_version_routes(),
    *_phone_number_routes(),
    *_call_routes(),
    *_chat_routes(),
    *_webhook_routes(),
    *_call_update_routes(),
    *_workspace_routes(),
    *_service_routes(),
)
PUBLIC_PATHS: Final = frozenset(
    {"/openapi.json", audio_websocket.PATH} | {route.path for route in ROUTES if route.public}
)
"""Open to whoever reaches the port: by default that is this machine alone (BIND is loopback). Health, metrics and the
description of the API hold no secret and nothing about a single call; where the port is public and they shall not be,
a proxy in front of it keeps them in."""
