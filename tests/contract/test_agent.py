from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ari_agent.contract.agent import Agent, AgentCreate, AgentSettings, AgentUpdate, AudioWebsocketEngine
from ari_agent.contract.parsing.explain import explain
from ari_agent.contract.response_engine import AUTH_TOKEN
from tests.contract.samples import AUDIO, CUSTOM_LLM

REDIAL = "audio_websocket_redial_ms"
DEFAULTS = {
    "voice_temperature": 1,
    "voice_speed": 1,
    "volume": 1,
    "enable_dynamic_voice_speed": False,
    "responsiveness": 1,
    "interruption_sensitivity": 1,
    "enable_backchannel": False,
    "backchannel_frequency": 0.8,
    "reminder_trigger_ms": 10_000,
    "reminder_max_count": 1,
    "ambient_sound_volume": 1,
    "language": "en-US",
    "webhook_events": ("call_started", "call_ended", "call_analyzed"),
    "webhook_timeout_ms": 10_000,
    "data_storage_setting": "everything",
    "signed_url_expiration_ms": 86_400_000,
    "end_call_after_silence_ms": 600_000,
    "max_call_duration_ms": 3_600_000,
    "begin_message_delay_ms": 0,
    "ring_duration_ms": 30_000,
    "voicemail_detection_timeout_ms": 30_000,
    "allow_user_dtmf": True,
    "allow_dtmf_interruption": False,
    "stt_mode": "fast",
    "vocab_specialization": "general",
    "denoising_mode": "noise-cancellation",
    "denoising_enhancement_level": 0.8,
    "timezone": "America/Los_Angeles",
    "enable_dnc_detection": False,
}
# Lowest, highest, and a step beyond; None: without a bound of Retell's.
RANGES: dict[str, tuple[float | None, float | None, float]] = {
    "voice_temperature": (0, 2, 0.01),
    "voice_speed": (0.5, 2, 0.01),
    "volume": (0, 2, 0.01),
    "responsiveness": (0, 1, 0.01),
    "interruption_sensitivity": (0, 1, 0.01),
    "backchannel_frequency": (0, 1, 0.01),
    "reminder_max_count": (0, None, 1),
    "ambient_sound_volume": (0, 2, 0.01),
    "data_storage_retention_days": (1, 730, 1),
    "end_call_after_silence_ms": (10_000, None, 1),
    "max_call_duration_ms": (60_000, 7_200_000, 1),
    "begin_message_delay_ms": (0, 5000, 1),
    "ring_duration_ms": (5000, 300_000, 1),
    "voicemail_detection_timeout_ms": (5000, 180_000, 1),
    "denoising_enhancement_level": (0, 1, 0.01),
}
NULLABLE = {
    "agent_name",
    "dial_policy",
    "version_title",
    "version_description",
    "voice_id",
    "voice_model",
    "fallback_voice_ids",
    "expressive_mode_prompt",
    "expressive_emotion_tags",
    "pronunciation_dictionary",
    "timezone",
    "backchannel_words",
    "ambient_sound",
    "custom_stt_config",
    "boosted_keywords",
    "denoising_enhancement_level",
    "voicemail_option",
    "ivr_option",
    "call_screening_option",
    "user_dtmf_options",
    "webhook_url",
    "webhook_events",
    "data_storage_retention_days",
    "signed_url_expiration_ms",
    "pii_config",
    "guardrail_config",
    "handbook_config",
    "contact_memory_config",
    "post_call_analysis_data",
    "post_call_analysis_model",
    "pre_session_tools",
    "post_session_tools",
    # none of Retell's
    "recording",
    "recording_beep_s",
    "recording_consent",
}


def complaint(document: dict[str, Any], model: type[AgentSettings] = AgentUpdate) -> str:
    with pytest.raises(ValidationError) as refused:
        model.model_validate(document)
    return explain(refused.value, document)


def an_agent(**settings: Any) -> Agent:
    wanted = AgentCreate.model_validate({"response_engine": CUSTOM_LLM, "voice_id": "v", **settings})
    return wanted.agent(agent_id="agent_1", now_ms=7)


def test_an_agent_has_retells_defaults() -> None:
    agent = an_agent()
    assert {name: getattr(agent, name) for name in DEFAULTS} == DEFAULTS
    assert (agent.version, agent.is_published, agent.last_modification_timestamp) == (0, False, 7)


@pytest.mark.parametrize("name", RANGES)
def test_a_range_includes_its_ends_and_nothing_beyond(name: str) -> None:
    lowest, highest, step = RANGES[name]
    for end, outwards in ((lowest, -1), (highest, 1)):
        if end is not None:
            assert getattr(AgentUpdate.model_validate({name: end}), name) == end
            assert f"{name}: must be " in complaint({name: end + outwards * step})


def test_a_reminder_comes_after_more_than_nothing() -> None:
    assert AgentUpdate.model_validate({"reminder_trigger_ms": 0.5}).reminder_trigger_ms == 0.5
    assert "must be greater than 0" in complaint({"reminder_trigger_ms": 0})


@pytest.mark.parametrize("name", AgentSettings.model_fields)
def test_null_is_taken_where_retell_takes_it(name: str) -> None:
    if name in NULLABLE:
        assert getattr(AgentUpdate.model_validate({name: None}), name) is None
    else:
        assert complaint({name: None}).startswith(f"{name}: ")


@pytest.mark.parametrize(
    "name", [name for name, default in DEFAULTS.items() if isinstance(default, bool | int | float)]
)
def test_a_number_or_boolean_in_quotes_is_neither(name: str) -> None:
    assert complaint({name: str(DEFAULTS[name]).lower()}).startswith(f"{name}: must be ")


@pytest.mark.parametrize("language", ["en-US", "es-419", "multi", ["de-DE", "en-GB"]])
def test_languages_are_taken_alone_or_in_a_list(language: Any) -> None:
    assert AgentUpdate.model_validate({"language": language}).changes() == {"language": language}


@pytest.mark.parametrize("language", ["english", "EN-us", "", [], ["en"], 1])
def test_what_is_no_language_is_refused(language: Any) -> None:
    assert complaint({"language": language}).startswith("language")


def test_a_whole_number_may_be_written_as_a_float() -> None:
    assert AgentUpdate.model_validate({"ring_duration_ms": 6000.0}).ring_duration_ms == 6000


# Settings together.


def test_only_an_audio_agent_needs_no_voice() -> None:
    assert AgentCreate.model_validate({"response_engine": AUDIO}).voice_id is None
    for engine in (
        CUSTOM_LLM,
        {"type": "retell-llm", "llm_id": "llm_1"},
        {"type": "conversation-flow", "conversation_flow_id": "flow_1", "version": 2},
    ):
        assert "voice_id is required" in complaint({"response_engine": engine}, AgentCreate)
        assert AgentCreate.model_validate({"response_engine": engine, "voice_id": "v"}).voice_id == "v"


def test_a_custom_recogniser_must_be_named() -> None:
    assert "custom_stt_config is required" in complaint({"response_engine": AUDIO, "stt_mode": "custom"}, AgentCreate)


@pytest.mark.parametrize(
    ("provider", "shortest"), [("azure", 100), ("deepgram", 10), ("soniox", 500), ("assemblyai", 100), ("muse", 100)]
)
def test_each_recogniser_has_its_shortest_endpointing(provider: str, shortest: int) -> None:
    def config(endpointing_ms: int) -> dict[str, Any]:
        return {"custom_stt_config": {"provider": provider, "endpointing_ms": endpointing_ms}}

    AgentUpdate.model_validate(config(shortest))
    assert f"must be at least {shortest} for {provider}" in complaint(config(shortest - 1))


def test_a_transfer_agent_cannot_be_a_custom_llm() -> None:
    document = {"response_engine": CUSTOM_LLM, "voice_id": "v", "is_transfer_agent": True}
    assert "is_transfer_agent must be false" in complaint(document, AgentCreate)


# Changes.


def test_a_change_touches_only_what_it_names() -> None:
    agent = an_agent(agent_name="Ada", volume=0.5)
    changed = AgentUpdate.model_validate({"volume": 2, "agent_name": None}).apply(agent, now_ms=9)
    expected = {**agent.as_json(), "volume": 2, "last_modification_timestamp": 9}
    del expected["agent_name"]
    assert changed.as_json() == expected
    assert AgentUpdate.model_validate({}).apply(agent, now_ms=7) == agent


def test_a_change_cannot_touch_id_and_version() -> None:
    change = AgentUpdate.model_validate({"agent_id": "agent_2", "version": 9, "is_published": True})
    assert change.apply(an_agent(), now_ms=7) == an_agent()


def test_a_change_that_leaves_no_valid_agent_is_refused() -> None:
    audio = AgentCreate.model_validate({"response_engine": AUDIO}).agent(agent_id="agent_1", now_ms=7)
    with pytest.raises(ValidationError, match="voice_id is required"):
        AgentUpdate.model_validate({"response_engine": CUSTOM_LLM}).apply(audio, now_ms=8)
    assert "response_engine must be an object" in complaint({"response_engine": None})


# Older keys.


def test_the_websocket_of_the_first_api_makes_a_custom_llm_agent() -> None:
    url = "wss://old.example.com/llm"
    older = AgentCreate.model_validate({"llm_websocket_url": url, "voice_id": "v"})
    assert older.response_engine.model_dump() == {"type": "custom-llm", "llm_websocket_url": url}
    both = AgentCreate.model_validate({"llm_websocket_url": url, "response_engine": AUDIO})
    assert isinstance(both.response_engine, AudioWebsocketEngine)


@pytest.mark.parametrize("key", ["opt_out_sensitive_data_storage", "optOutSensitiveDataStorage"])
def test_opting_out_of_storage_keeps_the_basics_only(key: str) -> None:
    assert AgentUpdate.model_validate({key: True}).changes() == {"data_storage_setting": "basic_attributes_only"}
    assert AgentUpdate.model_validate({key: False}).changes() == {}
    both = {key: True, "data_storage_setting": "everything"}
    assert AgentUpdate.model_validate(both).changes() == {"data_storage_setting": "everything"}


def test_older_voicemail_keys_become_an_action() -> None:
    def action(**older: Any) -> Any:
        return AgentUpdate.model_validate(older).changes().get("voicemail_option", {}).get("action")

    assert action(enable_voicemail_detection=True) == {"type": "hangup"}
    assert action(enable_voicemail_detection=True, voicemail_message="Bye") == {"type": "static_text", "text": "Bye"}
    assert action(enable_voicemail_detection=False, voicemail_message="Bye") is None


@pytest.mark.parametrize(("given", "taken"), [(0, 0), (60_000, 60_000), (None, None), (2500.0, 2500)])
def test_how_long_a_lost_agent_is_dialled_again_is_its_own_affair(given: float | None, taken: int | None) -> None:
    engine = {"type": "audio-websocket", "audio_websocket_url": "wss://agent.example/", REDIAL: given}
    agent = AgentCreate.model_validate({"response_engine": engine}).agent(agent_id="agent_1", now_ms=1)
    assert agent.as_json()["response_engine"].get(REDIAL) == taken


@pytest.mark.parametrize("given", [-1, 60_001, True, "15000", 0.5])
def test_a_time_for_which_no_agent_is_dialled_again_is_refused(given: object) -> None:
    engine = {"type": "audio-websocket", "audio_websocket_url": "wss://agent.example/", REDIAL: given}
    with pytest.raises(ValidationError):
        AgentCreate.model_validate({"response_engine": engine})


def test_an_auth_token_is_stored_and_kept_but_never_answered() -> None:
    engine = {"type": "audio-websocket", "audio_websocket_url": "wss://agent.example/", AUTH_TOKEN: "sesame"}
    agent = AgentCreate.model_validate({"response_engine": engine}).agent(agent_id="agent_1", now_ms=1)
    assert agent.as_record()["response_engine"][AUTH_TOKEN] == "sesame"
    assert Agent.model_validate(agent.as_record()) == agent
    assert "sesame" not in repr(agent) + str(agent.as_json())
    shown = AgentUpdate.model_validate({"response_engine": agent.as_json()["response_engine"]})
    for update in (AgentUpdate(agent_name="Ann"), shown):
        assert update.apply(agent, now_ms=2).as_record()["response_engine"][AUTH_TOKEN] == "sesame"
    for token in ("open", None):
        update = AgentUpdate.model_validate({"response_engine": {**engine, AUTH_TOKEN: token}})
        engine_now = update.apply(agent, now_ms=2).response_engine
        assert isinstance(engine_now, AudioWebsocketEngine)
        assert engine_now.audio_websocket_auth_token == token
