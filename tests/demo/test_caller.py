"""The software phone on a real Asterisk: what it dials, takes and tells."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from ari_agent.demo.caller import CallFailed, Softphone
from ari_agent.demo.pbx import Pbx

EXTENSIONS = """
[from-softphone]
exten = answer,1,Ringing()
 same = n,Wait(0.2)
 same = n,Answer()
 same = n,Wait(30)
exten = busy,1,Hangup(17)
exten = ring,1,Ringing()
 same = n,Wait(30)
exten = end,1,Answer()
 same = n,Wait(0.2)
 same = n,Hangup(31)
exten = refer,1,Answer()
 same = n,Set(SIPREFERREDBYHDR=<sip:agent@pbx>)
 same = n,Transfer(PJSIP/<sip:answer@127.0.0.1?X-Foo=bar>)
 same = n,GotoIf($["${TRANSFERSTATUS}" = "SUCCESS"]?moved)
 same = n,Hangup(${IF($["${TRANSFERSTATUSPROTOCOL}" = "486"]?17:34)})
 same = n(moved),Hangup(16)
exten = named,1,GotoIf($["${PJSIP_HEADER(read,X-Caller)}" = "Bob + 100 %"]?yes)
 same = n,Hangup(17)
 same = n(yes),Answer()
 same = n,Wait(30)
"""


@pytest.fixture
async def pbx() -> AsyncIterator[Pbx]:
    pbx = Pbx(sip_port=0, tls_port=0, ari_port=0, rtp_ports=(27800, 27899), callers=(), extensions=EXTENSIONS)
    async with pbx:
        yield pbx


@pytest.fixture
async def phone(pbx: Pbx) -> AsyncIterator[Softphone]:
    phone = Softphone(
        account=pbx.softphone_account, password=pbx.softphone_password, server=("127.0.0.1", pbx.sip_port)
    )
    await phone.open()
    yield phone
    await phone.close()


@pytest.mark.asterisk
async def test_the_phone_lives_through_the_calls_of_a_day(pbx: Pbx, phone: Softphone) -> None:
    """One Asterisk for all of these: its start takes longer than the calls."""
    async with asyncio.timeout(60):
        await _it_rings_is_answered_and_hangs_up(pbx, phone)
        await _it_hears_the_cause_of_a_bye(phone)
        await _it_is_refused(phone)
        await _it_cancels(phone)
        await _it_sends_headers(phone)
        await _it_follows_a_refer(phone)
        await _it_reports_a_refer_that_failed(phone)
        await _a_wrong_password_is_told(pbx)
    assert phone.malformed == 0
    assert "0 active channels" in await pbx.cli("core show channels count")


async def _it_rings_is_answered_and_hangs_up(pbx: Pbx, phone: Softphone) -> None:
    call = await phone.dial("answer")
    await call.ringing.wait()
    await call.answer
    assert "1 active channel" in await pbx.cli("core show channels count")
    await call.hang_up()
    assert call.ended.result() is None


async def _it_hears_the_cause_of_a_bye(phone: Softphone) -> None:
    call = await phone.dial("end")
    bye = await call.ended
    assert bye is not None
    assert bye.header("Reason") == "Q.850;cause=31"


async def _it_is_refused(phone: Softphone) -> None:
    call = await phone.dial("busy")
    with pytest.raises(CallFailed) as refused:
        await call.answer
    assert refused.value.status == 486
    assert not call.ringing.is_set()


async def _it_cancels(phone: Softphone) -> None:
    call = await phone.dial("ring")
    await call.ringing.wait()
    await call.hang_up()
    with pytest.raises(CallFailed) as cancelled:
        await call.answer
    assert cancelled.value.status == 487


async def _it_sends_headers(phone: Softphone) -> None:
    call = await phone.dial("named", headers=[("X-Caller", "Bob + 100 %")])
    await call.answer
    await call.hang_up()


async def _it_follows_a_refer(phone: Softphone) -> None:
    call = await phone.dial("refer")
    refer = await call.refers.get()
    assert (refer.target, refer.refer_to) == ("sip:answer@127.0.0.1", "sip:answer@127.0.0.1?X-Foo=bar")
    assert refer.referred_by == "<sip:agent@pbx>"
    await call.notify("SIP/2.0 100 Trying", final=False)
    moved = await phone.dial("answer")
    await moved.answer
    await call.notify("SIP/2.0 200 OK", final=True)
    bye = await call.ended
    assert bye is not None
    assert bye.header("Reason") == "Q.850;cause=16"
    await moved.hang_up()


async def _it_reports_a_refer_that_failed(phone: Softphone) -> None:
    call = await phone.dial("refer")
    await call.refers.get()
    await call.notify("SIP/2.0 486 Busy Here", final=True)
    bye = await call.ended
    assert bye is not None
    assert bye.header("Reason") == "Q.850;cause=17"


async def _a_wrong_password_is_told(pbx: Pbx) -> None:
    stranger = Softphone(account=pbx.softphone_account, password="wrong", server=("127.0.0.1", pbx.sip_port))
    await stranger.open()
    call = await stranger.dial("answer")
    with pytest.raises(CallFailed) as refused:
        await call.answer
    assert refused.value.status == 401
    await stranger.close()


async def test_nobody_at_the_other_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ari_agent.demo.caller.GIVE_UP_S", 0.3)
    monkeypatch.setattr("ari_agent.demo.caller.T1_S", 0.1)
    phone = Softphone(account="softphone", password="x", server=("127.0.0.1", 9))
    await phone.open()
    call = await phone.dial("answer")
    with pytest.raises(CallFailed) as silence:
        await call.answer
    assert silence.value.status == 408
    await phone.close()
