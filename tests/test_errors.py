"""The tree of errors: its drawing, its texts and the verdict that each error carries."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator

import pytest
from pydantic import TypeAdapter, ValidationError

from ari_agent import errors
from ari_agent.contract.disconnection import CallStatus, DisconnectionReason
from ari_agent.errors import (
    AgentClosed,
    AgentClosedWithoutCode,
    AgentCorruptPayload,
    AgentCutOff,
    AgentError,
    AgentLost,
    AgentRefused,
    AgentUnreachable,
    AlreadyStored,
    ApiError,
    AriAgentError,
    AsteriskRefused,
    AsteriskUnreachable,
    CallError,
    CallNotOngoing,
    ChatNotOngoing,
    ConcurrencyLimitReached,
    ControllerFailed,
    InboundWebhookFailed,
    InvalidTransferTarget,
    MalformedEvent,
    MalformedMessage,
    MalformedPacket,
    NoPhoneLine,
    NoRtpPort,
    SpeechFailed,
    TransferNotSetUp,
    UnknownAsset,
    UnknownCall,
    UnreadableRecord,
    UnservedAgent,
)


def every_error() -> list[type[Exception]]:
    """The errors of the module, in the order in which it defines them."""
    return [
        member
        for member in vars(errors).values()
        if inspect.isclass(member) and issubclass(member, Exception) and member.__module__ == errors.__name__
    ]


def drawn(error: type[Exception], indent: str = "") -> Iterator[str]:
    """The names of an error's subclasses, each on a line and with the branches that lead to it."""
    subclasses = [each for each in every_error() if each.__base__ is error]
    for each in subclasses:
        last = each is subclasses[-1]
        yield f"{indent}{'└' if last else '├'}── {each.__name__}"
        yield from drawn(each, indent + ("    " if last else "│   "))


def test_the_drawing_shows_every_class_where_it_is() -> None:
    drawing = re.findall(r"^    ((?:[│├└─ ]*)\w+Error|[│├└─ ]+\w+)(?:  .*)?$", errors.__doc__ or "", re.MULTILINE)
    assert drawing == ["AriAgentError", *drawn(AriAgentError)]


def test_every_line_of_the_drawing_says_what_the_error_means_in_one_column() -> None:
    lines = [line for line in (errors.__doc__ or "").splitlines() if "── " in line]
    columns = {match.end() for line in lines if (match := re.match(r"[ │├└─]+\w+  +", line))}
    assert len(lines) == len(every_error()) - 1
    assert len(columns) == 1


@pytest.mark.parametrize("error", every_error(), ids=lambda error: error.__name__)
def test_every_error_says_when_it_is_raised(error: type[Exception]) -> None:
    assert re.match(r"(Raised|Base class) ", error.__doc__ or "")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (AsteriskUnreachable("http://pbx/ari", "refused"), "http://pbx/ari is not reachable: refused"),
        (AsteriskRefused("GET", "/channels", 500, "why"), "GET /channels answered 500: why"),
        (MalformedEvent("no JSON"), "not an ARI event: no JSON"),
        (MalformedMessage("no sender"), "a text message was not taken: no sender"),
        (MalformedPacket("version"), "not an RTP packet: version"),
        (NoRtpPort(30000, 30001), "no free UDP port in 30000-30001: widen ARI_AGENT_RTP_PORTS"),
        (ControllerFailed("webhooks"), "stopped, because its webhooks failed; the log says why"),
        (AgentUnreachable("ws://a", "refused"), "ws://a is not reachable: refused"),
        (AgentRefused("ws://a", 403), "ws://a answered 403, expected 101"),
        (AgentLost(1006), "the agent's websocket was lost: close code 1006"),
        (AgentLost(1011, "bug"), "the agent's websocket was lost: close code 1011 (bug)"),
        (AgentCorruptPayload("no JSON"), "the agent sent a corrupt message: no JSON"),
        (UnknownCall("call_1"), "call call_1 not found"),
        (UnknownAsset("agent", "agent_1"), "agent agent_1 not found"),
        (ChatNotOngoing("chat_1", "ended"), "chat chat_1 is not ongoing: its chat_status is ended"),
        (CallNotOngoing("call_1", "ended"), "call call_1 is not ongoing: its call_status is ended"),
        (
            ConcurrencyLimitReached(20, 20),
            "20 of 20 calls that may run at the same time are in progress; try again later",
        ),
        (NoPhoneLine("call_1"), "call call_1 is a web call: it has no phone line to transfer or to send DTMF on"),
        (
            TransferNotSetUp("ari-agent-refer"),
            "the dialplan has no context ari-agent-refer: copy it from asterisk-conf/extensions.conf",
        ),
        (InvalidTransferTarget("x", "expected a SIP URI"), "cannot transfer to 'x': expected a SIP URI"),
        (
            InboundWebhookFailed("http://w/", 4, "answered 500"),
            "inbound webhook http://w/ failed 4 times; last: answered 500",
        ),
        (AlreadyStored("phone number", "100"), "phone number 100 exists already"),
        (ApiError(400, "the body is empty"), "the body is empty"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_an_error_says_what_happened_and_what_would_be_right(error: Exception, text: str) -> None:
    assert str(error) == text


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (AgentError, DisconnectionReason.ERROR_LLM_WEBSOCKET_RUNTIME),
        (AgentUnreachable, DisconnectionReason.ERROR_LLM_WEBSOCKET_OPEN),
        (AgentRefused, DisconnectionReason.ERROR_LLM_WEBSOCKET_OPEN),
        (AgentLost, DisconnectionReason.ERROR_LLM_WEBSOCKET_LOST_CONNECTION),
        (AgentCutOff, DisconnectionReason.ERROR_LLM_WEBSOCKET_RUNTIME),
        (AgentClosed, DisconnectionReason.ERROR_LLM_WEBSOCKET_RUNTIME),
        (AgentClosedWithoutCode, DisconnectionReason.ERROR_LLM_WEBSOCKET_OPEN),
        (AgentCorruptPayload, DisconnectionReason.ERROR_LLM_WEBSOCKET_CORRUPT_PAYLOAD),
        (UnservedAgent, DisconnectionReason.ERROR_LLM_WEBSOCKET_OPEN),
    ],
)
def test_a_failure_of_the_agent_makes_the_call_an_error(error: type[AgentError], reason: DisconnectionReason) -> None:
    assert error.disconnection_reason is reason
    assert reason.call_status is CallStatus.ERROR


def test_speech_that_fails_ends_the_call_with_retells_reason_for_each_direction() -> None:
    assert SpeechFailed("no text").disconnection_reason is DisconnectionReason.ERROR_ASR
    voice = SpeechFailed("no audio", disconnection_reason=DisconnectionReason.ERROR_RETELL)
    assert voice.disconnection_reason is DisconnectionReason.ERROR_RETELL


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (CallError, 400),
        (UnknownCall, 422),
        (UnknownAsset, 422),
        (ConcurrencyLimitReached, 429),
        (CallNotOngoing, 400),
    ],
)
def test_a_request_that_cannot_be_fulfilled_has_its_http_status(error: type[CallError], status: int) -> None:
    assert error.http_status == status


def test_a_record_that_cannot_be_read_is_reported_without_what_was_said_in_the_call() -> None:
    with pytest.raises(ValidationError) as wrong_type:
        TypeAdapter(dict[str, list[int]]).validate_json('{"transcript":["my card is 4111"]}')
    error = UnreadableRecord("the record of call call_1", wrong_type.value)
    assert str(error).startswith(
        "the record of call call_1 cannot be read: transcript.0: Input should be a valid integer"
    )
    assert "4111" not in str(error)


def test_a_record_that_is_not_json_is_reported_with_the_position() -> None:
    with pytest.raises(json.JSONDecodeError) as no_json:
        json.loads("{")
    assert "line 1 column 2" in str(UnreadableRecord("the record of call call_1", no_json.value))
