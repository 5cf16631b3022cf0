"""What an agent's settings mean for listening, turns and speaking. Pure.

Source: Retell, Create Agent (2026-08). Of several languages the first one counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ari_agent.contract.agent import Agent, AgentSettings
from ari_agent.contract.agent_options import UserDtmfOptions
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.errors import AgentNotUsable
from ari_agent.speech.pronunciation import Pronunciation
from ari_agent.speech.recognizer import ListeningOptions
from ari_agent.speech.synthesizer import Voice
from ari_agent.speech.turn_settings import TurnSettings
from ari_agent.speech.voices import Voices


class UnknownVoice(AgentNotUsable):
    """Raised when no voice of a text agent is one that is set up here. why: which voice, and what would be right."""

    disconnection_reason = DisconnectionReason.ERROR_RETELL

    def __init__(self, why: str) -> None:
        super().__init__(f"{why}; or set ARI_AGENT_FALLBACK_VOICE, which speaks for agents with voices from elsewhere")
        self.why = why


class UnknownPronunciation(AgentNotUsable):
    """Raised when the voice of a text agent cannot pronounce words as its dictionary says. The message says why."""

    disconnection_reason = DisconnectionReason.ERROR_RETELL


@dataclass(frozen=True, slots=True)
class DialogueSettings:
    """How an agent takes its turns.

    turns: how it listens. dtmf: what makes keys an entry. allow_dtmf_interruption: a key cuts the agent off, whatever
    the sensitivity to voices. normalized_for: the language in which numbers are spoken as words; see Sentence.
    """

    turns: TurnSettings = field(default_factory=TurnSettings)
    dtmf: UserDtmfOptions | None = None
    allow_dtmf_interruption: bool = False
    normalized_for: str | None = None


def _language(agent: AgentSettings) -> str:
    return agent.language if isinstance(agent.language, str) else agent.language[0]


def normalized_for(agent: Agent) -> str | None:
    """Return the language in which numbers in this agent's text are spoken as words; None: its text is not changed."""
    return _language(agent) if agent.normalize_for_speech else None


def dialogue_settings(agent: Agent) -> DialogueSettings:
    """Read from an agent's settings how it takes its turns and what it makes of keys."""
    return DialogueSettings(
        turns=TurnSettings(
            responsiveness=agent.responsiveness,
            interruption_sensitivity=agent.interruption_sensitivity,
            reminder_trigger_ms=agent.reminder_trigger_ms,
            reminder_max_count=agent.reminder_max_count,
            begin_message_delay_ms=agent.begin_message_delay_ms,
            language=_language(agent),
        ),
        dtmf=agent.user_dtmf_options,
        allow_dtmf_interruption=agent.allow_dtmf_interruption,
        normalized_for=normalized_for(agent),
    )


def listening_options(agent: Agent, call_id: str) -> ListeningOptions:
    """Return what the recognizer needs to know to understand the callers of this agent."""
    custom = agent.custom_stt_config if agent.stt_mode == "custom" else None
    return ListeningOptions(
        call_id=call_id,
        language=_language(agent),
        keywords=tuple(agent.boosted_keywords or ()),
        endpointing_ms=custom.endpointing_ms if custom else None,
    )


def voice(agent: AgentSettings, *, fallback: str | None = None) -> Voice:
    """Return the voice that speaks for this agent, with its speed, volume and fallback voices.

    fallback: speaks where all voices of the agent are refused; None: nobody does.
    """
    return Voice(
        voice_id=agent.voice_id,
        language=_language(agent),
        speed=agent.voice_speed,
        volume=agent.volume,
        model=agent.voice_model,
        temperature=agent.voice_temperature,
        fallback_voice_ids=(*(agent.fallback_voice_ids or ()), *filter(None, [fallback])),
        pronunciations=tuple(
            Pronunciation(entry.word, entry.alphabet, entry.phoneme) for entry in agent.pronunciation_dictionary or ()
        ),
    )


def check_voice(voices: Voices, agent: AgentSettings) -> None:
    """Refuse an agent that cannot speak with these voices as its settings say.

    Raises:
        UnknownVoice: none of its voices is one of these.
        UnknownPronunciation: its dictionary has what they cannot pronounce.
    """
    if refusal := voices.refusal((agent.voice_id, *(agent.fallback_voice_ids or ()))):
        raise UnknownVoice(refusal)
    if refusal := voices.pronunciation_refusal(voice(agent)):
        raise UnknownPronunciation(refusal)
