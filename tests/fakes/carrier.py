"""A carrier over UDP: answers REGISTER, OPTIONS and INVITE as a test says, and keeps what it was sent."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.fakes.sip_message import SipMessage

_KEPT: Final = frozenset({"via", "from", "call-id", "cseq"})
_SDP: Final = (
    "v=0\r\no=carrier 1 1 IN IP4 {0}\r\ns=call\r\nc=IN IP4 {0}\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer to a request. status: None for none at all."""

    status: int | None
    headers: tuple[tuple[str, str], ...] = ()


def challenge(status: int = 401, *, realm: str = "carrier", nonce: str = "n1", stale: bool = False) -> Reply:
    """Ask for digest credentials (RFC 2617)."""
    name = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
    stale_text = ", stale=true" if stale else ""
    value = f'Digest realm="{realm}", nonce="{nonce}", algorithm=MD5, qop="auth"{stale_text}'
    return Reply(status, ((name, value),))


@dataclass(slots=True)
class Carrier(asyncio.DatagramProtocol):
    """plan: the answers to the requests of a method, one after the other, of which the last one stays; 200 without.

    expires_s: how long a registration lasts, whatever is asked for; None: as asked for.
    """

    address: str
    port: int = 0
    plan: dict[str, list[Reply]] = field(default_factory=dict)
    expires_s: int | None = None
    received: list[SipMessage] = field(default_factory=list)
    _transport: Any = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _answered: dict[tuple[str, str], bytes | None] = field(default_factory=dict)

    @property
    def uri(self) -> str:
        """What a number's termination_uri is to be."""
        return f"{self.address}:{self.port}"

    def answers(self, method: str, *replies: Reply) -> None:
        """From now on."""
        self.plan[method] = list(replies)

    def requests(self, method: str) -> Sequence[SipMessage]:
        """Those of a method so far, retransmissions left out."""
        return [request for request in self.received if request.method == method]

    async def heard(
        self,
        method: str,
        *,
        count: int = 1,
        timeout_s: float = 20.0,
        which: Callable[[SipMessage], bool] = lambda _: True,
    ) -> SipMessage:
        """The latest request of a method, once so many have come (of those that `which` picks)."""
        try:
            async with asyncio.timeout(timeout_s):
                while len(found := [request for request in self.requests(method) if which(request)]) < count:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            seen = [message.start_line for message in self.received]
            raise TimeoutError(f"no {method} number {count} in {timeout_s} s, but {seen}") from None
        return found[-1]

    def silence(self) -> None:
        """Vanish: nothing is answered, or even seen, from now on. `listen` comes back."""
        self._transport.close()

    async def listen(self) -> None:
        """Take requests at the address."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.bind((self.address, self.port))
        self.port = sock.getsockname()[1]
        self._transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, sock=sock)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        try:
            request = SipMessage.parse(data)
        except ValueError:
            return
        if request.status is not None:
            return
        key = (request.need("Via"), request.method or "")
        if key not in self._answered:
            self.received.append(request)
            self._answered[key] = None if request.method == "ACK" else self._answer(request)
            self._news.set()
        if said := self._answered[key]:
            self._transport.sendto(said, addr)

    def _answer(self, request: SipMessage) -> bytes | None:
        method = request.method or ""
        plan = self.plan.get(method, [])
        reply = plan.pop(0) if len(plan) > 1 else plan[0] if plan else Reply(200)
        if reply.status is None:
            return None
        headers = [(name, value) for name, value in request.headers if name.lower() in _KEPT]
        to = request.need("To")
        headers += [("To", to if "tag=" in to else f"{to};tag=carrier"), *reply.headers]
        body = b""
        if method == "REGISTER" and reply.status == 200:
            asked_s = request.header("Expires") or "3600"
            headers.append(("Contact", f"{request.need('Contact')};expires={self.expires_s or asked_s}"))
        elif method == "INVITE":
            headers.append(("Contact", f"<sip:carrier@{self.uri}>"))
            if reply.status == 200:
                body = _SDP.format(self.address).encode()
                headers.append(("Content-Type", "application/sdp"))
        return SipMessage(f"SIP/2.0 {reply.status} Whatever", tuple(headers), body).encode()


@contextlib.asynccontextmanager
async def carrier(
    address: str = "127.0.0.5", *, expires_s: int | None = None, **plan: Sequence[Reply]
) -> AsyncIterator[Carrier]:
    """A carrier that listens. plan: see Carrier."""
    made = Carrier(address, plan={method: list(replies) for method, replies in plan.items()}, expires_s=expires_s)
    await made.listen()
    try:
        yield made
    finally:
        made.silence()
        await asyncio.sleep(0)
