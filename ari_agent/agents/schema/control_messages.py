"""Call control and transcripts as models: what control.py reads and writes, in both audio protocols. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from ari_agent.agents.message import MAX_MARK_NAME_CHARACTERS
from ari_agent.agents.schema.message_model import Message
from ari_agent.contract.call_control import (
    DtmfRequest,
    HangupRequest,
    TransferOutcome,
    TransferRequest,
    VoicemailNotice,
)
from ari_agent.contract.call_update import CallControl
from ari_agent.contract.recording import RecordingRequest
from ari_agent.contract.transcript import TranscriptUpdate, Utterance
from ari_agent.contract.transfer_progress import TransferDecision, TransferProgress


class MarkName(Message):
    """The name of a mark, as its agent chose it."""

    name: Annotated[str, Field(max_length=MAX_MARK_NAME_CHARACTERS)]


class Mark(Message):
    """From the agent: tell me when everything before this was heard. To the agent: it was heard, or cleared."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"event": "mark", "mark": {"name": "greeting"}}]})

    event: Literal["mark"]
    mark: MarkName


class Transfer(Message):
    """The agent asks for a transfer of the caller, or decides about a warm one that is on its way.

    Success ends the call; failure is answered with `transfer`.
    """

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"event": "transfer", "transfer": {"to": "+15551234567", "mode": "sip_refer"}}]}
    )

    event: Literal["transfer"]
    transfer: TransferRequest | TransferDecision


class Hangup(Message):
    """The agent asks for the call to be hung up."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"event": "hangup", "hangup": {"q850_cause": 16}}]})

    event: Literal["hangup"]
    hangup: HangupRequest | None = None


class SendDtmf(Message):
    """The agent sends keys to the caller's side."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"event": "dtmf", "dtmf": {"digits": "12#"}}]})

    event: Literal["dtmf"]
    dtmf: DtmfRequest


class Recording(Message):
    """The agent pauses the recording of the call, which is silent until it is resumed."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"event": "recording", "recording": {"action": "pause"}}]}
    )

    event: Literal["recording"]
    recording: RecordingRequest


class Update(Message):
    """The agent tells all that was said so far, for the call's record."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"event": "update", "update": {"transcript": [{"role": "agent", "content": "Hello."}]}}]
        }
    )

    event: Literal["update"]
    update: TranscriptUpdate


class TransferAnswer(Message):
    """The agent's transfer goes on, or has ended. After a failure the caller is with the agent again."""

    event: Literal["transfer"]
    transfer: TransferOutcome | TransferProgress


class RefusedMessage(Message):
    """Which message of the agent was refused or ignored, and why. event: `message` where that is not known."""

    event: str
    message: str


class Error(Message):
    """A message of the agent could not be understood, or a request of it cannot be done. The call goes on."""

    event: Literal["error"]
    error: RefusedMessage


class ApiControl(Message):
    """The API wants the agent to speak now, or to know something."""

    event: Literal["call_control"]
    call_control: CallControl


class Voicemail(Message):
    """An answering machine has taken the call: `greeting` while it speaks, `recording` when the agent is to."""

    event: Literal["voicemail"]
    voicemail: VoicemailNotice


class PressedKey(Message):
    """A key that the caller pressed. duration_ms: how long it was held; 0 where that is not known."""

    digit: Annotated[str, Field(pattern=r"^[0-9A-D*#]$")]
    duration_ms: Annotated[int, Field(ge=0)]


class KeyPressed(Message):
    """The agent is told that the caller pressed a key."""

    event: Literal["dtmf"]
    dtmf: PressedKey


class RetellUpdate(Message):
    """The same as `update`, as Retell writes it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"event_type": "update", "transcript": [{"role": "agent", "content": "Hello."}]}]
        }
    )

    event_type: Literal["update"]
    transcript: list[Utterance]
    turntaking: Literal["agent_turn", "user_turn"] | None = None


FROM_AGENT: Final[Mapping[str, type[BaseModel]]] = {
    "mark": Mark,
    "transfer": Transfer,
    "hangup": Hangup,
    "dtmf": SendDtmf,
    "recording": Recording,
    "update": Update,
    "event_type update": RetellUpdate,
}
TO_AGENT: Final[Mapping[str, type[BaseModel]]] = {
    "mark": Mark,
    "dtmf": KeyPressed,
    "transfer": TransferAnswer,
    "error": Error,
    "call_control": ApiControl,
    "voicemail": Voicemail,
}
