"""A call with a phone line: callers who come back, and those who take their place. On a wire: tests/integration."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ari_agent.asterisk.ari import Ari
from ari_agent.asterisk.events import BridgeAttendedTransfer, Channel, StasisStart
from ari_agent.calls.hold import HoldReason
from ari_agent.calls.media.commands import CallerAway, Command
from ari_agent.calls.state import CallState
from ari_agent.calls.two_leg_call import TwoLegCall
from ari_agent.contract.call import CallDirection
from ari_agent.contract.disconnection import DisconnectionReason
from tests.asterisk.fake_asterisk import APP, PASSWORD, FakeAsterisk, Noted
from tests.calls.test_switchboard import services


class AnsweredCall(TwoLegCall):
    """A call in progress that notes what its media half is told."""

    direction = CallDirection.INBOUND

    def __init__(self, ari: Ari, folder: Path) -> None:
        super().__init__(services(ari, folder), call_id="call_7", channel_id="1.7")
        self.state = CallState.TALKING
        self.commands: list[Command] = []
        self.beside: list[asyncio.Task[None]] = []

    async def _connect(self) -> None:
        """It is answered already."""

    def _command(self, command: Command) -> None:
        self.commands.append(command)

    @property
    def reason(self) -> DisconnectionReason | None:
        return self._teardown.reason

    @property
    def linked_id(self) -> str | None:
        return self._leg.linked_id

    def _start_task(self, work: Coroutine[Any, Any, None]) -> None:
        self.beside.append(asyncio.create_task(work))

    def leave(self, state: CallState) -> None:
        """Have the caller be away in a transfer, or wait."""
        self.state = state
        self._hold.begin(HoldReason.TRANSFER)


def cannot_join(noted: Noted) -> tuple[int, Any] | None:
    return (500, {"message": "Internal Server Error"}) if noted.path.endswith("/addChannel") else None


@pytest_asyncio.fixture
async def call(tmp_path: Path) -> AsyncIterator[AnsweredCall]:
    async with FakeAsterisk(answer=cannot_join) as asterisk:
        ari = Ari(url=asterisk.url, username="ari", password=PASSWORD, app=APP)
        made = AnsweredCall(ari, tmp_path)
        yield made
        await asyncio.gather(*made.beside)
        await ari.close()


@pytest.mark.parametrize("state", [CallState.TRANSFERRING, CallState.CONSULTING])
async def test_a_caller_who_is_back_and_cannot_be_joined_is_not_told_to_be_back(
    call: AnsweredCall, state: CallState
) -> None:
    call.leave(state)
    await (call.caller_returned if state is CallState.TRANSFERRING else call.caller_back_from_wait)()
    assert (call.state, call.reason) == (CallState.ENDED, DisconnectionReason.ERROR_RETELL)
    assert call.commands == [CallerAway()]


def channel(channel_id: str, name: str) -> Channel:
    return Channel(id=channel_id, name=name, state="Up")


async def test_a_second_attended_transfer_forgets_whom_the_first_one_linked(call: AnsweredCall) -> None:
    phone, link = channel("1.7", "PJSIP/phone-1"), channel("2.1", "Local/_attended@transfer/m-1;1")
    caller, colleague = channel("3.1", "PJSIP/caller-1"), channel("4.1", "PJSIP/colleague-1")
    for event in (
        StasisStart(channel=link, replace_channel=phone),
        BridgeAttendedTransfer(transferee=caller),
        StasisStart(channel=colleague, replace_channel=link),
    ):
        linked_id = call.linked_id
        await call.effects[type(event)](call, event)
    assert (linked_id, call.linked_id) == ("3.1", None)
