"""An agent: what talks to the caller, and how (Retell, Create Agent, 2026-08, with older keys that clients still send).

AgentSettings         every setting, each with its default
├── AgentCreate       POST /create-agent: response_engine required
├── AgentUpdate       PATCH /update-agent: what is given changes, what is not stays (`changes()`)
└── Agent             what the API answers: with id, version and times
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import Field, model_validator

from ari_agent.contract.agent_base import AgentIdentity, CommonSettings, EngineUpdate
from ari_agent.contract.agent_options import (
    CallScreeningOption,
    CustomSttConfig,
    IvrOption,
    PostCallAnalysis,
    PronunciationEntry,
    UserDtmfOptions,
    VoicemailOption,
)
from ari_agent.contract.parsing.model import (
    INTEGRAL,
    Count,
    DataStorageSetting,
    Flag,
    Fraction,
    Identifier,
    Many,
    Strings,
    UpToTwo,
)
from ari_agent.contract.recording import BeepInterval, Recording, RecordingConsent
from ari_agent.contract.response_engine import (
    AUTH_TOKEN,
    AudioWebsocketEngine,
    ConversationFlowEngine,
    CustomLlmEngine,
    ResponseEngine,
    RetellLlmEngine,
    with_token,
)

__all__ = [
    "Agent",
    "AgentCreate",
    "AgentSettings",
    "AgentUpdate",
    "AudioWebsocketEngine",
    "ConversationFlowEngine",
    "CustomLlmEngine",
    "ResponseEngine",
    "RetellLlmEngine",
]

AgentWebhookEvent = Literal[
    "call_started",
    "call_ended",
    "call_analyzed",
    "transcript_updated",
    "transfer_started",
    "transfer_bridged",
    "transfer_cancelled",
    "transfer_ended",
]
DEFAULT_WEBHOOK_EVENTS: Final[tuple[AgentWebhookEvent, ...]] = ("call_started", "call_ended", "call_analyzed")
"""The events of an agent whose `webhook_events` is null or left out."""


class AgentSettings(CommonSettings):
    """All settings of an agent for calls, each with its default.

    Times are in milliseconds. A volume of 1 leaves audio unchanged. A sensitivity of 0 means never, 1 means at once.
    """

    voice_id: Identifier | None = Field(
        default=None, description="Required, except for an audio-websocket agent: that one brings its own voice."
    )
    voice_model: Identifier | None = Field(default=None, description="The model of the voice's provider that speaks.")
    fallback_voice_ids: Strings | None = Field(
        default=None, description="Voices that speak where voice_id cannot, in this order."
    )
    voice_temperature: UpToTwo = Field(default=1.0, description="How much the voice varies.")
    voice_speed: Annotated[float, Field(strict=True, ge=0.5, le=2)] = Field(
        default=1.0, description="How fast the voice speaks; 1 is as it was made."
    )
    volume: UpToTwo = Field(default=1.0, description="How loud the agent is; 1 leaves its audio as it is.")
    enable_dynamic_voice_speed: Flag = Field(default=False, description="The voice follows the caller's speed.")
    enable_dynamic_responsiveness: Flag = Field(
        default=False, description="The time until an answer follows the caller's pace."
    )
    enable_expressive_mode: Flag = Field(default=False, description="The voice expresses emotions.")
    expressive_mode_prompt: str | None = Field(default=None, description="Which emotions are expressed, and when.")
    expressive_emotion_tags: Strings | None = Field(default=None, description="The emotions that may be expressed.")
    pronunciation_dictionary: Many[PronunciationEntry] | None = Field(
        default=None, description="How single words are pronounced."
    )
    normalize_for_speech: Flag = Field(
        default=False, description="Numbers, dates and the like are written out before they are spoken."
    )

    responsiveness: Fraction = Field(
        default=1.0, description="How soon the agent answers after the caller has stopped; less waits longer."
    )
    interruption_sensitivity: Fraction = Field(
        default=1.0, description="How readily the agent stops when the caller speaks; 0 never."
    )
    enable_backchannel: Flag = Field(
        default=False, description='The agent says "yeah" or "uh-huh" while the caller speaks.'
    )
    backchannel_frequency: Fraction = Field(default=0.8, description="How often it does.")
    backchannel_words: Strings | None = Field(default=None, description="What it says then.")
    reminder_trigger_ms: Annotated[float, Field(strict=True, gt=0)] = Field(
        default=10_000, description="How long both are silent before the agent asks whether the caller is still there."
    )
    reminder_max_count: Count = Field(default=1, description="How often it asks; 0 never.")
    ambient_sound: (
        Literal["coffee-shop", "convention-hall", "summer-outdoor", "mountain-outdoor", "static-noise", "call-center"]
        | None
    ) = Field(default=None, description="The sound behind the agent's voice; null: none.")
    ambient_sound_volume: UpToTwo = Field(default=1.0, description="How loud that sound is.")
    begin_message_delay_ms: Annotated[int, Field(strict=True, ge=0, le=5000), INTEGRAL] = Field(
        default=0, description="How long the agent waits before its first words."
    )

    stt_mode: Literal["fast", "accurate", "custom"] = Field(
        default="fast", description="Whether speech is recognised fast, accurately, or as custom_stt_config says."
    )
    custom_stt_config: CustomSttConfig | None = Field(
        default=None, description="Which provider recognises speech, and how long a pause ends a turn."
    )
    vocab_specialization: Literal["general", "medical"] = Field(
        default="general", description="The field whose words are recognised better."
    )
    boosted_keywords: Strings | None = Field(
        default=None, description="Words and names that are to be recognised, if in doubt."
    )
    denoising_mode: Literal["no-denoise", "noise-cancellation", "noise-and-background-speech-cancellation"] = Field(
        default="noise-cancellation", description="What is taken out of the caller's audio."
    )
    denoising_enhancement_level: Fraction | None = Field(default=0.8, description="How much of it is taken out.")

    end_call_after_silence_ms: Annotated[int, Field(strict=True, ge=10_000, le=2**31 - 1), INTEGRAL] = Field(
        default=600_000, description="How long nobody may speak before the call is ended."
    )
    max_call_duration_ms: Annotated[int, Field(strict=True, ge=60_000, le=7_200_000), INTEGRAL] = Field(
        default=3_600_000, description="How long a call may last."
    )
    ring_duration_ms: Annotated[int, Field(strict=True, ge=5000, le=300_000), INTEGRAL] = Field(
        default=30_000, description="How long an outbound call rings before it counts as not answered."
    )
    voicemail_option: VoicemailOption | None = Field(
        default=None, description="What the agent does when a voicemail box answers; null: it talks on."
    )
    voicemail_detection_timeout_ms: Annotated[int, Field(strict=True, ge=5000, le=180_000), INTEGRAL] = Field(
        default=30_000, description="How long a voicemail box is looked for."
    )
    ivr_option: IvrOption | None = Field(default=None, description="What the agent does when a phone menu answers.")
    call_screening_option: CallScreeningOption | None = Field(
        default=None, description="What the agent says to a call screen."
    )
    allow_user_dtmf: Flag = Field(default=True, description="The agent is told of the keys that the caller presses.")
    allow_dtmf_interruption: Flag = Field(default=False, description="A key stops what the agent says.")
    user_dtmf_options: UserDtmfOptions | None = Field(
        default=None, description="How many keys belong together, and which one ends them."
    )
    enable_dnc_detection: Flag = Field(default=False, description="A caller's wish not to be called again is found.")

    webhook_events: Many[AgentWebhookEvent] | None = Field(
        default=DEFAULT_WEBHOOK_EVENTS,
        description="Which events are sent; null: those that begin, end and analyse a conversation.",
    )

    recording: Recording | None = Field(
        default=None, description="Whether calls are recorded; null: as ARI_AGENT_RECORDING says."
    )
    recording_beep_s: BeepInterval | None = Field(
        default=None,
        description="Seconds between tones that say that a call is recorded; null: as ARI_AGENT_RECORDING_BEEP_S says.",
    )
    recording_consent: RecordingConsent | None = Field(
        default=None, description="What callers hear of the recording, and what they must do to agree."
    )
    data_storage_setting: DataStorageSetting = Field(
        default="everything", description="How much of a conversation is kept."
    )
    post_call_analysis_data: Many[PostCallAnalysis] | None = Field(
        default=None, description="What a model is asked about each call once it is over."
    )
    post_call_analysis_model: Identifier | None = Field(default=None, description="The model that is asked.")

    OLDER_KEYS: ClassVar[frozenset[str]] = frozenset(
        {
            "llm_websocket_url",
            "opt_out_sensitive_data_storage",
            "optOutSensitiveDataStorage",
            "enable_voicemail_detection",
            "voicemail_message",
        }
    )

    @model_validator(mode="before")
    @classmethod
    def _convert_older_keys(cls, given: Any) -> Any:
        return _converted(given) if isinstance(given, dict) else given


class _WholeAgent(AgentSettings):
    """Settings of a whole agent, checked against one another; an update of an agent is checked once it is applied."""

    response_engine: ResponseEngine
    is_transfer_agent: Flag = Field(default=False, description="It takes part in agentic warm transfers alone.")

    @model_validator(mode="after")
    def _check_settings_together(self) -> Self:
        if self.voice_id is None and not isinstance(self.response_engine, AudioWebsocketEngine):
            raise ValueError(
                f"voice_id is required for a response_engine of type {self.response_engine.type}; "
                "only audio-websocket agents have a voice of their own"
            )
        if self.stt_mode == "custom" and self.custom_stt_config is None:
            raise ValueError("custom_stt_config is required when stt_mode is custom")
        if self.is_transfer_agent and isinstance(self.response_engine, CustomLlmEngine):
            raise ValueError("is_transfer_agent must be false for a custom-llm agent")
        return self

    def changes(self) -> dict[str, Any]:
        """See ContractModel; with the engine's auth token."""
        return with_token(super().changes(), self.response_engine)


class AgentCreate(_WholeAgent):
    """Body of POST /create-agent."""

    def agent(self, *, agent_id: str, now_ms: int, version: int = 0) -> Agent:
        """Make a new agent with these settings. now_ms: the time, in milliseconds since 1970."""
        return Agent.model_validate(
            {**self.changes(), "agent_id": agent_id, "version": version, "last_modification_timestamp": now_ms}
        )


class AgentUpdate(EngineUpdate, AgentSettings):
    """Body of PATCH /update-agent.

    Read `changes()` only: an attribute that was not given has a default here, and the agent keeps its own value.
    """

    def apply(self, agent: Agent, *, now_ms: int) -> Agent:
        """Return a copy of the agent with these changes. now_ms: the time, in milliseconds since 1970.

        A new response_engine that says nothing of an auth token keeps the one that the agent has; null removes it.

        Raises:
            pydantic.ValidationError: with the changes, the settings contradict one another.
        """
        changed = {**agent.changes(), **self.changes(), "last_modification_timestamp": now_ms}
        engine = self.response_engine
        if isinstance(engine, AudioWebsocketEngine) and AUTH_TOKEN not in engine.model_fields_set:
            changed = with_token(changed, agent.response_engine)
        return Agent.model_validate(changed)

    def changes(self) -> dict[str, Any]:
        """See ContractModel; with the engine's auth token."""
        return with_token(super().changes(), self.response_engine)


class Agent(AgentIdentity, _WholeAgent):
    """An agent for calls, as the API answers it and the database stores it."""

    @property
    def own_signed_url_expiration_ms(self) -> int | None:
        """How long links to files of this agent's calls are good, if it was set and they expire; else None."""
        is_own = self.opt_in_signed_url and "signed_url_expiration_ms" in self.model_fields_set
        return self.signed_url_expiration_ms if is_own else None


def _converted(given: dict[Any, Any]) -> dict[Any, Any]:
    """The settings with the keys of older clients translated to today's; where both are given, today's key wins."""
    settings = dict(given)
    url = settings.pop("llm_websocket_url", None)
    if url is not None:
        settings.setdefault("response_engine", {"type": "custom-llm", "llm_websocket_url": url})
    for key in ("opt_out_sensitive_data_storage", "optOutSensitiveDataStorage"):
        if settings.pop(key, None) is True:
            settings.setdefault("data_storage_setting", "basic_attributes_only")
    if settings.pop("enable_voicemail_detection", None) is True:
        message = settings.pop("voicemail_message", None)
        action = {"type": "static_text", "text": message} if message else {"type": "hangup"}
        settings.setdefault("voicemail_option", {"action": action})
    return settings
