"""Looks at Asterisk for the callers of a controller that has died, and says which of their calls go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ari_agent.calls.record import CallRecord
from ari_agent.calls.resumed_call import ResumedCall
from ari_agent.calls.resumption import InAsterisk, end_of, left_behind, resume_plan
from ari_agent.calls.session_dependencies import SessionDependencies
from ari_agent.contract.disconnection import DisconnectionReason


@dataclass(frozen=True, slots=True)
class TakenOver:
    """What becomes of calls whose controller has died. resumed: to be begun. ended: records to be ended, and why."""

    resumed: Sequence[ResumedCall]
    ended: Sequence[tuple[CallRecord, DisconnectionReason]]


async def taken_over(services: SessionDependencies, records: Sequence[CallRecord]) -> TakenOver:
    """Return what becomes of calls that a controller has left behind.

    Raises:
        AsteriskError: Asterisk does not say what it has; to be asked again.
    """
    ari = services.ari
    there = InAsterisk(await ari.channels(), await ari.bridges(), ari.started_at)
    resumed: list[ResumedCall] = []
    ended: list[tuple[CallRecord, DisconnectionReason]] = []
    for record in records:
        plan = resume_plan(record.call, record.recovery)
        if plan is None:
            ended.append((record, DisconnectionReason.ERROR_RETELL))
            continue
        left = left_behind(there, record.call.call_id, plan, app=plan.app, into=services.app)
        if left.caller is None:
            ended.append((record, end_of(record.call, record.recovery, plan, there)))
            continue
        is_elsewhere = plan.app != services.app
        resumed.append(ResumedCall(services, record, plan, caller=left.caller, left=left, is_elsewhere=is_elsewhere))
    return TakenOver(resumed, ended)
