"""What may be asked of a running call, by its agent or over the API: hang up, transfer, send DTMF.

The same objects serve an agent's websocket messages (`{"event":"transfer","transfer":{...}}`) and the bodies of
`POST /v2/transfer-call`, `/v2/stop-call` and `/v2/send-dtmf`. Whatever passes here is safe to put on the wire and into
a dialplan argument.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from ari_agent.contract.destination import MAX_DESTINATION_CHARACTERS, read_destination, read_template
from ari_agent.contract.parsing.model import INTEGRAL, STRINGS_ONLY, Flag
from ari_agent.contract.q850 import NORMAL_CLEARING
from ari_agent.contract.transfer_option import (
    DEFAULT_DETECTION_TIMEOUT_MS,
    AgenticTransferConfig,
    DetectionTimeout,
    ExtensionDigits,
    Handoff,
    HoldMusic,
    RingDuration,
)
from ari_agent.contract.transfer_tool import from_transfer_tool

MAX_HEADER_VALUE_BYTES: Final = 1024
MAX_HEADERS: Final = 16
TRANSFER_TIMEOUT_S: Final = 330.0
"""How long whoever asks for a transfer by HTTP waits for its outcome: longer than any call rings."""
_HEADER_NAME: Final = re.compile(r"X-[A-Za-z0-9._-]{1,62}|User-To-User", re.ASCII | re.IGNORECASE)
# C0, DEL and C1 controls, and the line separators that some parsers take for a line's end.
_UNPRINTABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def _headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    if len(headers) > MAX_HEADERS:
        raise ValueError(f"{len(headers)} headers; at most {MAX_HEADERS} are carried")
    for name in headers:
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError(f"header {name[:80]!r} is not carried; expected a name like X-Account, or User-To-User")
    refuse_unsendable(headers)
    return headers


def refuse_unsendable(headers: Mapping[str, str]) -> None:
    """Check that SIP headers can be sent as they are.

    Raises:
        ValueError: a value has an unprintable character or is too long, or two names differ only in case.
    """
    for name, value in headers.items():
        if unprintable := _UNPRINTABLE.search(value):
            raise ValueError(f"header {name} holds {unprintable[0]!r}; only printable characters are carried")
        if len(value.encode()) > MAX_HEADER_VALUE_BYTES:
            raise ValueError(f"header {name} has {len(value.encode())} bytes; at most {MAX_HEADER_VALUE_BYTES}")
    lower_case = [name.lower() for name in headers]
    if len(set(lower_case)) != len(lower_case):
        raise ValueError("two headers have the same name: SIP does not tell upper from lower case")


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class TransferRequest(_Request):
    """Transfer the caller to another destination.

    to: where to, in any spelling of destination.py; at most 256 characters. It may hold `{{dynamic_variables}}`, and so
    may the values of headers: `filled` replaces them.
    mode: `sip_refer` hands the caller over (RFC 3515), `sip_invite` dials and bridges, `warm` announces first, and
    `agentic_warm` has a second agent talk with the target first.
    headers: for the call to the destination; names `X-*` or `User-To-User`, at most 16 of them, values printable and
    at most 1024 bytes of UTF-8 each.
    extension: digits that are sent once the target has answered.
    show_transferee_as_caller: the target sees the caller's number, not ours.
    transfer_ring_duration_ms: how long the target may ring; None: as long as the agent's ring_duration_ms.
    on_hold_music: what the caller hears until the target is there.
    The shape of Retell's transfer_call tool (`transfer_destination`, `transfer_option`) is read as well.

    Of warm transfers alone:

    agent_detection_timeout_ms: how long it may take until a human is heard. opt_out_human_detection: whoever answers
    counts as a human. private_handoff_option: what the target hears before the caller is there.
    public_handoff_option: what both hear before they are left alone. enable_bridge_audio_cue: a short tone tells both
    that they are connected. agentic_transfer_config: the second agent of an `agentic_warm` transfer.
    """

    to: Annotated[str, Field(max_length=MAX_DESTINATION_CHARACTERS), AfterValidator(read_template)]
    mode: Literal["sip_refer", "sip_invite", "warm", "agentic_warm"] = "sip_refer"
    headers: Annotated[Mapping[str, str], STRINGS_ONLY, AfterValidator(_headers)] = Field(default_factory=dict)
    extension: ExtensionDigits | None = None
    show_transferee_as_caller: Flag = False
    transfer_ring_duration_ms: RingDuration | None = None
    on_hold_music: HoldMusic = "ringtone"
    agent_detection_timeout_ms: DetectionTimeout = DEFAULT_DETECTION_TIMEOUT_MS
    opt_out_human_detection: Flag = False
    private_handoff_option: Handoff | None = None
    public_handoff_option: Handoff | None = None
    enable_bridge_audio_cue: Flag = True
    agentic_transfer_config: AgenticTransferConfig | None = None

    @model_validator(mode="before")
    @classmethod
    def _read_transfer_tool(cls, given: Any) -> Any:
        return from_transfer_tool(given)

    def filled(self, fill: Callable[[str], str]) -> Self:
        """Return the request with `fill` applied to the destination and the values of headers.

        fill: replaces the `{{name}}` of known variables in a text; an unknown one may stay in a header, not in `to`.

        Raises:
            pydantic.ValidationError: the destination or a header is not valid any more.
        """
        if "{{" not in self.to and not any("{{" in value for value in self.headers.values()):
            return self
        headers = {name: fill(value) for name, value in self.headers.items()}
        _Destination(to=(to := fill(self.to)))
        return self.model_validate({**self.model_dump(exclude_unset=True), "to": to, "headers": headers})


class _Destination(_Request):
    """A destination without variables, checked as the final one."""

    to: Annotated[str, AfterValidator(read_destination)]


class HangupRequest(_Request):
    """End the call.

    q850_cause: from 1 to 127, sent as `Reason: Q.850;cause=N` (RFC 3326); 16 is normal clearing.
    headers: for the BYE, named as those of a transfer. Asterisk sends none; whoever asks is told so, and the call ends.
    """

    q850_cause: Annotated[int, Field(strict=True, ge=1, le=127), INTEGRAL] = NORMAL_CLEARING
    headers: Annotated[Mapping[str, str], STRINGS_ONLY, AfterValidator(_headers)] = Field(default_factory=dict)

    @property
    def notice(self) -> HangupNotice | None:
        """Return what of this request is not done; None where all of it is."""
        return HangupNotice(headers_not_sent=tuple(self.headers)) if self.headers else None


class HangupNotice(_Request):
    """Tells that a call is hung up, and what could not be done about it. headers_not_sent: their names."""

    headers_not_sent: tuple[str, ...]
    message: str = (
        "the call is hung up, without the headers: Asterisk puts none of ours on a BYE, a CANCEL or a failure response"
    )


class DtmfRequest(_Request):
    """Send DTMF to the caller. digits: 1 to 64 of `0-9 A-D * #`; `w` pauses for half a second, `W` for a second."""

    digits: Annotated[str, Field(pattern=r"^[0-9A-D*#wW]{1,64}$")]


class VoicemailNotice(_Request):
    """Tells an agent that an answering machine has taken the call, and that it is to leave a message.

    status: `greeting` while the machine speaks, then `recording`. action, text: as in the agent's voicemail_option; the
    text is the message (`static_text`) or a prompt for one (`prompt`).
    """

    status: Literal["greeting", "recording"]
    action: Literal["static_text", "prompt", "bridge_transfer"]
    text: str | None = None


class TransferOutcome(_Request):
    """The result of a transfer, as its agent is told.

    sip_status: the status in the final NOTIFY's message/sipfrag, or that of the refused REFER (RFC 3515 section 2.4.5);
    None if there was none. message: what went wrong, for people.
    """

    status: Literal["succeeded", "failed"]
    sip_status: int | None = None
    message: str | None = None
