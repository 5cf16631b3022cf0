"""Cold transfers on a real Asterisk, with SIPp as the caller: what goes over the wire, and what comes back."""

from __future__ import annotations

import asyncio
import re
from urllib.parse import unquote

import pytest

from ari_agent.asterisk.events import ChannelHangupRequest, ChannelVarset, StasisStart
from ari_agent.asterisk.header_reader import SipHeaders, read_sip_headers
from ari_agent.asterisk.refer import REFER_CONTEXT, REFER_EXTENSION, parse_outcome, refer_variables
from ari_agent.contract.call_control import TransferOutcome, TransferRequest
from tests.asterisk.conftest import CALLER_ADDRESS, Line
from tests.fakes.beside import beside
from tests.fakes.sip_caller import ReferPlan, SipCaller
from tests.fakes.sip_message import SipMessage, first
from tests.fakes.sipp import Sipp

pytestmark = [pytest.mark.asterisk, pytest.mark.asyncio(loop_scope="session")]

HEADERS = {
    "X-Account": 'a&b=c, "d"; <e>?${SHELL(id)}|+)',
    "User-To-User": "3132;encoding=hex",
    "X-Utf": "gr\u00fc\u00df",
}


async def answered(line: Line) -> tuple[str, SipHeaders]:
    channel = await line.caller()
    sip = await read_sip_headers(line.ari, channel.id)
    await line.ari.answer(channel.id)
    return channel.id, sip


async def send_refer(line: Line, channel_id: str, request: TransferRequest, sip: SipHeaders) -> None:
    variables = refer_variables(request, default_host=sip.caller_host, referred_by=sip.local_uri)
    await line.ari.set_variables(channel_id, variables)
    await line.ari.continue_in_dialplan(channel_id, context=REFER_CONTEXT, extension=REFER_EXTENSION)


async def transfer(
    line: Line, sipp: Sipp, request: TransferRequest, *, scenario: str = "refer", status: str = "200 OK"
) -> tuple[TransferOutcome, SipMessage]:
    """The outcome, and the REFER as SIPp saw it. The caller is back in the application, and hung up by us."""
    async with beside(sipp.run(scenario, "+15550002222", values={"STATUS": status})) as calling:
        channel_id, sip = await answered(line)
        await asyncio.sleep(0.3)  # SIPp takes a REFER only after its ACK, which nothing here sees
        await send_refer(line, channel_id, request, sip)
        back = await line.next(StasisStart, channel_id)
        assert back.args[0] == "refer"
        # The channel is as good as before: it could go back to the agent.
        await line.ari.create_bridge("ari_agent-bridge-refer")
        await line.ari.add_to_bridge("ari_agent-bridge-refer", channel_id)
        await line.ari.destroy_bridge("ari_agent-bridge-refer")
        await line.ari.hang_up(channel_id, q850_cause=16)
        wire = (await calling).check()
    refer, bye = first(wire.received, method="REFER"), first(wire.received, method="BYE")
    assert refer is not None
    assert bye is not None
    assert bye.header("Reason") == "Q.850;cause=16"
    return parse_outcome(back.args), refer


@pytest.mark.parametrize(
    ("scenario", "status", "outcome"),
    [
        ("refer", "200 OK", TransferOutcome(status="succeeded", sip_status=200)),
        ("refer", "486 Busy Here", TransferOutcome(status="failed", sip_status=486, message="the destination is busy")),
        (
            "refer_refused",
            "603 Decline",
            TransferOutcome(status="failed", sip_status=603, message="the transfer was declined"),
        ),
    ],
    ids=["202 and NOTIFY 200", "202 and NOTIFY 100 and 486", "603 to the REFER"],
)
async def test_the_outcome_of_a_refer_comes_back_with_the_caller(
    line: Line, sipp: Sipp, scenario: str, status: str, outcome: TransferOutcome
) -> None:
    request = TransferRequest(to="+15553334444", headers=HEADERS)
    seen, refer = await transfer(line, sipp, request, scenario=scenario, status=status)
    assert seen == outcome
    refer_to = refer.need("Refer-To")
    uri, _, query = refer_to.removeprefix("<").removesuffix(">").partition("?")
    assert re.fullmatch(rf"sip:\+15553334444@{re.escape(CALLER_ADDRESS)}(:[0-9]+)?", uri)
    assert {
        unquote(name): unquote(value) for name, _, value in (one.partition("=") for one in query.split("&"))
    } == HEADERS
    assert refer.header("Referred-By") == f"<sip:+15550002222@{line.pbx.bind}>"
    assert len(refer.all("Refer-To")) == len(refer.all("Referred-By")) == 1
    assert not [name for name, _ in refer.headers if name.lower().startswith("x-")]


@pytest.mark.parametrize(
    "to",
    [
        "sip:bob@example.com",
        "sips:+1555@example.com:5061;transport=tls",
        "sip:+1555@[2001:db8::1];user=phone",
        "sip:a%20b@example.com;transport=tcp",
        "sip:*43@example.com",
    ],
)
async def test_a_uri_is_sent_as_it_was_asked_for(line: Line, sipp: Sipp, to: str) -> None:
    _, refer = await transfer(line, sipp, TransferRequest(to=to))
    assert refer.header("Refer-To") == f"<{to}>"


async def test_the_longest_headers_that_are_accepted_arrive_whole(line: Line, sipp: Sipp) -> None:
    headers = {f"X-{number}": "v" * 1024 for number in range(3)} | {"X-Last": "v" * 800}
    _, refer = await transfer(line, sipp, TransferRequest(to="+1555", headers=headers))
    assert refer.need("Refer-To").endswith(f"&X-Last={'v' * 800}>")


async def test_a_transfer_that_failed_can_be_tried_again(line: Line, caller: SipCaller) -> None:
    async with caller:
        await caller.dial("+15550002222")
        channel_id, sip = await answered(line)
        await caller.answered()
        for status in (486, 603, 200):
            caller.refer_plan = ReferPlan(notifies=((0.05, 100), (0.05, status)))
            await send_refer(line, channel_id, TransferRequest(to="200"), sip)
            assert parse_outcome((await line.next(StasisStart, channel_id)).args).sip_status == status
        await caller.hang_up()
        await line.gone(channel_id)


async def test_a_caller_who_hangs_up_while_the_transfer_is_tried_is_noticed(line: Line, caller: SipCaller) -> None:
    async with caller:
        caller.refer_plan = ReferPlan(notifies=((0.05, 100), (0.2, 487)), bye_beside_notify="after")
        await caller.dial("+15550002222")
        channel_id, sip = await answered(line)
        await caller.answered()
        await send_refer(line, channel_id, TransferRequest(to="200"), sip)
        await caller.refer()
        event = await line.next(ChannelHangupRequest, channel_id)
        assert not event.soft
        await line.gone(channel_id)


async def test_a_far_end_that_leaves_with_its_success_is_not_a_caller_who_hung_up(
    line: Line, caller: SipCaller
) -> None:
    async with caller:
        caller.refer_plan = ReferPlan(notifies=((0.05, 200),), hang_up_s=0)
        await caller.dial("+15550002222")
        channel_id, sip = await answered(line)
        await caller.answered()
        await send_refer(line, channel_id, TransferRequest(to="200"), sip)
        seen: dict[str, str] = {}
        while "TRANSFERSTATUSPROTOCOL" not in seen:
            event = await line.next(ChannelVarset, channel_id)
            seen[event.variable] = event.value
        assert parse_outcome([seen["TRANSFERSTATUS"], seen["TRANSFERSTATUSPROTOCOL"]]).status == "succeeded"
        await line.gone(channel_id)
