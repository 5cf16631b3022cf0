"""The second phone against somebody who calls it over UDP: what it answers, and when it speaks."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Final

import pytest

from ari_agent.demo import second_phone as module
from ari_agent.demo import sip
from ari_agent.demo.caller_audio import RATE_HZ, CallerAudio
from ari_agent.demo.measure import find, level_dbfs
from ari_agent.demo.second_phone import CONNECTED_HZ, SecondPhone
from ari_agent.demo.sip import SipMessage
from ari_agent.demo.sounds import Samples, melody, speech

HOST: Final = "127.0.0.1"


class Exchange:
    """A PBX with one call to the phone. answers: what came back to each request, in order."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((HOST, 0))
        self.socket.setblocking(False)
        self.port = self.socket.getsockname()[1]
        self.audio = CallerAudio()
        self.audio_port = 0
        self.phone = SecondPhone(server=(HOST, self.port))

    def ask(self, method: str, number: int, *, to_tag: str = "", body: bytes = b"", call_id: str = "c1") -> None:
        headers = (
            ("Via", f"SIP/2.0/UDP {HOST}:{self.port};branch=z9hG4bK{method}{number}"),
            ("From", "<sip:+12025550100@pbx>;tag=pbx"),
            ("To", f"<sip:+12025550103@{self.phone.address}>{to_tag and ';tag=' + to_tag}"),
            ("Call-ID", call_id),
            ("CSeq", f"{number} {method}"),
            ("Contact", f"<sip:{HOST}:{self.port}>"),
        )
        message = SipMessage(f"{method} sip:+12025550103@{self.phone.address} SIP/2.0", headers, body)
        self.socket.sendto(message.encode(), (HOST, self.phone.port))

    def invite(self, *, with_audio: bool = True) -> None:
        offer = sip.audio_offer(host=HOST, port=self.audio_port, session_id=1) if with_audio else b""
        self.ask("INVITE", 1, body=offer)

    async def take(self) -> SipMessage:
        """The next message of the phone."""
        loop = asyncio.get_running_loop()
        return sip.parse(await asyncio.wait_for(loop.sock_recv(self.socket, 65_535), 5))

    async def hang_up(self) -> None:
        """End the call, as its answer expects: a phone that is put away waits for nobody then."""
        self.ask("BYE", 2)
        assert await self.statuses(1) == [200]

    async def statuses(self, count: int) -> list[int | None]:
        return [(await self.take()).status for _ in range(count)]

    async def hears(self, sound: Samples) -> None:
        while True:
            if find(sound, self.audio.heard).correlation >= 0.9:
                return
            await asyncio.sleep(0.1)

    async def answered(self) -> SipMessage:
        """The 200 to an INVITE, which is acknowledged."""
        self.invite()
        assert await self.statuses(1) == [180]
        answer = await self.take()
        assert answer.status == 200
        self.ask("ACK", 1, to_tag=sip.tag_of(answer.header("to") or "") or "")
        return answer


@pytest.fixture
async def exchange(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Exchange]:
    monkeypatch.setattr(module, "RINGS_S", 0.05)
    monkeypatch.setattr(module, "THINKS_S", 0.05)
    exchange = Exchange()
    exchange.audio_port = await exchange.audio.open(HOST)
    await exchange.phone.open()
    yield exchange
    await exchange.phone.close()
    exchange.audio.close()
    exchange.socket.close()


async def test_it_says_hello_and_its_line_only_when_the_tone_was_heard(exchange: Exchange) -> None:
    answer = await exchange.answered()
    sending = asyncio.create_task(exchange.audio.run(sip.audio_address(answer.body)))
    hello, line = speech("second_phone_hello"), speech("second_phone")
    async with asyncio.timeout(20):
        await exchange.hears(hello)
        position = exchange.audio.heard_samples
        await exchange.audio.say(speech("handoff"))
        await asyncio.sleep(0.5)
        assert level_dbfs(exchange.audio.heard[position + RATE_HZ // 2 :]) < -60, "it waits for the tone"
        await exchange.audio.say(melody(CONNECTED_HZ, 120, RATE_HZ))
        await exchange.hears(line)
    sending.cancel()
    call = await exchange.phone.first_call
    await exchange.hang_up()
    assert (await call.ended) is not None


async def test_an_answer_that_is_not_acknowledged_is_sent_again(exchange: Exchange) -> None:
    exchange.invite()
    assert await exchange.statuses(3) == [180, 200, 200]
    await exchange.hang_up()


async def test_an_invite_that_comes_again_is_the_same_call(exchange: Exchange) -> None:
    first = await exchange.answered()
    exchange.invite()
    assert await exchange.take() == first
    await exchange.hang_up()


async def test_a_caller_who_gives_up_gets_487(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RINGS_S", 30)
    exchange.invite()
    assert await exchange.statuses(1) == [180]
    exchange.ask("CANCEL", 1)
    cancelled, invited = await exchange.take(), await exchange.take()
    assert [(one.status, one.header("cseq")) for one in (cancelled, invited)] == [(200, "1 CANCEL"), (487, "1 INVITE")]


async def test_a_phone_that_is_put_away_while_it_rings_declines(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RINGS_S", 30)
    exchange.invite()
    assert await exchange.statuses(1) == [180]
    await exchange.phone.close()
    assert await exchange.statuses(1) == [480]


async def test_a_call_without_audio_is_refused(exchange: Exchange) -> None:
    exchange.invite(with_audio=False)
    assert await exchange.statuses(2) == [180, 488]


async def test_what_belongs_to_no_call_is_answered_as_every_phone_does(exchange: Exchange) -> None:
    exchange.ask("OPTIONS", 1)
    exchange.ask("BYE", 2)
    assert await exchange.statuses(2) == [200, 481]
