"""The record of one call: the call object as the API shows it, and the webhooks that each change of it owes. Pure.

Source: Retell, "Get Call" and "Retell webhooks overview" (2026-08): `call_started` only for a call that connected;
`call_ended` and `call_analyzed` for every call that has a record; `call_ended` without `call_analysis`. An agent's
`webhook_url` replaces the account's; `webhook_events` filters; both may name dynamic variables. Of a transfer:

    transfer_started ──▶ transfer_bridged ──▶ transfer_ended   the target has the caller, and then one of them hangs up;
          │                                                    what follows a REFER is not ours: both come at once
          └────────────▶ transfer_cancelled                    refused, not answered, or the call ended meanwhile

Of what was said: `transcript_updated` when a transcript with a new turn is written down, and once more, complete, when
a call that connected ends. A call of which basic attributes alone are stored has no transcript, and none is told; one
that is stored without personal data has it, and tells it, when it has ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from ari_agent.calls.call_cost import DialledTarget, SpeechUsage, call_cost
from ari_agent.calls.public_log.log_events import EVENTS, LogEvent
from ari_agent.calls.public_log.public_log import NO_LOG, PublicLog
from ari_agent.calls.sip_timeline import hangup_for
from ari_agent.calls.stored_content import StoredContent, stored_content, told_reason
from ari_agent.calls.transcript import CallTranscript
from ari_agent.contract.agent import DEFAULT_WEBHOOK_EVENTS, Agent
from ari_agent.contract.analysis_plan import AnalysisPlan
from ari_agent.contract.analysis_report import AnalysisReport
from ari_agent.contract.call import Call, CallAnalysis, CallDirection, Latency, TelephonyIdentifier
from ari_agent.contract.call_control import TransferRequest
from ari_agent.contract.call_list import TRANSCRIPTS
from ari_agent.contract.call_recovery import NO_RECOVERY, CallRecovery
from ari_agent.contract.call_update import LiveFields, changes_to_live_call
from ari_agent.contract.disconnection import CallStatus, DisconnectionReason
from ari_agent.contract.media_quality import MediaQuality
from ari_agent.contract.parsing.json_text import compact_json
from ari_agent.contract.price_table import PriceTable
from ari_agent.contract.resume_plan import ResumePlan
from ari_agent.contract.sip_timeline import Hangup, HangupParty, SipEvent
from ari_agent.contract.transcript import TranscriptItem, TranscriptUpdate
from ari_agent.contract.transfer_event import TransferFacts
from ari_agent.contract.webhook_event import DEFAULT_TIMEOUT_MS, WebhookEvent, WebhookEventName
from ari_agent.routing.system_variables import CallVariables
from ari_agent.routing.variables import render_url

MAX_FAULTS: Final = 5
"""How many different faults that did not end it one call tells of."""

_WITH_TOOL_CALLS: Final = "transcript_with_tool_calls"


class CallRecord:
    """Keeps the record of one call, and the webhook events that are owed and not stored yet.

    call: the object as of now; recovery: what is stored beside it. owed: taken by whoever stores all of it in one
    transaction, and given back if that fails. agent: as overridden for this call; None for a call without one, and for
    a call of an earlier run, which has left its recovery. account_webhook_url: for agents without a URL of their own.
    prices: what the call costs by; None where that is not known. is_recorded_alone: the recording holds what nobody has
    searched for personal data, such as what caller and target said to each other.
    log: the call's public log, which is opened here, since it is known now what it may hold.
    """

    def __init__(
        self,
        call: Call,
        *,
        agent: Agent | None,
        account_webhook_url: str | None,
        recovery: CallRecovery = NO_RECOVERY,
        prices: PriceTable | None = None,
        log: PublicLog = NO_LOG,
    ) -> None:
        url = log.url(expires=bool(call.opt_in_signed_url), lifetime_ms=call.signed_url_expiration_ms)
        self.call = call.model_copy(update={"public_log_url": url}) if url else call
        self._log = log
        log.open(keeps_content=_keeps_content(call))
        log.add("record_began", _given(call), **_facts(call, "record_began"))
        self.recovery = CallRecovery.of(agent) if agent else recovery
        self.owed: list[WebhookEvent] = []
        self.is_recorded_alone = False
        self._account_webhook_url = account_webhook_url
        self._given_variables = call.retell_llm_dynamic_variables
        self._transcript = CallTranscript()
        self._prices, self._usage = prices, SpeechUsage()
        self._targets: list[DialledTarget] = []
        self._stored: StoredContent | None = None

    def variables(self, now_ms: int | None) -> Mapping[str, str]:
        """Return what `{{name}}` stands for in this call: its own dynamic variables, then those of the system."""
        plan = self.recovery.webhook_plan
        return CallVariables(self.call, timezone=plan.timezone if plan else None, now_ms=now_ms)

    def answered(self, now_ms: int) -> None:
        """Note that the call is connected; owes call_started. A second time changes nothing."""
        if self.call.start_timestamp is not None:
            return
        self._change(call_status=CallStatus.ONGOING, start_timestamp=now_ms)
        self._owe(WebhookEventName.CALL_STARTED)

    def dialled(self, sip_call_id: str | None) -> None:
        """Note the Call-ID (RFC 3261 section 20.8) of an outbound call; None changes nothing."""
        if sip_call_id:
            self._change(telephony_identifier=TelephonyIdentifier(sip_call_id=sip_call_id))

    def reached_voicemail(self) -> None:
        """Note that an answering machine has taken the call, and that the agent leaves its message."""
        plan = self.recovery.analysis_plan or AnalysisPlan()
        self.recovery = replace(self.recovery, analysis_plan=plan.model_copy(update={"in_voicemail": True}))

    def resumes_by(self, plan: ResumePlan) -> None:
        """Keep by what another run goes on with the call, should we die meanwhile."""
        self.recovery = replace(self.recovery, resume_plan=plan.as_text())

    def resume(self, log: PublicLog) -> None:
        """Go on with a call of an earlier run, behind what was said by then. log: its public log, which is opened."""
        self._log = log
        log.open(keeps_content=_keeps_content(self.call))
        log.add("resumed")
        self._transcript.resume(self.call)

    def diverted(self) -> None:
        """The caller goes to the fallback number: should we die meanwhile, this is what is known of the call's end."""
        self.recovery = replace(self.recovery, diverted=True)

    def transfer_started(self, request: TransferRequest) -> None:
        """Note that a transfer has begun; owes transfer_started."""
        self._targets.append(DialledTarget(len(self.call.sip or ()), request.to))
        transfer = TransferFacts.of(request)
        self._set_transfer(transfer)
        self._owe(WebhookEventName.TRANSFER_STARTED, transfer)

    def bridged(self, destination: str) -> None:
        """Note that the transfer's target has the caller; owes transfer_bridged. See is_bridged."""
        self._change(transfer_destination=destination)
        if transfer := self._take_transfer():
            self._owe(WebhookEventName.TRANSFER_BRIDGED, transfer)

    def transfer_ended(self, now_ms: int) -> None:
        """Note that caller and target talk no more, as far as we know; owes transfer_ended."""
        self._change(transfer_end_timestamp=now_ms)
        self._owe(WebhookEventName.TRANSFER_ENDED)

    def transferred(self, destination: str, now_ms: int) -> None:
        """Note that the far end has taken the caller over; owes transfer_bridged and transfer_ended."""
        self.bridged(destination)
        self.transfer_ended(now_ms)

    def transfer_cancelled(self) -> None:
        """Note that the transfer failed; owes transfer_cancelled, unless no transfer was on its way."""
        if transfer := self._take_transfer():
            self._owe(WebhookEventName.TRANSFER_CANCELLED, transfer)

    def fault(self, what: str) -> None:
        """Note a fault that did not end the call, as a sentence for people, with its full stop or without it."""
        if len(self.call.faults or ()) < MAX_FAULTS:
            self._add_fault(what)

    def _add_fault(self, what: str) -> None:
        faults, sentence = self.call.faults or (), f"{what.rstrip('.')}."
        if sentence not in faults:
            self._change(faults=(*faults, sentence))

    def _take_transfer(self) -> TransferFacts | None:
        plan = self.recovery.webhook_plan
        transfer = plan.transfer if plan else None
        self._set_transfer(None)
        return transfer

    def _set_transfer(self, transfer: TransferFacts | None) -> None:
        """Keep the transfer in the recovery data, so that its end is reported even if the process dies."""
        if plan := self.recovery.webhook_plan:
            self.recovery = replace(self.recovery, webhook_plan=plan.model_copy(update={"transfer": transfer}))

    def transferee(self, *, number: str, name: str) -> None:
        """Note who has taken the caller's place, in the variables transferee_number and, if known, transferee_name."""
        found = {"transferee_number": number, **({"transferee_name": name} if name else {})}
        self._given_variables = {**(self._given_variables or {}), **found}
        self._change(retell_llm_dynamic_variables={**(self.call.retell_llm_dynamic_variables or {}), **found})

    def collected(self, variables: Mapping[str, str]) -> None:
        """Note variables that the agent has found."""
        self._transcript.collect(variables)

    def override(self, fields: LiveFields) -> None:
        """Change the fields of the live call that the API sends. Raises ValueError for what cannot be changed."""
        self._change(**changes_to_live_call(self.call, fields, self._given_variables))
        if not _keeps_content(self.call):
            self._log.withdraw_content()

    @property
    def conversation(self) -> str:
        """What was said so far, a line an utterance, whether the call object may hold it or not."""
        return self._transcript.text

    @property
    def has_news(self) -> bool:
        """Whether something was said that `write_transcript` has not written into the call object yet, and may."""
        # Half a card number is not recognised as one: until the call is over, nothing can be told without it.
        return self._transcript.is_stale and self.call.data_storage_setting in {None, "everything"}

    @property
    def content(self) -> Call:
        """The call object with all that was said, whatever of it may be stored."""
        return self.call if self._transcript.is_empty else self.call.model_copy(update=self._transcript.fields())

    def keep(self, stored: StoredContent) -> None:
        """Take what is stored of the content when the call ends; without it, `ended` finds that out itself."""
        self._stored = stored

    @property
    def _keeps_transcript(self) -> bool:
        return self.call.keeps_words

    def said(self, update: TranscriptUpdate, items: Sequence[TranscriptItem] | None = None) -> None:
        """Take all that was said so far. items: the same with tools, keys and context, where their order is known."""
        self._transcript.say(update, items)

    def target_speaks(self, speaks: bool) -> None:
        """Take what the agent hears from now on for the words of a transfer's target, or for the user's again."""
        self._transcript.target_speaks(speaks)

    def measured(self, latency: Latency | None, usage: SpeechUsage | None = None) -> None:
        """Note how long the agent's turns took, and what speech services have done; None changes nothing."""
        self._usage = usage or self._usage
        if tokens := self._usage.tokens:
            self._change(llm_token_usage=tokens)
        if latency:
            self._change(latency=latency)

    def measured_audio(self, quality: MediaQuality | None) -> None:
        """Note the quality of the call's audio so far; None changes nothing."""
        if quality:
            self._change(media_quality=quality)

    def left_behind(self, links: Mapping[str, str | None]) -> None:
        """Note the links to files of this call, by the field of the call object."""
        self._change(**links)

    @property
    def is_scrubbed(self) -> bool:
        """Whether personal data is looked for in what was said, in order to remove it."""
        is_replaced = self.call.data_storage_setting == "everything_except_pii"
        return is_replaced or self.recovery.pii_categories is not None

    def pressed(self, digit: str) -> None:
        """Note in the transcript that the caller pressed a key."""
        self._transcript.press(digit)

    def injected(self, content: str, now_ms: int) -> None:
        """Note in the transcript the context that the API added at now_ms."""
        began_ms = self.call.start_timestamp
        self._transcript.inject(content, time_s=0.0 if began_ms is None else max(0, now_ms - began_ms) / 1000)

    def write_transcript(self) -> None:
        """Write what was said into the call object; owes transcript_updated if a turn began meanwhile."""
        if self.has_news:
            turn_began = self._transcript.has_turn
            self._change(**self._transcript.fields())
            if turn_began:
                self._owe(WebhookEventName.TRANSCRIPT_UPDATED)

    def signalled(self, events: Sequence[SipEvent], hangup: Hangup | None = None) -> None:
        """Take the SIP timeline so far, and who hung up once that is known. Changes nothing once the call has ended."""
        if self.call.disconnection_reason is None:
            self._change(sip=tuple(events), hangup=hangup)

    def ended(
        self,
        reason: DisconnectionReason,
        now_ms: int,
        *,
        why: str | None = None,
        who: HangupParty | None = None,
        analysis_due_ms: int | None = None,
    ) -> None:
        """The call is over: owes call_ended and call_analyzed. A second end changes nothing.

        why: what went wrong, for people; None where nothing did, or the reason says all. who: ended it, where neither
        the reason nor `signalled` says so. analysis_due_ms: by when a model analyses it; None without a model. A call
        that is worth reading then owes call_analyzed once it is analysed.
        """
        if self.call.disconnection_reason is not None:
            return
        why = why and told_reason(self.call, self.recovery.pii_categories, why)
        self.transfer_cancelled()
        began_ms = self.call.start_timestamp
        duration_ms = None if began_ms is None else max(0, now_ms - began_ms)
        times = {} if duration_ms is None else {"duration_ms": duration_ms}
        self._change(**self._content_to_store())
        if why:
            self._add_fault(why)
        hangup = self.call.hangup or hangup_for(reason, now_ms, who=who, why=why)
        self._change(
            call_status=reason.call_status, disconnection_reason=reason, end_timestamp=now_ms, hangup=hangup, **times
        )
        self._change(call_cost=call_cost(self._prices, self.call, usage=self._usage, targets=self._targets))
        self._log.add("call_ended", hangup.reason, **{**_facts(self.call, "call_ended"), **hangup.as_json()})
        if began_ms is not None and self._keeps_transcript:
            self._owe(WebhookEventName.TRANSCRIPT_UPDATED)
        self._owe(WebhookEventName.CALL_ENDED)
        self.recovery = replace(self.recovery, resume_plan=None)  # with the secrets of the agent
        if analysis_due_ms is not None and is_worth_reading(self.call):
            self.recovery = replace(self.recovery, analysis_due_ms=analysis_due_ms)
        else:
            self.analysed(known_analysis(self.call, self.recovery.analysis_plan))

    def analysed(self, analysis: CallAnalysis, report: AnalysisReport | None = None) -> None:
        """Note the analysis of a call that is over; owes call_analyzed. report: None where no model was asked."""
        self._change(call_analysis=analysis, analysis_report=report)
        self._owe(WebhookEventName.CALL_ANALYZED)

    def _content_to_store(self) -> Mapping[str, Any]:
        content = self.content
        stored = self._stored or stored_content(content, self.recovery.pii_categories)
        wanted = {**{key: getattr(content, key) for key in TRANSCRIPTS}, **stored.changes}
        return {key: value for key, value in wanted.items() if value is not getattr(self.call, key)}

    def _change(self, **changes: Any) -> None:
        self.call = self.call.model_copy(update=changes)

    def _owe(self, name: WebhookEventName, beside_call: TransferFacts | None = None) -> None:
        plan, url = self.recovery.webhook_plan, self._receiver(name)
        if beside_call or name is WebhookEventName.TRANSFER_ENDED:
            told = beside_call.as_json() if beside_call else None
            self._log.add("transfer", told, step=name.value.removeprefix("transfer_"))
        if url is None:
            return
        # Beside the setting of today, which webhooks tell in its older words too.
        call = {**self.call.as_json(), "opt_out_sensitive_data_storage": not self._keeps_transcript}
        beside = beside_call.as_json() if beside_call else {}
        if name is WebhookEventName.TRANSCRIPT_UPDATED:
            # Where it belongs is not documented.
            beside = {_WITH_TOOL_CALLS: call.setdefault(_WITH_TOOL_CALLS, [])}
        body = {"event": name.value, "call": call, **beside}
        self.owed.append(
            WebhookEvent(
                call_id=self.call.call_id,
                event=name,
                url=render_url(url, self.variables(self.call.end_timestamp or self.call.start_timestamp)),
                body=compact_json(body),
                timeout_ms=plan.timeout_ms if plan else DEFAULT_TIMEOUT_MS,
            )
        )
        self._log.add("webhook", webhook=name.value, outcome="queued")

    def will_tell(self, name: WebhookEventName) -> bool:
        """Whether a webhook is owed, once this happens: there is a receiver, and it wants to know."""
        return self._receiver(name) is not None

    def _receiver(self, name: WebhookEventName) -> str | None:
        plan = self.recovery.webhook_plan
        url = (plan.url if plan else None) or self._account_webhook_url
        return url if name.value in (plan.events if plan else DEFAULT_WEBHOOK_EVENTS) else None


def _keeps_content(call: Call) -> bool:
    """Whether a call's public log may hold what was said; numbers and names are not looked for in it."""
    return call.data_storage_setting in (None, "everything")


def _given(call: Call) -> Mapping[str, object] | None:
    """Return what was given to a call as it began: content, in the sense of its public log."""
    given = {
        "metadata": call.metadata,
        "dynamic_variables": call.retell_llm_dynamic_variables,
        "custom_sip_headers": call.custom_sip_headers,
    }
    return {name: value for name, value in given.items() if value} or None


def _facts(call: Call, event: LogEvent) -> Mapping[str, Any]:
    """Return the attributes of a call that are facts of an event of its public log."""
    return {name: value for name in EVENTS[event] if (value := getattr(call, name, None)) is not None}


def is_bridged(call: Call) -> bool:
    """Whether a call that has not ended is one whose caller and transfer target talk with each other, without us."""
    return call.transfer_destination is not None and call.transfer_end_timestamp is None


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
    agent_tag: str | None = None,
) -> Call:
    """The call object of a call whose agent is chosen and that still rings. What is empty is left out."""
    optional: dict[str, Any] = {
        "agent_name": agent.agent_name,
        "agent_tag": agent_tag,
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
        signed_url_expiration_ms=agent.own_signed_url_expiration_ms,
        **{name: value for name, value in optional.items() if value},
    )


def turned_away_call(*, call_id: str, agent_id: str, from_number: str, to_number: str) -> Call:
    """Return the call object of an inbound call that failed before an agent was chosen."""
    return Call(
        call_id=call_id,
        agent_id=agent_id,
        call_status=CallStatus.REGISTERED,
        direction=CallDirection.INBOUND,
        from_number=from_number,
        to_number=to_number,
    )


def is_worth_reading(call: Call) -> bool:
    """Whether a model is to read the call: something was said, and what is said may be stored."""
    return call.keeps_words and any(said.content.strip() for said in call.transcript_object or ())


def known_analysis(call: Call, plan: AnalysisPlan | None) -> CallAnalysis:
    """Return what can be said of a call that is over without reading it. plan: of its agent, if there is one."""
    machine = plan is not None and plan.in_voicemail
    return CallAnalysis(
        in_voicemail=machine or call.disconnection_reason is DisconnectionReason.VOICEMAIL_REACHED,
        user_sentiment="Unknown",
        call_successful=call.duration_ms is not None and call.call_status is CallStatus.ENDED,
    )
