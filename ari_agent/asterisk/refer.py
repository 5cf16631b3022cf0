"""Cold transfer by REFER (RFC 3515), through the dialplan, because only there does Asterisk wait for the outcome. Pure.

    set_variables(refer_variables(...)); continue_in_dialplan(context=REFER_CONTEXT, extension=REFER_EXTENSION)
      -> Transfer(PJSIP/${ARI_AGENT_REFER_TO})     REFER, 202, NOTIFY ...
      -> Stasis(app,refer,${TRANSFERSTATUS},${TRANSFERSTATUSPROTOCOL})    a new StasisStart: parse_outcome

Transfer() alone would wait for a final NOTIFY as long as the far end's subscription lives. The dialplan bounds it with
`Set(TIMEOUT(absolute)=seconds)`: when that runs out Asterisk goes on at the extension `T` of the same context, which
brings the caller back with `Stasis(app,refer,FAILURE,408)`. Such a caller should not be sent through here again:
PJSIP would have two subscriptions without an end in one dialog.

After a REFER without a final NOTIFY, Asterisk 22.10 lists the channel (`core show channels`, `GET /channels`) although
it has hung up: the subscription of the REFER still refers to it. There is no thread, port or audio behind it, and no
request ends it, because Asterisk knows no such channel. It goes when PJSIP asks the far end for the subscription again
and hears 481 or nothing: 5 s before the `expires` of the last NOTIFY, or 595 s after a REFER that none followed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from ari_agent.contract.call_control import TransferOutcome, TransferRequest
from ari_agent.contract.refer_to import ReferToFormat
from ari_agent.errors import InvalidTransferTarget

REFER_CONTEXT: Final = "ari-agent-refer"
REFER_EXTENSION: Final = "refer"
REFER_TO_VARIABLE: Final = "ARI_AGENT_REFER_TO"
REFERRED_BY_VARIABLE: Final = "SIPREFERREDBYHDR"
# Asterisk cuts what a ${variable} expands to after 4095 bytes, without a word; the URI would lose its `>`.
MAX_REFER_TO_BYTES: Final = 4000

_HOST: Final = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
# The URI of a name-addr or addr-spec, without parameters: whatever stands around it is the caller's to choose.
_OWN_URI: Final = re.compile(
    r"sips?:(?:[A-Za-z0-9_.!~*+-]{1,64}@)?(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?(?=[;>?]|$)"
)
# RFC 3261 section 25.1 `unreserved`, less the characters that mean something in a dialplan.
_UNESCAPED: Final = "!*"

_MESSAGES: Final = {
    "UNSUPPORTED": "the channel cannot be transferred",
    "FAILURE": "the transfer was refused or failed",
}
_REASONS: Final = {
    403: "the far end forbids the transfer",
    404: "the destination does not exist",
    405: "the far end takes no REFER",
    408: "the far end did not say in time how the transfer went",
    480: "the destination does not answer",
    486: "the destination is busy",
    487: "the transfer was cancelled",
    501: "the far end takes no REFER",
    600: "the destination is busy",
    603: "the transfer was declined",
}


def refer_variables(
    request: TransferRequest,
    *,
    default_host: str | None,
    number_format: ReferToFormat = "sip",
    referred_by: str | None = None,
) -> dict[str, str]:
    """Return the channel variables that make the detour send this REFER.

    default_host: `host` or `host:port` for a destination that is a bare number, see `sip_headers.callers_host`.
    number_format: `tel` makes a `tel:` URI of a number that begins with +, which needs no host.
    referred_by: our own URI (`SipHeaders.local_uri`); one that is no plain SIP URI is left to Asterisk, which then
    sends the one of the dialog.
    Raises InvalidTransferTarget: a bare number without a host, headers beside a `tel:` URI, or more headers than a
    Refer-To carries.
    """
    uri = request.to
    if number_format == "tel" and uri.startswith("+"):
        if request.headers:
            raise InvalidTransferTarget(
                uri, "no headers, because its refer_to_format is tel, and a tel: URI carries none (RFC 3966)"
            )
        uri = f"tel:{uri}"
    elif not uri.lower().startswith(("sip:", "sips:")):
        if default_host is None or not _HOST.fullmatch(default_host):
            raise InvalidTransferTarget(uri, "expected a SIP URI, because the caller's own host is not known")
        uri = f"sip:{uri}@{default_host}"
    headers = "&".join(f"{_escaped(name)}={_escaped(value)}" for name, value in request.headers.items())
    refer_to = f"<{uri}?{headers}>" if headers else f"<{uri}>"
    if len(refer_to) > MAX_REFER_TO_BYTES:
        raise InvalidTransferTarget(
            request.to, f"headers of at most {MAX_REFER_TO_BYTES} bytes, escaped, in a Refer-To; got {len(refer_to)}"
        )
    own_uri = _OWN_URI.search(referred_by or "")
    return {REFER_TO_VARIABLE: refer_to, REFERRED_BY_VARIABLE: f"<{own_uri[0]}>" if own_uri else ""}


def parse_outcome(args: Sequence[str]) -> TransferOutcome:
    """Return the outcome of a transfer from the arguments of the StasisStart that ends the detour.

    They may begin with `refer` or without it. TRANSFERSTATUS is SUCCESS, FAILURE or UNSUPPORTED; TRANSFERSTATUSPROTOCOL
    the SIP status, 0 after a success.
    """
    status, protocol, *_ = (*(args[1:] if args and args[0] == REFER_EXTENSION else args), "", "")
    sip_status = int(protocol) if re.fullmatch(r"[1-6][0-9]{2}", protocol) else None
    if status == "SUCCESS":
        return TransferOutcome(status="succeeded", sip_status=sip_status or 200)
    message = _REASONS.get(sip_status or 0) or _MESSAGES.get(status, f"the dialplan reported {status[:80]!r}")
    return TransferOutcome(status="failed", sip_status=sip_status, message=message)


def was_told(outcome: TransferOutcome) -> bool:
    """Whether the far end said how the transfer went: by refusing the REFER, or by a NOTIFY with a SIP status.

    One that ends the subscription by a NOTIFY without a body did not, nor did one that Asterisk could not ask.
    """
    return outcome.status == "succeeded" or outcome.sip_status is not None


def outcome_after_bye(outcome: TransferOutcome | None) -> TransferOutcome:
    """Return what became of a transfer whose far end sent BYE.

    outcome: as Transfer() told it; None where it told nothing. A far end that hangs up without another word has taken
    the caller over: many carriers never send the NOTIFY of RFC 3515 section 2.4.4, and Transfer() then tells a failure
    without a SIP status. A person who hangs up while the far end still dials looks the same: Asterisk tells nobody of
    a NOTIFY that is not the last one, and reads none that comes behind the BYE.
    """
    if outcome is not None and was_told(outcome):
        return outcome
    return TransferOutcome(
        status="succeeded", message="the far end hung up after the REFER, without saying how the transfer went"
    )


def _escaped(text: str) -> str:
    return quote(text, safe=_UNESCAPED)
