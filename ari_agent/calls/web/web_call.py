"""A call over the audio websocket: a registered call whose user has opened it. No Asterisk has a part in it.

It is a call like every other: the same queue, states, limits, record and webhooks. What needs a phone line, transfers
and DTMF to the caller, is refused. How it ended is told by the close code of the front end's websocket.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Final

from ari_agent.calls.media.call_media import FrontEndCorrupt
from ari_agent.calls.registrar import TakenCall
from ari_agent.calls.session import CallSession
from ari_agent.calls.session_dependencies import SessionDependencies
from ari_agent.calls.state import Routed
from ari_agent.calls.teardown import Teardown
from ari_agent.calls.web.front_end import FrontEnd
from ari_agent.calls.web.web_media import WebMedia
from ari_agent.contract.call import CallDirection
from ari_agent.contract.disconnection import CallStatus, DisconnectionReason
from ari_agent.errors import ConcurrencyLimitReached

# RFC 6455 section 7.4.1, and the IANA registry behind it.
NORMAL: Final = 1000
UNACCEPTABLE: Final = 1003
INTERNAL_ERROR: Final = 1011
TRY_AGAIN_LATER: Final = 1013

_CLOSE_CODES: Final[Mapping[DisconnectionReason, int]] = {
    DisconnectionReason.ERROR_FRONTEND_CORRUPTED_PAYLOAD: UNACCEPTABLE,
    DisconnectionReason.CONCURRENCY_LIMIT_REACHED: TRY_AGAIN_LATER,
}


class WebCall(CallSession):
    """One call over the audio websocket. taken: the registered call. front: its front end, whose websocket is open."""

    direction = CallDirection.INBOUND
    has_channel = False

    def __init__(self, services: SessionDependencies, taken: TakenCall, front: FrontEnd) -> None:
        call_id = taken.call.call_id
        super().__init__(services, call_id=call_id, channel_id=f"audio-websocket/{call_id}")
        self._taken = taken
        self._front = front
        self._told_client = ""
        front.tell = self.post
        self._record = self._web_record = self._new_record(taken.call, taken.registration.agent)

    async def _connect(self) -> None:
        call, registration = self._taken.call, self._taken.registration
        agent = registration.agent
        self._log.info("call arrived", extra={"agent_id": agent.agent_id})
        self._advance(Routed())
        try:
            await self._exit_stack.enter_async_context(self._services.slots.outbound(self.call_id))
        except ConcurrencyLimitReached as error:
            self._log.info("no slot: %s", error)
            self.post(Teardown(DisconnectionReason.CONCURRENCY_LIMIT_REACHED, continues_in_dialplan=True))
            return
        spec = await self._media_spec(agent, call)
        if registration.end_call_after_silence_ms is not None:
            spec = replace(spec, end_call_after_silence_ms=registration.end_call_after_silence_ms)
        media = self.media = WebMedia(
            spec,
            self._front,
            on_event=self.post,
            new_agent=self._services.new_agent_leg,
            record_to=self._files.open_recording,
        )
        self._front.begin(media)
        self._begin_conversation(self._web_record, media, max_duration_ms=agent.max_call_duration_ms)
        await self._save()
        media.dial_agent()

    async def _front_end_corrupt(self, event: FrontEndCorrupt) -> None:
        self._log.warning("front end failed: %s", event.message)
        if event.is_for_client:
            self._told_client = f": {event.message}"
        reason = DisconnectionReason.ERROR_FRONTEND_CORRUPTED_PAYLOAD
        await self._end(Teardown(reason, continues_in_dialplan=True, why=event.message))

    async def _disconnect_caller(self, teardown: Teardown) -> None:
        """Close the websocket, with the call's disconnection_reason as the reason."""
        reason = teardown.reason.value if teardown.reason else ""
        await self._front.close(_close_code(teardown.reason), reason + self._told_client)

    async def _let_go(self) -> None:
        await super()._let_go()
        await self._front.close(INTERNAL_ERROR, "another controller leads the call")

    async def _release_caller_leg(self) -> None:
        """Do nothing, because the websocket is closed already."""

    effects: ClassVar[Mapping[type, Callable[[Any, Any], Coroutine[Any, Any, None]]]] = {
        **CallSession.effects,
        FrontEndCorrupt: _front_end_corrupt,
    }


def _close_code(reason: DisconnectionReason | None) -> int:
    if reason is None or reason.call_status is not CallStatus.ERROR:
        return NORMAL
    return _CLOSE_CODES.get(reason, INTERNAL_ERROR)
