"""A caller of our own: one SIP dialog over UDP (RFC 3261) with exact RTP, and a REFER that ends as the test says.

SIPp plays most signalling; this is for what SIPp is too weak for: audio that is judged, and calls whose
next step depends on what was heard.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import secrets
import socket
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Literal, Self
from urllib.parse import quote

from tests.fakes.caller_audio import CallerAudio
from tests.fakes.sip_message import SipMessage, first, tag_of, uri_of

OpenSocket = Callable[[str], socket.socket]
"""address -> a UDP socket bound to it on a free port."""
Headers = Sequence[tuple[str, str]]
_FAX: Final = ("m=image 40000 udptl t38", "a=T38FaxVersion:0", "a=T38FaxUdpEC:t38UDPRedundancy")
_T1_S: Final = 0.5  # RFC 3261 section 17.1.1.1
_PHRASES: Final = {100: "Trying", 180: "Ringing", 200: "OK", 202: "Accepted", 486: "Busy Here", 603: "Decline"}


def open_udp(address: str) -> socket.socket:
    """A UDP socket on a free port of an address of this machine."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind((address, 0))
    return sock


CODECS: Final = {"PCMU": (0, "8000"), "PCMA": (8, "8000"), "G722": (9, "8000"), "opus": (107, "48000/2")}
"""The payload type and clock of each codec (RFC 3551 table 4); G.722 has the clock of 8 kHz by history."""


class CallFailed(Exception):
    """The INVITE was answered with a final failure."""

    def __init__(self, response: SipMessage) -> None:
        super().__init__(response.start_line)
        self.response = response


@dataclass(frozen=True, slots=True)
class ReferPlan:
    """A carrier's habits with a REFER: the answer, then NOTIFYs (seconds after the last step, SIP status), then BYE.

    answer: None for none at all. notifies: one without a status ends the subscription without a body.
    hang_up_s: BYE so long after the last NOTIFY; None leaves it to the other side.
    bye_beside_notify: BYE in the same instant as the last NOTIFY, before or after it on the wire, without waiting.
    subscribed_s: for how many seconds each NOTIFY says that the subscription of the REFER stands.
    """

    answer: int | None = 202
    notifies: tuple[tuple[float, int | None], ...] = ((0.05, 100), (0.1, 200))
    hang_up_s: float | None = None
    bye_beside_notify: Literal["before", "after"] | None = None
    subscribed_s: int = 60


@dataclass(slots=True)
class Logged:
    """One message of the wire."""

    time_s: float
    sent: bool
    message: SipMessage


@dataclass(slots=True)
class _Dialog:
    call_id: str
    local_tag: str
    remote_uri: str
    local_uri: str
    remote_tag: str | None = None
    target: str = ""
    routes: tuple[str, ...] = ()
    """The proxies on the way, the nearest first (RFC 3261 section 12.1.2)."""
    cseq: int = 1
    invite: SipMessage | None = None
    confirmed: bool = False
    over: bool = False
    acks: dict[str, bytes] = field(default_factory=dict)


class SipCaller(asyncio.DatagramProtocol):
    """One phone, one call. Use as `async with`: leaving hangs up and closes everything."""

    def __init__(
        self,
        *,
        pbx: tuple[str, int],
        address: str = "127.0.0.1",
        user: str = "+14155550100",
        display_name: str | None = None,
        account: str | None = None,
        password: str | None = None,
        called: str | None = None,
        request_uri: str | None = None,
        is_fax_gateway: bool = False,
        codecs: Sequence[str] = ("PCMU",),
        open_socket: OpenSocket = open_udp,
    ) -> None:
        """called: user of To, where that is not the one of the request URI. is_fax_gateway: offers T.38 as well.

        codecs: of CODECS, as they are offered; the first is spoken.
        request_uri: whole, where it is not that of the number at the PBX, as of a contact that was registered.
        """
        self.pbx, self.address, self.user, self.display_name = pbx, address, user, display_name
        self.account, self.password = account, password
        self.called, self._is_fax_gateway = called, is_fax_gateway
        self._codecs = codecs
        self._request_uri = request_uri
        self.audio = CallerAudio()
        self.log: list[Logged] = []
        self.refer_plan = ReferPlan()
        self.never_acks = False
        """True: the ACK of a 200 is lost, each time."""
        self.is_gone = False
        """True: no message that comes is heard; nothing is answered."""
        self._open_socket = open_socket
        self._transport: asyncio.DatagramTransport | None = None
        self._dialog: _Dialog | None = None
        self._answered: dict[tuple[str, str], bytes] = {}
        self._news = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._port = self._rtp_port = 0
        self._challenged = False
        self._open_refer: str | None = None
        """CSeq number of a REFER whose outcome has not been reported."""

    async def __aenter__(self) -> Self:
        sock = self._open_socket(self.address)
        self._port = sock.getsockname()[1]
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=sock)
        self._rtp_port = await self.audio.open(self._open_socket(self.address))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(TimeoutError, CallFailed):
            await self._leave()
            await self._end_refers()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.audio.stop()
        if self._transport is not None:
            self._transport.close()
            await asyncio.sleep(0)

    async def _end_refers(self) -> None:
        """For the next test: Asterisk lists the channel until every REFER is answered and has its last NOTIFY."""
        for refer in self.received:
            if refer.method == "REFER" and (refer.need("Via"), "REFER") not in self._answered:
                self._send(self._response(refer, 603, b""))
        if self._open_refer is not None:
            await self._notify(self._open_refer, 487)

    async def _leave(self) -> None:
        dialog = self._dialog
        if dialog is None or dialog.over:
            return
        if dialog.confirmed:
            await self.hang_up(timeout_s=2.0)
        elif first(self.received, method="INVITE") is None and self._final() is None:
            await self.cancel(timeout_s=2.0)

    # what is asserted on

    @property
    def sent(self) -> list[SipMessage]:
        """Messages sent, retransmissions left out."""
        return [entry.message for entry in self.log if entry.sent]

    @property
    def received(self) -> list[SipMessage]:
        """Messages received, retransmissions left out."""
        return [entry.message for entry in self.log if not entry.sent]

    @property
    def call_id(self) -> str:
        """The SIP Call-ID."""
        return self._need_dialog().call_id

    def _need_dialog(self) -> _Dialog:
        if self._dialog is None:
            raise RuntimeError("dial first")
        return self._dialog

    # the call

    async def dial(self, number: str, *, headers: Headers = (), offer_events: bool = True) -> None:
        """Send the INVITE; does not wait for an answer."""
        host, port = self.pbx
        name = f'"{self.display_name}" ' if self.display_name else ""
        dialog = _Dialog(
            call_id=f"{secrets.token_hex(12)}@{self.address}",
            local_tag=secrets.token_hex(6),
            remote_uri=f"<sip:{self.called or number}@{host}:{port}>",
            local_uri=f"{name}<sip:{self.user}@{self.address}:{self._port}>",
            target=self._request_uri or f"sip:{number}@{host}:{port}",
        )
        self._dialog = dialog
        body = self._sdp("sendrecv", offer_events=offer_events)
        extra = (*headers, ("Content-Type", "application/sdp"))
        dialog.invite = self._build("INVITE", extra, body)
        self._start_invite(dialog.invite)

    async def ringing(self, timeout_s: float = 5.0) -> SipMessage:
        """The first 180 or 183."""
        return await self._until(self._provisional, "180", timeout_s)

    async def answered(self, timeout_s: float = 10.0) -> SipMessage:
        """The 200 to the INVITE, acknowledged, audio running; CallFailed for any other final answer."""
        response = await self._until(self._final, "final answer", timeout_s)
        if response.status != 200:
            raise CallFailed(response)
        return response

    async def refused(self, timeout_s: float = 10.0) -> SipMessage:
        """The final failure; AssertionError when the call is answered instead."""
        try:
            await self.answered(timeout_s)
        except CallFailed as failure:
            return failure.response
        raise AssertionError("the call was answered")

    async def call(self, number: str, *, headers: Headers = (), timeout_s: float = 10.0) -> SipMessage:
        """Dial and wait for the answer."""
        await self.dial(number, headers=headers)
        return await self.answered(timeout_s)

    async def cancel(self, *, headers: Headers = (), timeout_s: float = 5.0) -> None:
        """CANCEL while it rings, until the 487."""
        dialog = self._need_dialog()
        assert dialog.invite is not None
        keep = {"via", "from", "to", "call-id", "max-forwards"}
        kept = tuple((name, value) for name, value in dialog.invite.headers if name.lower() in keep)
        number = dialog.invite.need("CSeq").split()[0]
        start_line = dialog.invite.start_line.replace("INVITE", "CANCEL", 1)
        self._send(SipMessage(start_line, (*kept, ("CSeq", f"{number} CANCEL"), *headers)))
        await self._until(self._final, "487 after CANCEL", timeout_s)

    async def hang_up(self, *, headers: Headers = (), timeout_s: float = 5.0) -> None:
        """BYE, until its answer."""
        dialog = self._need_dialog()
        dialog.over = True
        try:
            await self.request("BYE", headers=headers, timeout_s=timeout_s)
        finally:
            await self.audio.stop()

    async def hang_up_if_up(self) -> None:
        """BYE, unless the other side has sent it."""
        with contextlib.suppress(TimeoutError):
            await self._leave()

    async def bye(self, timeout_s: float = 10.0) -> SipMessage:
        """The BYE of the other side."""
        return await self._until(lambda: first(self.received, method="BYE"), "BYE", timeout_s)

    async def refer(self, timeout_s: float = 10.0) -> SipMessage:
        """The REFER of the other side."""
        return await self._until(lambda: first(self.received, method="REFER"), "REFER", timeout_s)

    async def send_on(self, to: str, *, parameters: str = "", timeout_s: float = 5.0) -> SipMessage:
        """REFER whom we talk to elsewhere (blind transfer, RFC 5589 section 6); the answer. parameters: of the URI."""
        host, port = self.pbx
        headers = [
            ("Refer-To", f"<sip:{to}@{host}:{port}{parameters}>"),
            ("Referred-By", self._need_dialog().local_uri),
        ]
        return await self.request("REFER", headers=headers, timeout_s=timeout_s)

    async def hand_over_to(self, other: SipCaller, *, timeout_s: float = 5.0) -> SipMessage:
        """REFER whom we talk to into the call of our other line (attended transfer, RFC 5589 section 7); the answer."""
        user = uri_of(other._need_dialog().remote_uri).removeprefix("sip:").partition("@")[0]
        parameters = f"?Replaces={quote(other.replaces(), safe='')}"
        return await self.send_on(user, parameters=parameters, timeout_s=timeout_s)

    async def told(self, status: int, *, timeout_s: float = 10.0) -> SipMessage:
        """The NOTIFY that tells this status of our REFER."""
        fragment = f"SIP/2.0 {status} ".encode()
        return await self._until(
            lambda: next((m for m in self.received if m.method == "NOTIFY" and m.body.startswith(fragment)), None),
            f"NOTIFY {status}",
            timeout_s,
        )

    def replaces(self) -> str:
        """The Replaces header (RFC 3891) of an INVITE that takes our place."""
        dialog, ringing = self._need_dialog(), self._provisional()
        to_tag = dialog.remote_tag or (tag_of(ringing.need("To")) if ringing else None)
        return f"{dialog.call_id};to-tag={to_tag};from-tag={dialog.local_tag}"

    async def hold(self) -> None:
        """Re-INVITE with sendonly, and silence on the line."""
        await self._reinvite("sendonly")
        self.audio.muted = True

    async def resume(self) -> None:
        """Re-INVITE with sendrecv."""
        await self._reinvite("sendrecv")
        self.audio.muted = False

    async def info_digit(self, digit: str, *, duration_ms: int | None = 250) -> None:
        """DTMF as SIP INFO, application/dtmf-relay; without a duration as application/dtmf."""
        kind, body = "application/dtmf", digit
        if duration_ms is not None:
            kind, body = "application/dtmf-relay", f"Signal={digit}\r\nDuration={duration_ms}\r\n"
        await self.request("INFO", headers=[("Content-Type", kind)], body=body.encode())

    async def change_to_fax(self) -> None:
        """Re-INVITE with T.38 instead of the audio (ITU-T T.38 annex D); CallFailed when it is refused."""
        audio = self._sdp("sendrecv").partition(b"m=")[0]
        await self._offer_again(audio + "".join(f"{line}\r\n" for line in _FAX).encode())

    async def _reinvite(self, direction: str) -> None:
        await self._offer_again(self._sdp(direction))

    async def _offer_again(self, sdp: bytes) -> None:
        dialog = self._need_dialog()
        invite = self._build("INVITE", [("Content-Type", "application/sdp")], sdp)
        cseq = invite.need("CSeq")
        self._start_invite(invite)
        response = await self._until(
            lambda: next((m for m in self.received if m.need("CSeq") == cseq and (m.status or 0) >= 200), None),
            "answer to the re-INVITE",
            5.0,
        )
        assert dialog.confirmed
        if response.status != 200:
            raise CallFailed(response)

    async def request(
        self, method: str, *, headers: Headers = (), body: bytes = b"", timeout_s: float = 5.0
    ) -> SipMessage:
        """A request inside the dialog, retransmitted until its final answer."""
        message = self._build(method, headers, body)
        cseq = message.need("CSeq")
        self._repeat(message, lambda: any(m.need("CSeq") == cseq and m.status for m in self.received))
        return await self._until(
            lambda: next((m for m in self.received if m.need("CSeq") == cseq and (m.status or 0) >= 200), None),
            f"answer to {method}",
            timeout_s,
        )

    # the wire

    def _via(self) -> str:
        return f"SIP/2.0/UDP {self.address}:{self._port};rport;branch=z9hG4bK{secrets.token_hex(8)}"

    def _build(self, method: str, headers: Headers, body: bytes = b"") -> SipMessage:
        dialog = self._need_dialog()
        to_tag = f";tag={dialog.remote_tag}" if dialog.remote_tag else ""
        common = (
            ("Via", self._via()),
            *(("Route", route) for route in dialog.routes),
            ("Max-Forwards", "70"),
            ("From", f"{dialog.local_uri};tag={dialog.local_tag}"),
            ("To", f"{dialog.remote_uri}{to_tag}"),
            ("Call-ID", dialog.call_id),
            ("CSeq", f"{dialog.cseq} {method}"),
            ("Contact", f"<sip:{self.user}@{self.address}:{self._port}>"),
            ("Allow", "INVITE, ACK, CANCEL, BYE, REFER, NOTIFY, OPTIONS, INFO, UPDATE"),
            ("User-Agent", "ari-agent test caller"),
        )
        dialog.cseq += 1
        return SipMessage(f"{method} {dialog.target} SIP/2.0", (*common, *headers), body)

    def _sdp(self, direction: str, *, offer_events: bool = True) -> bytes:
        events = ["a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-16"] if offer_events else []
        types = [str(CODECS[name][0]) for name in self._codecs] + (["101"] if offer_events else [])
        lines = [
            "v=0",
            f"o=caller 1 {int(time.time())} IN IP4 {self.address}",
            "s=call",
            f"c=IN IP4 {self.address}",
            "t=0 0",
            f"m=audio {self._rtp_port} RTP/AVP {' '.join(types)}",
            *(f"a=rtpmap:{CODECS[name][0]} {name}/{CODECS[name][1]}" for name in self._codecs),
            *events,
            "a=ptime:20",
            f"a={direction}",
            *(_FAX if self._is_fax_gateway else []),
        ]
        return ("\r\n".join(lines) + "\r\n").encode()

    def _send(self, message: SipMessage) -> bytes:
        datagram = message.encode()
        self.log.append(Logged(time.monotonic(), True, message))
        self._emit(datagram)
        return datagram

    def _emit(self, datagram: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(datagram, self.pbx)

    def _repeat(self, message: SipMessage, answered: Callable[[], bool]) -> None:
        """Send, and send again at T1, 2*T1, 4*T1 while there is no answer (RFC 3261 section 17.1)."""
        datagram = self._send(message)

        async def again() -> None:
            wait_s = _T1_S
            for _ in range(6):
                await asyncio.sleep(wait_s)
                if answered():
                    return
                self._emit(datagram)
                wait_s *= 2

        self._own(again())

    def _start_invite(self, invite: SipMessage) -> None:
        cseq = invite.need("CSeq")
        self._repeat(invite, lambda: any(m.need("CSeq") == cseq and m.status for m in self.received))

    def _own(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _until(self, look: Callable[[], SipMessage | None], what: str, timeout_s: float) -> SipMessage:
        end_s = time.monotonic() + timeout_s
        while (found := look()) is None:
            self._news.clear()
            left_s = end_s - time.monotonic()
            try:
                await asyncio.wait_for(self._news.wait(), max(0.001, left_s))
            except TimeoutError:
                seen = [f"{'>' if e.sent else '<'} {e.message.start_line}" for e in self.log]
                raise TimeoutError(f"no {what} in {timeout_s} s; the wire: {seen}") from None
        return found

    def _provisional(self) -> SipMessage | None:
        return first(self.received, method="INVITE", status=180) or first(self.received, method="INVITE", status=183)

    def _final(self) -> SipMessage | None:
        dialog = self._need_dialog()
        assert dialog.invite is not None
        cseq = dialog.invite.need("CSeq")
        return next((m for m in self.received if (m.status or 0) >= 200 and m.need("CSeq") == cseq), None)

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        try:
            message = SipMessage.parse(data)
        except ValueError:
            return  # keep-alives of NAT helpers
        if self.is_gone:
            return
        if message.status is not None:
            self._on_response(message)
        else:
            self._on_request(message)
        self._news.set()

    def _on_response(self, message: SipMessage) -> None:
        dialog = self._dialog
        if dialog is None or message.need("Call-ID") != dialog.call_id:
            return
        known = any(m.start_line == message.start_line and m.headers == message.headers for m in self.received)
        if not known:
            self.log.append(Logged(time.monotonic(), False, message))
        status = message.status or 0
        if message.cseq_method == "INVITE" and status >= 200:
            self._on_invite_final(dialog, message)

    def _on_invite_final(self, dialog: _Dialog, message: SipMessage) -> None:
        cseq = message.need("CSeq")
        if cseq in dialog.acks:
            self._emit(dialog.acks[cseq])
            return
        number = cseq.split()[0]
        if message.status == 200:
            dialog.remote_tag = tag_of(message.need("To"))
            dialog.target = uri_of(message.need("Contact"))
            dialog.routes = tuple(reversed(message.all("Record-Route")))
            dialog.confirmed = True
            ack = self._build("ACK", ())
            dialog.cseq -= 1  # an ACK takes the number of its INVITE
            headers = tuple((n, f"{number} ACK" if n == "CSeq" else v) for n, v in ack.headers)
            if not self.never_acks:
                dialog.acks[cseq] = self._send(SipMessage(ack.start_line, headers))
            host, port = media_address(message.body)
            if not dialog.over:
                self.audio.start(host, port)
            return
        invite = next(m for m in self.sent if m.method == "INVITE" and m.need("CSeq") == cseq)
        keep = {"via", "from", "call-id", "max-forwards"}
        kept = tuple((n, v) for n, v in invite.headers if n.lower() in keep)
        extra = (("To", message.need("To")), ("CSeq", f"{number} ACK"))
        start_line = invite.start_line.replace("INVITE", "ACK", 1)
        dialog.acks[cseq] = self._send(SipMessage(start_line, (*kept, *extra)))
        if message.status in (401, 407) and self.password is not None and not self._challenged:
            self._challenged = True
            self._answer_challenge(dialog, invite, message)

    def _answer_challenge(self, dialog: _Dialog, invite: SipMessage, challenge: SipMessage) -> None:
        proxy = challenge.status == 407
        asked = challenge.need("Proxy-Authenticate" if proxy else "WWW-Authenticate")
        value = digest_answer(asked, "INVITE", invite.request_uri, self.account or self.user, self.password or "")
        header = ("Proxy-Authorization" if proxy else "Authorization", value)
        number = dialog.cseq
        dialog.cseq += 1
        replaced = {"Via": self._via(), "CSeq": f"{number} INVITE"}
        headers = tuple((n, replaced.get(n, v)) for n, v in invite.headers)
        dialog.invite = SipMessage(invite.start_line, (*headers, header), invite.body)
        self._start_invite(dialog.invite)

    def _on_request(self, message: SipMessage) -> None:
        key = (message.need("Via"), message.method or "")
        if key in self._answered:
            self._emit(self._answered[key])
            return
        self.log.append(Logged(time.monotonic(), False, message))
        dialog = self._dialog
        if message.method == "ACK" or dialog is None:
            return
        status = self.refer_plan.answer if message.method == "REFER" else 200
        if message.method == "SUBSCRIBE":  # Asterisk asks whether a REFER's subscription still stands
            status = 481
        if status is None:
            return
        body = self._sdp("sendrecv") if message.method == "INVITE" else b""
        self._answered[key] = self._send(self._response(message, status, body))
        if message.method == "BYE":
            dialog.over = True
            self._own(self.audio.stop())
        if message.method == "REFER" and status < 300:
            self._own(self._play_refer(message, self.refer_plan))

    def _response(self, request: SipMessage, status: int, body: bytes) -> SipMessage:
        kept = [(n, v) for n, v in request.headers if n.lower() in ("via", "from", "to", "call-id", "cseq")]
        kept.append(("Contact", f"<sip:{self.user}@{self.address}:{self._port}>"))
        if body:
            kept.append(("Content-Type", "application/sdp"))
        return SipMessage(f"SIP/2.0 {status} {_PHRASES.get(status, 'Whatever')}", tuple(kept), body)

    async def _notify(self, number: str, status: int | None) -> None:
        """NOTIFY, until its answer: as RFC 3515 section 2.4.5 says, in message/sipfrag; without a status, no body."""
        is_last = status is None or status >= 200
        if is_last:
            self._open_refer = None
        state = "terminated;reason=noresource" if is_last else f"active;expires={self.refer_plan.subscribed_s}"
        headers = [("Event", f"refer;id={number}"), ("Subscription-State", state)]
        fragment = b""
        if status is not None:
            headers.append(("Content-Type", "message/sipfrag;version=2.0"))
            fragment = f"SIP/2.0 {status} {_PHRASES.get(status, 'Whatever')}\r\n".encode()
        await self.request("NOTIFY", headers=headers, body=fragment)

    async def _play_refer(self, refer: SipMessage, plan: ReferPlan) -> None:
        number = self._open_refer = refer.need("CSeq").split()[0]
        for index, (delay_s, status) in enumerate(plan.notifies):
            await asyncio.sleep(delay_s)
            if self._need_dialog().over:
                return  # the caller hung up meanwhile
            steps = [self._notify(number, status)]
            if plan.bye_beside_notify is not None and index == len(plan.notifies) - 1:
                steps.insert(0 if plan.bye_beside_notify == "before" else 1, self.hang_up())
            await asyncio.gather(*steps, return_exceptions=True)
        dialog = self._need_dialog()
        if plan.hang_up_s is not None and not dialog.over:
            await asyncio.sleep(plan.hang_up_s)
            await self.hang_up()


def media_address(sdp: bytes) -> tuple[str, int]:
    """Where an SDP wants its audio (RFC 4566)."""
    text = sdp.decode()
    host = re.search(r"^c=IN IP4 (\S+)", text, re.MULTILINE)
    port = re.search(r"^m=audio (\d+)", text, re.MULTILINE)
    if host is None or port is None:
        raise ValueError(f"no audio in {text!r}")
    return host.group(1), int(port.group(1))


def digest_answer(challenge: str, method: str, uri: str, username: str, password: str) -> str:
    """The Authorization value for a Digest challenge (RFC 2617, MD5, qop=auth when offered)."""
    asked = {k.lower(): v.strip('"') for k, v in re.findall(r'(\w+)=("[^"]*"|[^,\s]+)', challenge)}

    def md5(text: str) -> str:
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    secret, action = md5(f"{username}:{asked['realm']}:{password}"), md5(f"{method}:{uri}")
    parts = {"username": username, "realm": asked["realm"], "nonce": asked["nonce"], "uri": uri}
    if "auth" in asked.get("qop", "").split(","):
        cnonce = secrets.token_hex(8)
        response = md5(f"{secret}:{asked['nonce']}:00000001:{cnonce}:auth:{action}")
        tail = f', qop=auth, nc=00000001, cnonce="{cnonce}"'
    else:
        response, tail = md5(f"{secret}:{asked['nonce']}:{action}"), ""
    if "opaque" in asked:
        parts["opaque"] = asked["opaque"]
    listed = ", ".join(f'{name}="{value}"' for name, value in parts.items())
    return f'Digest {listed}, response="{response}", algorithm=MD5{tail}'
