"""A phone in software: SIP over UDP with the caller's side of a call, and no tool to install.

It dials with digest authentication, hears ringing, talks, presses keys, takes a REFER and hangs up: what the scripted
call of the demo needs. RFC 3261 from the side of the caller (UAC); it registers nowhere and follows no route set.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from ari_agent.asterisk import digest
from ari_agent.demo import sip
from ari_agent.demo.caller_audio import CallerAudio
from ari_agent.demo.sip import SipMessage

# RFC 3261 section 17: first retransmission after T1, doubling up to T2, given up after 64 * T1.
T1_S, T2_S, GIVE_UP_S = 0.5, 4.0, 32.0

ALLOWED_METHODS = "INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY, REFER"
# What this phone answers to a request within a call.
ANSWERS = {
    "BYE": (200, "OK"),
    "CANCEL": (200, "OK"),
    "NOTIFY": (200, "OK"),
    "OPTIONS": (200, "OK"),
    "REFER": (202, "Accepted"),
    "INVITE": (488, "Not Acceptable Here"),
}


class CallFailed(Exception):
    """The call was refused, or nobody answered at all. status: the SIP status, 408 for silence."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"the call failed: {status} {reason}")
        self.status, self.reason = status, reason


@dataclass(frozen=True, slots=True)
class Refer:
    """The PBX asks this phone to call somebody else (RFC 3515).

    refer_to: the URI, its embedded headers included. referred_by: that header, None when it is absent.
    """

    refer_to: str
    referred_by: str | None

    @property
    def target(self) -> str:
        """Return the URI without its embedded headers."""
        return self.refer_to.partition("?")[0]


class Softphone(asyncio.DatagramProtocol):
    """One SIP account on one UDP socket, with any number of calls.

    server: host and port of the PBX. malformed: datagrams that were no SIP messages.
    """

    def __init__(self, *, account: str, password: str, server: tuple[str, int]) -> None:
        self.account, self.password, self.server = account, password, server
        self.host, self.port = "", 0
        self.malformed = 0
        self._calls: dict[str, SoftphoneCall] = {}
        self._transport: asyncio.DatagramTransport | None = None

    async def open(self) -> None:
        """Bind the socket to the address from which the server is reached."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(*self.server, family=socket.AF_INET, type=socket.SOCK_DGRAM)
        self.server = (str(found[0][4][0]), self.server[1])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(self.server)
            self.host = str(probe.getsockname()[0])
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(self.host, 0))
        self.port = int(self._transport.get_extra_info("sockname")[1])

    @property
    def address(self) -> str:
        """Return host:port at which this phone is called."""
        return f"{self.host}:{self.port}"

    async def close(self) -> None:
        """Hang up the calls that are left, and close the socket."""
        for call in list(self._calls.values()):
            await call.hang_up()
        if self._transport:
            self._transport.close()

    async def dial(self, number: str, *, headers: Sequence[tuple[str, str]] = ()) -> SoftphoneCall:
        """Send an INVITE for a number at the server, or for a SIP URI; ringing and answer are the call's events."""
        uri = number if number.startswith("sip:") else f"sip:{number}@{self.server[0]}:{self.server[1]}"
        call = SoftphoneCall(self, uri, headers)
        self._calls[call.call_id] = call
        await call.start()
        return call

    def forget(self, call: SoftphoneCall) -> None:
        """Remove a call that is over: its messages are nobody's any more."""
        self._calls.pop(call.call_id, None)

    def send(self, message: SipMessage) -> None:
        """Send one message to the server."""
        if self._transport and not self._transport.is_closing():
            self._transport.sendto(message.encode(), self.server)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Hand a message to its call. Requests of no call get 481, OPTIONS excepted (a PBX asks if we live)."""
        if addr != self.server:
            return
        try:
            message = sip.parse(data)
        except sip.MalformedSip:
            self.malformed += bool(data.strip(b"\r\n\0"))  # keep-alives are empty
            return
        call = self._calls.get(message.header("call-id") or "")
        if call:
            call.receive(message)
        else:
            self.receive_stranger(message)

    def receive_stranger(self, message: SipMessage) -> None:
        """Answer a message of no call."""
        if message.method == "OPTIONS":
            self.send(sip.response(message, 200, "OK", to_tag=secrets.token_hex(4)))
        elif message.method not in (None, "ACK"):
            self.send(sip.response(message, 481, "Call/Transaction Does Not Exist", to_tag=secrets.token_hex(4)))


class SoftphoneCall:
    """One outgoing call. `ringing`, `answer`, `ended` and `refers` tell what the other side did.

    answer: the 200 to INVITE, or CallFailed. ended: the BYE that ended the call, None when we ended it.
    """

    def __init__(self, phone: Softphone, uri: str, headers: Sequence[tuple[str, str]]) -> None:
        self.audio = CallerAudio()
        self.ringing = asyncio.Event()
        self.refers: asyncio.Queue[Refer] = asyncio.Queue()
        self.call_id = f"{secrets.token_hex(12)}@{phone.host}"
        loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[SipMessage] = loop.create_future()
        self.ended: asyncio.Future[SipMessage | None] = loop.create_future()
        self._phone, self._uri, self._headers = phone, uri, headers
        self._from = f"<sip:{phone.account}@{phone.server[0]}>;tag={secrets.token_hex(6)}"
        self._to = f"<{uri}>"
        self._contact = ("Contact", f"<sip:{phone.account}@{phone.host}:{phone.port}>")
        self._target = uri
        self._sequence = 0
        self._invite: SipMessage | None = None
        self._proceeding = False
        self._responses: dict[int, asyncio.Future[SipMessage]] = {}
        self._answers: dict[str, SipMessage] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Open the audio socket, and send the INVITE."""
        port = await self.audio.open(self._phone.host)
        offer = sip.audio_offer(host=self._phone.host, port=port, session_id=secrets.randbelow(2**31))
        self._tasks.append(asyncio.create_task(self._dial(offer), name="caller dials"))

    async def _dial(self, offer: bytes) -> None:
        extra: tuple[tuple[str, str], ...] = (*self._headers, ("Content-Type", "application/sdp"))
        try:
            final = await self._request("INVITE", extra, offer)
            if final.status in (401, 407):
                name = "WWW-Authenticate" if final.status == 401 else "Proxy-Authenticate"
                proof = digest.answer(
                    final.header(name) or "",
                    username=self._phone.account,
                    password=self._phone.password,
                    method="INVITE",
                    uri=self._uri,
                    client_nonce=secrets.token_hex(8),
                )
                answer_name = "Authorization" if final.status == 401 else "Proxy-Authorization"
                final = await self._request("INVITE", ((answer_name, proof), *extra), offer)
            if final.status is None or final.status >= 300:
                raise CallFailed(final.status or 408, final.start_line.partition(" ")[2][4:])
            remote = sip.audio_address(final.body)
        except (CallFailed, digest.UnknownChallenge, sip.MalformedSip) as error:
            if not self.answer.done():
                self.answer.set_exception(error)
                self.answer.exception()  # seen: nobody is obliged to ask
            self._finish(None)
            return
        self._tasks.append(asyncio.create_task(self.audio.run(remote), name="caller audio"))
        if not self.answer.done():
            self.answer.set_result(final)

    async def hang_up(self) -> None:
        """Send BYE after the answer, CANCEL before it; does nothing when the call is over."""
        if self.ended.done():
            return
        if self.answer.done():
            with suppress(CallFailed):
                await self._request("BYE")
        elif self._invite:
            method_line = self._invite.start_line.replace("INVITE", "CANCEL", 1)
            kept = [
                item for item in self._invite.headers if item[0] in ("Via", "From", "To", "Call-ID", "Max-Forwards")
            ]
            self._phone.send(SipMessage(method_line, (*kept, ("CSeq", f"{self._sequence} CANCEL"))))
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self.ended), T2_S)
        self._finish(None)

    async def notify(self, status_line: str, *, final: bool) -> None:
        """Report how a REFER goes, for example `SIP/2.0 200 OK` (RFC 3515 section 2.4.4). final: the last report."""
        state = "terminated;reason=noresource" if final else "active;expires=60"
        extra = (("Event", "refer"), ("Subscription-State", state), ("Content-Type", "message/sipfrag;version=2.0"))
        await self._request("NOTIFY", extra, f"{status_line}\r\n".encode())

    async def _request(self, method: str, extra: Sequence[tuple[str, str]] = (), body: bytes = b"") -> SipMessage:
        """Send a request, again and again until something comes back; return the final response."""
        phone = self._phone
        self._sequence += 1
        number = self._sequence
        headers = (
            ("Via", f"SIP/2.0/UDP {phone.host}:{phone.port};rport;branch=z9hG4bK{secrets.token_hex(8)}"),
            ("Max-Forwards", "70"),
            ("From", self._from),
            ("To", self._to),
            ("Call-ID", self.call_id),
            ("CSeq", f"{number} {method}"),
            self._contact,
            ("Allow", ALLOWED_METHODS),
            ("User-Agent", "ari-agent demo caller"),
            *extra,
        )
        message = SipMessage(f"{method} {self._target} SIP/2.0", headers, body)
        if method == "INVITE":
            self._invite, self._proceeding = message, False
        final: asyncio.Future[SipMessage] = asyncio.get_running_loop().create_future()
        self._responses[number] = final
        wait_s, waited_s = T1_S, 0.0
        while not final.done() and waited_s < GIVE_UP_S:
            phone.send(message)
            await asyncio.wait((final,), timeout=wait_s)
            if self._proceeding and method == "INVITE":  # it is ringing: for how long is the callee's affair
                return await final
            waited_s, wait_s = waited_s + wait_s, min(wait_s * 2, T2_S)
        if not final.done():
            raise CallFailed(408, f"no answer to {method} in {GIVE_UP_S:.0f} s")
        return final.result()

    def receive(self, message: SipMessage) -> None:
        """Take a message that carries this call's Call-ID."""
        if message.status is not None:
            self._receive_response(message, message.status)
        elif message.method and message.method != "ACK":
            self._receive_request(message, message.method)

    def _receive_response(self, message: SipMessage, status: int) -> None:
        number, _, method = (message.header("cseq") or "").partition(" ")
        if method == "CANCEL" or not number.isdecimal():
            return
        if status < 200:
            self._proceeding = True
            if status > 100:
                self.ringing.set()
            return
        if method == "INVITE":
            self._acknowledge(message, int(number), status)
        final = self._responses.get(int(number))
        if final and not final.done():
            final.set_result(message)

    def _acknowledge(self, message: SipMessage, number: int, status: int) -> None:
        """Send ACK for a final response to INVITE: of a failure in its own transaction, of a success in the dialog."""
        if self._invite is None:
            return
        via = self._invite.header("via") or ""
        if status < 300:
            self._to = message.header("to") or self._to
            self._target = sip.uri_of(message.header("contact") or self._target)
            via = f"{via.partition(';branch=')[0]};branch=z9hG4bK{secrets.token_hex(8)}"
        target = self._target if status < 300 else self._uri
        headers = (
            ("Via", via),
            ("Max-Forwards", "70"),
            ("From", self._from),
            ("To", message.header("to") or self._to),
            ("Call-ID", self.call_id),
            ("CSeq", f"{number} ACK"),
        )
        self._phone.send(SipMessage(f"ACK {target} SIP/2.0", headers))

    def _receive_request(self, message: SipMessage, method: str) -> None:
        key = message.header("cseq") or ""
        if key in self._answers:  # our answer was lost: the same one again
            self._phone.send(self._answers[key])
            return
        status, reason = ANSWERS.get(method, (405, "Method Not Allowed"))
        refer_to = message.header("refer-to") if method == "REFER" else None
        if method == "REFER" and refer_to is None:
            status, reason = 400, "Missing Refer-To"
        answer = sip.response(message, status, reason).with_headers(self._contact, ("Allow", ALLOWED_METHODS))
        self._answers[key] = answer
        self._phone.send(answer)
        if refer_to is not None:
            self.refers.put_nowait(Refer(sip.uri_of(refer_to), message.header("referred-by")))
        if method == "BYE":
            self._finish(message)

    def _finish(self, bye: SipMessage | None) -> None:
        if self.ended.done():
            return
        self.ended.set_result(bye)
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()
        self.audio.close()
        # A lost 200 to BYE is asked for again: stay known for as long as the peer may retransmit.
        asyncio.get_running_loop().call_later(T2_S, self._phone.forget, self)
