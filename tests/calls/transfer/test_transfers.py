"""Transfers: what a hang-up means while one is on its way, and what is refused. How it goes on a wire: tests/field."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import pytest

from ari_agent.asterisk.events import Channel, ChannelVarset, StasisStart
from ari_agent.asterisk.header_reader import SipHeaders
from ari_agent.calls.call_log import CallLog
from ari_agent.calls.state import CallState
from ari_agent.calls.transfer.asked_transfer import TellOutcome
from ari_agent.calls.transfer.invite_transfer import InviteTransfer
from ari_agent.calls.transfer.transfers import Transfers
from ari_agent.contract.call_control import TransferOutcome, TransferRequest
from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.routing.dial_policy import Dial, DialRules


class ACall:
    """A call in progress that notes what a transfer does to it."""

    def __init__(self, extensions_context: str | None = None) -> None:
        self.state = CallState.TALKING
        self.sip = SipHeaders(caller_host="carrier.example")
        self.extensions_context = extensions_context
        self.done: list[str] = []
        self.number: PhoneNumber | None = None
        self.dials: list[Dial] = []

    def fill(self, template: str) -> str:
        return template.replace("{{desk}}", "1 01")

    async def check_dial(self, request: TransferRequest, *, transfers: int) -> None:
        self.dials.append(Dial(request.to, self.number, None, request.headers, transfers))
        DialRules().check(self.dials[-1])

    def hear_out(self) -> bool:
        return False

    def new_invite(self, request: TransferRequest, tell: TellOutcome, *, attempt: int) -> InviteTransfer:
        raise NotImplementedError

    async def leave_for_refer(self, request: TransferRequest, variables: Mapping[str, str]) -> None:
        self.state = CallState.TRANSFERRING

    async def leave_for_extension(self, request: TransferRequest) -> None:
        self.done.append(f"in {self.extensions_context} at {request.to}")

    async def transfer_not_begun(self) -> None:
        self.done.append("not begun")

    async def caller_returned(self) -> None:
        self.done.append("returned")

    async def transfer_failed(self) -> None:
        self.done.append("failed")

    async def transfer_succeeded(self, destination: str) -> None:
        self.done.append(f"transferred to {destination}")

    def note_fault(self, what: str) -> None:
        self.done.append(what)

    def await_outcome(self, within_ms: float) -> None:
        self.done.append("waits")

    async def caller_hung_up(self) -> None:
        self.done.append("hung up")


class Asked:
    """A transfer that a call has been asked for."""

    def __init__(self, call: ACall) -> None:
        self.call = call
        self.told: list[TransferOutcome] = []
        self.transfers = Transfers(call, CallLog(logging.getLogger(__name__), {}))

    async def begin(self, to: str = "+14155559999") -> None:
        await self.transfers.begin(TransferRequest(to=to), self.told.append)

    async def comes_back(self, *reported: str) -> None:
        """From the dialplan."""
        channel = Channel(id="1.7", name="PJSIP/trunk-1", state="Up")
        await self.transfers.observe(StasisStart(channel=channel, args=("refer", *reported)))

    async def dialplan_says(self, status: str, sip_status: str) -> None:
        for name, value in (("TRANSFERSTATUS", status), ("TRANSFERSTATUSPROTOCOL", sip_status)):
            await self.transfers.observe(ChannelVarset(variable=name, value=value))


@pytest.fixture
def asked() -> Asked:
    return Asked(ACall())


@pytest.mark.parametrize(
    ("reported", "done"),
    [
        (("SUCCESS", "0"), ["transferred to +14155559999"]),
        (("FAILURE", "0"), ["transferred to +14155559999"]),
        (("FAILURE", "487"), ["A transfer to +14155559999 failed: the transfer was cancelled (487)", "hung up"]),
    ],
)
@pytest.mark.parametrize("bye_first", [True, False])
async def test_a_bye_means_what_the_dialplan_says_beside_it(
    asked: Asked, reported: tuple[str, str], done: list[str], bye_first: bool
) -> None:
    await asked.begin()
    if bye_first:
        assert await asked.transfers.caller_left(said_bye=True)
        assert asked.call.done == ["waits"]
        await asked.dialplan_says(*reported)
        asked.call.done.remove("waits")
    else:
        await asked.dialplan_says(*reported)
        assert await asked.transfers.caller_left(said_bye=True)
    assert asked.call.done == done
    assert [outcome.status for outcome in asked.told] == ["succeeded" if len(done) == 1 else "failed"]


async def test_a_bye_of_which_asterisk_tells_no_more_is_a_transfer(asked: Asked) -> None:
    await asked.begin()
    await asked.transfers.caller_left(said_bye=True)
    await asked.transfers.caller_left(said_bye=False)  # the channel is destroyed
    assert asked.call.done == ["waits", "transferred to +14155559999"]
    assert len(asked.told) == 1


@pytest.mark.parametrize("leaves", [True, False])
async def test_a_far_end_that_ends_its_subscription_without_a_word_may_yet_say_bye(asked: Asked, leaves: bool) -> None:
    await asked.begin()
    await asked.dialplan_says("FAILURE", "0")
    await asked.comes_back("FAILURE", "0")
    assert (asked.call.done, asked.told) == (["waits"], [])
    if leaves:
        assert await asked.transfers.caller_left(said_bye=True)
    await asked.transfers.outcome_overdue()
    if leaves:
        assert asked.call.done == ["waits", "transferred to +14155559999"]
    else:
        assert asked.call.done[2:] == ["returned", "failed"]
    assert [outcome.status for outcome in asked.told] == ["succeeded" if leaves else "failed"]
    await asked.transfers.outcome_overdue()
    assert len(asked.told) == 1


async def test_a_bye_whose_outcome_is_never_told_is_a_transfer(asked: Asked) -> None:
    await asked.transfers.outcome_overdue()
    await asked.begin()
    await asked.transfers.outcome_overdue()
    assert asked.call.done == []
    await asked.transfers.caller_left(said_bye=True)
    await asked.transfers.outcome_overdue()
    assert asked.call.done == ["waits", "transferred to +14155559999"]


async def test_a_channel_that_asterisk_ends_is_a_transfer_only_where_it_had_succeeded(asked: Asked) -> None:
    await asked.begin()
    assert not await asked.transfers.caller_left(said_bye=False)
    await asked.dialplan_says("SUCCESS", "0")
    assert await asked.transfers.caller_left(said_bye=False)
    assert asked.call.done == ["transferred to +14155559999"]


async def test_without_a_transfer_a_bye_is_a_bye(asked: Asked) -> None:
    assert not await asked.transfers.caller_left(said_bye=True)


@pytest.mark.parametrize("to", ["101", "{{desk}}"])
async def test_an_extension_is_one_of_the_pbx_where_a_setting_says_which_context_has_it(to: str) -> None:
    with_context, without = Asked(ACall("desks")), Asked(ACall())
    await with_context.begin(to)
    assert with_context.call.done == ["in desks at 101"]
    assert [outcome.status for outcome in with_context.told] == ["succeeded"]
    await without.begin(to)
    assert [outcome.status for outcome in without.told] == ["failed"]
    assert "set ARI_AGENT_EXTENSIONS_CONTEXT" in (without.told[0].message or "")
