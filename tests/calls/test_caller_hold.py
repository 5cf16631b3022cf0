"""A hold whose event was missed: Asterisk is asked, and the agent is told what it says."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio

from ari_agent.asterisk.ari import Ari
from ari_agent.asterisk.header_reader import CALL_ID
from ari_agent.calls.call_log import CallLog
from ari_agent.calls.caller_hold import CallerHold
from ari_agent.calls.caller_leg import CallerLeg
from ari_agent.calls.hold import HoldReason
from ari_agent.calls.media.commands import CallerAway, CallerBack, Command
from tests.asterisk.fake_asterisk import APP, PASSWORD, FakeAsterisk, Noted


@dataclass
class Phone:
    """What Asterisk knows of a caller's phone, and what its agent was told. held: `1` or `0`; None: it cannot tell."""

    held: str | None = None
    told: list[Command] = field(default_factory=list)

    def answer(self, noted: Noted) -> tuple[int, Any] | None:
        if not noted.path.endswith("/variables"):
            return None
        facts = {CALL_ID: "a@b", "CHANNEL(rtp,hold)": self.held}
        return 200, {"variables": {name: value for name, value in facts.items() if value}}


@pytest.fixture
def phone() -> Phone:
    return Phone()


@pytest_asyncio.fixture
async def hold(phone: Phone) -> AsyncIterator[CallerHold]:
    async with FakeAsterisk(answer=phone.answer) as asterisk:
        ari = Ari(url=asterisk.url, username="ari", password=PASSWORD, app=APP)
        leg = CallerLeg(ari, app=APP, call_id="call_1", channel_id="1.1")
        yield CallerHold(leg, phone.told.append, CallLog(logging.getLogger(__name__), {}))
        await ari.close()


@pytest.mark.parametrize(
    ("was_held", "held", "told"),
    [
        (False, "1", [CallerAway()]),
        (True, "0", [CallerAway(), CallerBack()]),
        (False, "0", []),
        (True, "1", [CallerAway()]),
        (True, None, [CallerAway()]),
    ],
)
async def test_after_missed_events_the_agent_is_told_what_asterisk_knows(
    hold: CallerHold, phone: Phone, was_held: bool, held: str | None, told: list[Command]
) -> None:
    if was_held:
        hold.begin(HoldReason.PHONE)
    phone.held = held
    await hold.events_missed()
    assert phone.told == told


@pytest.mark.parametrize(
    ("held", "told"), [("1", [CallerAway()]), ("0", [CallerAway(), CallerBack()]), (None, [CallerAway(), CallerBack()])]
)
async def test_audio_ends_a_hold_unless_it_is_the_phones_own_music(
    hold: CallerHold, phone: Phone, held: str | None, told: list[Command]
) -> None:
    hold.begin(HoldReason.PHONE)
    phone.held = held
    await hold.audio_again()
    assert phone.told == told


async def test_audio_does_not_bring_a_caller_back_who_is_away_in_a_transfer(hold: CallerHold, phone: Phone) -> None:
    hold.begin(HoldReason.TRANSFER)
    await hold.audio_again()
    assert phone.told == [CallerAway()]
