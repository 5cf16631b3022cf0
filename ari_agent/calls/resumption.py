"""What becomes of calls whose controller has died, as another run finds them in the database and in Asterisk. Pure.

| record                               | the caller's channel             | what becomes of the call                 |
|--------------------------------------|----------------------------------|------------------------------------------|
| not answered, or a web call          | any                              | ends: error_retell                       |
| the agent's conversation is lost     | any                              | ends: error_retell                       |
| an answering machine is listening    | any                              | ends: error_retell                       |
| caller and target were left alone    | any                              | goes on without us: see adopted_call.py  |
| any other                            | in the call's bridge, or our app | goes on with us: see resumed_call.py     |
|                                      | elsewhere in Asterisk            | ends: error_retell                       |
|                                      | gone, as Asterisk has restarted  | ends: error_retell                       |
|                                      | gone, while a transfer ran       | ends: error_retell                       |
|                                      | gone                             | ends: user_hangup                        |

A caller whose call ends goes on in the dialplan if they are still there: see orphan_sweep.py. Elsewhere in Asterisk is
who waits for the outcome of a REFER. What the dead run has made beside the caller's channel and bridge is removed.

The place of a conversation in its flow was in the memory of the dead process, and that of a model that speaks itself in
its connection (resumed_call.py finds out which prompts have such a model). Audio agents and the servers of text agents
have theirs, and the model of a prompt is told the transcript with each question.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ari_agent.asterisk.events import Bridge, Channel
from ari_agent.asterisk.names import (
    bridge_id,
    call_of_bridge,
    call_of_detector_channel,
    call_of_media_channel,
    call_of_snoop,
    call_of_target_channel,
)
from ari_agent.contract.call import Call
from ari_agent.contract.call_recovery import CallRecovery
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.contract.response_engine import AudioWebsocketEngine, CustomLlmEngine, RetellLlmEngine
from ari_agent.contract.resume_plan import ResumePlan

_KEEP_THEIR_CONVERSATION: Final = (AudioWebsocketEngine, CustomLlmEngine, RetellLlmEngine)
_OTHER_HALF: Final = ";2"
"""What Asterisk adds to the id of a Local channel for its half in the dialplan."""


@dataclass(frozen=True, slots=True)
class InAsterisk:
    """What one Asterisk has. started_at: when it was started, as Ari.started_at tells it."""

    channels: Sequence[Channel]
    bridges: Sequence[Bridge]
    started_at: str | None = None

    def has_started_after(self, time_ms: int) -> bool:
        """Return whether Asterisk was started after a time, in milliseconds since 1970; False where it does not say."""
        try:
            started = datetime.fromisoformat(self.started_at or "")
        except ValueError:
            return False
        return started.tzinfo is not None and started.timestamp() * 1000 > time_ms


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """What a dead run has left of one call. caller: its channel; None where it is not to be gone on with.

    channels, bridges: ids of what is to be removed.
    """

    caller: str | None
    channels: Sequence[str]
    bridges: Sequence[str]


def resume_plan(call: Call, recovery: CallRecovery) -> ResumePlan | None:
    """Return the plan of a call that may be gone on with, if its caller is still there; None: it ends."""
    plan = ResumePlan.read(recovery.resume_plan)
    if plan is None or call.start_timestamp is None or (recovery.analysis_plan and recovery.analysis_plan.in_voicemail):
        return None
    return plan if isinstance(plan.agent.response_engine, _KEEP_THEIR_CONVERSATION) else None


def left_behind(there: InAsterisk, call_id: str, plan: ResumePlan, *, app: str, into: str) -> LeftBehind:
    """Return what a dead run has left of a call. app: its application. into: that of the run that goes on."""
    main = bridge_id(app, call_id)
    joined = next((bridge.channels for bridge in there.bridges if bridge.id == main), ())
    made = [channel.id for channel in there.channels if _was_made_for(app, call_id, channel.id)]
    entered = [channel.id for channel in there.channels if channel.id == plan.channel_id and channel.is_in(app)]
    others = [channel_id for channel_id in joined if channel_id not in made]
    caller = plan.channel_id if plan.channel_id in joined else next(iter([*others, *entered]), None)
    bridges = [
        bridge.id
        for bridge in there.bridges
        if call_id in (call_of_bridge(app, bridge.id), call_of_snoop(app, bridge.id))
    ]
    return LeftBehind(
        caller,
        [channel_id for channel_id in made if channel_id != caller],
        [found for found in bridges if found != main or app != into],
    )


def _was_made_for(app: str, call_id: str, channel_id: str) -> bool:
    """Return whether a channel is one that we make beside the caller's, or towards a transfer's target."""
    name = channel_id.removesuffix(_OTHER_HALF)
    finders = (call_of_media_channel, call_of_snoop, call_of_detector_channel, call_of_target_channel)
    return any(find(app, name) == call_id for find in finders)


def end_of(call: Call, recovery: CallRecovery, plan: ResumePlan, there: InAsterisk) -> DisconnectionReason:
    """Return why a call ends that nobody goes on with, although it might have been."""
    is_there = any(channel.id == plan.channel_id for channel in there.channels)
    in_transfer = recovery.webhook_plan is not None and recovery.webhook_plan.transfer is not None
    if is_there or in_transfer or there.has_started_after(call.start_timestamp or 0):
        return DisconnectionReason.ERROR_RETELL
    return DisconnectionReason.USER_HANGUP
