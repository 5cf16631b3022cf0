"""What is set without effect is named; no field of an agent is forgotten."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, get_args, get_origin

import pytest
from pydantic import BaseModel

from ari_agent.contract.agent import Agent, AgentCreate, AgentUpdate
from ari_agent.contract.agent_override import AgentOverride
from ari_agent.contract.chat_agent import ChatAgent, ChatAgentCreate, ChatAgentUpdate
from ari_agent.contract.without_effect import (
    WITHOUT_EFFECT,
    AgentKind,
    in_words,
    kind_of_agent,
    override_without_effect,
    without_effect,
)

AUDIO: Final = {"type": "audio-websocket", "audio_websocket_url": "wss://example.com/audio"}
TEXT: Final = {"type": "custom-llm", "llm_websocket_url": "wss://example.com/llm"}
FLOW: Final = {"type": "conversation-flow", "conversation_flow_id": "flow_1"}

EFFECTIVE: Final = frozenset(
    {
        "agent_id",
        "agent_name",
        "ambient_sound",
        "ambient_sound_volume",
        "allow_dtmf_interruption",
        "allow_user_dtmf",
        "assigned_tags",
        "auto_close_message",
        "base_version",
        "begin_message_delay_ms",
        "boosted_keywords",
        "custom_stt_config.endpointing_ms",
        "data_storage_retention_days",
        "data_storage_setting",
        "dial_policy.calls_per_day",
        "dial_policy.calls_per_minute",
        "dial_policy.cost_per_day_cents",
        "dial_policy.countries",
        "dial_policy.extensions",
        "dial_policy.headers",
        "dial_policy.number_types",
        "dial_policy.sip_domains",
        "dial_policy.transfers_per_call",
        "end_call_after_silence_ms",
        "end_chat_after_silence_ms",
        "fallback_voice_ids",
        "interruption_sensitivity",
        "is_published",
        "language",
        "last_modification_timestamp",
        "max_call_duration_ms",
        "normalize_for_speech",
        "post_call_analysis_data",
        "post_call_analysis_model",
        "post_chat_analysis_data",
        "post_chat_analysis_model",
        "opt_in_signed_url",
        "signed_url_expiration_ms",
        "pii_config.categories",
        "pii_config.mode",
        "pronunciation_dictionary",
        "recording",
        "recording_beep_s",
        "recording_consent.file",
        "recording_consent.text",
        "reminder_max_count",
        "reminder_trigger_ms",
        "response_engine.audio_encoding",
        "response_engine.audio_websocket_headers",
        "response_engine.audio_websocket_subprotocols",
        "response_engine.audio_websocket_auth_token",
        "response_engine.audio_websocket_protocol",
        "response_engine.audio_websocket_redial_ms",
        "response_engine.audio_websocket_url",
        "response_engine.conversation_flow_id",
        "response_engine.llm_id",
        "response_engine.llm_websocket_url",
        "response_engine.override",
        "response_engine.sample_rate",
        "response_engine.type",
        "response_engine.version",
        "responsiveness",
        "ring_duration_ms",
        "stt_mode",
        "timezone",
        "user_dtmf_options.digit_limit",
        "user_dtmf_options.termination_key",
        "user_dtmf_options.timeout_ms",
        "version",
        "version_description",
        "version_title",
        "voice_id",
        "voice_model",
        "voice_speed",
        "voice_temperature",
        "voicemail_option.action.text",
        "voicemail_option.action.type",
        "volume",
        "webhook_events",
        "webhook_timeout_ms",
        "webhook_url",
    }
)
"""Settings that some agent's calls or chats depend on, and what the API says of an agent beside its settings."""

NEVER: Final = {entry.name for entry in WITHOUT_EFFECT if entry.kinds == frozenset(AgentKind) and entry.values is None}
"""Settings of which no value has an effect for any agent."""


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    """The models that an annotation names, but for arrays of them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) not in (tuple, dict):
        arguments = get_args(annotation)
        for argument in arguments[:1] if get_origin(annotation) is Annotated else arguments:
            yield from _models(argument)


def _is_of_no_effect(model: type[BaseModel], name: str) -> bool:
    """A variant whose `type` is named as one without effect: its other fields need no names."""
    kind = model.model_fields.get("type")
    values = {value for entry in WITHOUT_EFFECT if entry.name == f"{name}.type" for value in entry.values or ()}
    return kind is not None and set(get_args(kind.annotation)) <= values


def fields(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """The names of all settings; of an object those inside it, unless the whole of it has no effect."""
    for field, info in model.model_fields.items():
        name = prefix + field
        inside = [] if name in NEVER else list(_models(info.annotation))
        for each in inside:
            if not _is_of_no_effect(each, name):
                yield from fields(each, f"{name}.")
        if not inside:
            yield name


ALL_FIELDS: Final = {
    name
    for model in (Agent, AgentCreate, AgentUpdate, ChatAgent, ChatAgentCreate, ChatAgentUpdate)
    for name in fields(model)
}


def test_every_field_of_an_agent_is_known_to_have_an_effect_or_none() -> None:
    assert ALL_FIELDS == NEVER | EFFECTIVE
    assert not NEVER & EFFECTIVE


def test_the_table_names_only_settings_that_there_are() -> None:
    assert {entry.name for entry in WITHOUT_EFFECT} <= ALL_FIELDS


READERS: Final = {
    "is_transfer_agent": {"contract/agent.py", "contract/agent_list.py"},  # the list of agents can be filtered by it
}
"""Files that read a setting which changes no call and no chat all the same."""


@cache
def readers() -> dict[str, set[str]]:
    """The files of the product that read an attribute of this name, by name."""
    package = Path(__file__).parents[2] / "ari_agent"
    found: dict[str, set[str]] = {}
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                found.setdefault(node.attr, set()).add(str(path.relative_to(package)))
    return found


def test_nothing_reads_a_setting_that_is_said_to_have_no_effect() -> None:
    assert {name: files for name, files in readers().items() if name in NEVER} == READERS


def test_something_reads_every_setting_that_is_said_to_have_an_effect() -> None:
    assert not {name for name in EFFECTIVE if name.rpartition(".")[2] not in readers()}


def created(**settings: Any) -> AgentCreate:
    return AgentCreate.model_validate({"response_engine": AUDIO, **settings})


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({}, []),
        ({"agent_name": "Ada", "max_call_duration_ms": 60_000, "allow_user_dtmf": False}, []),
        ({"guardrail_config": {}, "contact_memory_config": {}}, None),
        ({"ambient_sound": "coffee-shop", "ambient_sound_volume": 0.5}, []),
        ({"pii_config": {"mode": "post_call", "categories": ["email", "person_name"]}}, []),
        ({"pii_config": {"mode": "post_call", "categories": ["email", "pin"]}}, ["pii_config.categories"]),
        ({"handbook_config": None, "enable_backchannel": False, "denoising_mode": "noise-cancellation"}, []),
        ({"language": "de-DE", "voice_id": "openai-Alloy", "responsiveness": 0.5}, None),
        ({"normalize_for_speech": True}, None),
        ({"pronunciation_dictionary": [{"word": "a", "alphabet": "ipa", "phoneme": "a"}]}, None),
        ({"data_storage_setting": "basic_attributes_only"}, []),
        ({"data_storage_setting": "everything_except_pii", "data_storage_retention_days": 30}, []),
        ({"voicemail_option": {"action": {"type": "hangup"}}}, []),
    ],
)
def test_what_an_audio_agent_is_given_without_effect_is_named(
    settings: dict[str, Any], named: list[str] | None
) -> None:
    expected = sorted(settings) if named is None else named
    assert sorted(without_effect(created(**settings), AgentKind.AUDIO)) == expected


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"language": "de-DE", "responsiveness": 0.5, "user_dtmf_options": {"digit_limit": 4}}, []),
        ({"stt_mode": "custom", "custom_stt_config": {"provider": "deepgram", "endpointing_ms": 50}}, ["provider"]),
        ({"normalize_for_speech": True}, []),
        ({"pronunciation_dictionary": [{"word": "a", "alphabet": "ipa", "phoneme": "a"}]}, []),
        ({"stt_mode": "accurate"}, ["stt_mode"]),
        ({"voicemail_option": None, "custom_stt_config": None}, []),
        (
            {"voicemail_option": {"action": {"type": "bridge_transfer"}, "detection_prompt": "a beep"}},
            ["detection_prompt", "type"],
        ),
        ({"response_engine": FLOW}, []),
    ],
)
def test_what_a_text_agent_is_given_without_effect_is_named(settings: dict[str, Any], named: list[str]) -> None:
    request = created(**{"response_engine": TEXT, "voice_id": "openai-Alloy", **settings})
    assert sorted(name.rpartition(".")[2] for name in without_effect(request, AgentKind.TEXT)) == named


def test_of_a_chat_agent_other_settings_have_no_effect() -> None:
    given = {"language": "fr-FR", "data_storage_setting": "basic_attributes_only", "auto_close_message": "Goodbye."}
    request = ChatAgentCreate.model_validate({"response_engine": TEXT, **given})
    agent = request.agent(agent_id="agent_1", now_ms=0)
    assert kind_of_agent(agent) is AgentKind.CHAT
    assert list(without_effect(request, AgentKind.CHAT)) == ["language"]


def test_of_a_chat_agent_only_categories_that_are_not_recognised_have_no_effect() -> None:
    given = {"mode": "post_call", "categories": ["email", "pin"]}
    request = ChatAgentCreate.model_validate({"response_engine": TEXT, "pii_config": given})
    assert list(without_effect(request, AgentKind.CHAT)) == ["pii_config.categories"]
    request = ChatAgentCreate.model_validate({"response_engine": TEXT, "pii_config": {**given, "categories": ["ssn"]}})
    assert list(without_effect(request, AgentKind.CHAT)) == []


def test_a_change_names_what_it_changes_and_nothing_else() -> None:
    update = AgentUpdate.model_validate({"ivr_option": {"action": {"type": "hangup"}}, "voice_speed": 2})
    assert in_words(without_effect(update, AgentKind.TEXT)) == "ivr_option: phone menus are not detected"


def test_an_older_key_is_named_by_todays() -> None:
    given = {"enable_voicemail_detection": True, "opt_out_sensitive_data_storage": True}
    assert without_effect(created(**given), AgentKind.AUDIO) == {}


def test_an_override_names_the_settings_in_it() -> None:
    override = AgentOverride.model_validate(
        {
            "agent": {"guardrail_config": {}, "voice_id": "openai-Alloy"},
            "conversation_flow": {"begin_message": "Hi"},
        }
    )
    assert list(override_without_effect(override)) == ["guardrail_config"]
    widening = AgentOverride.model_validate({"agent": {"dial_policy": None, "agent_name": "Ada"}})
    assert list(override_without_effect(widening)) == ["dial_policy"]
    assert override_without_effect(None) == override_without_effect(AgentOverride()) == {}


def test_an_override_that_names_the_engine_knows_what_it_brings() -> None:
    override = AgentOverride.model_validate({"agent": {"response_engine": AUDIO, "voice_id": "openai-Alloy"}})
    assert list(override_without_effect(override)) == ["voice_id"]
