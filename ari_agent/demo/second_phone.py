"""The second phone of the demo: a phone in software that is called, answers by itself, and stays until it gets BYE.

It rings, picks up, says hello, listens until the tone tells that a caller was connected, and says where they are.
second_phone_hello.wav and second_phone.wav were made with flite and its CMU voice awb, free to redistribute.
"""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from typing import Final

from ari_agent.demo import sip
from ari_agent.demo.caller import GIVE_UP_S, T1_S, T2_S, Softphone, SoftphoneCall
from ari_agent.demo.caller_audio import RATE_HZ
from ari_agent.demo.measure import find
from ari_agent.demo.sip import SipMessage
from ari_agent.demo.sounds import melody, speech

RINGS_S: Final = 0.5
# As somebody does who lifts a receiver. Who hears nothing for 2.5 s takes the phone for a machine.
THINKS_S: Final = 1.0
CONNECTED_HZ: Final = (660.0, 880.0)
"""The tone at the end of a warm transfer."""
_CONNECTED_NOTE_MS: Final = 120
_LISTENS_EVERY_S: Final = 0.2
_SAME_TONE: Final = 0.7
"""Correlation from which the tone counts as heard; speech has less than half of that."""


class SecondPhone(Softphone):
    """A phone that is called at host and port, without a registration. first_call: the first call that came in."""

    def __init__(self, *, server: tuple[str, int]) -> None:
        super().__init__(account="second-phone", password="", server=server)
        self.first_call: asyncio.Future[IncomingCall] = asyncio.get_running_loop().create_future()

    def receive_stranger(self, message: SipMessage) -> None:
        """Take an INVITE as a call; answer anything else as every phone does."""
        if message.method != "INVITE":
            super().receive_stranger(message)
            return
        call = IncomingCall(self, message)
        self._calls[call.call_id] = call
        call.take()
        if not self.first_call.done():
            self.first_call.set_result(call)


class IncomingCall(SoftphoneCall):
    """One call that came in. invite: as it was received; answer: our 200 to it."""

    def __init__(self, phone: Softphone, invite: SipMessage) -> None:
        super().__init__(phone, sip.uri_of(invite.header("contact") or invite.header("from") or ""), ())
        self.invite = invite
        self.call_id = invite.header("call-id") or ""
        self._tag = secrets.token_hex(6)
        self._from = f"{invite.header('to')};tag={self._tag}"
        self._to = invite.header("from") or ""
        self._acknowledged = asyncio.Event()

    def take(self) -> None:
        """Begin to ring; the rest follows by itself."""
        self._tasks.append(asyncio.create_task(self._converse(), name="second phone"))

    async def _converse(self) -> None:
        self._reply(180, "Ringing")
        await asyncio.sleep(RINGS_S)
        await self._pick_up()
        await asyncio.sleep(THINKS_S)
        await self.audio.say(speech("second_phone_hello"))
        await self._hear_that_a_caller_is_connected()
        await self.audio.say(speech("second_phone"))

    async def _hear_that_a_caller_is_connected(self) -> None:
        tone = melody(CONNECTED_HZ, _CONNECTED_NOTE_MS, RATE_HZ)
        while True:
            if find(tone, self.audio.heard[-RATE_HZ:]).correlation >= _SAME_TONE:
                return
            await asyncio.sleep(_LISTENS_EVERY_S)

    async def _pick_up(self) -> None:
        try:
            remote = sip.audio_address(self.invite.body)
        except sip.MalformedSip:
            self._reply(488, "Not Acceptable Here")
            self._finish(None)
            return
        port = await self.audio.open(self._phone.host)
        body = sip.audio_offer(host=self._phone.host, port=port, session_id=secrets.randbelow(2**31))
        self._tasks.append(asyncio.create_task(self.audio.run(remote), name="second phone's audio"))
        self.answer.set_result(self._reply(200, "OK", body))
        self._tasks.append(asyncio.create_task(self._repeat_answer(), name="second phone's answer"))

    async def _repeat_answer(self) -> None:
        """Send the 200 again until its ACK is there (RFC 3261 section 13.3.1.4)."""
        wait_s, waited_s = T1_S, 0.0
        while waited_s < GIVE_UP_S:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._acknowledged.wait(), wait_s)
                return
            self._phone.send(self.answer.result())
            waited_s, wait_s = waited_s + wait_s, min(wait_s * 2, T2_S)

    def _reply(self, status: int, reason: str, body: bytes = b"") -> SipMessage:
        """Answer the INVITE, now and whenever it is sent again."""
        headers = [self._contact, *([("Content-Type", "application/sdp")] if body else [])]
        answer = sip.response(self.invite, status, reason, to_tag=self._tag).with_headers(*headers)
        answer = SipMessage(answer.start_line, answer.headers, body)
        self._answers[self.invite.header("cseq") or ""] = answer
        self._phone.send(answer)
        return answer

    def receive(self, message: SipMessage) -> None:
        """Take a message that carries this call's Call-ID."""
        if message.method == "ACK":
            self._acknowledged.set()
        super().receive(message)

    def _receive_request(self, message: SipMessage, method: str) -> None:
        super()._receive_request(message, method)
        if method == "CANCEL":
            self._decline(487, "Request Terminated")

    async def hang_up(self) -> None:
        """Send BYE after the answer, 480 before it; does nothing when the call is over."""
        self._decline(480, "Temporarily Unavailable")
        await super().hang_up()

    def _decline(self, status: int, reason: str) -> None:
        if not self.answer.done() and not self.ended.done():
            self._reply(status, reason)
            self._finish(None)
