"""The attempts of one outbound call: each of its trunk's destinations once, in order, with a channel of its own.

When the next one is tried is said in `asterisk.trunk_destinations`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from ari_agent.asterisk.ari import Ari
from ari_agent.asterisk.events import Channel
from ari_agent.asterisk.names import outbound_channel_id
from ari_agent.asterisk.trunk_destinations import Destination
from ari_agent.errors import AsteriskRefused

log = logging.getLogger(__name__)


class TrunkAttempts:
    """Where a call is tried now, and where next. ways: the trunk's destinations, at least one.

    number: of the attempt in progress, from 0. channel_id: of its channel, made or not.
    """

    def __init__(self, ari: Ari, *, app: str, call_id: str, ways: Sequence[Destination]) -> None:
        self._ari = ari
        self._app = app
        self._call_id = call_id
        self._ways = ways
        self.number = 0

    @property
    def channel_id(self) -> str:
        """The id of the channel of this attempt, which no other attempt has."""
        return outbound_channel_id(self._app, self._call_id, self.number)

    @property
    def has_next(self) -> bool:
        """Whether there is another destination to try after this one."""
        return self.number + 1 < len(self._ways)

    def next(self) -> None:
        """Go on to the next destination, which must be there."""
        self.number += 1

    def restart(self) -> None:
        """Begin again with the first one, which has not been tried."""
        self.number = 0

    async def make_channel(self, to_number: str, variables: Mapping[str, str]) -> Channel:
        """Make the channel of this attempt; where Asterisk has no way to its destination, of the next that it has.

        To a destination that answers no OPTIONS Asterisk has none. Raises:
            AsteriskRefused: it has no way to any of them (status 500), or something else is wrong.
        """
        while True:
            way = self._ways[self.number]
            try:
                return await self._ari.create_channel(self.channel_id, f"PJSIP/{to_number}@{way.endpoint}", variables)
            except AsteriskRefused as error:
                if error.status != 500 or not self.has_next:
                    raise
                log.info("no way to a trunk's destination", extra={"call_id": self._call_id, "destination": way.uri})
                self.next()
