"""A call of an earlier run of the controller whose caller is still in Asterisk: its agent is dialled again.

    the next run ──▶ CONNECTING: what the dead run made is removed, new audio set up, the agent dialled ──▶ TALKING
                         └─ the agent refuses, or cannot be reached ──▶ ends with its reason, as before an answer

The record is the one that there was: its transcript, its recording and its public log go on. A transfer that was on its
way is cancelled, and the agent is told nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Final

from ari_agent.asterisk.header_reader import read_far_end, read_sip_headers
from ari_agent.calls.call_requests import EventsMissed
from ari_agent.calls.media.announcement import duration_s
from ari_agent.calls.record import CallRecord
from ari_agent.calls.referable_call import ReferableCall
from ari_agent.calls.resumption import LeftBehind
from ari_agent.calls.session_dependencies import SessionDependencies
from ari_agent.calls.state import Routed
from ari_agent.calls.teardown import Teardown
from ari_agent.contract.call import CallDirection
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.contract.resume_plan import ResumePlan
from ari_agent.errors import AsteriskError

_RESUMED: Final = (
    "The controller ended in mid-call and was started again: the agent was dialled anew, and what was said meanwhile "
    "is missing"
)


class ResumedCall(ReferableCall):
    """One call that another run of the controller has begun. caller: the id of the caller's channel.

    left: what that run has made in Asterisk beside it. is_elsewhere: the channel is in another application than ours.
    """

    def __init__(
        self,
        services: SessionDependencies,
        record: CallRecord,
        plan: ResumePlan,
        *,
        caller: str,
        left: LeftBehind,
        is_elsewhere: bool = False,
    ) -> None:
        call = record.call
        self.direction = call.direction or CallDirection.INBOUND
        telephony = call.telephony_identifier
        super().__init__(
            services,
            call_id=call.call_id,
            channel_id=caller,
            sip_call_id=telephony.sip_call_id if telephony else None,
        )
        self._plan, self._left, self._is_elsewhere = plan, left, is_elsewhere
        self._is_left = True
        self._record = self._resumed_record = record
        self._timeline.resume(call.sip or ())
        self._timeline.caller_is_up()
        self._leg.adopt()
        began_ms = call.sip[0].timestamp if call.sip else self._answered_ms
        self._log.public.resume(services.now_ms() - began_ms)
        record.resume(self._log.public)
        record.is_recorded_alone = True  # its words have times of two runs, by which nobody finds them in the recording
        record.transfer_cancelled()
        record.fault(_RESUMED)

    @property
    def _answered_ms(self) -> int:
        return self._resumed_record.call.start_timestamp or 0

    @property
    def _caller_is_wideband(self) -> bool:
        return self._plan.is_wideband

    async def _connect(self) -> None:
        services, record, agent = self._services, self._resumed_record, self._plan.agent
        self._log.warning("call of an earlier run: its agent is dialled again")
        self._advance(Routed())
        is_outbound = self.direction is CallDirection.OUTBOUND
        await self._exit_stack.enter_async_context(services.slots.resumed(self.call_id, outbound=is_outbound))
        if self._is_elsewhere:
            await services.ari.move(self.channel_id)
            record.resumes_by(self._plan.model_copy(update={"app": services.app, "channel_id": self.channel_id}))
            await self._save()  # should we die too, the caller is looked for where they are now
        self._start_task(self._learn_far_end())
        ours = record.call.from_number if is_outbound else record.call.to_number
        self._number = await services.find_number(ours or "")
        recorded_s = await self._files.resume()
        spec = await self._media_spec(agent, record.call)
        if spec.realtime:
            why = "The conversation of a model that speaks itself was lost with the controller"
            self.post(Teardown(DisconnectionReason.ERROR_RETELL, continues_in_dialplan=True, why=why))
            return
        was_told = recorded_s >= duration_s(spec.consent)
        media = self._new_media(replace(spec, reconnected=True, consent=b"" if was_told else spec.consent))
        host, port = await media.open()
        media.dial_agent()
        media.accept_from(*await self._leg.resume_media(host, port, codec=media.codec, left=self._left))
        self._is_left = False
        await self._agent_ready.wait()
        lasted_ms = services.now_ms() - self._answered_ms
        self._files.resume_at(lasted_ms / 1000)
        left_ms = max(0, agent.max_call_duration_ms - lasted_ms)
        self._begin_conversation(record, media, max_duration_ms=left_ms)
        await self._save()
        await self._hold.events_missed()

    async def _events_missed(self, event: EventsMissed) -> None:
        if self._is_answered:  # before that, no agent could be told: it is asked for at the answer
            await super()._events_missed(event)

    async def _learn_far_end(self) -> None:
        """Read what a REFER needs to know."""
        read = read_far_end if self.direction is CallDirection.OUTBOUND else read_sip_headers
        try:
            self._sip = await read(self._services.ari, self.channel_id)
        except AsteriskError as error:
            self._log.warning("a transfer to a bare number will not work: %s", error)

    async def _disconnect_caller(self, teardown: Teardown) -> None:
        if self.direction is CallDirection.OUTBOUND:
            teardown = teardown.without_dialplan(answered=True)
        await super()._disconnect_caller(teardown)

    async def _release_caller_leg(self) -> None:
        await super()._release_caller_leg()
        if self._is_left:  # names that it has may be those of channels of this run by now
            await self._leg.remove(self._left)

    async def _close_record(self, teardown: Teardown, ended_ms: int) -> None:
        await super()._close_record(teardown, ended_ms)
        if artefacts := self._services.artefacts:
            artefacts.spool.let_go(self.call_id)

    effects: ClassVar[Mapping[type, Callable[[Any, Any], Coroutine[Any, Any, None]]]] = {
        **ReferableCall.effects,
        EventsMissed: _events_missed,
    }
