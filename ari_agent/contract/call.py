"""The call object (Retell, Get Call, 2026-08)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ari_agent.contract.analysis_report import AnalysisReport
from ari_agent.contract.disconnection import CallStatus, DisconnectionReason
from ari_agent.contract.media_quality import MediaQuality
from ari_agent.contract.parsing.model import (
    AgentVersionNumber,
    ContractModel,
    Count,
    DataStorageSetting,
    Flag,
    Identifier,
    JsonObject,
    Many,
    Milliseconds,
    Number,
    StringMap,
    Strings,
    Timestamp,
)
from ari_agent.contract.sip_timeline import Hangup, SipEvent
from ari_agent.contract.transcript import TranscriptItem, Utterance

Sentiment = Literal["Negative", "Positive", "Neutral", "Unknown"]
"""The `user_sentiment` that analysis finds."""


class CallDirection(StrEnum):
    """The direction of a call or chat: `inbound` if the user began it, `outbound` if the agent did."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class LatencySeries(ContractModel):
    """Percentiles of a latency over the turns of a call, in milliseconds. num: how many values there are."""

    p50: Number | None = None
    p90: Number | None = None
    p95: Number | None = None
    p99: Number | None = None
    min: Number | None = None
    max: Number | None = None
    num: Number | None = None
    values: Many[Number] | None = None


class TurnDetectors(ContractModel):
    """How many turns of an audio agent each way of finding the end of the caller's speech has told.

    dismissed: what the level took for turns, and voice activity for noise, or for an interruption.
    """

    voice_activity: Number | None = None
    level: Number | None = None
    dismissed: Number | None = None


class Latency(ContractModel):
    """The latencies of a call, by part. e2e: from the end of the user's speech to the beginning of the agent's.

    queue: how long an answer that was there waited to be heard, apart from `tts`. e2e_detectors: of an audio agent,
    where the values of `e2e` are from.
    """

    e2e: LatencySeries | None = None
    asr: LatencySeries | None = None
    llm: LatencySeries | None = None
    llm_websocket_network_rtt: LatencySeries | None = None
    tts: LatencySeries | None = None
    knowledge_base: LatencySeries | None = None
    s2s: LatencySeries | None = None
    # no part of Retell's call object
    queue: LatencySeries | None = None
    e2e_detectors: TurnDetectors | None = None


class CallAnalysis(ContractModel):
    """The results of post-call analysis."""

    call_summary: str | None = None
    in_voicemail: Flag | None = None
    user_sentiment: Sentiment | None = None
    call_successful: Flag | None = None
    custom_analysis_data: JsonObject | None = None

    def without_words(self) -> CallAnalysis:
        """Return the same without what repeats the conversation: its verdicts are left."""
        return self.model_copy(update={"call_summary": None, "custom_analysis_data": None})


class ProductCost(ContractModel):
    """What one product contributes to the cost of a call or chat: cost in cents, unit_price in cents per second."""

    product: str
    cost: Number
    unit_price: Number | None = None
    is_transfer_leg_cost: Flag | None = None


class CallCost(ContractModel):
    """The cost of a call in cents, in all and by product."""

    combined_cost: Number
    product_costs: Many[ProductCost] = ()
    total_duration_seconds: Number
    total_duration_unit_price: Number


class LlmTokenUsage(ContractModel):
    """How many tokens each request to the language model used (`values`), and their average."""

    values: Many[Number]
    average: Number
    num_requests: Number


class TelephonyIdentifier(ContractModel):
    """The call's id at its carrier. sip_call_id: the Call-ID header (RFC 3261 section 20.8), for SIP traces."""

    twilio_call_sid: str | None = None
    sip_call_id: str | None = None


CustomAttributes = dict[str, Annotated[str, Field(strict=True)] | Flag | Number]
"""A client's own attributes of a call or chat, by name; each value is a string, a number or a boolean."""


class Call(ContractModel):
    """A phone or web call, as the API answers it and the database stores it.

    Timestamps are in milliseconds since 1970, costs in cents. A phone call needs its direction and both numbers.
    """

    call_id: Identifier
    call_type: Literal["phone_call", "web_call"] = "phone_call"
    agent_id: str
    agent_version: AgentVersionNumber = 0
    agent_name: str | None = None
    agent_tag: str | None = None
    batch_call_id: str | None = None
    call_status: CallStatus
    direction: CallDirection | None = None
    from_number: str | None = None
    to_number: str | None = None
    access_token: str | None = Field(default=None, repr=False)
    telephony_identifier: TelephonyIdentifier | None = None

    # These are set for calls that were registered with POST /register-call.
    audio_websocket_protocol: Literal["web", "twilio"] | None = None
    audio_encoding: Literal["s16le", "mulaw"] | None = None
    sample_rate: Count | None = None
    end_call_after_silence_ms: Milliseconds | None = None

    metadata: JsonObject | None = None
    retell_llm_dynamic_variables: StringMap | None = None
    collected_dynamic_variables: StringMap | None = None
    custom_sip_headers: StringMap | None = None
    custom_attributes: CustomAttributes | None = None
    data_storage_setting: DataStorageSetting | None = None
    opt_in_signed_url: Flag | None = None

    start_timestamp: Timestamp | None = None
    end_timestamp: Timestamp | None = None
    duration_ms: Milliseconds | None = None
    transfer_destination: str | None = None
    transfer_end_timestamp: Timestamp | None = None
    disconnection_reason: DisconnectionReason | None = None

    # These are no part of Retell's call object. faults: what went wrong, in sentences for people.
    # signed_url_expiration_ms: the agent's, where it has one of its own and its links expire.
    signed_url_expiration_ms: Milliseconds | None = None
    hangup: Hangup | None = None
    sip: Many[SipEvent] | None = None
    media_quality: MediaQuality | None = None
    faults: Strings | None = None
    analysis_report: AnalysisReport | None = None

    transcript: str | None = None
    transcript_object: Many[Utterance] | None = None
    transcript_with_tool_calls: Many[TranscriptItem] | None = None
    scrubbed_transcript_with_tool_calls: Many[TranscriptItem] | None = None
    pre_session_transcript_with_tool_calls: Many[TranscriptItem] | None = None
    post_session_transcript_with_tool_calls: Many[TranscriptItem] | None = None
    scrubbed_pre_session_transcript_with_tool_calls: Many[TranscriptItem] | None = None
    scrubbed_post_session_transcript_with_tool_calls: Many[TranscriptItem] | None = None

    recording_url: str | None = None
    recording_multi_channel_url: str | None = None
    scrubbed_recording_url: str | None = None
    scrubbed_recording_multi_channel_url: str | None = None
    public_log_url: str | None = None
    knowledge_base_retrieved_contents_url: str | None = None

    latency: Latency | None = None
    call_analysis: CallAnalysis | None = None
    call_cost: CallCost | None = None
    llm_token_usage: LlmTokenUsage | None = None

    @property
    def keeps_words(self) -> bool:
        """Whether what is said in the call may be stored."""
        return self.data_storage_setting != "basic_attributes_only"

    @model_validator(mode="after")
    def _check_phone_call(self) -> Self:
        if self.call_type == "phone_call":
            missing = [name for name in ("direction", "from_number", "to_number") if getattr(self, name) is None]
            if missing:
                raise ValueError(f"a phone_call needs {', '.join(missing)}")
        return self
