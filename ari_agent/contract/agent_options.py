"""The objects inside an agent: voicemail, DTMF, analysis, pronunciation and so on (Retell, Create Agent, 2026-08)."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field, model_validator

from ari_agent.contract.parsing.model import INTEGRAL, ContractModel, Flag, Identifier, Many, Strings

ToolName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class PronunciationEntry(ContractModel):
    """How one word is spoken."""

    word: str
    alphabet: Literal["ipa", "cmu", "pinyin", "jyutping"]
    phoneme: str


class VoicemailPrompt(ContractModel):
    """Say something generated from `text`."""

    type: Literal["prompt"]
    text: str


class VoicemailStaticText(ContractModel):
    """Say `text`."""

    type: Literal["static_text"]
    text: str


class VoicemailHangup(ContractModel):
    """End the call at once."""

    type: Literal["hangup"]


class VoicemailBridgeTransfer(ContractModel):
    """Connect the transfer all the same (transfer agents)."""

    type: Literal["bridge_transfer"]


VoicemailAction = Annotated[
    VoicemailPrompt | VoicemailStaticText | VoicemailHangup | VoicemailBridgeTransfer, Field(discriminator="type")
]


class VoicemailOption(ContractModel):
    """What to do when voicemail answers within the first 3 minutes."""

    action: VoicemailAction
    detection_prompt: Annotated[str, Field(max_length=2000)] | None = None


class IvrAction(ContractModel):
    """The only action there is: end the call."""

    type: Literal["hangup"]


class IvrOption(ContractModel):
    """What to do when a phone menu answers within the first 3 minutes."""

    action: IvrAction
    detection_prompt: Annotated[str, Field(max_length=2000)] | None = None


class CallScreeningOption(ContractModel):
    """What to answer when a call screen asks who is calling and why."""

    agent_identity: str
    call_purpose: str


class UserDtmfOptions(ContractModel):
    """When a caller's digits are complete: the first of these conditions wins."""

    digit_limit: Annotated[int, Field(strict=True, ge=1, le=50), INTEGRAL] | None = None
    termination_key: Annotated[str, Field(pattern=r"^[0-9#*]$")] | None = None
    timeout_ms: Annotated[int, Field(strict=True, ge=1000, le=15000), INTEGRAL] | None = None


_SHORTEST_ENDPOINTING_MS: Final = {"azure": 100, "deepgram": 10, "soniox": 500, "assemblyai": 100, "muse": 100}


class CustomSttConfig(ContractModel):
    """A named recogniser. Used when stt_mode is `custom`."""

    provider: Literal["azure", "deepgram", "soniox", "assemblyai", "muse"]
    endpointing_ms: Annotated[int, Field(strict=True, ge=0, le=60_000), INTEGRAL]

    @model_validator(mode="after")
    def _check_endpointing(self) -> CustomSttConfig:
        shortest = _SHORTEST_ENDPOINTING_MS[self.provider]
        if self.endpointing_ms < shortest:
            raise ValueError(f"endpointing_ms must be at least {shortest} for {self.provider}")
        return self


class PiiConfig(ContractModel):
    """What is scrubbed from transcripts and recordings; an empty list scrubs nothing."""

    mode: Literal["post_call"]
    categories: Many[
        Literal[
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
    ]


class GuardrailConfig(ContractModel):
    """Prohibited topics."""

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
    """Behaviour presets."""

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
    """Whether what is known of a caller is read before the conversation, and rewritten after it."""

    enable_read: Flag | None = None
    enable_update: Flag | None = None


class _AnalysisItem(ContractModel):
    name: Identifier
    description: str
    required: Flag | None = None
    conditional_prompt: str | None = None


class StringAnalysis(_AnalysisItem):
    """A text to extract."""

    type: Literal["string"]
    examples: Strings | None = None


class EnumAnalysis(_AnalysisItem):
    """One of `choices`."""

    type: Literal["enum"]
    choices: Annotated[Many[str], Field(min_length=1)]


class BooleanAnalysis(_AnalysisItem):
    """Yes or no."""

    type: Literal["boolean"]


class NumberAnalysis(_AnalysisItem):
    """A number to extract."""

    type: Literal["number"]


class PresetAnalysis(ContractModel):
    """Another prompt for one of the built-in results."""

    type: Literal["system-presets"]
    name: Literal["call_summary", "call_successful", "user_sentiment"]
    description: str | None = None
    required: Flag | None = None
    conditional_prompt: str | None = None


PostCallAnalysis = Annotated[
    StringAnalysis | EnumAnalysis | BooleanAnalysis | NumberAnalysis | PresetAnalysis, Field(discriminator="type")
]


class SessionTool(ContractModel):
    """A step that runs before or after the conversation. Its own settings are kept as they came."""

    model_config = ConfigDict(extra="allow")

    type: Literal["custom", "code", "integration_app", "send_sms"]
    name: ToolName
