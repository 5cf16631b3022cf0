"""A phone call whose caller waits, with music, while its agent is lost and dialled again: see agent_absence.py."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, ClassVar

from ari_agent.calls.agent_absence import AgentAbsence
from ari_agent.calls.media.call_media import AgentAway, AgentBack
from ari_agent.calls.phone_call import PhoneCall
from ari_agent.calls.session_dependencies import SessionDependencies
from ari_agent.calls.state import CallState
from ari_agent.calls.teardown import Teardown
from ari_agent.calls.transfer.asked_transfer import TellOutcome
from ari_agent.calls.transfer.hold_music import HoldMusic
from ari_agent.contract.call_control import TransferRequest


class WaitingCall(PhoneCall):
    """One phone call, with what its caller hears while the agent is away."""

    def __init__(
        self, services: SessionDependencies, *, call_id: str, channel_id: str, sip_call_id: str | None = None
    ) -> None:
        super().__init__(services, call_id=call_id, channel_id=channel_id, sip_call_id=sip_call_id)
        self._hold_music = HoldMusic(services.ari)
        self._absence = AgentAbsence(self._hold_music, listener=self._listener)

    def _listener(self) -> str | None:
        return self._leg.channel_id if self.state is CallState.TALKING and not self._transfers.waits else None

    async def _agent_away(self, _: AgentAway) -> None:
        if self.media:
            self._start_task(self._absence.follow(self._absence.begin(), self.media))

    async def _agent_back(self, event: AgentBack) -> None:
        await self._absence.end()
        await super()._agent_back(event)

    async def _begin_transfer(self, request: TransferRequest, tell: TellOutcome) -> None:
        """Begin a transfer without the music: a caller who is sent away could not be freed of it any more."""
        await self._absence.pause()
        await super()._begin_transfer(request, tell)

    async def _disconnect_caller(self, teardown: Teardown) -> None:
        await self._absence.end()
        await super()._disconnect_caller(teardown)

    effects: ClassVar[Mapping[type, Callable[[Any, Any], Coroutine[Any, Any, None]]]] = {
        **PhoneCall.effects,
        AgentAway: _agent_away,
        AgentBack: _agent_back,
    }
