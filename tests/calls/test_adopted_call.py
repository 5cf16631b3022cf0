"""Two people who were left alone by an earlier run: what ends their call, and what does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from ari_agent.asterisk.ari import Ari
from ari_agent.asterisk.events import Bridge, Channel, ChannelDtmfReceived, ChannelHangupRequest, StasisEnd
from ari_agent.asterisk.names import bridge_id, media_channel_id, target_channel_id
from ari_agent.calls.adopted_call import AdoptedCall
from ari_agent.calls.call_requests import ShuttingDown, StopRequested
from ari_agent.calls.media.call_media import AgentFailed, AgentHungUp, CallerInactive, NoAudioReceived
from ari_agent.calls.record import CallRecord
from ari_agent.calls.record_writer import RecordWriter
from ari_agent.calls.session_events import MaxDurationReached, SessionEvent, TargetNews, TargetTold
from ari_agent.calls.state import CallState
from ari_agent.contract.call import Call, CallDirection
from ari_agent.contract.call_control import HangupRequest
from ari_agent.contract.disconnection import CallStatus, DisconnectionReason
from ari_agent.contract.price_table import PriceTable
from ari_agent.contract.sip_timeline import SipEvent, SipEventName, SipLeg
from ari_agent.store.store import Store
from tests.asterisk.fake_asterisk import APP, PASSWORD, FakeAsterisk
from tests.calls.test_switchboard import services

CALL_ID = "call_1"
CALLER, TARGET = "17.4", target_channel_id(APP, CALL_ID, 3)
CALL = Call(
    call_id=CALL_ID,
    agent_id="agent_1",
    agent_version=0,
    call_status=CallStatus.ONGOING,
    direction=CallDirection.INBOUND,
    from_number="+14155550100",
    to_number="+14155550001",
    start_timestamp=1,
    transfer_destination="+14155559999",
)


def channel(channel_id: str) -> Channel:
    return Channel(id=channel_id, name="PJSIP/x", state="Up")


@asynccontextmanager
async def adopted(
    folder: Path, channels: Sequence[str] = (CALLER, TARGET), *, call: Call = CALL, prices: PriceTable | None = None
) -> AsyncIterator[tuple[AdoptedCall, FakeAsterisk]]:
    async with FakeAsterisk() as asterisk:
        ari = Ari(url=asterisk.url, username="ari", password=PASSWORD, app=APP)
        record = CallRecord(call, agent=None, account_webhook_url=None, prices=prices)
        bridges = [Bridge(id="another"), Bridge(id=bridge_id(APP, CALL_ID), channels=tuple(channels))]
        store = Store(f"sqlite+aiosqlite:///{folder}/calls.db", now_ms=lambda: 0)
        await store.open()
        records = RecordWriter(store, account_webhook_url=None)
        yield AdoptedCall(replace(services(ari, folder), records=records), record, bridges), asterisk
        await store.close()
        await ari.close()


async def run(call: AdoptedCall, *events: SessionEvent) -> None:
    for event in events:
        call.post(event)
    async with asyncio.timeout(20):
        await call.run()


def removed(asterisk: FakeAsterisk) -> set[str]:
    return {f"{noted.path} {noted.body or noted.query}" for noted in asterisk.requests if noted.method == "DELETE"}


BY_CALLER = ChannelHangupRequest(channel=channel(CALLER), cause=31, tech_cause=480)
BY_TARGET = ChannelHangupRequest(channel=channel(TARGET), cause=31, tech_cause=480)


@pytest.mark.parametrize(
    ("event", "hung_up", "reason"),
    [
        (BY_CALLER, {f"/channels/{TARGET} {{'reason_code': '31'}}"}, DisconnectionReason.CALL_TRANSFER),
        (BY_TARGET, {f"/channels/{CALLER} {{'reason_code': '31'}}"}, DisconnectionReason.CALL_TRANSFER),
        (
            TargetTold(TARGET, TargetNews.GONE),
            {f"/channels/{CALLER} {{'reason_code': '16'}}"},
            DisconnectionReason.CALL_TRANSFER,
        ),
        (
            StasisEnd(channel=channel(CALLER)),
            {f"/channels/{TARGET} {{'reason_code': '16'}}"},
            DisconnectionReason.CALL_TRANSFER,
        ),
        (
            StopRequested(HangupRequest(q850_cause=21)),
            {f"/channels/{TARGET} {{'reason_code': '21'}}", f"/channels/{CALLER} {{'reason_code': '21'}}"},
            DisconnectionReason.MANUAL_STOPPED,
        ),
    ],
)
async def test_who_hangs_up_takes_the_other_along(
    tmp_path: Path, event: SessionEvent, hung_up: set[str], reason: DisconnectionReason
) -> None:
    async with adopted(tmp_path) as (call, asterisk):
        await run(call, event)
        assert hung_up <= removed(asterisk)
        assert f"/bridges/{bridge_id(APP, CALL_ID)} {{}}" in removed(asterisk)
        assert call.record is not None
        assert call.record.disconnection_reason is reason
        assert call.record.transfer_end_timestamp == call.record.end_timestamp == 0


async def test_their_minutes_are_paid_for_from_the_answers_in_the_earlier_run(tmp_path: Path) -> None:
    legs: tuple[SipLeg, ...] = ("caller", "target")
    begun: tuple[SipEventName, ...] = ("INVITE", "200")
    sip = tuple(SipEvent(event=event, leg=leg, timestamp=1) for leg in legs for event in begun)
    prices = PriceTable.model_validate({"telephony": [{"cents_per_minute": 60, "increment_s": 60}]})
    async with adopted(tmp_path, call=CALL.model_copy(update={"sip": sip}), prices=prices) as (call, _):
        await run(call, BY_CALLER)
        assert call.record and call.record.call_cost and call.record.sip
        costs = [(product.product, product.cost) for product in call.record.call_cost.product_costs]
        assert costs == [("telephony", 60.0), ("transfer_leg", 60.0)]
        assert [entry.event for entry in call.record.sip if entry.leg == "caller"] == ["INVITE", "200", "BYE"]


async def test_what_concerned_the_agent_does_not_end_the_talk(tmp_path: Path) -> None:
    states: list[CallState] = []
    async with adopted(tmp_path) as (call, asterisk):
        running = asyncio.create_task(call.run())
        for event in (
            AgentHungUp(16),
            AgentFailed(DisconnectionReason.ERROR_LLM_WEBSOCKET_LOST_CONNECTION, "lost"),
            CallerInactive(),
            NoAudioReceived(),
            MaxDurationReached(),
            ChannelDtmfReceived(channel=channel(CALLER), digit="1", duration_ms=100),
            TargetTold(TARGET, TargetNews.ANSWERED),
            TargetTold(target_channel_id(APP, CALL_ID, 4), TargetNews.GONE),
        ):
            call.post(event)
            await asyncio.sleep(0)
        await asyncio.sleep(0.1)
        states.append(call.state)
        assert removed(asterisk) == set()
        call.post(BY_CALLER)
        await running
    assert states == [CallState.BRIDGED]


async def test_a_controller_that_stops_leaves_them_alone(tmp_path: Path) -> None:
    async with adopted(tmp_path) as (call, asterisk):
        await run(call, ShuttingDown())
        assert removed(asterisk) == set()
        assert call.record is not None
        assert call.record.disconnection_reason is None
        assert call.record.transfer_end_timestamp is None


@pytest.mark.parametrize("left", [[CALLER], [TARGET], [], [media_channel_id(APP, CALL_ID), CALLER]])
async def test_who_is_left_alone_is_hung_up(tmp_path: Path, left: Sequence[str]) -> None:
    async with adopted(tmp_path, left) as (call, asterisk):
        await run(call)
        for party in {CALLER, TARGET} & set(left):
            assert f"/channels/{party} {{'reason_code': '16'}}" in removed(asterisk)
        assert call.record is not None
        assert call.record.disconnection_reason is DisconnectionReason.CALL_TRANSFER
