"""SIPp as the far end of outbound calls: a story of steps in, the parsed message log (the wire) out."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from xml.sax.saxutils import quoteattr

from ari_agent.demo.pbx import Pbx
from tests.fakes.sip_message import SipMessage
from tests.fakes.sipp import Wire

ADDRESS: Final = "127.0.0.3"
PHRASES: Final = {
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    200: "OK",
    401: "Unauthorized",
    407: "Proxy Authentication Required",
    486: "Busy Here",
    487: "Request Terminated",
    603: "Decline",
}
_SDP: Final = """
      Content-Type: application/sdp
      Content-Length: [len]

      v=0
      o=callee 1 1 IN IP4 [local_ip]
      s=call
      c=IN IP4 [media_ip]
      t=0 0
      m=audio [media_port] RTP/AVP 0 101
      a=rtpmap:0 PCMU/8000
      a=rtpmap:101 telephone-event/8000
      a=ptime:20
      a=sendrecv"""
_EMPTY: Final = "\n      Content-Length: 0\n"


def receive(method: str) -> str:
    """Wait for a request."""
    return f'  <recv request={quoteattr(method)} crlf="true" />\n'


def reply(
    status: int,
    *,
    headers: Sequence[tuple[str, str]] = (),
    of: str | None = None,
    sdp: bool = False,
    media_port: int | None = None,
) -> str:
    """Answer the last request; of: CSeq line of an earlier one, which needs `remember_invite`.

    media_port: where the audio of `sdp` is to go instead of to SIPp.
    """
    lines = "".join(f"\n      {name}: {value}" for name, value in headers)
    cseq = "[last_CSeq:]" if of is None else f"CSeq: {of}"
    via = "[last_Via:]" if of is None else "Via: [$via]"
    body = _SDP if media_port is None else _SDP.replace("[media_port]", str(media_port))
    return f"""  <send>
    <![CDATA[
      SIP/2.0 {status} {PHRASES.get(status, "Whatever")}
      {via}
      [last_From:]
      [last_To:];tag=callee[call_number]
      [last_Call-ID:]
      {cseq}
      Contact: <sip:callee@[local_ip]:[local_port];transport=[transport]>{lines}{body if sdp else _EMPTY}
    ]]>
  </send>
"""


def remember_invite() -> str:
    """Wait for an INVITE, and keep what a late answer to it needs."""
    return """  <recv request="INVITE" crlf="true">
    <action>
      <ereg regexp=".*" search_in="hdr" header="Via:" assign_to="via" />
      <ereg regexp="[0-9]+ INVITE" search_in="hdr" header="CSeq:" assign_to="cseq" />
    </action>
  </recv>
  <Reference variables="via,cseq" />
"""


def play(sound: str) -> str:
    """Send a file of mu-law in the folder of the work over and over, beside the steps that follow."""
    return f'  <nop><action><exec rtp_stream="{sound},-1,0" /></action></nop>\n'


def pause(duration_ms: int) -> str:
    """Do nothing."""
    return f'  <pause milliseconds="{duration_ms}" />\n'


def hang_up() -> str:
    """BYE of the one who was called: From and To change sides."""
    # SIPp makes its branches of its process number, which is the same in each namespace of its own.
    return f"""  <send retrans="500">
    <![CDATA[
      BYE [next_url] SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]-{secrets.token_hex(4)}
      From: [$to];tag=callee[call_number]
      To: [$from]
      [last_Call-ID:]
      CSeq: 1 BYE
      Max-Forwards: 70
      Content-Length: 0

    ]]>
  </send>
  <recv response="200" />
"""


def remember_parties() -> str:
    """Wait for an INVITE, and keep what a BYE of ours needs."""
    return """  <recv request="INVITE" rrs="true" crlf="true">
    <action>
      <ereg regexp="[ ]*(.*)" search_in="hdr" header="From:" assign_to="whole_from,from" />
      <ereg regexp="[ ]*(.*)" search_in="hdr" header="To:" assign_to="whole_to,to" />
    </action>
  </recv>
  <Reference variables="whole_from,whole_to,from,to" />
"""


def refuses(status: int, *, ringing: bool = False) -> Sequence[str]:
    """Say no."""
    return (receive("INVITE"), *((reply(180),) if ringing else ()), reply(status), receive("ACK"))


def answers(*, ringing_ms: int = 0, talk_ms: int | None = None, sound: str | None = None) -> Sequence[str]:
    """Ring, pick up, and hang up after talk_ms; None: wait for the BYE. sound: see play."""
    said = (play(sound),) if sound else ()
    end = (receive("BYE"), reply(200)) if talk_ms is None else (pause(talk_ms), hang_up())
    return (remember_parties(), reply(180), pause(ringing_ms), reply(200, sdp=True), receive("ACK"), *said, *end)


def rings() -> Sequence[str]:
    """Never pick up: wait for the CANCEL."""
    return (
        remember_invite(),
        reply(180),
        receive("CANCEL"),
        reply(200),
        reply(487, of="[$cseq]"),
        receive("ACK"),
    )


def asks_who(status: int, *, nonce: str = "abc123") -> Sequence[str]:
    """Answer an INVITE with a digest challenge."""
    name = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
    challenge = (name, f'Digest realm="carrier", nonce="{nonce}", algorithm=MD5, qop="auth"')
    return (receive("INVITE"), reply(status, headers=[challenge]), receive("ACK"))


def challenges(status: int, *, talk_ms: int) -> Sequence[str]:
    """Ask for digest credentials, take any, and hang up after talk_ms."""
    ending = (pause(talk_ms), hang_up())
    return (*asks_who(status), remember_parties(), reply(200, sdp=True), receive("ACK"), *ending)


def is_right_answer(credentials: str, *, password: str, method: str = "INVITE") -> bool:
    """Whether a digest is what this password makes of its challenge (RFC 2617 section 3.2.2.1, qop=auth)."""
    said = {name: value.strip('"') for name, value in re.findall(r'(\w+)=("[^"]*"|[^,\s]+)', credentials)}

    def md5(*parts: str) -> str:
        return hashlib.md5(":".join(parts).encode()).hexdigest()

    one = md5(said["username"], said["realm"], password)
    two = md5(method, said["uri"])
    expected = md5(one, said["nonce"], said["nc"], said["cnonce"], said["qop"], two)
    return bool(said["response"] == expected)


@dataclass(slots=True)
class Callee:
    """A SIPp that waits for calls. uri: what a number's termination_uri is to be."""

    port: int
    pbx: Pbx
    name: str
    uri: str = ""
    _process: asyncio.subprocess.Process | None = field(default=None)

    def wire(self) -> Wire:
        """What has been on the wire so far."""
        path = self.pbx.work_path / self.name / "messages.log"
        return Wire.parse(path.read_bytes() if path.exists() else b"")

    def received(self, method: str) -> list[SipMessage]:
        """Requests of one method."""
        return [message for message in self.wire().received if message.start_line.startswith(f"{method} ")]

    async def heard(self, method: str, *, calls: int = 1, timeout_s: float = 10.0) -> SipMessage:
        """The first request of a method, once it came in so many calls."""
        for _ in range(int(timeout_s / 0.02)):
            requests = self.received(method)
            if len({request.need("Call-ID") for request in requests}) >= calls:
                return requests[0]
            await asyncio.sleep(0.02)
        raise TimeoutError(f"no {method} in {timeout_s} s")

    async def done(self, *, timeout_s: float = 20.0) -> Wire:
        """The wire, once every call went as the story says; AssertionError with SIPp's own words otherwise."""
        assert self._process is not None
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), timeout_s)
        errors = self.pbx.work_path / self.name / "errors.log"
        said = errors.read_text(errors="replace")[-2000:] if errors.exists() else ""
        assert self._process.returncode == 0, f"SIPp ended with {self._process.returncode}: {said}"
        return self.wire()


@contextlib.asynccontextmanager
async def callee(
    pbx: Pbx, steps: Sequence[str], *, port: int, calls: int = 1, transport: str = "u1", options: Sequence[str] = ()
) -> AsyncIterator[Callee]:
    """A far end that plays the steps for so many calls. transport: as SIPp's -t; options: more for its command line."""
    made = Callee(port, pbx, f"callee-{secrets.token_hex(4)}", f"{ADDRESS}:{port}")
    folder = pbx.work_path / made.name
    folder.mkdir(parents=True)
    story = "".join(steps)
    (folder / "scenario.xml").write_text(
        f'<?xml version="1.0" encoding="UTF-8" ?>\n<scenario name="callee">\n{story}</scenario>\n'
    )
    command = ["sipp", "-sf", f"{made.name}/scenario.xml", "-i", ADDRESS, "-p", str(port), "-t", transport]
    command += ["-m", str(calls), "-nostdin", "-trace_msg", "-message_file", f"{made.name}/messages.log"]
    command += ["-trace_err", "-error_file", f"{made.name}/errors.log", "-timeout", "60s", *options]
    made._process = await pbx.popen_tool(command)
    try:
        await _listens(made._process, port, tcp=transport.startswith("t"))
        yield made
    finally:
        with contextlib.suppress(ProcessLookupError):
            made._process.kill()
        await made._process.wait()


async def _listens(process: asyncio.subprocess.Process, port: int, *, tcp: bool) -> None:
    """Until SIPp has bound its port."""
    octets = ADDRESS.split(".")
    wanted = f"{''.join(f'{int(octet):02X}' for octet in reversed(octets))}:{port:04X}"
    table = Path(f"/proc/net/{'tcp' if tcp else 'udp'}")
    for _ in range(500):
        assert process.returncode is None, f"SIPp ended with {process.returncode}"
        if wanted in await asyncio.to_thread(table.read_text):
            return
        await asyncio.sleep(0.02)
    raise TimeoutError(f"SIPp does not listen on {port}")
