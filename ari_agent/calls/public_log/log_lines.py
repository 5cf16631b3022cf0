"""What a public log says of the events of a call and of the commands to its agent: a table by their kinds.

Not here: who answers (inbound_router.py), the record and its transfers (record.py),
the messages of the agent (log_messages.py), and a text agent's turns (dialogue/turn_steps.py).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from pydantic import BaseModel

from ari_agent.asterisk.events import ChannelDtmfReceived, ChannelHold, ChannelUnhold
from ari_agent.calls.call_requests import (
    DtmfRequested,
    RingingTooLong,
    ShuttingDown,
    StopRequested,
    TransferRequested,
    UpdateRequested,
)
from ari_agent.calls.media.call_media import (
    AgentAway,
    AgentBack,
    AgentFailed,
    AgentHungUp,
    AgentReady,
    AudioStopped,
    CallerInactive,
    ConsentOver,
    DtmfAsked,
    GreetingHeard,
    LatencyMeasured,
    MessagePassed,
    NoAudioReceived,
    RecordingPaused,
    TransferAsked,
    TransferDecided,
    TurnStep,
)
from ari_agent.calls.media.commands import ControlFailed, TransferGoesOn, Voicemail
from ari_agent.calls.public_log.log_events import LogEvent
from ari_agent.calls.public_log.log_messages import message_facts
from ari_agent.calls.public_log.public_log import PublicLog
from ari_agent.calls.session_events import ListeningChanged, MaxDurationReached, MediaMeasured
from ari_agent.contract.parsing.redacted_url import shown_url
from ari_agent.contract.response_engine import CustomLlmEngine, PromptEngine, ServedEngine
from ari_agent.contract.sip_timeline import SipEvent
from ari_agent.prompt_agents.model import ModelStep


class Line(NamedTuple):
    """How the line of an event is made. read: returns the facts and the content of what has happened."""

    event: LogEvent
    read: Callable[[Any], tuple[Mapping[str, object], object]] = lambda _: ({}, None)


def note(log: PublicLog, happened: object) -> None:
    """Write what the log says of an event of the call, or of a command to its agent; of most it says nothing."""
    if not log.is_on:
        return
    if isinstance(happened, ModelStep):
        log.redaction.learn(happened.secrets)
    size_bytes = 0
    if isinstance(happened, MessagePassed):
        log.messages[happened.direction] += 1
        size_bytes = len(happened.message)
    line = LINES.get(type(happened))
    if line and log.takes(line.event, size_bytes):
        try:
            facts, content = line.read(happened)
        except Exception:  # a defect of the log must not end the call
            logging.getLogger(__name__).exception("not told in the public log: %s", type(happened).__name__)
            return
        log.add(line.event, content, **facts)


def add_agent(log: PublicLog, engine: ServedEngine) -> None:
    """Write which agent is dialled, and learn its secrets, so that none of them is ever written."""
    if not log.is_on:
        return
    if isinstance(engine, CustomLlmEngine):
        log.add("agent_dialled", protocol=engine.type, url=shown_url(engine.llm_websocket_url))
        return
    if isinstance(engine, PromptEngine):
        log.add("agent_dialled", protocol=engine.type, url=engine.engine_id)
        return
    log.redaction.learn(filter(None, (engine.audio_websocket_auth_token, *engine.handshake_headers().values())))
    log.add("agent_dialled", protocol=engine.audio_websocket_protocol, url=shown_url(engine.audio_websocket_url))


def _command(by: str, command: str) -> Line:
    """Return the line of what is asked for by an event with a `request`."""
    return Line("command", lambda event: ({"by": by, "command": command}, _json(event.request)))


def _limit(what: str) -> Line:
    return Line("limit", lambda _: ({"what": what}, None))


def _hold(*, holds: bool) -> Line:
    return Line("hold", lambda _: ({"by": "phone", "holds": holds}, None))


def _message(event: MessagePassed) -> tuple[Mapping[str, object], object]:
    facts, content = message_facts(event.message)
    if event.fault:
        return {"direction": event.direction, **facts, "ignored": True}, {"fault": event.fault, "message": content}
    return {"direction": event.direction, **facts}, content


def _latency(event: LatencyMeasured) -> tuple[Mapping[str, object], object]:
    ago_ms = round(event.ago_ms) or None
    return {"part": event.stretch, "took_ms": round(event.duration_ms), "ago_ms": ago_ms}, None


def _consent(event: ConsentOver) -> tuple[Mapping[str, object], object]:
    return {"outcome": "heard" if event.heard else "cut_short", "played_ms": event.played_ms}, None


def _progress(command: TransferGoesOn) -> tuple[Mapping[str, object], object]:
    progress = _json(command.progress)
    spoken = {name: progress[name] for name in ("message", "prompt") if name in progress}
    return progress, spoken or None


def _json(model: BaseModel) -> dict[str, Any]:
    return model.model_dump(mode="json", exclude_unset=True, exclude_none=True)


LINES: Final[Mapping[type, Line]] = {
    MessagePassed: Line("agent_message", _message),
    TurnStep: Line("turn", lambda step: ({"what": step.what, "response_id": step.response_id}, step.text)),
    ModelStep: Line("model", lambda step: ({"what": step.what, **step.facts}, step.content)),
    LatencyMeasured: Line("latency", _latency),
    MediaMeasured: Line("media_quality", lambda event: (_json(event.quality), None)),
    AgentReady: Line("agent_connected"),
    AgentAway: Line("agent_lost", lambda event: ({}, event.why)),
    AgentBack: Line("agent_reconnected", lambda event: ({"away_ms": event.away_ms, "attempts": event.attempts}, None)),
    AgentFailed: Line("agent_failed", lambda event: ({"reason": event.reason.value}, event.message)),
    AgentHungUp: Line("agent_hung_up", lambda event: ({"q850_cause": event.q850_cause}, None)),
    TransferAsked: _command("agent", "transfer"),
    DtmfAsked: _command("agent", "dtmf"),
    TransferDecided: Line(
        "command", lambda event: ({"by": "agent", "command": f"transfer_{event.decision.action}"}, None)
    ),
    TransferRequested: _command("api", "transfer"),
    DtmfRequested: _command("api", "dtmf"),
    StopRequested: _command("api", "stop"),
    UpdateRequested: Line("command", lambda event: ({"by": "api", "command": "update"}, _json(event.update))),
    ControlFailed: Line("command_failed", lambda command: ({"command": command.event}, command.message)),
    TransferGoesOn: Line("transfer_progress", _progress),
    Voicemail: Line(
        "command",
        lambda command: (
            {"by": "system", "command": f"voicemail_{command.notice.status}"},
            _json(command.notice),
        ),
    ),
    SipEvent: Line("sip", lambda event: ({"message": event.event, **event.as_json()}, None)),
    ChannelDtmfReceived: Line("key", lambda event: ({"duration_ms": event.duration_ms}, event.digit)),
    ChannelHold: _hold(holds=True),
    ChannelUnhold: _hold(holds=False),
    RecordingPaused: Line("recording", lambda event: ({"by": event.asked_by, "paused": event.paused}, None)),
    ListeningChanged: Line("listening", lambda event: ({"by": event.login, "listens": event.listens}, None)),
    ConsentOver: Line("recording_consent", _consent),
    GreetingHeard: Line("answered_by", lambda event: ({"what": event.what.value}, None)),
    CallerInactive: _limit("end_call_after_silence_ms"),
    MaxDurationReached: _limit("max_call_duration_ms"),
    RingingTooLong: _limit("ring_duration_ms"),
    NoAudioReceived: _limit("no_audio"),
    AudioStopped: _limit("audio_stopped"),
    ShuttingDown: _limit("shutdown"),
}
"""The line of each kind of event and command; of those that are absent nothing is said."""
