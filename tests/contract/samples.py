"""One fully populated JSON document of every object of the API."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel

from ari_agent.contract.agent import Agent, AgentCreate, AgentUpdate
from ari_agent.contract.agent_list import AgentListRequest, AgentPage
from ari_agent.contract.agent_override import AgentOverride
from ari_agent.contract.call import Call
from ari_agent.contract.call_list import CallListRequest, CallPage, OlderCallListRequest
from ari_agent.contract.inbound import InboundWebhookBody, InboundWebhookRequest
from ari_agent.contract.phone_number import (
    PhoneNumber,
    PhoneNumberCreate,
    PhoneNumberImport,
    PhoneNumberPage,
    PhoneNumberUpdate,
)

Json = dict[str, Any]

CUSTOM_LLM: Final[Json] = {"type": "custom-llm", "llm_websocket_url": "wss://agent.example.com/{{branch}}"}
AUDIO: Final[Json] = {
    "type": "audio-websocket",
    "audio_websocket_url": "wss://agent.example.com:8443/audio",
    "audio_websocket_protocol": "web",
    "audio_encoding": "s16le",
    "sample_rate": 24000,
    "audio_websocket_headers": {"Authorization": "Bearer sesame"},
}
SETTINGS: Final[Json] = {
    "agent_name": "Ada",
    "version_title": "first",
    "version_description": None,
    "voice_id": "11labs-Adrian",
    "voice_model": "eleven_v3",
    "fallback_voice_ids": ["openai-Alloy"],
    "voice_temperature": 0.5,
    "voice_speed": 2,
    "volume": 0,
    "enable_dynamic_voice_speed": True,
    "enable_dynamic_responsiveness": True,
    "enable_expressive_mode": True,
    "expressive_mode_prompt": "Be kind.",
    "expressive_emotion_tags": ["happy"],
    "pronunciation_dictionary": [{"word": "tomato", "alphabet": "ipa", "phoneme": "t"}],
    "normalize_for_speech": True,
    "language": ["en-US", "es-419"],
    "timezone": "Europe/Berlin",
    "dial_policy": {"countries": ["US"], "extensions": ["_2XX"], "transfers_per_call": 2},
    "responsiveness": 0,
    "interruption_sensitivity": 1,
    "enable_backchannel": True,
    "backchannel_frequency": 0.9,
    "backchannel_words": ["yeah"],
    "reminder_trigger_ms": 0.5,
    "reminder_max_count": 0,
    "ambient_sound": "call-center",
    "ambient_sound_volume": 2,
    "begin_message_delay_ms": 5000,
    "stt_mode": "custom",
    "custom_stt_config": {"provider": "soniox", "endpointing_ms": 500},
    "vocab_specialization": "medical",
    "boosted_keywords": ["Retell", "{{name}}"],
    "denoising_mode": "no-denoise",
    "denoising_enhancement_level": 0,
    "end_call_after_silence_ms": 10_000,
    "max_call_duration_ms": 7_200_000,
    "ring_duration_ms": 5000,
    "voicemail_option": {"action": {"type": "prompt", "text": "Say goodbye."}, "detection_prompt": "a beep"},
    "voicemail_detection_timeout_ms": 5000,
    "ivr_option": {"action": {"type": "hangup"}, "detection_prompt": None},
    "call_screening_option": {"agent_identity": "Ada", "call_purpose": "your order"},
    "allow_user_dtmf": False,
    "allow_dtmf_interruption": True,
    "user_dtmf_options": {"digit_limit": 50, "termination_key": "#", "timeout_ms": 1000},
    "enable_dnc_detection": True,
    "webhook_url": "https://example.com/hook?branch={{branch}}",
    "webhook_events": ["call_ended"],
    "webhook_timeout_ms": 5000,
    "data_storage_setting": "everything_except_pii",
    "data_storage_retention_days": 730,
    "opt_in_signed_url": True,
    "signed_url_expiration_ms": 1,
    "pii_config": {"mode": "post_call", "categories": ["ssn", "pin"]},
    "guardrail_config": {"input_topics": ["platform_integrity_jailbreaking"], "output_topics": ["gambling"]},
    "handbook_config": {"high_empathy": True},
    "contact_memory_config": {"enable_read": True, "enable_update": False},
    "post_call_analysis_data": [
        {"type": "string", "name": "a", "description": "", "examples": ["x"], "required": True},
        {"type": "enum", "name": "b", "description": "", "choices": ["x"], "conditional_prompt": "if any"},
        {"type": "boolean", "name": "c", "description": ""},
        {"type": "number", "name": "d", "description": ""},
        {"type": "system-presets", "name": "call_summary"},
    ],
    "post_call_analysis_model": "gpt-5",
    "pre_session_tools": [{"type": "custom", "name": "look_up", "url": "https://example.com"}],
    "post_session_tools": [{"type": "code", "name": "note", "code": "return 1"}],
}
IDENTITY: Final[Json] = {
    "agent_id": "agent_1",
    "version": 3,
    "base_version": 2,
    "is_published": True,
    "assigned_tags": ["prod"],
    "last_modification_timestamp": 1_760_000_000_000,
}
WEIGHTS: Final[list[Json]] = [
    {"agent_id": "agent_1", "agent_version": 3, "weight": 0.25},
    {"agent_id": "agent_1", "agent_version": "prod", "weight": 0.75},
]
NUMBER_SETTINGS: Final[Json] = {
    "nickname": "Office",
    "inbound_agents": WEIGHTS,
    "outbound_agents": [],
    "inbound_webhook_url": "https://example.com/inbound",
    "refer_to_format": "tel",
    "refer_to_host": "pstn.example.com:5080",
    "allowed_inbound_country_list": ["US", "DE"],
    "allowed_outbound_country_list": None,
    "dial_policy": {"number_types": ["mobile"], "sip_domains": ["*.example.com"], "calls_per_day": 10},
    "transport": "TLS",
}
TRUNK: Final[Json] = {
    "termination_uri": "sip:trunk.example.com:5061;transport=tls",
    "auth_username": "ada",
    "auth_password": "correct horse",
    "transport": "TLS",
    "codecs": ["PCMU", "G722"],
    "media_encryption": "allow",
}
PHONE_NUMBER: Final[Json] = {
    **{key: value for key, value in NUMBER_SETTINGS.items() if key != "transport"},
    "phone_number": "+14157774444",
    "phone_number_type": "custom",
    "inbound_sms_agents": WEIGHTS,
    "outbound_sms_agents": None,
    "inbound_sms_webhook_url": "https://example.com/sms",
    "fallback_number": "+14157775555",
    "sip_outbound_trunk_config": TRUNK,
    "last_modification_timestamp": 1,
}
SERIES: Final[Json] = {"p50": 1, "p90": 2, "p95": 3, "p99": 4, "min": 1, "max": 5, "num": 2, "values": [1, 5]}
ITEMS: Final[list[Json]] = [
    {
        "role": "agent",
        "content": "Hello.",
        "words": [{"word": "Hello", "start": 0.1, "end": 0.4}],
        "metadata": {"response_id": 1, "is_backchannel": False},
    },
    {"role": "tool_call_invocation", "tool_call_id": "1", "name": "look_up", "arguments": "{}"},
    {"role": "tool_call_result", "tool_call_id": "1", "content": "7", "successful": True},
    {
        "role": "node_transition",
        "former_node_id": "1",
        "former_node_name": "a",
        "new_node_id": "2",
        "new_node_name": "b",
        "transition_type": "normal",
    },
    {"role": "dtmf", "digit": "#"},
    {"role": "sms", "content": "x", "time_sec": 2, "multimedia": [{"url": "https://example.com/x.png"}]},
    {"role": "injected", "content": "x", "time_sec": 2.5},
]
CALL: Final[Json] = {
    "call_id": "call_1",
    "call_type": "phone_call",
    "agent_id": "agent_1",
    "agent_version": 3,
    "agent_name": "Ada",
    "agent_tag": "prod",
    "call_status": "ended",
    "direction": "inbound",
    "from_number": "+14157770000",
    "to_number": "+14157774444",
    "telephony_identifier": {"sip_call_id": "1-2@127.0.0.1"},
    "metadata": {"order": {"items": [1, None, "ü"]}},
    "retell_llm_dynamic_variables": {"x-caller": "Ada"},
    "collected_dynamic_variables": {},
    "custom_sip_headers": {"x-caller": "Ada"},
    "data_storage_setting": "everything",
    "opt_in_signed_url": False,
    "start_timestamp": 1,
    "end_timestamp": 2,
    "duration_ms": 1,
    "transfer_destination": "sip:ada@example.com",
    "transfer_end_timestamp": 2,
    "disconnection_reason": "call_transfer",
    "transcript": "Agent: Hello.",
    "transcript_object": ITEMS[:1],
    "transcript_with_tool_calls": ITEMS,
    "recording_url": "https://example.com/r.wav",
    "latency": {"e2e": SERIES, "llm": {}},
    "call_analysis": {"call_summary": "Short.", "user_sentiment": "Positive", "custom_analysis_data": {"a": 1}},
    "call_cost": {
        "combined_cost": 7,
        "product_costs": [{"product": "tts", "cost": 7, "unit_price": 0.1}],
        "total_duration_seconds": 60,
        "total_duration_unit_price": 0.1,
    },
    "llm_token_usage": {"values": [10], "average": 10, "num_requests": 1},
}
OVERRIDE: Final[Json] = {
    "agent": {"voice_speed": 0.5, "response_engine": CUSTOM_LLM},
    "retell_llm": {
        "model": "gpt-5",
        "model_temperature": 0.2,
        "model_config": {"type": "cascading"},
        "kb_config": {"top_k": 3, "filter_score": 0.6},
        "start_speaker": "agent",
        "begin_message": "",
    },
    "conversation_flow": {"model_choice": {"type": "cascading", "model": "gpt-5"}, "knowledge_base_ids": ["kb_1"]},
}
INBOUND: Final[Json] = {
    "override_agent_id": "agent_1",
    "override_agent_version": "prod",
    "dynamic_variables": {"customer_name": "Ada"},
    "metadata": {"random_id": "12345"},
    "agent_override": OVERRIDE,
    "reject": False,
}

SAMPLES: Final[list[tuple[type[BaseModel], Json]]] = [
    (AgentCreate, {**SETTINGS, "response_engine": CUSTOM_LLM, "is_transfer_agent": False}),
    (AgentUpdate, {**SETTINGS, "response_engine": AUDIO}),
    (Agent, {**SETTINGS, **IDENTITY, "response_engine": AUDIO}),
    (AgentOverride, OVERRIDE),
    (
        AgentListRequest,
        {
            "filter_criteria": {
                "channel": {"type": "string", "op": "eq", "value": "voice"},
                "is_transfer_agent": {"type": "boolean", "op": "eq", "value": True},
                "query": "ada",
            }
        },
    ),
    (
        AgentPage,
        {
            "has_more": True,
            "pagination_key": "x",
            "items": [
                {
                    "agent_id": "a",
                    "agent_name": "",
                    "channel": "voice",
                    "user_modified_timestamp": 1,
                    "tags": {"prod": {"version": 1}},
                }
            ],
        },
    ),
    (
        PhoneNumberImport,
        {
            **NUMBER_SETTINGS,
            "phone_number": "+14157774444",
            "termination_uri": "trunk.example.com",
            "sip_trunk_auth_username": "ada",
            "sip_trunk_auth_password": "correct horse",
            "codecs": ["PCMU"],
            "media_encryption": "require",
            "ignore_e164_validation": False,
        },
    ),
    (
        PhoneNumberCreate,
        {**NUMBER_SETTINGS, "phone_number": "+14157774444", "area_code": 415, "fallback_number": "100"},
    ),
    (
        PhoneNumberUpdate,
        {**NUMBER_SETTINGS, **TRUNK, "fallback_number": None, "inbound_sms_agents": WEIGHTS},
    ),
    (PhoneNumber, PHONE_NUMBER),
    (PhoneNumberPage, {"has_more": False, "items": [{**PHONE_NUMBER, "sip_outbound_trunk_config": {}}]}),
    (Call, CALL),
    (CallPage, {"has_more": False, "items": [CALL], "total": 1}),
    (
        CallListRequest,
        {
            "filter_criteria": {
                "agent": [{"agent_id": "agent_1", "version": [1]}],
                "call_id": {"type": "enum", "op": "in", "value": ["call_1"]},
                "call_status": {"type": "enum", "op": "in", "value": ["ended"]},
                "duration_ms": {"type": "range", "op": "bt", "value": [1, 2]},
                "start_timestamp": {"type": "number", "op": "ge", "value": 1},
                "to_number": {"type": "string", "op": "co", "value": "+1"},
            },
            "sort_order": "ascending",
            "limit": 1000,
            "skip": 1,
            "pagination_key": "1:call_1",
            "include_total": True,
        },
    ),
    (
        OlderCallListRequest,
        {
            "filter_criteria": {
                "agent_id": ["agent_1"],
                "start_timestamp": {"lower_threshold": 1},
                "before_end_timestamp": 5,
            }
        },
    ),
    (InboundWebhookBody, {"call_inbound": INBOUND}),
    (
        InboundWebhookRequest,
        {
            "event": "call_inbound",
            "event_timestamp": 1,
            "call_inbound": {
                "agent_id": "agent_1",
                "agent_version": 1,
                "call_id": "call_1",
                "from_number": "+1",
                "to_number": "100",
                "custom_sip_headers": {"x-caller": "Ada"},
            },
        },
    ),
]
