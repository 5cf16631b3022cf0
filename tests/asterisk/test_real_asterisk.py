"""On a real Asterisk: requests, events, variables, headers and causes; REFER is in test_real_refer.py."""

from __future__ import annotations

import asyncio

import pytest

from ari_agent.asterisk.agent_variables import read_agent_variables
from ari_agent.asterisk.ari import Ari
from ari_agent.asterisk.causes import q850_cause, reason_for_hangup
from ari_agent.asterisk.events import (
    ApplicationReplaced,
    ChannelDtmfReceived,
    ChannelHangupRequest,
    ChannelStateChange,
    ChannelVarset,
    StasisEnd,
    StasisStart,
)
from ari_agent.asterisk.header_reader import read_sip_headers
from ari_agent.asterisk.names import bridge_id, call_of_media_channel, media_channel_id
from ari_agent.asterisk.sip_headers import channel_variables
from ari_agent.contract.disconnection import DisconnectionReason as Reason
from ari_agent.errors import AsteriskRefused, ChannelGone
from tests.asterisk import description
from tests.asterisk.conftest import Line, until
from tests.fakes.beside import beside
from tests.fakes.sip_caller import SipCaller

pytestmark = [pytest.mark.asterisk, pytest.mark.asyncio(loop_scope="session")]

EVIL = 'q"uo;te, \\back ${SHELL(id)} ${EXTEN} $[1+1] %{x} <y> &z|'
HEADERS = [
    ("X-Caller", "abc"),
    ("x-lower", "d"),
    ("X-Evil", EVIL),
    ("X-Rep", "one"),
    ("X-Rep", "two, too"),
    ("x-rep", "three"),
    ("X-Empty", ""),
    ("X-Utf", "gr\u00fc\u00df \u65e5\u672c"),
    ("X-Control", "a\x01b\x7fc\td"),
    ("X-a.b", "1"),
    ("X-A-B", "2"),
    ("Diversion", "<sip:2000@192.0.2.254>;privacy=off;reason=no-answer;counter=1;screen=no"),
    ("History-Info", "<sip:a@b.example>;index=1"),
    ("User-To-User", "3132;encoding=hex"),
    ("P-Asserted-Identity", '"Bob" <sip:+12345678910@b.example>'),
    ("Subject", "not for agents"),
]
READ = {
    "x-caller": "abc",
    "x-lower": "d",
    "x-evil": EVIL,
    "x-rep": "one, two, too, three",
    "x-empty": "",
    "x-utf": "gr\u00fc\u00df \u65e5\u672c",
    "x-control": "a\x01b\x7fc\td",
    "x-a.b": "1",
    "x-a-b": "2",
    "diversion": "<sip:2000@192.0.2.254>;privacy=off;reason=no-answer;counter=1;screen=no",
    "history-info": "<sip:a@b.example>;index=1",
    "user-to-user": "3132;encoding=hex",
    "p-asserted-identity": '"Bob" <sip:+12345678910@b.example>',
}


async def test_the_description_in_this_repository_is_the_one_asterisk_ships(line: Line) -> None:
    folder = line.pbx.root / "usr" / "share" / "asterisk" / "rest-api"
    assert description.as_text(description.cut(folder)) == description.EXTRACT.read_text()


async def test_asterisk_says_its_version(line: Line) -> None:
    assert line.ari.asterisk_version is not None
    assert line.ari.asterisk_version.startswith("22.")


async def test_a_call_is_put_through_to_external_media(line: Line, caller: SipCaller) -> None:
    async with caller:
        await caller.dial("+15550001111")
        channel = await line.caller()
        assert channel.dialplan.exten == "+15550001111"
        assert channel.sip_call_id == caller.call_id
        await line.ari.ring(channel.id)
        assert (await caller.ringing()).status == 180
        name = bridge_id(line.ari.app, "call_1")
        media = await line.ari.external_media(
            channel_id=media_channel_id(line.ari.app, "call_1"), external_host="127.0.0.1:23999"
        )
        assert (media.host, media.channel_id) == ("127.0.0.1", "ari_agent-media-call_1")
        assert 23500 <= media.port <= 23899
        await line.ari.create_bridge(name)
        await line.ari.add_to_bridge(name, channel.id, media.channel_id)
        await line.ari.answer(channel.id)
        await caller.answered()
        (bridge,) = await line.ari.bridges()
        assert (bridge.id, set(bridge.channels)) == (name, {channel.id, media.channel_id})
        ours = {one.id: call_of_media_channel(line.ari.app, one.id) for one in await line.ari.channels()}
        assert ours == {channel.id: None, media.channel_id: "call_1"}
        await line.ari.remove_from_bridge(name, channel.id)
        await line.ari.destroy_bridge(name)
        await line.ari.hang_up(channel.id)
        await line.ari.hang_up(media.channel_id)
        await line.gone(media.channel_id)
        assert await line.ari.bridges() == []


async def test_external_media_is_added_to_bridges_however_many_come_at_once(line: Line) -> None:
    # All of one length: Asterisk makes no channel whose id is how another channel's id begins.
    numbers = range(10, 40)

    async def set_up(number: int) -> None:
        media = await line.ari.external_media(channel_id=f"ari_agent-media-{number}", external_host="127.0.0.1:23999")
        await line.ari.create_bridge(f"ari_agent-bridge-{number}")
        await line.ari.add_to_bridge(f"ari_agent-bridge-{number}", media.channel_id)

    await asyncio.gather(*map(set_up, numbers))
    bridges = {bridge.id: bridge.channels for bridge in await line.ari.bridges()}
    assert bridges == {f"ari_agent-bridge-{number}": (f"ari_agent-media-{number}",) for number in numbers}


async def test_headers_are_read_as_they_came(line: Line, caller: SipCaller) -> None:
    async with caller:
        await caller.dial("+15550001111", headers=HEADERS)
        channel = await line.caller()
        before = sum(totals.count for totals in line.ari.rest_seconds.values())
        sip = await read_sip_headers(line.ari, channel.id)
        assert sip.headers == READ
        assert sip.sip_call_id == caller.call_id
        assert sip.unreadable == ()
        assert sip.local_uri == f"<sip:+15550001111@{line.pbx.bind}>"
        assert sip.caller_host is not None
        assert sip.caller_host.startswith("127.0.0.2:")
        assert sum(totals.count for totals in line.ari.rest_seconds.values()) - before == 2


async def test_a_header_that_is_no_utf8_is_left_out_and_the_others_are_read(line: Line, caller: SipCaller) -> None:
    async with caller:
        await caller.dial("+15550001111", headers=[("X-A", "1"), ("X-Latin", "caf\udce9"), ("X-B", "2")])
        sip = await read_sip_headers(line.ari, (await line.caller()).id)
        assert sip.headers == {"x-a": "1", "x-b": "2"}
        assert sip.unreadable == ("x-latin",)


@pytest.mark.parametrize("size_bytes", [4000, 4096, 8192])
async def test_beside_a_very_long_header_the_others_are_read(
    line: Line, caller: SipCaller, size_bytes: int, caplog: pytest.LogCaptureFixture
) -> None:
    rest = [("X-Account", "12"), ("X-Bob", "b"), ("X-Brand", "acme"), ("x-brand", "2"), ("X-B", "short")]
    twice = [("Diversion", "<sip:2@a>"), ("Diversion", "<sip:3@a>")]
    long = "v" * size_bytes
    async with caller:
        await caller.dial("+15550001111", headers=[*rest, ("X-Big", long), *twice])
        sip = await read_sip_headers(line.ari, (await line.caller()).id)
    others = {
        "x-account": "12",
        "x-bob": "b",
        "x-brand": "acme, 2",
        "x-b": "short",
        "diversion": "<sip:2@a>, <sip:3@a>",
    }
    if size_bytes < 4080:
        assert sip.headers == {**others, "x-big": long}
    else:
        assert sip.headers == others
        assert "longer than Asterisk can read" in caplog.text


async def test_a_channel_without_sip_has_no_headers(line: Line) -> None:
    media = await line.ari.external_media(channel_id="ari_agent-media-x", external_host="127.0.0.1:23999")
    sip = await read_sip_headers(line.ari, media.channel_id)
    assert (sip.headers, sip.sip_call_id, sip.unreadable) == ({}, None, ())
    with pytest.raises(ChannelGone):
        await read_sip_headers(line.ari, "no-such-channel")


async def test_the_dialplan_sees_headers_and_expands_nothing_in_them(line: Line, caller: SipCaller) -> None:
    async with caller:
        await caller.dial("seen", headers=HEADERS)
        channel = await line.caller()
        variables = channel_variables((await read_sip_headers(line.ari, channel.id)).headers)
        await line.ari.set_variables(channel.id, variables)
        assert await line.ari.read_variables(channel.id, list(variables)) == variables
        assert variables["ARI_AGENT_HDR_X_A_B_2"] == "2"
        await line.ari.continue_in_dialplan(channel.id)
        await caller.refused()
        shown = await line.pbx.cli("dialplan show globals")
        assert f"SEEN_BY_DIALPLAN={EVIL}" in shown
        assert "uid=" not in shown


async def test_values_of_every_kind_are_set_and_read_back(line: Line, caller: SipCaller) -> None:
    values = {"A": EVIL, "B": "\u00fc\U0001f600", "C": "", "D": " x ", "E": "\x01\t\r\n", "F": "v" * 30_000}
    async with caller:
        await caller.dial("+15550001111")
        channel = await line.caller()
        await line.ari.set_variables(channel.id, values)
        assert await line.ari.read_variables(channel.id, [*values, "G"]) == values
        for name, value in values.items():
            await line.ari.set_variable(channel.id, f"ONE_{name}", value)
            assert await line.ari.read_variable(channel.id, f"ONE_{name}") == value


async def test_variables_of_the_dialplan_are_known_when_the_call_arrives(line: Line, caller: SipCaller) -> None:
    async with caller:
        await caller.dial("variables")
        start = await line.next(StasisStart)
        assert start.args == ("agent_id=agent_x", "customer=Bob")
        assert await read_agent_variables(line.ari, start.channel) == {"customer": 'Bob "B" Smith', "plan": "gold"}
    await line.gone(start.channel.id)
    assert len(line.ari.agent_variables) == 0


async def test_every_event_comes_once_also_when_asked_for_twice(line: Line, caller: SipCaller) -> None:
    async with caller:
        await caller.dial("+15550001111")
        channel = await line.caller()
        await line.ari.subscribe_channel(channel.id)
        await line.ari.answer(channel.id)
        await caller.answered()
        for digit in "12":
            await caller.info_digit(digit)
            assert (await line.next(ChannelDtmfReceived, channel.id)).digit == digit
        await caller.hang_up()
        await line.gone(channel.id)
    assert line.ari.event_counters.events["ChannelDtmfReceived"] == 2
    assert line.ari.event_counters.events["StasisEnd"] == 1
    assert line.ari.event_counters.unknown == 0


async def test_a_caller_who_gives_up_while_it_rings_has_hung_up(line: Line, caller: SipCaller) -> None:
    async with caller:
        await caller.dial("+15550001111")
        channel = await line.caller()
        await line.ari.ring(channel.id)
        await caller.ringing()
        await caller.cancel()
        event = await line.next(ChannelHangupRequest, channel.id)
        assert (event.cause, event.tech_cause) == (127, 487)
        assert reason_for_hangup(event.cause, event.tech_cause, soft=event.soft) is Reason.USER_HANGUP
        await line.next(StasisEnd, channel.id)
        with pytest.raises(ChannelGone):
            await line.ari.answer(channel.id)
        await line.ari.hang_up(channel.id)


@pytest.mark.parametrize("reason", ["", "Q.850;cause=31", "SIP;cause=503"])
async def test_a_caller_who_sends_bye_has_hung_up(line: Line, caller: SipCaller, reason: str) -> None:
    async with caller:
        await caller.dial("+15550001111")
        channel = await line.caller()
        await line.ari.answer(channel.id)
        await caller.answered()
        await caller.hang_up(headers=[("Reason", reason)] if reason else [])
        event = await line.next(ChannelHangupRequest, channel.id)
        assert reason_for_hangup(event.cause, event.tech_cause, soft=event.soft) is Reason.USER_HANGUP
        await line.next(StasisEnd, channel.id)


async def test_an_administrator_who_hangs_up_is_not_the_caller(line: Line, caller: SipCaller) -> None:
    async with caller:
        await caller.dial("+15550001111")
        channel = await line.caller()
        await line.ari.answer(channel.id)
        await caller.answered()
        await line.pbx.cli(f"channel request hangup {channel.name}")
        event = await line.next(ChannelHangupRequest, channel.id)
        assert reason_for_hangup(event.cause, event.tech_cause, soft=event.soft) is Reason.MANUAL_STOPPED
        await caller.bye()
        await line.gone(channel.id)


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        (Reason.CONCURRENCY_LIMIT_REACHED, 503),
        (Reason.ERROR_INBOUND_WEBHOOK, 500),
        (Reason.USER_DECLINED, 403),
        (Reason.INVALID_DESTINATION, 404),
    ],
)
async def test_before_the_answer_our_cause_becomes_a_sip_status(
    line: Line, caller: SipCaller, reason: Reason, status: int
) -> None:
    async with caller:
        await caller.dial("+15550001111")
        channel = await line.caller()
        cause = q850_cause(reason, answered=False)
        await line.ari.hang_up(channel.id, q850_cause=cause)
        response = await caller.refused()
        assert (response.status, response.header("Reason")) == (status, f"Q.850;cause={cause}")


@pytest.mark.parametrize("cause", [1, 16, 34, 41, 127])
async def test_after_the_answer_our_cause_is_in_the_bye(line: Line, caller: SipCaller, cause: int) -> None:
    async with caller:
        await caller.dial("+15550001111")
        channel = await line.caller()
        await line.ari.answer(channel.id)
        await caller.answered()
        await line.ari.hang_up(channel.id, q850_cause=cause)
        assert (await caller.bye()).header("Reason") == f"Q.850;cause={cause}"
        await line.gone(channel.id)


async def test_sounds_and_digits_can_be_played(line: Line, caller: SipCaller) -> None:
    async with caller:
        await caller.dial("+15550001111")
        channel = await line.caller()
        await line.ari.answer(channel.id)
        await caller.answered()
        await line.next(ChannelStateChange, channel.id)
        await line.ari.send_dtmf(channel.id, "12#w", duration_ms=60, between_ms=40)
        await line.ari.play(channel.id, "tone:425/100,0/100;tonezone=us", "play-1")
        await line.ari.stop_playback("play-1")
        await line.ari.stop_playback("play-1")


async def test_a_refusal_carries_asterisks_own_words(line: Line) -> None:
    with pytest.raises(AsteriskRefused, match="answered 400: external_host must be"):
        await line.ari.external_media(channel_id="x", external_host="nonsense")
    with pytest.raises(ChannelGone, match=r"POST /channels/no%2Fsuch/ring answered 404"):
        await line.ari.ring("no/such")
    with pytest.raises(ChannelGone):
        await line.ari.add_to_bridge("no-such-bridge", "x")


async def test_a_wrong_password_is_said_without_saying_it(line: Line, caplog: pytest.LogCaptureFixture) -> None:
    ari = Ari(url=line.pbx.ari_url, username=line.pbx.ari_username, password="open sesame", app="other")
    with pytest.raises(AsteriskRefused, match="GET /channels answered 401") as refused:
        await ari.channels()
    async with beside(ari.run(lambda _: None, line.connected)):
        await until(lambda: "ARI_AGENT_ARI_PASSWORD" in str([vars(record) for record in caplog.records]))
    await ari.close()
    assert "sesame" not in str(refused.value) + str([vars(record) for record in caplog.records])


async def test_a_second_controller_of_the_same_name_makes_the_first_say_so(line: Line) -> None:
    async with Line(line.pbx):
        await line.next(ApplicationReplaced)
        await until(lambda: not line.ari.connected)


async def test_a_client_that_connects_again_at_once_is_never_deaf(line: Line, caller: SipCaller) -> None:
    async with caller:
        await caller.dial("+15550001111")
        channel = await line.caller()
        await line.ari.answer(channel.id)
        await caller.answered()
        for _ in range(25):
            async with Line(line.pbx) as again:
                await again.ari.set_variable(channel.id, "HEARD", "1")
                await again.next(ChannelVarset, channel.id)


async def test_after_a_restart_of_asterisk_the_client_is_there_again(line: Line, caller: SipCaller) -> None:
    async with caller:
        await caller.dial("+15550001111")
        channel = await line.caller()
        await line.ari.answer(channel.id)
        await caller.answered()
        await line.pbx.restart()
        event = await line.next(ChannelHangupRequest, channel.id)
        assert reason_for_hangup(event.cause, event.tech_cause, soft=event.soft) is Reason.ERROR_RETELL
        await asyncio.wait_for(line.connections.get(), 10)
        assert line.ari.event_counters.reconnects >= 1
    async with SipCaller(pbx=(line.pbx.bind, line.pbx.sip_port), address="127.0.0.2") as again:
        await again.dial("variables")
        start = await line.next(StasisStart)
        assert await read_agent_variables(line.ari, start.channel) == {"customer": 'Bob "B" Smith', "plan": "gold"}
