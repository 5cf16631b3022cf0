"""Every path of the API, with what it takes and answers: the router and /openapi.json are both made from this table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import BaseModel

from ari_agent.api import agents, batch_calls, calls, health, metrics, phone_calls, phone_numbers
from ari_agent.api.dependencies import Handler
from ari_agent.contract.agent import Agent, AgentCreate, AgentUpdate
from ari_agent.contract.agent_list import AgentListRequest, AgentPage
from ari_agent.contract.batch_call import BatchCall, BatchCallCreate
from ari_agent.contract.call import Call
from ari_agent.contract.call_control import DtmfRequest, HangupRequest, TransferOutcome, TransferRequest
from ari_agent.contract.call_list import CallListRequest, CallPage, OlderCallListRequest
from ari_agent.contract.page import PageQuery
from ari_agent.contract.phone_call import OlderPhoneCallCreate, PhoneCallCreate
from ari_agent.contract.phone_number import (
    PhoneNumber,
    PhoneNumberCreate,
    PhoneNumberImport,
    PhoneNumberPage,
    PhoneNumberUpdate,
)


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path.

    takes: the JSON body; takes_nothing: it may be left out. answers: the JSON body of the success, in a bare array if
    `many`. query: of the query string; versioned: it has `?version=`. asks_asterisk: 502 and 503 come from there.
    """

    method: Literal["GET", "POST", "PATCH", "DELETE"]
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


def _service_routes() -> Sequence[Route]:
    return (
        Route("GET", "/healthz", health.show_health, "service", answers=health.Health, public=True),
        Route("GET", "/readyz", health.show_readiness, "service", answers=health.Readiness, public=True),
        Route("GET", "/metrics", metrics.show_metrics, "service", public=True),
    )


ROUTES: Final[Sequence[Route]] = (*_agent_routes(), *_phone_number_routes(), *_call_routes(), *_service_routes())
PUBLIC_PATHS: Final = frozenset({"/openapi.json"} | {route.path for route in ROUTES if route.public})
"""Open to whoever reaches the port: by default that is this machine alone (BIND is loopback). Health, metrics and the
description of the API hold no secret and nothing about a single call; where the port is public and they shall not be,
a proxy in front of it keeps them in."""
