"""The bridge in which an agent and the target of a warm transfer talk, while the caller waits in the call's own.

bridge {app}-bridge-{call_id}       caller, who hears music
bridge {app}-consult-{call_id}      target and external media: the call's own, or that of a second agent's call
"""

from __future__ import annotations

from ari_agent.asterisk.ari import Ari
from ari_agent.asterisk.names import consultation_bridge_id, media_channel_id
from ari_agent.calls.channel_end import release


class Consultation:
    """The consultation bridge of one call; made when it is needed first.

    agent_call_id: of the call whose agent is in it; None for the same call.
    """

    def __init__(self, ari: Ari, *, app: str, call_id: str, agent_call_id: str | None = None) -> None:
        self._ari = ari
        self._bridge_id = consultation_bridge_id(app, call_id)
        self._media_id = media_channel_id(app, agent_call_id or call_id)
        self._exists = False

    async def begin(self, target_channel_id: str) -> None:
        """Bring external media and the target together. Raises AsteriskError."""
        self._exists = True  # from here on there may be something to release, whatever fails
        await self._ari.create_bridge(self._bridge_id)
        await self._ari.add_to_bridge(self._bridge_id, target_channel_id, self._media_id)

    async def join(self, bridge_id: str, target_channel_id: str) -> None:
        """Take both to the bridge of the caller. Raises AsteriskError."""
        await self._ari.add_to_bridge(bridge_id, target_channel_id, self._media_id)

    async def end(self) -> None:
        """Dissolve the bridge; what fails is logged, and left to the sweep of orphans. Idempotent."""
        if not self._exists:
            return
        self._exists = False
        await release(self._ari.destroy_bridge(self._bridge_id))
