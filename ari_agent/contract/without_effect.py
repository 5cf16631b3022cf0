"""Settings of agents that are kept and have no effect: which, for which agents, and what is said of each. Pure.

A client may set everything that Retell's API has, and reads back what it set. So that nobody believes in what does not
work yet, a request that sets one of these to something other than its default is answered with its name, in a header
(api/without_effect.py), and logged. A setting that begins to work leaves WITHOUT_EFFECT; its test fails until then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from pydantic import BaseModel

from ari_agent.contract.agent_override import AgentOverride
from ari_agent.contract.chat_agent import AnyAgent, ChatAgent
from ari_agent.contract.response_engine import AudioWebsocketEngine, ResponseEngine


class AgentKind(Enum):
    """What an agent hears and says: audio on its own websocket; text, spoken here; or text messages."""

    AUDIO = auto()
    TEXT = auto()
    CHAT = auto()


_EVERY_KIND: Final = frozenset(AgentKind)


@dataclass(frozen=True, slots=True)
class WithoutEffect:
    """One setting that changes nothing.

    name: of the setting; a dotted one is inside an object. why: for people. kinds: the agents for which it changes
    nothing. values: only these have no effect; None: no value has one.
    """

    name: str
    why: str
    kinds: frozenset[AgentKind] = _EVERY_KIND
    values: frozenset[str] | None = None


UNRECOGNISED: Final = frozenset({"password", "pin", "date_of_birth", "customer_account_number"})
"""The categories of a pii_config that nothing finds."""
_NO_BACKCHANNEL: Final = "the agent says nothing while the caller speaks"
_NO_DENOISING: Final = "the caller's audio is passed on as it is"
_NO_EXPRESSION: Final = "no expressive mode is asked of the voice"
_NO_SESSION_TOOLS: Final = "nothing runs before or after a conversation"
_NO_SPEECH: Final = "there is no speech here that it could apply to"
_OWN_SPEECH: Final = "an audio agent listens and speaks itself"

_AUDIO: Final = frozenset({AgentKind.AUDIO})
_CHAT: Final = frozenset({AgentKind.CHAT})

WITHOUT_EFFECT: Final[Sequence[WithoutEffect]] = (
    WithoutEffect("language", _NO_SPEECH, kinds=_AUDIO | _CHAT),
    WithoutEffect("pii_config.categories", "personal data of these categories is not recognised", values=UNRECOGNISED),
    WithoutEffect("opt_in_signed_url", "chats leave no recordings and logs", kinds=_CHAT),
    WithoutEffect("signed_url_expiration_ms", "chats leave no recordings and logs", kinds=_CHAT),
    WithoutEffect("guardrail_config", "topics are not checked"),
    WithoutEffect("handbook_config", "the agent's own server decides how it behaves"),
    WithoutEffect("contact_memory_config", "there are no contacts"),
    WithoutEffect("pre_session_tools", _NO_SESSION_TOOLS),
    WithoutEffect("post_session_tools", _NO_SESSION_TOOLS),
    WithoutEffect("is_transfer_agent", "any audio agent may be the transfer agent of an agentic_warm transfer"),
    WithoutEffect("voice_id", _OWN_SPEECH, kinds=_AUDIO),
    WithoutEffect("voice_model", _OWN_SPEECH, kinds=_AUDIO),
    WithoutEffect("fallback_voice_ids", _OWN_SPEECH, kinds=_AUDIO),
    WithoutEffect("voice_temperature", _OWN_SPEECH, kinds=_AUDIO),
    WithoutEffect("voice_speed", _OWN_SPEECH, kinds=_AUDIO),
    WithoutEffect("volume", _OWN_SPEECH, kinds=_AUDIO),
    WithoutEffect("enable_dynamic_voice_speed", "the voice does not follow the caller's speed"),
    WithoutEffect("enable_dynamic_responsiveness", "responsiveness does not follow the caller"),
    WithoutEffect("enable_expressive_mode", _NO_EXPRESSION),
    WithoutEffect("expressive_mode_prompt", _NO_EXPRESSION),
    WithoutEffect("expressive_emotion_tags", _NO_EXPRESSION),
    WithoutEffect("pronunciation_dictionary", _OWN_SPEECH, kinds=_AUDIO),
    WithoutEffect("normalize_for_speech", _OWN_SPEECH, kinds=_AUDIO),
    WithoutEffect("responsiveness", _OWN_SPEECH, kinds=_AUDIO),
    WithoutEffect("interruption_sensitivity", _OWN_SPEECH, kinds=_AUDIO),
    WithoutEffect("enable_backchannel", _NO_BACKCHANNEL),
    WithoutEffect("backchannel_frequency", _NO_BACKCHANNEL),
    WithoutEffect("backchannel_words", _NO_BACKCHANNEL),
    WithoutEffect("reminder_trigger_ms", _OWN_SPEECH, kinds=_AUDIO),
    WithoutEffect("reminder_max_count", _OWN_SPEECH, kinds=_AUDIO),
    WithoutEffect("begin_message_delay_ms", _OWN_SPEECH, kinds=_AUDIO),
    WithoutEffect("stt_mode", "speech is recognised in one way only", values=frozenset({"accurate"})),
    WithoutEffect("custom_stt_config.provider", "ARI_AGENT_SPEECH_TO_TEXT names the provider"),
    WithoutEffect("custom_stt_config.endpointing_ms", _OWN_SPEECH, kinds=_AUDIO),
    WithoutEffect("vocab_specialization", "there is one vocabulary"),
    WithoutEffect("boosted_keywords", _OWN_SPEECH, kinds=_AUDIO),
    WithoutEffect("denoising_mode", _NO_DENOISING),
    WithoutEffect("denoising_enhancement_level", _NO_DENOISING),
    WithoutEffect(
        "voicemail_option.action.type", "there is no transfer to connect", values=frozenset({"bridge_transfer"})
    ),
    WithoutEffect("voicemail_option.detection_prompt", "machines are detected by their sound, without a model"),
    WithoutEffect("voicemail_detection_timeout_ms", "machines are recognised during the first 3 minutes of a call"),
    WithoutEffect("ivr_option", "phone menus are not detected"),
    WithoutEffect("call_screening_option", "call screens are not detected"),
    WithoutEffect("allow_dtmf_interruption", _OWN_SPEECH, kinds=_AUDIO),
    WithoutEffect("user_dtmf_options.digit_limit", _OWN_SPEECH, kinds=_AUDIO),
    WithoutEffect("user_dtmf_options.termination_key", _OWN_SPEECH, kinds=_AUDIO),
    WithoutEffect("user_dtmf_options.timeout_ms", _OWN_SPEECH, kinds=_AUDIO),
    WithoutEffect("enable_dnc_detection", "there is no list of people who are not to be called"),
)

REFUSED: Final[Sequence[WithoutEffect]] = (
    WithoutEffect(
        "enable_backchannel",
        "nothing is said here while the caller speaks: set it to false, or leave it out",
        kinds=frozenset({AgentKind.TEXT}),
    ),
    WithoutEffect(
        "denoising_mode",
        "the voices of others are not taken out of the caller's audio here: set it to noise-cancellation or "
        "no-denoise, which both leave the audio as it is",
        kinds=frozenset({AgentKind.TEXT}),
        values=frozenset({"noise-and-background-speech-cancellation"}),
    ),
)
"""What is refused when an agent that we speak for is saved: its callers would hear that it is missing."""

_NOT_OVERRIDDEN: Final[Mapping[str, str]] = {"dial_policy": "whom an agent may dial is the same in every call"}
"""The settings of an agent that have an effect, but not in an override."""


def kind_of_agent(agent: AnyAgent) -> AgentKind:
    """Return which kind of agent this is, on which it depends which of its settings have an effect."""
    return AgentKind.CHAT if isinstance(agent, ChatAgent) else kind_of_engine(agent.response_engine)


def kind_of_engine(engine: ResponseEngine) -> AgentKind:
    """Return which kind of agent for calls has this engine."""
    return AgentKind.AUDIO if isinstance(engine, AudioWebsocketEngine) else AgentKind.TEXT


def without_effect(settings: BaseModel, kind: AgentKind | None) -> Mapping[str, str]:
    """The settings that were given a value other than the default and have no effect, each with the reason.

    settings: a request to create or update an agent. kind: of the agent; None: unknown, and then only what has no
    effect for any agent is found.
    """
    return _found(WITHOUT_EFFECT, settings, _EVERY_KIND if kind is None else {kind})


def every_reason(settings: BaseModel, kind: AgentKind) -> Mapping[str, Sequence[tuple[str, str]]]:
    """The settings that have no effect for agents of this kind, whether they were given or not.

    By the setting's name: each part of it without effect, by its dotted name, and the reason. A setting of which only
    some values have no effect is there if it has one of them.
    """
    given = _found(WITHOUT_EFFECT, settings, {kind})
    found: dict[str, list[tuple[str, str]]] = {}
    for entry in WITHOUT_EFFECT:
        name = entry.name.partition(".")[0]
        if (
            kind in entry.kinds
            and name in type(settings).model_fields
            and (entry.values is None or entry.name in given)
        ):
            found.setdefault(name, []).append((entry.name, entry.why))
    return found


def refused(settings: BaseModel, kind: AgentKind) -> Mapping[str, str]:
    """The settings of a request to create or update an agent of this kind that are refused, each with the reason."""
    return _found(REFUSED, settings, {kind})


def override_without_effect(override: AgentOverride | None) -> Mapping[str, str]:
    """The agent's settings in an override that have no effect, each with the reason."""
    if override is None or override.agent is None:
        return {}
    found = {name: why for name, why in _NOT_OVERRIDDEN.items() if name in override.agent.model_fields_set}
    engine = override.agent.response_engine
    return {**without_effect(override.agent, kind_of_engine(engine) if engine else None), **found}


def _found(entries: Sequence[WithoutEffect], settings: BaseModel, kinds: Set[AgentKind]) -> Mapping[str, str]:
    """The entries that were given a value other than the default, of those that hold for all these kinds of agents."""
    return {
        entry.name: entry.why
        for entry in entries
        if entry.kinds.issuperset(kinds)
        and any(_is_one_of(entry.values, value) for value in _given(settings, entry.name.split(".")))
    }


def in_words(found: Mapping[str, str]) -> str:
    """For a log line: every setting with its reason."""
    return "; ".join(f"{name}: {why}" for name, why in found.items())


def _is_one_of(values: frozenset[str] | None, value: Any) -> bool:
    """Whether it is one of these, or holds one of them. values: None stands for any."""
    return values is None or not values.isdisjoint(value if isinstance(value, tuple) else (value,))


def _given(settings: BaseModel, path: list[str]) -> Iterator[Any]:
    """The value at this path if it was given and is not the default; nothing else."""
    name, *rest = path
    if name not in settings.model_fields_set:
        return
    value = getattr(settings, name)
    if rest:
        if isinstance(value, BaseModel):
            yield from _given(value, rest)
    elif value != type(settings).model_fields[name].default:
        yield value
