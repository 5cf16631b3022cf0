"""Requests to place a phone call (Retell, Create Phone Call, 2026-08, and its first version)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import AfterValidator, Field, model_validator

from ari_agent.contract.agent_override import AgentOverride
from ari_agent.contract.call_control import MAX_HEADERS, refuse_unsendable
from ari_agent.contract.parsing.e164 import DialledNumber, require_e164
from ari_agent.contract.parsing.model import (
    AgentVersionReference,
    ContractModel,
    Flag,
    Identifier,
    Metadata,
    StringMap,
    Variables,
)

_CUSTOM_HEADER: Final = re.compile(r"X-[A-Za-z0-9._-]{1,62}", re.ASCII | re.IGNORECASE)


def _sip_headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    if len(headers) > MAX_HEADERS:
        raise ValueError(f"{len(headers)} headers; at most {MAX_HEADERS} are carried")
    for name in headers:
        if not _CUSTOM_HEADER.fullmatch(name):
            raise ValueError(f"header {name[:80]!r} is not carried; names must begin with X-, such as X-Account")
    refuse_unsendable(headers)
    return headers


CustomSipHeaders = Annotated[StringMap, AfterValidator(_sip_headers)]
"""SIP headers for the INVITE: at most 16, named `X-*`, with printable values of at most 1024 bytes of UTF-8."""


class CallTask(ContractModel):
    """An outbound call, on its own or in a batch: whom to call, which agent speaks, and what it is told.

    override_agent_version without override_agent_id: another version of the number's own agent. ignore_e164_validation:
    numbers inside the PBX may be called too. drop_call_if_machine_detected: hang up on answering machines (a key of the
    first version of Retell's API).
    """

    to_number: DialledNumber
    override_agent_id: Identifier | None = None
    override_agent_version: AgentVersionReference | None = None
    agent_override: AgentOverride | None = None
    metadata: Metadata | None = None
    retell_llm_dynamic_variables: Variables | None = None
    custom_sip_headers: CustomSipHeaders | None = None
    ignore_e164_validation: Flag = False
    drop_call_if_machine_detected: Flag = False

    @model_validator(mode="after")
    def _check_to_number(self) -> Self:
        if not self.ignore_e164_validation:
            _require("to_number", self.to_number)
        return self


class PhoneCallCreate(CallTask):
    """Body of POST /v2/create-phone-call.

    idempotency_key: within one hour, a second request with this key places no call and is answered with the first one.
    honor_internal_dnc is accepted and has no effect, since there is no list of contacts here.
    """

    from_number: DialledNumber
    idempotency_key: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    honor_internal_dnc: Flag = False

    @model_validator(mode="after")
    def _check_from_number(self) -> Self:
        if not self.ignore_e164_validation:
            _require("from_number", self.from_number)
        return self


class OlderPhoneCallCreate(PhoneCallCreate):
    """Body of POST /create-phone-call, where the oldest clients send both numbers as `phone_number: {from, to}`."""

    OLDER_KEYS: ClassVar[frozenset[str]] = frozenset({"phone_number"})

    @model_validator(mode="before")
    @classmethod
    def _flatten_numbers(cls, given: Any) -> Any:
        numbers = given.get("phone_number") if isinstance(given, dict) else None
        if not isinstance(numbers, dict):
            return given
        older = {"from_number": numbers.get("from"), "to_number": numbers.get("to")}
        return {**{name: number for name, number in older.items() if number is not None}, **given}


def _require(name: str, number: str) -> None:
    try:
        require_e164(number)
    except ValueError as error:
        raise ValueError(f"{name} {error}") from None
