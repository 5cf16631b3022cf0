"""The channel to a transfer's target: what is dialled, whom the target sees, and why it was not reached. Pure.

    destination                  dialled as                            through
    number, national or E.164    PJSIP/{number}@{trunk}                our number's trunk
    user at the trunk's host     PJSIP/{user}@{trunk}                  the same
    other SIP URI                PJSIP/{trunk}/{URI}                   the same; at a foreign host without its login
    extension of the PBX         Local/{extension}@{context}/n         the dialplan

A trunk's endpoint writes our number into From, whatever the channel says. Where the target is to see the caller, the
channel goes through a second endpoint of the same trunk that leaves From to the channel, and adds P-Asserted-Identity
(RFC 3325). Of a caller who withholds the number the target sees an anonymous From; P-Asserted-Identity then holds our
number, with `Privacy: id`, so that the trunk knows whose call it is.

`/n` keeps Asterisk from taking the two halves of a Local channel out of the call, which would take our channel away.
What the dialplan dials behind it gets no headers of ours by itself: they are channel variables there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from ari_agent.asterisk.sip_headers import channel_variables
from ari_agent.contract.call_control import TransferOutcome, TransferRequest
from ari_agent.contract.destination import is_extension
from ari_agent.contract.parsing.sip_uri import SipUri
from ari_agent.errors import InvalidTransferTarget

_SHOWN: Final = re.compile(r"\+?[0-9A-Za-z._*#-]{1,64}", re.ASCII)
"""What may stand as a user in From: callers write theirs as they like."""
_CALL_ID: Final = "ARI_AGENT_CALL_ID"

_NO_TRUNK: Final = (
    "this call has no number with a trunk to dial through: import the number with a termination_uri, or use sip_refer"
)
_STATUS_OF_CAUSE: Final[Mapping[int, int]] = {
    1: 404,
    17: 486,
    18: 408,
    19: 480,
    21: 603,
    22: 410,
    27: 502,
    28: 484,
    34: 503,
    38: 500,
}
"""RFC 3398 section 7.2.4.1 and Asterisk's own, for channels that are no SIP channels."""
_WORDS: Final[Mapping[int, str]] = {
    401: "the trunk does not accept our login",
    403: "the trunk or the target forbids the call",
    404: "the destination does not exist",
    407: "the trunk does not accept our login",
    408: "the destination cannot be reached: nobody answers",
    410: "the destination has moved",
    480: "the destination does not answer",
    484: "the destination's number is incomplete",
    486: "the destination is busy",
    487: "the call to the destination was cancelled",
    488: "the destination does not take our audio",
    500: "the trunk has failed",
    502: "the destination cannot be reached",
    503: "the trunk cannot be reached, or takes no more calls",
    504: "the destination cannot be reached in time",
    600: "the destination is busy",
    603: "the destination declined the call",
}
NO_ANSWER: Final = TransferOutcome(status="failed", sip_status=480, message=_WORDS[480])
"""The outcome of a transfer whose target has rung for as long as it may."""


@dataclass(frozen=True, slots=True)
class TrunkEndpoint:
    """A trunk of a number of ours, as far as a target is dialled through it.

    id, fields: of its endpoint in Asterisk. contact: the SIP URI where its calls go.
    """

    id: str
    fields: Mapping[str, str]
    contact: str


@dataclass(frozen=True, slots=True)
class Target:
    """How a target is dialled. endpoint, variables: of the channel. made_before: an endpoint that Asterisk lacks."""

    endpoint: str
    variables: Mapping[str, str]
    made_before: TrunkEndpoint | None = None


def target(
    request: TransferRequest, *, call_id: str, phone_number: str, own: TrunkEndpoint | None, context: str, caller: str
) -> Target:
    """Return how the target of a transfer is dialled.

    request: filled. phone_number: ours in the call, or `""`. own: its trunk. context: of the dialplan, with the PBX's
    own extensions, or `""`. caller: the caller's number; what is no user of a SIP URI, such as `""`, is one withheld.

    Raises:
        InvalidTransferTarget: there is no way there.
    """
    shows_caller = request.show_transferee_as_caller
    shown = caller if shows_caller else phone_number
    if is_extension(request.to):
        if not context:
            raise InvalidTransferTarget(request.to, "no dialplan context with extensions is set")
        inherited = {f"__{name}": value for name, value in channel_variables(request.headers).items()}
        variables = {**inherited, f"__{_CALL_ID}": call_id, **_party(shown)}
        return Target(f"Local/{request.to}@{context}/n", variables)
    if own is None:
        raise InvalidTransferTarget(request.to, _NO_TRUNK)
    host = _host(request.to)
    through = _through(own, shows_caller=shows_caller, is_foreign=host not in ("", _host(own.contact)))
    variables = {f"PJSIP_HEADER(add,{name})": value for name, value in request.headers.items()}
    variables |= _party(shown, instead=phone_number)
    made_before = None if through is own else through
    return Target(_endpoint(request.to, own, through), variables, made_before)


def _endpoint(to: str, own: TrunkEndpoint, through: TrunkEndpoint) -> str:
    """Return what is dialled: a user at the trunk's own host goes where its calls go, over its transport."""
    uri = SipUri.of(to)
    if uri is None:
        return f"PJSIP/{to}@{through.id}"
    is_plain = uri.user and not uri.more and uri.host == _host(own.contact)
    return f"PJSIP/{uri.user}@{through.id}" if is_plain else f"PJSIP/{through.id}/{to}"


def _host(uri: str) -> str:
    found = SipUri.of(uri)
    return found.host if found else ""


def _through(own: TrunkEndpoint, *, shows_caller: bool, is_foreign: bool) -> TrunkEndpoint:
    """Return the trunk's own endpoint, or one beside it that names the caller, or gives no strange host our login."""
    changes: dict[str, str] = {}
    if shows_caller:
        changes |= {"from_user": "", "send_pai": "yes", "trust_id_outbound": "yes"}
    if is_foreign:
        changes["outbound_auth"] = ""
    if not changes:
        return own
    name = f"{own.id}{'-caller' if shows_caller else ''}{'-foreign' if is_foreign else ''}"
    return replace(own, id=name, fields={**own.fields, **changes})


def _party(shown: str, *, instead: str = "") -> Mapping[str, str]:
    """Return whom the target sees: the connected line of the channel. instead: told with the wish to be anonymous."""
    if _SHOWN.fullmatch(shown) and shown.lower() != "anonymous":
        return {"CONNECTEDLINE(num,i)": shown, "CONNECTEDLINE(num-pres)": "allowed"}
    return {"CONNECTEDLINE(num,i)": instead, "CONNECTEDLINE(pres)": "prohib"}


def failure(sip_status: int | None, q850_cause: int | None) -> TransferOutcome:
    """Return the outcome of a transfer whose target did not take the call.

    sip_status, q850_cause: `tech_cause` and `cause` of its ChannelHangupRequest or ChannelDestroyed.
    """
    status = sip_status or _STATUS_OF_CAUSE.get(q850_cause or 0)
    words = _WORDS.get(status or 0, "the destination could not be reached")
    return TransferOutcome(status="failed", sip_status=status, message=words)
