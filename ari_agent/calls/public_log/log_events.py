"""The events of a public log, and the facts that each has. Pure. docs/public-log.md tells what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

LogEvent = Literal[
    "call_began",
    "sip",
    "number",
    "draw",
    "inbound_webhook_asked",
    "inbound_webhook_failed",
    "inbound_webhook_answered",
    "routed",
    "record_began",
    "state",
    "agent_dialled",
    "agent_connected",
    "agent_message",
    "agent_audio",
    "agent_failed",
    "agent_hung_up",
    "media",
    "turn",
    "key",
    "hold",
    "caller_replaced",
    "recording",
    "bridged_recording",
    "recording_consent",
    "model",
    "latency",
    "media_quality",
    "answered_by",
    "command",
    "command_failed",
    "transfer",
    "transfer_progress",
    "transfer_outcome",
    "limit",
    "fault",
    "call_ended",
    "webhook",
    "content_withdrawn",
    "log_ended",
]

EVENTS: Final[Mapping[LogEvent, tuple[str, ...]]] = {
    "call_began": ("call_id", "direction", "at", "channel_id", "sip_call_id"),
    "sip": ("message", "leg", "direction", "sip_status", "q850_cause"),
    "number": ("candidates", "number"),
    "draw": ("agent_id", "agent_version", "by", "weights", "dice"),
    "inbound_webhook_asked": ("url",),
    "inbound_webhook_failed": ("attempt",),
    "inbound_webhook_answered": ("attempt", "ignored"),
    "routed": ("decision", "rule", "agent_id", "agent_version", "q850_cause"),
    "record_began": ("agent_id", "agent_version", "from_number", "to_number", "data_storage_setting"),
    "state": ("state", "before"),
    "agent_dialled": ("protocol", "url"),
    "agent_connected": (),
    "agent_message": ("direction", "kind", "bytes", "ignored"),
    "agent_audio": ("received", "sent"),
    "agent_failed": ("reason",),
    "agent_hung_up": ("q850_cause",),
    "media": ("seconds", "counters", "caller_dbfs", "agent_dbfs", "queued_ms"),
    "media_quality": ("codec", "round_trip_ms", "caller_to_agent", "agent_to_caller"),
    "turn": ("what", "response_id"),
    "model": (
        *("what", "response_id", "name", "version", "model", "messages", "tools", "characters"),
        *("prompt_tokens", "completion_tokens", "took_ms", "successful", "former_node", "node", "by"),
    ),
    "latency": ("part", "took_ms", "ago_ms"),
    "key": ("duration_ms",),
    "hold": ("by", "holds"),
    "caller_replaced": (),
    "recording": ("by", "paused"),
    "bridged_recording": ("records",),
    "recording_consent": ("outcome", "played_ms"),
    "answered_by": ("what",),
    "command": ("by", "command"),
    "command_failed": ("command",),
    "transfer": ("step",),
    "transfer_progress": ("status", "hears"),
    "transfer_outcome": ("status", "sip_status"),
    "limit": ("what",),
    "fault": ("level", "what"),
    "call_ended": ("disconnection_reason", "who", "sip_status", "q850_cause", "duration_ms"),
    "webhook": ("webhook", "attempt", "outcome", "again_in_ms"),
    "content_withdrawn": (),
    "log_ended": ("lines", "left_out", "why"),
}
"""Every event with the facts that it may have, in the order in which they are written. Nothing else is written."""

HAS_CONTENT: Final[frozenset[LogEvent]] = frozenset(
    {
        "inbound_webhook_asked",
        "inbound_webhook_failed",
        "inbound_webhook_answered",
        "record_began",
        "recording_consent",
        "agent_message",
        "agent_failed",
        "turn",
        "model",
        "key",
        "command",
        "command_failed",
        "transfer",
        "transfer_progress",
        "transfer_outcome",
        "fault",
        "call_ended",
        "webhook",
    }
)
"""Events that may have `content`: what was said, asked or set, and words that strangers may have chosen."""

ENDS: Final[frozenset[LogEvent]] = frozenset(
    {
        "sip",
        "state",
        "transfer",
        "transfer_outcome",
        "bridged_recording",
        "agent_failed",
        "agent_hung_up",
        "call_ended",
        "webhook",
        "content_withdrawn",
    }
)
"""Events for which there is room when the log is full already."""
