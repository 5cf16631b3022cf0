"""Puts the trunks of phone numbers into Asterisk's memory, without a restart, and takes them out again.

What objects a trunk is made of, and in which order they come and go, is said in `trunk_objects`.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Iterable, Sequence
from typing import Final

from ari_agent.asterisk.ari import Ari
from ari_agent.asterisk.trunk_destinations import trunk_id
from ari_agent.asterisk.trunk_inquiry import trunk_statuses
from ari_agent.asterisk.trunk_objects import FROM_TRUNK, KINDS, Trunk, trunks
from ari_agent.contract.phone_number import PhoneNumber, TrunkConfig
from ari_agent.contract.trunk_status import TrunkStatus

log = logging.getLogger(__name__)

_KINDS_OF_DESTINATION: Final = ("aor", "endpoint")
_OPTIONS_TIMEOUT_S: Final = 4.0
"""Asterisk sends the first OPTIONS at any moment of the first interval, and waits 3 s for the answer."""


class Trunks:
    """The trunks of one application in one Asterisk. All methods but `statuses` raise AsteriskError.

    context: of the dialplan, where calls come in by trunks that take calls.
    """

    def __init__(self, ari: Ari, *, app: str, context: str = FROM_TRUNK) -> None:
        self._ari = ari
        self._app = app
        self._context = context
        self._made: dict[str, Sequence[Trunk]] = {}
        self._made_s: dict[str, float] = {}

    async def put(self, phone_number: str, config: TrunkConfig | None) -> None:
        """Make a number's trunk what its configuration says; calls in progress stay as they are."""
        wanted = trunks(self._app, phone_number, config, context=self._context)
        if not wanted or config is None:
            await self.remove(phone_number)
            return
        first, before = wanted[0], self._made.get(phone_number, ())
        again = bool(before) and (before[0].auth, before[0].registration) != (first.auth, first.registration)
        if again or not first.registration:
            # Put anew, so that Asterisk asks at once, and not when the pause after a refusal is over.
            await self._ari.delete_object("registration", first.id)
        if not first.identify:
            await self._ari.delete_object("identify", first.id)
        for one in wanted:
            await self._put(one)
        for gone in before[len(wanted) :]:
            await self._remove(gone.id, kinds=_KINDS_OF_DESTINATION)
        if not first.auth:
            await self._ari.delete_object("auth", first.id)
        self._made[phone_number], self._made_s[phone_number] = wanted, asyncio.get_running_loop().time()
        if config.auth_username and not first.auth:
            log.warning("trunk without a login: its user name has no password", extra={"phone_number": phone_number})
        contacts = ", ".join(one.aor["contact"] for one in wanted)
        log.info("trunk is live", extra={"phone_number": phone_number, "trunk": first.id, "contact": contacts})

    async def _put(self, wanted: Trunk) -> None:
        for kind, fields in wanted.objects():
            if kind == "aor":
                # Asterisk adds a contact to those that an aor has, and goes on calling the first.
                await self._ari.delete_object(kind, wanted.id)
            await self._ari.put_object(kind, wanted.id, fields)

    async def statuses(self, numbers: Iterable[PhoneNumber], *, now_ms: int) -> Sequence[TrunkStatus]:
        """Ask Asterisk how the trunks of these numbers are. See `trunk_statuses`; never raises AsteriskError."""
        asked = list(numbers)
        return await trunk_statuses(self._ari, self._app, asked, now_ms=now_ms, unsettled=self._unsettled(asked))

    def _unsettled(self, numbers: Iterable[PhoneNumber]) -> frozenset[str]:
        now_s = asyncio.get_running_loop().time()
        return frozenset(
            number.phone_number
            for number in numbers
            if (config := number.sip_outbound_trunk_config)
            and now_s - self._made_s.get(number.phone_number, -math.inf)
            < (config.qualify_frequency_s or 0) + _OPTIONS_TIMEOUT_S
        )

    async def remove(self, phone_number: str) -> None:
        """Remove a number's trunk. One that is not there is no error."""
        self._made_s.pop(phone_number, None)
        for gone in self._made.pop(phone_number, ())[1:]:
            await self._remove(gone.id, kinds=_KINDS_OF_DESTINATION)
        await self._remove(trunk_id(self._app, phone_number))

    async def remove_others(self, phone_numbers: frozenset[str]) -> None:
        """Remove the trunks of all numbers but these, and destinations that these no longer have."""
        kept = {trunk_id(self._app, phone_number) for phone_number in phone_numbers}
        kept |= {one.id for phone_number in phone_numbers for one in self._made.get(phone_number, ())}
        for name in await self._ari.endpoints():
            if name.startswith(f"{self._app}-trunk-") and name not in kept:
                await self._remove(name)

    async def _remove(self, name: str, *, kinds: Sequence[str] = KINDS) -> None:
        for kind in reversed(kinds):
            await self._ari.delete_object(kind, name)
