"""The tree of errors that the modules of the product raise for one another. Pure.

    AriAgentError
    ├── ConfigurationError              a setting is wrong: exit status 2
    │   └── SpeechUnavailable           a speech provider lacks a package, a program or a key
    ├── ControllerFailed                a part of the controller stopped because of a defect: exit status 1
    ├── AsteriskError                   the PBX
    │   ├── AsteriskUnreachable         no answer on ARI
    │   ├── AsteriskRefused             ARI answered with an error status
    │   │   └── ChannelGone             404: the channel or bridge does not exist any more
    │   ├── MalformedEvent              a message of the event websocket that is not an event
    │   └── MalformedMessage            a SIP MESSAGE whose sender or recipient cannot be used
    ├── MalformedPacket                 a datagram that is not an RTP packet
    ├── NoRtpPort                       no UDP port can be bound for the audio
    ├── AgentError                      the agent's websocket; knows its disconnection_reason
    │   ├── AgentUnreachable            no TCP connection, TLS session or handshake in time
    │   ├── AgentRefused                the handshake was answered with something other than 101
    │   ├── AgentLost                   the connection broke during the call
    │   │   ├── AgentCutOff             without a close frame
    │   │   ├── AgentClosed             with a close code other than 1000
    │   │   └── AgentClosedWithoutCode  with a close frame that has no code
    │   └── AgentCorruptPayload         a message that the protocol does not know
    ├── SpeechFailed                    speech failed in a call; knows its disconnection_reason
    ├── CallError                       a request that cannot be fulfilled; knows its HTTP status
    │   ├── UnknownCall                 422: no such call
    │   ├── UnknownAsset                422: no such agent, chat or phone number
    │   │   └── UnknownAgent            422: no such agent, or not in this version; knows its disconnection_reason
    │   ├── NoAgentBound                the request names no agent, and its number has none for this direction
    │   ├── AgentNotUsable              an agent that cannot take this call or chat; knows its disconnection_reason
    │   │   ├── OverrideUnfit           agent_override and the agent's own settings contradict one another
    │   │   └── UnservedAgent           an agent of a kind that takes no calls, or writes no texts
    │   ├── CallNotPlaced               an outbound call that cannot be placed as requested
    │   ├── ChatNotStarted              a chat that cannot be started or continued as requested
    │   ├── ChatNotOngoing              the chat has ended
    │   ├── ConcurrencyLimitReached     429: no concurrency slot is free for an outbound call
    │   ├── CallNotOngoing              the call has ended, or has not been answered yet
    │   ├── CallNotJoined               an audio websocket that no registered call is waiting for
    │   ├── NoPhoneLine                 a transfer or DTMF in a web call
    │   ├── TransferNotSetUp            the dialplan lacks a context that transferred callers go through
    │   └── InvalidTransferTarget       a destination that is neither a number nor a SIP URI, or hides more than one
    ├── InboundWebhookFailed            no attempt got a valid answer from the inbound webhook
    ├── StoreError                      the database: 503
    │   ├── UnreadableRecord            what is stored does not have the form it should have
    │   ├── AlreadyStored               400: a record with this key exists
    │   ├── TakenOver                   another controller leads this call or chat by now
    │   └── FallbackChain               400: a fallback number would itself have a fallback
    ├── ArtefactError                   the store of recordings and logs: 503
    └── ApiError                        an HTTP answer: status and message

An error carries its facts as attributes and is translated once, at the edge: into a disconnection_reason by the call,
into an HTTP status by the API (`api/errors.py`), into an exit status by the command line (`__main__.py`). An error that
only one module and its callers know stands in that module, those of an agent's versions in
`contract/agent_version_errors.py`.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import ValidationError

from ari_agent.contract.disconnection import DisconnectionReason


class AriAgentError(Exception):
    """Base class of every error in this tree. The command line exits with status 1 for one that reaches it."""


class ConfigurationError(AriAgentError):
    """Raised when a setting is wrong. The message names the setting and says what it may be; the exit status is 2."""


class SpeechUnavailable(ConfigurationError):
    """Raised when speech to text or text to speech cannot start; the message says what is missing. Exit status 2."""


class ControllerFailed(AriAgentError):
    """Raised when a part that must always run (part: its name) has stopped because of a defect: exit status 1."""

    def __init__(self, part: str) -> None:
        super().__init__(f"stopped, because its {part} failed; the log says why")
        self.part = part


class AsteriskError(AriAgentError):
    """Base class of errors on the side of the PBX: an answer or a message of Asterisk, or the lack of one."""


class AsteriskUnreachable(AsteriskError):
    """Raised when a request to ARI gets no answer: refused, reset or timed out. The API answers 503."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"{url} is not reachable: {why}")
        self.url, self.why = url, why


class AsteriskRefused(AsteriskError):
    """Raised when ARI answers with an error status, or without what was asked for. The API answers 502."""

    def __init__(self, method: str, path: str, status: int, message: str) -> None:
        super().__init__(f"{method} {path} answered {status}: {message}")
        self.method, self.path, self.status, self.message = method, path, status, message


class ChannelGone(AsteriskRefused):
    """Raised when ARI answers 404: the channel, bridge or playback does not exist any more. The API answers 400."""


class MalformedEvent(AsteriskError):
    """Raised for a message of the event websocket that is not JSON or lacks a field of its type; it is skipped."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"not an ARI event: {reason}")
        self.reason = reason


class MalformedMessage(AsteriskError):
    """Raised for a SIP MESSAGE whose sender or recipient is no number or account; it gets no answer."""

    def __init__(self, why: str) -> None:
        super().__init__(f"a text message was not taken: {why}")
        self.why = why


class MalformedPacket(AriAgentError):
    """Raised for a datagram that is not an RTP packet (RFC 3550). reason: a short name, such as `truncated-header`."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"not an RTP packet: {reason}")
        self.reason = reason


class NoRtpPort(AriAgentError):
    """Raised when no UDP port from first to last is free, or none can be bound: why. The end is `error_retell`."""

    def __init__(self, first: int, last: int, why: str | None = None) -> None:
        super().__init__(why or f"no free UDP port in {first}-{last}: widen ARI_AGENT_RTP_PORTS")
        self.first, self.last = first, last


class AgentError(AriAgentError):
    """Base class of failures of the agent's websocket. disconnection_reason: why the call ends then."""

    disconnection_reason: ClassVar[DisconnectionReason] = DisconnectionReason.ERROR_LLM_WEBSOCKET_RUNTIME


class AgentUnreachable(AgentError):
    """Raised when the agent's URL is not valid, or there is no TCP connection, TLS session or handshake in time."""

    disconnection_reason = DisconnectionReason.ERROR_LLM_WEBSOCKET_OPEN

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"{url} is not reachable: {why}")
        self.url, self.why = url, why


class AgentRefused(AgentError):
    """Raised when the agent's server answers the websocket handshake with an HTTP status other than 101."""

    disconnection_reason = DisconnectionReason.ERROR_LLM_WEBSOCKET_OPEN

    def __init__(self, url: str, status: int) -> None:
        super().__init__(f"{url} answered {status}, expected 101")
        self.url, self.status = url, status


class AgentLost(AgentError):
    """Raised when the agent's connection breaks or is closed with a code that means failure (RFC 6455, 7.4.1)."""

    disconnection_reason = DisconnectionReason.ERROR_LLM_WEBSOCKET_LOST_CONNECTION

    def __init__(self, code: int, why: str = "") -> None:
        super().__init__(f"the agent's websocket was lost: close code {code}{f' ({why})' if why else ''}")
        self.code, self.why = code, why


class AgentCutOff(AgentLost):
    """Raised when a text agent's connection ends without a close frame (code 1006)."""

    disconnection_reason = DisconnectionReason.ERROR_LLM_WEBSOCKET_RUNTIME


class AgentClosed(AgentLost):
    """Raised when a text agent's server closes the connection with a code other than 1000."""

    disconnection_reason = DisconnectionReason.ERROR_LLM_WEBSOCKET_RUNTIME


class AgentClosedWithoutCode(AgentLost):
    """Raised when a text agent's server closes without a code (1005). Retell has this reason during a call too."""

    disconnection_reason = DisconnectionReason.ERROR_LLM_WEBSOCKET_OPEN


class AgentCorruptPayload(AgentError):
    """Raised for an agent's message that its protocol does not know. event: the message's kind, if that is known."""

    disconnection_reason = DisconnectionReason.ERROR_LLM_WEBSOCKET_CORRUPT_PAYLOAD

    def __init__(self, why: str, *, event: str = "message") -> None:
        super().__init__(f"the agent sent a corrupt message: {why}")
        self.why, self.event = why, event


class SpeechFailed(AriAgentError):
    """Raised when speech to text or text to speech fails in a call and retries do not help; the message has no secret.

    disconnection_reason: `error_asr` for speech to text, `error_retell` for text to speech (Retell has none for it).
    """

    def __init__(
        self, message: str, *, disconnection_reason: DisconnectionReason = DisconnectionReason.ERROR_ASR
    ) -> None:
        super().__init__(message)
        self.disconnection_reason = disconnection_reason


class CallError(AriAgentError):
    """Base class of requests about calls and chats that cannot be fulfilled; the API answers `http_status`."""

    http_status: ClassVar[int] = 400


class UnknownCall(CallError):
    """Raised when no call has this id: 422, as Retell answers for an unknown asset (its OpenAPI, 2026-08)."""

    http_status = 422

    def __init__(self, call_id: str) -> None:
        super().__init__(f"call {call_id} not found")
        self.call_id = call_id


class UnknownAsset(CallError):
    """Raised when no agent, chat or phone number has this id: 422. kind: which of these, for people."""

    http_status = 422

    def __init__(self, kind: str, asset_id: str) -> None:
        super().__init__(f"{kind} {asset_id} not found")
        self.kind, self.asset_id = kind, asset_id


class UnknownAgent(UnknownAsset):
    """Raised when no agent has this id, or the agent has no such version (None is the latest): 422."""

    disconnection_reason: ClassVar[DisconnectionReason] = DisconnectionReason.ERROR_UNKNOWN

    def __init__(self, agent_id: str, version: int | str | None) -> None:
        super().__init__("agent", agent_id if version is None else f"{agent_id} version {version}")
        self.agent_id, self.version = agent_id, version


class NoAgentBound(CallError):
    """Raised when a request names no agent, and its number has none for this direction: 400.

    agent: what kind of agent it would be, for people. field: the field of the number that names agents of this kind.
    """

    def __init__(self, number: str, agent: str, field: str) -> None:
        super().__init__(
            f"{number} has no {agent}: give override_agent_id, or set {field} with PATCH /update-phone-number"
        )
        self.number, self.field = number, field


class AgentNotUsable(CallError):
    """Base class of the errors of an agent that cannot take a call or chat; the message says what would be right.

    disconnection_reason: the verdict for an inbound call, which has a record and no client to tell.
    """

    disconnection_reason: ClassVar[DisconnectionReason] = DisconnectionReason.ERROR_LLM_WEBSOCKET_OPEN


class OverrideUnfit(AgentNotUsable):
    """Raised when each setting of an agent_override is valid, but not together with the agent's own settings.

    The reason is the webhook's: of an inbound call nobody else overrides the agent.
    """

    disconnection_reason = DisconnectionReason.ERROR_INBOUND_WEBHOOK

    def __init__(self, agent_id: str, why: str) -> None:
        super().__init__(f"agent_override does not fit agent {agent_id}: {why}")
        self.agent_id, self.why = agent_id, why


class UnservedAgent(AgentNotUsable):
    """Raised when an agent's type takes no calls, or writes no texts. why: what it does not do, and the remedy."""

    def __init__(self, agent_id: str, engine_type: str, why: str) -> None:
        super().__init__(f"agent {agent_id} has a response_engine of type {engine_type}, which {why}")
        self.agent_id, self.engine_type, self.why = agent_id, engine_type, why


class CallNotPlaced(CallError):
    """Raised when an outbound call cannot be placed as requested: 400. The message says what would be right."""


class ChatNotStarted(CallError):
    """Raised when a chat cannot be started or continued as requested: 400. The message says what would be right."""


class ChatNotOngoing(CallError):
    """Raised by a message to a chat that has ended: 400. status: its chat_status."""

    def __init__(self, chat_id: str, status: str) -> None:
        super().__init__(f"chat {chat_id} is not ongoing: its chat_status is {status}")
        self.chat_id, self.status = chat_id, status


class ConcurrencyLimitReached(CallError):
    """Raised when `in_use` of the `limit` concurrency slots that an outbound call may use are taken: 429."""

    http_status = 429

    def __init__(self, in_use: int, limit: int) -> None:
        super().__init__(f"{in_use} of {limit} calls that may run at the same time are in progress; try again later")
        self.in_use, self.limit = in_use, limit


class CallNotOngoing(CallError):
    """Raised by a request to a call that has ended or has not been answered yet: 400. status: its call_status."""

    def __init__(self, call_id: str, status: str) -> None:
        super().__init__(f"call {call_id} is not ongoing: its call_status is {status}")
        self.call_id, self.status = call_id, status


class CallNotJoined(CallError):
    """Raised when no registered call is waiting for an audio websocket, which is closed with the message."""


class NoPhoneLine(CallError):
    """Raised by a transfer or DTMF in a web call, which has no phone line for it: 400."""

    def __init__(self, call_id: str) -> None:
        super().__init__(f"call {call_id} is a web call: it has no phone line to transfer or to send DTMF on")
        self.call_id = call_id


class TransferNotSetUp(CallError):
    """Raised when the dialplan lacks the context that sends callers elsewhere: 400, and the caller stays."""

    def __init__(self, context: str) -> None:
        super().__init__(f"the dialplan has no context {context}: copy it from asterisk-conf/extensions.conf")
        self.context = context


class InvalidTransferTarget(CallError):
    """Raised when a transfer's destination or headers are malformed or would reach further than one INVITE: 400."""

    def __init__(self, value: str, why: str) -> None:
        super().__init__(f"cannot transfer to {value!r}: {why}")
        self.value, self.why = value, why


class InboundWebhookFailed(AriAgentError):
    """Raised when no attempt got a valid answer: the number's own agent answers, else `error_inbound_webhook`."""

    def __init__(self, url: str, attempts: int, why: str) -> None:
        super().__init__(f"inbound webhook {url} failed {attempts} times; last: {why}")
        self.url, self.attempts, self.why = url, attempts, why


class StoreError(AriAgentError):
    """Raised when the database cannot be opened, migrated, read or written: the API answers 503."""


class UnreadableRecord(StoreError):
    """Raised when a stored record (what: which) does not have the form it should have: 503. Values are not shown."""

    def __init__(self, what: str, error: Exception) -> None:
        super().__init__(f"{what} cannot be read: {_first_problem(error)}")
        self.what = what


class AlreadyStored(StoreError):
    """Raised when a record with this key exists: 400. kind: what the record is, such as `phone number`."""

    def __init__(self, kind: str, key: str) -> None:
        super().__init__(f"{kind} {key} exists already")
        self.kind, self.key = kind, key


class TakenOver(StoreError):
    """Raised when the record of a call or chat is to be written that another controller leads by now, or has ended.

    As happens to one that stood still for so long that it was given up. It is not to be tried again. subject_id: of the
    call or chat.
    """

    def __init__(self, subject_id: str) -> None:
        super().__init__(f"{subject_id} is led by another controller by now: this one lets go of it")
        self.subject_id = subject_id


class FallbackChain(StoreError):
    """Raised when a fallback_number would lead in a circle or to a number that has a fallback of its own: 400."""


class ArtefactError(AriAgentError):
    """Raised when the store of recordings and logs cannot be reached, or does not do what it should: 503."""


class ApiError(AriAgentError):
    """Raised to answer an HTTP request with `status` and a message that says what is wrong and what would be right."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def _first_problem(error: Exception) -> str:
    """The field and the message of the first problem, without the value: it may be something said in a call."""
    if not isinstance(error, ValidationError):
        return str(error)
    problem = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
