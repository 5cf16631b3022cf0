"""The objects inside an agent: voicemail, DTMF, analysis, pronunciation and so on (Retell, Create Agent, 2026-08)."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field, model_validator

from ari_agent.contract.parsing.model import INTEGRAL, ContractModel, Flag, Identifier, Many, Strings

ToolName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class PronunciationEntry(ContractModel):
    """How the agent pronounces one word: its `phoneme` in this phonetic alphabet."""

    word: str
    alphabet: Literal["ipa", "cmu", "pinyin", "jyutping"]
    phoneme: str


class VoicemailPrompt(ContractModel):
    """Leave a message that is generated from the prompt in `text`."""

    type: Literal["prompt"]
    text: str


class VoicemailStaticText(ContractModel):
    """Leave `text` as the message."""

    type: Literal["static_text"]
    text: str


class VoicemailHangup(ContractModel):
    """End the call at once, without a message."""

    type: Literal["hangup"]


class VoicemailBridgeTransfer(ContractModel):
    """Complete the transfer although voicemail answered (for transfer agents)."""

    type: Literal["bridge_transfer"]


VoicemailAction = Annotated[
    VoicemailPrompt | VoicemailStaticText | VoicemailHangup | VoicemailBridgeTransfer, Field(discriminator="type")
]


class VoicemailOption(ContractModel):
    """What the agent does when voicemail answers within the first 3 minutes of a call."""

    action: VoicemailAction
    detection_prompt: Annotated[str, Field(max_length=2000)] | None = None


class IvrAction(ContractModel):
    """End the call, which is the only action for a phone menu."""

    type: Literal["hangup"]


class IvrOption(ContractModel):
    """What the agent does when a phone menu (IVR) answers within the first 3 minutes of a call."""

    action: IvrAction
    detection_prompt: Annotated[str, Field(max_length=2000)] | None = None


class CallScreeningOption(ContractModel):
    """What the agent answers when a call screener asks who is calling and why."""

    agent_identity: str
    call_purpose: str


class UserDtmfOptions(ContractModel):
    """When the digits that a caller enters are complete: as soon as one of these conditions holds."""

    digit_limit: Annotated[int, Field(strict=True, ge=1, le=50), INTEGRAL] | None = None
    termination_key: Annotated[str, Field(pattern=r"^[0-9#*]$")] | None = None
    timeout_ms: Annotated[int, Field(strict=True, ge=1000, le=15000), INTEGRAL] | None = None


_SHORTEST_ENDPOINTING_MS: Final = {"azure": 100, "deepgram": 10, "soniox": 500, "assemblyai": 100, "muse": 100}


class CustomSttConfig(ContractModel):
    """The speech-to-text provider of an agent whose stt_mode is `custom`; endpointing_ms is in milliseconds."""

    provider: Literal["azure", "deepgram", "soniox", "assemblyai", "muse"]
    endpointing_ms: Annotated[int, Field(strict=True, ge=0, le=60_000), INTEGRAL]

    @model_validator(mode="after")
    def _check_endpointing(self) -> CustomSttConfig:
        shortest = _SHORTEST_ENDPOINTING_MS[self.provider]
        if self.endpointing_ms < shortest:
            raise ValueError(f"endpointing_ms must be at least {shortest} for {self.provider}")
        return self


PiiCategory = Literal[
    "person_name",
    "address",
    "email",
    "phone_number",
    "ssn",
    "passport",
    "driver_license",
    "credit_card",
    "bank_account",
    "password",
    "pin",
    "medical_id",
    "date_of_birth",
    "customer_account_number",
]
"""A kind of personal data, by Retell's names."""


class PiiConfig(ContractModel):
    """Which personal data is removed from transcripts and recordings; with no categories nothing is removed."""

    mode: Literal["post_call"]
    categories: Many[PiiCategory]


class GuardrailConfig(ContractModel):
    """The topics that the agent refuses: of what users say (input) and of what it says itself (output)."""

    input_topics: Many[Literal["platform_integrity_jailbreaking"]] | None = None
    output_topics: (
        Many[
            Literal[
                "harassment",
                "self_harm",
                "sexual_exploitation",
                "violence",
                "defense_and_national_security",
                "illicit_and_harmful_activity",
                "gambling",
                "regulated_professional_advice",
                "child_safety_and_exploitation",
            ]
        ]
        | None
    ) = None


class HandbookConfig(ContractModel):
    """Presets of the agent's behaviour, each switched on by true."""

    ai_disclosure: Flag | None = None
    conversational_personality: Flag | None = None
    default_personality: Flag | None = None
    echo_verification: Flag | None = None
    high_empathy: Flag | None = None
    nato_phonetic_alphabet: Flag | None = None
    natural_filler_words: Flag | None = None
    scope_boundaries: Flag | None = None
    smart_matching: Flag | None = None
    speech_normalization: Flag | None = None


class ContactMemoryConfig(ContractModel):
    """Whether notes about a contact are read before the conversation and updated after it."""

    enable_read: Flag | None = None
    enable_update: Flag | None = None


class _AnalysisItem(ContractModel):
    name: Identifier
    description: str
    required: Flag | None = None
    conditional_prompt: str | None = None


class StringAnalysis(_AnalysisItem):
    """A text that post-call analysis extracts from the transcript."""

    type: Literal["string"]
    examples: Strings | None = None


class EnumAnalysis(_AnalysisItem):
    """One of `choices`, which post-call analysis selects from the transcript."""

    type: Literal["enum"]
    choices: Annotated[Many[str], Field(min_length=1)]


class BooleanAnalysis(_AnalysisItem):
    """A yes-or-no question that post-call analysis answers from the transcript."""

    type: Literal["boolean"]


class NumberAnalysis(_AnalysisItem):
    """A number that post-call analysis extracts from the transcript."""

    type: Literal["number"]


class PresetAnalysis(ContractModel):
    """A prompt that replaces the one of a built-in result of post-call analysis."""

    type: Literal["system-presets"]
    name: Literal["call_summary", "call_successful", "user_sentiment"]
    description: str | None = None
    required: Flag | None = None
    conditional_prompt: str | None = None


PostCallAnalysis = Annotated[
    StringAnalysis | EnumAnalysis | BooleanAnalysis | NumberAnalysis | PresetAnalysis, Field(discriminator="type")
]


class SessionTool(ContractModel):
    """A tool that runs before or after the conversation; keys that its type defines are stored as they came."""

    model_config = ConfigDict(extra="allow")

    type: Literal["custom", "code", "integration_app", "send_sms"]
    name: ToolName
