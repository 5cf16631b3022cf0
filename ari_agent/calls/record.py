"""The record of one call: the call object as the API shows it, and the webhooks that each change of it owes.

Source: Retell, "Get Call" and "Retell webhooks overview" (2026-08): `call_started` only for a call that connected;
`call_ended` and `call_analyzed` for every call that has a record; `call_ended` without `call_analysis`. An agent's
`webhook_url` replaces the account's; `webhook_events` filters; both may name dynamic variables. Of a transfer:

    transfer_started ──▶ transfer_bridged, transfer_ended   the far end has taken the caller over; the leg that
          │                                                 follows a REFER is not ours, so both come at once
          └────────────▶ transfer_cancelled                 refused, not answered, or the call ended meanwhile
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ari_agent.calls.system_variables import CallVariables
from ari_agent.calls.variables import render_url
from ari_agent.contract.agent import DEFAULT_WEBHOOK_EVENTS, Agent
from ari_agent.contract.call import Call, CallAnalysis, CallDirection, TelephonyIdentifier
from ari_agent.contract.call_control import TransferRequest
from ari_agent.contract.call_update import LiveFields, overridden
from ari_agent.contract.disconnection import CallStatus, DisconnectionReason
from ari_agent.contract.transfer_event import TransferFacts
from ari_agent.contract.webhook_event import WebhookEvent, WebhookEventName, compact_json

_SPOKEN: Final[Mapping[DisconnectionReason, str]] = {
    DisconnectionReason.USER_HANGUP: "The caller hung up",
    DisconnectionReason.AGENT_HANGUP: "The agent hung up",
    DisconnectionReason.CALL_TRANSFER: "The agent transferred the caller",
    DisconnectionReason.INACTIVITY: "The call ended after a long silence",
    DisconnectionReason.MAX_DURATION_REACHED: "The call reached its longest duration",
    DisconnectionReason.MANUAL_STOPPED: "The call was stopped",
}


class CallRecord:
    """One call's record, and the events that are owed and not stored yet.

    call: the object as of now. owed: taken by whoever stores both in one transaction, and given back if that fails.
    account_webhook_url: for agents without a URL of their own.
    """

    def __init__(self, call: Call, *, agent: Agent | None, account_webhook_url: str | None) -> None:
        self.call = call
        self.owed: list[WebhookEvent] = []
        self._agent = agent
        self._account_webhook_url = account_webhook_url
        self._transfer: TransferFacts | None = None  # on its way
        self._given_variables = call.retell_llm_dynamic_variables

    def variables(self, now_ms: int | None) -> Mapping[str, str]:
        """What `{{name}}` stands for in this call: its own dynamic variables, then those of the system."""
        return CallVariables(self.call, timezone=self._agent.timezone if self._agent else None, now_ms=now_ms)

    def answered(self, now_ms: int) -> None:
        """The call is connected: owes call_started."""
        self._change(call_status=CallStatus.ONGOING, start_timestamp=now_ms)
        self._owe(WebhookEventName.CALL_STARTED)

    def dialled(self, sip_call_id: str | None) -> None:
        """An outbound call has got its Call-ID (RFC 3261 section 20.8)."""
        if sip_call_id:
            self._change(telephony_identifier=TelephonyIdentifier(sip_call_id=sip_call_id))

    def transfer_started(self, request: TransferRequest) -> None:
        """A transfer is on its way: owes transfer_started."""
        self._transfer = TransferFacts.of(request)
        self._owe(WebhookEventName.TRANSFER_STARTED, self._transfer)

    def transferred(self, destination: str, now_ms: int) -> None:
        """It succeeded: owes transfer_bridged, and transfer_ended because our part of it is over."""
        self._change(transfer_destination=destination)
        if transfer := self._take_transfer():
            self._owe(WebhookEventName.TRANSFER_BRIDGED, transfer)
        self._change(transfer_end_timestamp=now_ms)
        if transfer:
            self._owe(WebhookEventName.TRANSFER_ENDED)

    def transfer_cancelled(self) -> None:
        """It came to nothing: owes transfer_cancelled, unless none was on its way."""
        if transfer := self._take_transfer():
            self._owe(WebhookEventName.TRANSFER_CANCELLED, transfer)

    def _take_transfer(self) -> TransferFacts | None:
        transfer, self._transfer = self._transfer, None
        return transfer

    def override(self, fields: LiveFields) -> None:
        """The API changes it. ValueError says what cannot be."""
        self._change(**overridden(self.call, fields, self._given_variables))

    def ended(self, reason: DisconnectionReason, now_ms: int) -> None:
        """The call is over: owes call_ended and call_analyzed. A second end changes nothing."""
        if self.call.disconnection_reason is not None:
            return
        self.transfer_cancelled()
        began_ms = self.call.start_timestamp
        duration_ms = None if began_ms is None else max(0, now_ms - began_ms)
        times = {} if duration_ms is None else {"duration_ms": duration_ms}
        self._change(call_status=reason.call_status, disconnection_reason=reason, end_timestamp=now_ms, **times)
        self._owe(WebhookEventName.CALL_ENDED)
        self._change(call_analysis=_analysis(reason, duration_ms))
        self._owe(WebhookEventName.CALL_ANALYZED)

    def _change(self, **changes: Any) -> None:
        self.call = self.call.model_copy(update=changes)

    def _owe(self, name: WebhookEventName, beside_call: TransferFacts | None = None) -> None:
        agent = self._agent
        wanted = (agent.webhook_events if agent else None) or DEFAULT_WEBHOOK_EVENTS
        url = (agent.webhook_url if agent else None) or self._account_webhook_url
        if url is None or name.value not in wanted:
            return
        timeout = {"timeout_ms": agent.webhook_timeout_ms} if agent else {}
        body = {"event": name.value, "call": self.call.as_json(), **(beside_call.as_json() if beside_call else {})}
        self.owed.append(
            WebhookEvent(
                call_id=self.call.call_id,
                event=name,
                url=render_url(url, self.variables(self.call.end_timestamp or self.call.start_timestamp)),
                body=compact_json(body),
                **timeout,
            )
        )


def registered_call(
    *,
    call_id: str,
    direction: CallDirection = CallDirection.INBOUND,
    agent: Agent,
    from_number: str,
    to_number: str,
    sip_headers: Mapping[str, str],
    sip_call_id: str | None,
    dynamic_variables: Mapping[str, str],
    metadata: Mapping[str, Any] | None,
    batch_call_id: str | None = None,
) -> Call:
    """The call object of a call whose agent is chosen and that still rings. What is empty is left out."""
    optional: dict[str, Any] = {
        "agent_name": agent.agent_name,
        "telephony_identifier": TelephonyIdentifier(sip_call_id=sip_call_id) if sip_call_id else None,
        "custom_sip_headers": dict(sip_headers),
        "retell_llm_dynamic_variables": dict(dynamic_variables),
        "metadata": metadata,
        "batch_call_id": batch_call_id,
    }
    return Call(
        call_id=call_id,
        agent_id=agent.agent_id,
        agent_version=agent.version,
        call_status=CallStatus.REGISTERED,
        direction=direction,
        from_number=from_number,
        to_number=to_number,
        data_storage_setting=agent.data_storage_setting,
        opt_in_signed_url=agent.opt_in_signed_url,
        **{name: value for name, value in optional.items() if value},
    )


def turned_away_call(*, call_id: str, agent_id: str, from_number: str, to_number: str) -> Call:
    """The call object of an inbound call that failed before an agent was chosen."""
    return Call(
        call_id=call_id,
        agent_id=agent_id,
        call_status=CallStatus.REGISTERED,
        direction=CallDirection.INBOUND,
        from_number=from_number,
        to_number=to_number,
    )


def _analysis(reason: DisconnectionReason, duration_ms: int | None) -> CallAnalysis:
    """What can be said of a call without listening to it."""
    told = _SPOKEN.get(reason, f"The call ended with {reason.value}")
    lasted = "before it was answered" if duration_ms is None else f"after {duration_ms / 1000:.0f} s"
    return CallAnalysis(
        call_summary=f"{told} {lasted}.",
        in_voicemail=reason is DisconnectionReason.VOICEMAIL_REACHED,
        user_sentiment="Unknown",
        call_successful=duration_ms is not None and reason.call_status is CallStatus.ENDED,
    )
