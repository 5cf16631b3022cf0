"""Every error the product raises on purpose, in one tree. Pure.

    AriAgentError
    ├── ConfigurationError            a setting is wrong: exit status 2
    │   └── SpeechUnavailable         a speech provider lacks what it needs: a package, a program, a key
    ├── ControllerFailed              a part of the controller ended by a defect: exit status 1
    ├── AsteriskError                 the PBX
    │   ├── AsteriskUnreachable       no answer on ARI
    │   ├── AsteriskRefused           ARI answered with an error status
    │   ├── ChannelGone               404: the channel or bridge does not exist any more
    │   ├── MalformedEvent            a message of the event websocket that is no event
    │   └── MalformedMessage          a text message that cannot be answered
    ├── MediaError                    audio between the two ends
    │   ├── MalformedPacket           a datagram that is no RTP packet
    │   └── NoRtpPort                 every port of the configured range is taken
    ├── AgentError                    the agent's websocket; knows its disconnection_reason
    │   ├── AgentUnreachable          no TCP, TLS or handshake in time
    │   ├── AgentRefused              the handshake was answered with something other than 101
    │   ├── AgentLost                 the connection broke during the call
    │   │   ├── AgentCutOff           without a close frame
    │   │   ├── AgentClosed           with a close code that is no goodbye
    │   │   └── AgentClosedWithoutCode  with none
    │   └── AgentCorruptPayload       a message that the protocol does not know
    ├── SpeechFailed                  speech to text or text to speech failed in a call; knows its disconnection_reason
    ├── AgentVersionError             a request that an agent's versions cannot fulfil; knows its HTTP status
    │   ├── StaleDraft                412: an update of a version that is not the latest
    │   ├── VersionUnknown            404: the agent has no such version
    │   ├── VersionFrozen             a published version cannot be changed
    │   └── VersionInUse              the only version of an agent cannot be deleted
    ├── CallError                     a request that the call cannot fulfil; knows its HTTP status
    │   ├── UnknownCall               no such call
    │   ├── UnknownAsset              no such agent or phone number
    │   │   └── UnknownAgent          no such agent, or not this version; knows its disconnection_reason
    │   ├── NoAgentBound              nobody is asked for to call or write, and the number has no agent for it
    │   ├── AgentNotUsable            an agent that cannot have this call or chat; knows its disconnection_reason
    │   │   ├── OverrideUnfit         with agent_override its settings do not fit one another
    │   │   └── UnservedAgent         it is of a kind that takes no calls, or writes no text
    │   ├── CallNotPlaced             an outbound call that cannot be as it is asked for
    │   ├── ChatNotStarted            a chat that cannot be as it is asked for
    │   ├── ChatNotOngoing            the chat has ended
    │   ├── ConcurrencyLimitReached   no slot is free for an outbound call
    │   ├── CallNotOngoing            the call has ended, or not begun
    │   ├── CallNotJoined             an audio websocket that no registered call waits for
    │   ├── NoPhoneLine               a transfer or DTMF in a web call
    │   ├── TransferNotSetUp          the dialplan lacks a context that callers leave through
    │   └── InvalidTransferTarget     a destination that is no number and no SIP URI, or hides more than one
    ├── WebhookError
    │   └── InboundWebhookFailed      no valid answer from the inbound webhook after every attempt
    ├── StoreError                    the database
    │   ├── AlreadyStored             a record with this key exists
    │   ├── UnreadableRecord          what is stored is no such object
    │   └── FallbackChain             a fallback number would fall back itself
    ├── PbxError                      the Asterisk of the demo and the tests did not start
    │   └── PortBusy                  a port it needs is taken
    └── ApiError                      an HTTP answer: status and message

An error carries its facts as attributes and is translated once, at the edge: into a disconnection_reason
by the call, into a status by the API.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import ValidationError

from ari_agent.contract.disconnection import DisconnectionReason


class AriAgentError(Exception):
    """Root of the tree."""


class ConfigurationError(AriAgentError):
    """A setting is wrong; the message names it and says what it may be."""


class SpeechUnavailable(ConfigurationError):
    """Speech to text or text to speech cannot start; the message names what is missing and what would be right."""


class ControllerFailed(AriAgentError):
    """A part that must always run ended by a defect of ours; the log has its traceback."""

    def __init__(self, part: str) -> None:
        super().__init__(f"stopped, because its {part} failed; the log says why")
        self.part = part


class AsteriskError(AriAgentError):
    """Something on the PBX side."""


class AsteriskUnreachable(AsteriskError):
    """ARI did not answer: connection refused, reset or timed out."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"{url} is not reachable: {why}")
        self.url, self.why = url, why


class AsteriskRefused(AsteriskError):
    """ARI answered a request with a status of 400 or more."""

    def __init__(self, method: str, path: str, status: int, message: str) -> None:
        super().__init__(f"{method} {path} answered {status}: {message}")
        self.method, self.path, self.status, self.message = method, path, status, message


class ChannelGone(AsteriskRefused):
    """ARI answered 404: the channel, bridge or playback is not there any more."""


class MalformedEvent(AsteriskError):
    """A message of the event websocket is no JSON, or lacks what its type promises."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"not an ARI event: {reason}")
        self.reason = reason


class MalformedMessage(AsteriskError):
    """A SIP MESSAGE from nobody who could be answered, or to nobody."""

    def __init__(self, why: str) -> None:
        super().__init__(f"a text message was not taken: {why}")
        self.why = why


class MediaError(AriAgentError):
    """Audio between the two ends of a call."""


class MalformedPacket(MediaError):
    """A datagram that RFC 3550 does not allow. reason: a short name, used as a counter's label."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"not an RTP packet: {reason}")
        self.reason = reason


class NoRtpPort(MediaError):
    """Every port of RTP_PORTS is in use."""

    def __init__(self, first: int, last: int) -> None:
        super().__init__(f"no free UDP port in {first}-{last}: widen ARI_AGENT_RTP_PORTS")
        self.first, self.last = first, last


class AgentError(AriAgentError):
    """The agent's websocket failed; `disconnection_reason` is the verdict for the call."""

    disconnection_reason: ClassVar[DisconnectionReason] = DisconnectionReason.ERROR_LLM_WEBSOCKET_RUNTIME


class AgentUnreachable(AgentError):
    """No TCP connection, TLS session or handshake answer in time."""

    disconnection_reason = DisconnectionReason.ERROR_LLM_WEBSOCKET_OPEN

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"{url} is not reachable: {why}")
        self.url, self.why = url, why


class AgentRefused(AgentError):
    """The agent's websocket answered the handshake with something other than 101."""

    disconnection_reason = DisconnectionReason.ERROR_LLM_WEBSOCKET_OPEN

    def __init__(self, url: str, status: int) -> None:
        super().__init__(f"{url} answered {status}, expected 101")
        self.url, self.status = url, status


class AgentLost(AgentError):
    """The connection broke, or was closed with a code that means failure (RFC 6455 section 7.4.1)."""

    disconnection_reason = DisconnectionReason.ERROR_LLM_WEBSOCKET_LOST_CONNECTION

    def __init__(self, code: int, why: str = "") -> None:
        super().__init__(f"the agent's websocket was lost: close code {code}{f' ({why})' if why else ''}")
        self.code, self.why = code, why


class AgentCutOff(AgentLost):
    """A text agent's connection ended without a close frame: 1006."""

    disconnection_reason = DisconnectionReason.ERROR_LLM_WEBSOCKET_RUNTIME


class AgentClosed(AgentLost):
    """A text agent's server closed with another code than 1000: it gave up."""

    disconnection_reason = DisconnectionReason.ERROR_LLM_WEBSOCKET_RUNTIME


class AgentClosedWithoutCode(AgentLost):
    """A text agent's server closed without a code: 1005. The reason is Retell's, in the midst of a call too."""

    disconnection_reason = DisconnectionReason.ERROR_LLM_WEBSOCKET_OPEN


class AgentCorruptPayload(AgentError):
    """The agent sent something that its protocol does not know."""

    disconnection_reason = DisconnectionReason.ERROR_LLM_WEBSOCKET_CORRUPT_PAYLOAD

    def __init__(self, why: str) -> None:
        super().__init__(f"the agent sent a corrupt message: {why}")
        self.why = why


class SpeechFailed(AriAgentError):
    """Speech to text or text to speech failed in a call, past what it mends by itself; no secret is in the message.

    disconnection_reason: `error_asr` where nobody listens any more, `error_retell` where nobody speaks. Retell has no
    reason of its own for text to speech.
    """

    def __init__(
        self, message: str, *, disconnection_reason: DisconnectionReason = DisconnectionReason.ERROR_ASR
    ) -> None:
        super().__init__(message)
        self.disconnection_reason = disconnection_reason


class AgentVersionError(AriAgentError):
    """A request that an agent's versions cannot fulfil; `http_status` is the verdict for the API."""

    http_status: ClassVar[int] = 400


class StaleDraft(AgentVersionError):
    """An update of a version that is not the latest: somebody has made another one since."""

    http_status = 412

    def __init__(self, agent_id: str, version: int, latest: int) -> None:
        super().__init__(f"version {version} of agent {agent_id} is stale: update version {latest}, the latest")
        self.agent_id, self.version, self.latest = agent_id, version, latest


class VersionUnknown(AgentVersionError):
    """The agent is there, the version is not. Retell answers 404 on its paths about versions (its OpenAPI, 2026-08)."""

    http_status = 404

    def __init__(self, agent_id: str, version: object) -> None:
        super().__init__(f"agent {agent_id} has no version {version}; GET /list-agent-versions/{agent_id} lists them")
        self.agent_id, self.version = agent_id, version


class VersionFrozen(AgentVersionError):
    """A published version never changes."""

    def __init__(self, agent_id: str, version: int) -> None:
        super().__init__(f"version {version} of agent {agent_id} is published and never changes; name a draft")
        self.agent_id, self.version = agent_id, version


class VersionInUse(AgentVersionError):
    """The only version of an agent."""

    def __init__(self, agent_id: str, version: int) -> None:
        super().__init__(f"version {version} is the only one of agent {agent_id}: delete the agent instead")
        self.agent_id, self.version = agent_id, version


class CallError(AriAgentError):
    """A request that the call cannot fulfil; `http_status` is the verdict for the API."""

    http_status: ClassVar[int] = 400


class UnknownCall(CallError):
    """No call has this id. Retell answers 422 for an unknown asset (its OpenAPI, 2026-08)."""

    http_status = 422

    def __init__(self, call_id: str) -> None:
        super().__init__(f"call {call_id} not found")
        self.call_id = call_id


class UnknownAsset(CallError):
    """No agent or phone number has this id. kind: what it would be, for people."""

    http_status = 422

    def __init__(self, kind: str, asset_id: str) -> None:
        super().__init__(f"{kind} {asset_id} not found")
        self.kind, self.asset_id = kind, asset_id


class UnknownAgent(UnknownAsset):
    """No agent has this id, or it has no such version. version: as it was asked for; None is the latest."""

    disconnection_reason: ClassVar[DisconnectionReason] = DisconnectionReason.ERROR_UNKNOWN

    def __init__(self, agent_id: str, version: int | str | None) -> None:
        super().__init__("agent", agent_id if version is None else f"{agent_id} version {version}")
        self.agent_id, self.version = agent_id, version


class NoAgentBound(CallError):
    """A request names no agent, and its number has none for what is asked.

    agent: what kind of agent it would be, for people. field: the field of the number that names agents of this kind.
    """

    def __init__(self, number: str, agent: str, field: str) -> None:
        super().__init__(
            f"{number} has no {agent}: give override_agent_id, or set {field} with PATCH /update-phone-number"
        )
        self.number, self.field = number, field


class AgentNotUsable(CallError):
    """An agent that is there cannot have this call or chat; the message says what would be right.

    disconnection_reason: the verdict for an inbound call, which has a record and no client to tell.
    """

    disconnection_reason: ClassVar[DisconnectionReason] = DisconnectionReason.ERROR_LLM_WEBSOCKET_OPEN


class OverrideUnfit(AgentNotUsable):
    """Each setting of an agent_override is right, but together with the agent's own they are not.

    The reason is the webhook's: of an inbound call nobody else overrides the agent.
    """

    disconnection_reason = DisconnectionReason.ERROR_INBOUND_WEBHOOK

    def __init__(self, agent_id: str, why: str) -> None:
        super().__init__(f"agent_override does not fit agent {agent_id}: {why}")
        self.agent_id, self.why = agent_id, why


class UnservedAgent(AgentNotUsable):
    """The agent's response_engine is stored, and cannot do what is asked. why: what it does not do, and the remedy."""

    def __init__(self, agent_id: str, engine_type: str, why: str) -> None:
        super().__init__(f"agent {agent_id} has a response_engine of type {engine_type}, which {why}")
        self.agent_id, self.engine_type, self.why = agent_id, engine_type, why


class CallNotPlaced(CallError):
    """An outbound call that cannot be as it is asked for; the message says what would be right."""


class ChatNotStarted(CallError):
    """A chat that cannot be as it is asked for; the message says what would be right."""


class ChatNotOngoing(CallError):
    """The chat has ended already."""

    def __init__(self, chat_id: str, status: str) -> None:
        super().__init__(f"chat {chat_id} is not ongoing: its chat_status is {status}")
        self.chat_id, self.status = chat_id, status


class ConcurrencyLimitReached(CallError):
    """Every slot that outbound calls may use is taken. in_use, limit: of these, now."""

    http_status = 429

    def __init__(self, in_use: int, limit: int) -> None:
        super().__init__(f"{in_use} of {limit} calls that may run at the same time are in progress; try again later")
        self.in_use, self.limit = in_use, limit


class CallNotOngoing(CallError):
    """The call has ended already, or has not been answered yet."""

    def __init__(self, call_id: str, status: str) -> None:
        super().__init__(f"call {call_id} is not ongoing: its call_status is {status}")
        self.call_id, self.status = call_id, status


class CallNotJoined(CallError):
    """No registered call waits for this audio websocket; the message says why."""


class NoPhoneLine(CallError):
    """What was asked for needs a phone line, and the call is a web call."""

    def __init__(self, call_id: str) -> None:
        super().__init__(f"call {call_id} is a web call: it has no phone line to transfer or to send DTMF on")
        self.call_id = call_id


class TransferNotSetUp(CallError):
    """The PBX's dialplan lacks the context that callers go through to somewhere else; they stay where they are."""

    def __init__(self, context: str) -> None:
        super().__init__(f"the dialplan has no context {context}: copy it from asterisk-conf/extensions.conf")
        self.context = context


class InvalidTransferTarget(CallError):
    """A transfer destination or header that is malformed or would reach further than one INVITE."""

    def __init__(self, value: str, expected: str) -> None:
        super().__init__(f"cannot transfer to {value!r}: expected {expected}")
        self.value, self.expected = value, expected


class WebhookError(AriAgentError):
    """A webhook."""


class InboundWebhookFailed(WebhookError):
    """The inbound webhook gave no valid answer. attempts: how many were made; why: the last failure."""

    def __init__(self, url: str, attempts: int, why: str) -> None:
        super().__init__(f"inbound webhook {url} failed {attempts} times; last: {why}")
        self.url, self.attempts, self.why = url, attempts, why


class StoreError(AriAgentError):
    """The database could not be opened, migrated or written."""


class UnreadableRecord(StoreError):
    """What is stored is no such object. what: for people, `the record of call ...`; error: of pydantic or json."""

    def __init__(self, what: str, error: Exception) -> None:
        super().__init__(f"{what} cannot be read: {_first_problem(error)}")
        self.what = what


class AlreadyStored(StoreError):
    """A record with this key exists. kind: what it is of, for people."""

    def __init__(self, kind: str, key: str) -> None:
        super().__init__(f"{kind} {key} exists already")
        self.kind, self.key = kind, key


class FallbackChain(StoreError):
    """A phone number's fallback_number would lead in a circle, or to a number that falls back itself."""


class PbxError(AriAgentError):
    """The Asterisk that the demo and the tests start themselves could not be made, started or spoken to."""


class PortBusy(PbxError):
    """A port that it needs is taken. variable: the setting that chooses another one."""

    def __init__(self, variable: str, bind: str, port: int, why: str) -> None:
        super().__init__(f"{bind}:{port} cannot be used ({why}): choose another port with {variable}")
        self.variable, self.bind, self.port, self.why = variable, bind, port, why


class ApiError(AriAgentError):
    """An HTTP answer: `status`, and a message that says what was wrong and what would be right."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def _first_problem(error: Exception) -> str:
    """Without what it was found in, which is somebody's call."""
    if not isinstance(error, ValidationError):
        return str(error)
    problem = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
