"""Every error says in one sentence what happened, keeps its facts, and knows its verdict."""

from __future__ import annotations

import json

import pytest
from pydantic import BaseModel, ValidationError

from ari_agent import errors
from ari_agent.contract.disconnection import DisconnectionReason

OF_AGENTS = (
    (
        errors.AgentUnreachable("wss://a", "timed out"),
        "ERROR_LLM_WEBSOCKET_OPEN",
        "wss://a is not reachable: timed out",
    ),
    (errors.AgentRefused("wss://a", 403), "ERROR_LLM_WEBSOCKET_OPEN", "wss://a answered 403, expected 101"),
    (errors.AgentLost(1011), "ERROR_LLM_WEBSOCKET_LOST_CONNECTION", "the agent's websocket was lost: close code 1011"),
    (errors.AgentLost(1011, "oops"), "ERROR_LLM_WEBSOCKET_LOST_CONNECTION", "close code 1011 (oops)"),
    (errors.AgentCutOff(1006), "ERROR_LLM_WEBSOCKET_RUNTIME", "1006"),
    (errors.AgentClosed(1011), "ERROR_LLM_WEBSOCKET_RUNTIME", "1011"),
    (errors.AgentClosedWithoutCode(1005), "ERROR_LLM_WEBSOCKET_OPEN", "1005"),
    (errors.AgentCorruptPayload("no JSON"), "ERROR_LLM_WEBSOCKET_CORRUPT_PAYLOAD", "a corrupt message: no JSON"),
    (errors.UnservedAgent("agent_1", "retell-llm"), "ERROR_LLM_WEBSOCKET_OPEN", "takes no calls; use audio-websocket"),
    (errors.UnservedAgent("agent_1", "custom-llm"), "ERROR_LLM_WEBSOCKET_OPEN", "set ARI_AGENT_SPEECH_TO_TEXT and"),
    (errors.SpeechFailed("nobody listens"), "ERROR_ASR", "nobody listens"),
)

OF_REQUESTS = (
    (errors.StaleDraft("agent_1", 2, 3), 412, "version 2 of agent agent_1 is stale: update version 3"),
    (errors.VersionUnknown("agent_1", "prod"), 404, "agent agent_1 has no version prod"),
    (errors.VersionFrozen("agent_1", 2), 400, "version 2 of agent agent_1 is published and never changes"),
    (errors.VersionInUse("agent_1", 0), 400, "version 0 is the only one of agent agent_1"),
    (errors.UnknownCall("call_1"), 422, "call call_1 not found"),
    (errors.UnknownAsset("agent", "agent_1"), 422, "agent agent_1 not found"),
    (errors.ChatNotOngoing("chat_1", "ended"), 400, "chat chat_1 is not ongoing: its chat_status is ended"),
    (errors.ConcurrencyLimitReached(20, 20), 429, "20 of 20 calls that may run at the same time"),
    (errors.CallNotOngoing("call_1", "ended"), 400, "call call_1 is not ongoing: its call_status is ended"),
    (errors.NoPhoneLine("call_1"), 400, "call call_1 is a web call"),
    (errors.TransferNotSetUp("agent-refer"), 400, "the dialplan has no context agent-refer"),
    (errors.InvalidTransferTarget("sip:", "a number"), 400, "cannot transfer to 'sip:': expected a number"),
)

OTHERS = (
    (errors.ControllerFailed("outbox"), "stopped, because its outbox failed", {"part": "outbox"}),
    (
        errors.AsteriskUnreachable("http://a/ari", "refused"),
        "http://a/ari is not reachable: refused",
        {"why": "refused"},
    ),
    (errors.AsteriskRefused("GET", "/channels", 409, "no"), "GET /channels answered 409: no", {"status": 409}),
    (
        errors.ChannelGone("GET", "/channels/1", 404, "gone"),
        "GET /channels/1 answered 404: gone",
        {"path": "/channels/1"},
    ),
    (errors.MalformedEvent("no type"), "not an ARI event: no type", {"reason": "no type"}),
    (errors.MalformedMessage("no sender"), "a text message was not taken: no sender", {"why": "no sender"}),
    (errors.MalformedPacket("version"), "not an RTP packet: version", {"reason": "version"}),
    (errors.NoRtpPort(30000, 30999), "no free UDP port in 30000-30999", {"first": 30000, "last": 30999}),
    (
        errors.InboundWebhookFailed("http://h", 4, "500"),
        "inbound webhook http://h failed 4 times; last: 500",
        {"attempts": 4},
    ),
    (errors.AlreadyStored("phone number", "+1"), "phone number +1 exists already", {"key": "+1"}),
    (
        errors.PortBusy("BIND", "::", 8080, "in use"),
        ":::8080 cannot be used (in use): choose another port with BIND",
        {"port": 8080},
    ),
    (errors.ApiError(400, "no"), "no", {"status": 400}),
)


@pytest.mark.parametrize(("error", "verdict", "says"), OF_AGENTS)
def test_an_error_of_an_agent_knows_why_the_call_ends(
    error: errors.AgentError | errors.SpeechFailed, verdict: str, says: str
) -> None:
    assert error.disconnection_reason is DisconnectionReason[verdict]
    assert says in str(error)


@pytest.mark.parametrize(("error", "status", "says"), OF_REQUESTS)
def test_an_error_of_a_request_knows_its_status(
    error: errors.AgentVersionError | errors.CallError, status: int, says: str
) -> None:
    assert error.http_status == status
    assert says in str(error)


@pytest.mark.parametrize(("error", "says", "facts"), OTHERS)
def test_an_error_keeps_its_facts(error: errors.AriAgentError, says: str, facts: dict[str, object]) -> None:
    assert says in str(error)
    assert {name: getattr(error, name) for name in facts} == facts


def test_a_record_that_cannot_be_read_is_told_without_what_is_in_it() -> None:
    class Record(BaseModel):
        number: int

    with pytest.raises(ValidationError) as invalid:
        Record.model_validate({"number": "a secret"})
    told = str(errors.UnreadableRecord("the record of call_1", invalid.value))
    assert told.startswith("the record of call_1 cannot be read: number: ") and "a secret" not in told
    with pytest.raises(ValueError, match="Expecting") as no_json:
        json.loads("{")
    assert "Expecting" in str(errors.UnreadableRecord("the record of call_1", no_json.value))


def test_every_error_is_one_of_the_tree() -> None:
    defined = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, Exception)]
    ours = [each for each in defined if each.__module__ == errors.__name__]
    assert len(ours) > 40 and all(issubclass(each, errors.AriAgentError) for each in ours)
