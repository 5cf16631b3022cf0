from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.asyncio.server import ServerConnection, serve

from ari_agent.agents.audio_socket import AudioSocket
from ari_agent.agents.bad_messages import ANSWERS_AT_ONCE, BURST
from ari_agent.agents.frame_listener import SKIPPED_BYTES
from ari_agent.agents.message import AgentMessage, CallFacts, Clear, Mark
from ari_agent.agents.tcp_connection import tls_context
from ari_agent.agents.token_bucket import TokenBucket
from ari_agent.agents.twilio import TwilioClient
from ari_agent.agents.web import WebClient
from ari_agent.errors import AgentCorruptPayload, AgentError, AgentLost, AgentRefused, AgentUnreachable
from tests.fakes.certificate import self_signed
from tests.fakes.raw_agent import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, RawAgent, RawConnection, frame

pytestmark = pytest.mark.slow

FACTS = CallFacts("call_1", "+15551230000", "+15559990000", "inbound")


class Ear:
    """Keeps what the socket tells."""

    def __init__(self) -> None:
        self.ready = 0
        self.audio: list[bytes] = []
        self.messages: list[AgentMessage] = []
        self.audio_before: list[int] = []
        """Of each message: how many pieces of audio came before it."""
        self.closed: list[AgentError | None] = []
        self.round_trips_s: list[float] = []
        self.news = asyncio.Event()

    def on_agent_ready(self) -> None:
        self.ready += 1
        self.news.set()

    def on_agent_audio(self, payload: bytes) -> None:
        self.audio.append(payload)
        self.news.set()

    def on_agent_message(self, message: AgentMessage) -> None:
        self.messages.append(message)
        self.audio_before.append(len(self.audio))
        self.news.set()

    def on_agent_closed(self, error: AgentError | None) -> None:
        self.closed.append(error)
        self.news.set()

    def on_round_trip(self, took_s: float) -> None:
        self.round_trips_s.append(took_s)
        self.news.set()

    async def until(self, look: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not look():
                self.news.clear()
                await self.news.wait()


def twilio() -> TwilioClient:
    return TwilioClient(FACTS, stream_sid="MZ1")


@pytest.fixture
async def agent() -> AsyncIterator[RawAgent]:
    async with RawAgent() as listening:
        yield listening


@contextlib.asynccontextmanager
async def talking(
    agent: RawAgent,
    protocol: TwilioClient | WebClient | None = None,
    *,
    ping_idle_s: float = 10.0,
    ping_every_s: float = 10.0,
    also: bytes = b"",
    budget: TokenBucket | None = None,
) -> AsyncIterator[tuple[AudioSocket, Ear, RawConnection]]:
    """A socket and its agent, both open."""
    ear = Ear()
    socket = AudioSocket(
        protocol or twilio(),
        ear,
        ping_idle_s=ping_idle_s,
        ping_every_s=ping_every_s,
        budget=budget,
        on_round_trip=ear.on_round_trip,
    )
    dialling = asyncio.create_task(socket.connect(agent.url))
    connection = await agent.connection()
    await connection.accept(also=also)
    await dialling
    try:
        yield socket, ear, connection
    finally:
        await socket.close()


async def test_the_opening_messages_come_before_everything(agent: RawAgent) -> None:
    async with talking(agent) as (socket, ear, connection):
        socket.send_audio(b"\x01" * 160)
        events = [(await connection.read_frame())[1] for _ in range(3)]
        assert [b'"event":"connected"' in events[0], b'"start"' in events[1], b'"media"' in events[2]] == [True] * 3
        assert ear.ready == 1
        assert socket.is_open


async def test_what_the_agent_says_with_its_handshake_is_heard(agent: RawAgent) -> None:
    greeting = b'{"event":"media","media":{"payload":"' + base64.b64encode(b"\x02" * 160) + b'"}}'
    async with talking(agent, also=frame(TEXT, greeting)) as (_, ear, _connection):
        await ear.until(lambda: bool(ear.audio))
        assert ear.audio == [b"\x02" * 160]


async def test_binary_goes_both_ways_in_the_web_protocol(agent: RawAgent) -> None:
    async with talking(agent, WebClient(FACTS)) as (socket, ear, connection):
        assert (await connection.read_frame())[0] == TEXT, "metadata"
        socket.send_audio(b"\x01\x02" * 320)
        assert await connection.read_frame() == (BINARY, b"\x01\x02" * 320)
        connection.frame(BINARY, b"\x03\x04" * 5)
        connection.frame(TEXT, b"clear")
        await ear.until(lambda: bool(ear.messages))
        assert (ear.audio, ear.messages) == ([b"\x03\x04" * 5], [Clear()])
        assert (socket.messages_in, socket.messages_out) == (2, 2)


async def test_fragments_are_joined_and_control_frames_may_come_between(agent: RawAgent) -> None:
    async with talking(agent) as (_, ear, connection):
        text = b'{"event":"mark","mark":{"name":"m"}}'
        connection.frame(TEXT, text[:5], final=False)
        connection.frame(PING, b"still there?")
        connection.frame(CONTINUATION, text[5:9], final=False)
        connection.frame(CONTINUATION, text[9:])
        await ear.until(lambda: bool(ear.messages))
        assert ear.messages == [Mark("m")]
        answers = [await connection.read_frame() for _ in range(3)]
        assert answers[-1] == (PONG, b"still there?")


@pytest.mark.parametrize(
    "frames",
    [frame(CONTINUATION, b"{}"), frame(TEXT, b"{", final=False) + frame(TEXT, b"}")],
    ids=["lone continuation", "text in text"],
)
async def test_fragments_out_of_order_end_the_conversation_and_say_why(agent: RawAgent, frames: bytes) -> None:
    async with talking(agent) as (socket, ear, connection):
        connection.write(frames)
        await ear.until(lambda: bool(ear.closed))
        (error,) = ear.closed
        assert isinstance(error, AgentCorruptPayload)
        assert not socket.is_open
        assert await connection.close_code() == 1002


LIMIT_BYTES = twilio().max_message_bytes
MARK = b'{"event":"mark","mark":{"name":"after"}}'


async def answered_errors(connection: RawConnection, count: int) -> list[dict[str, str]]:
    """The bodies of the next errors that the agent is told; the messages that open the call are passed over."""
    errors: list[dict[str, str]] = []
    while len(errors) < count:
        message = json.loads((await connection.read_frame())[1])
        if message["event"] == "error":
            errors.append(message["error"])
    return errors


@pytest.mark.parametrize(
    ("frames", "event", "why"),
    [
        (lambda: frame(BINARY, b"\x00" * 160), "message", "binary message"),
        (lambda: frame(TEXT, b"\xff\xfe"), "message", "UTF-8"),
        (lambda: frame(TEXT, b"hello"), "message", "not valid JSON"),
        (lambda: frame(TEXT, b'{"event":"media","media":{"payload":"***"}}'), "media", "not base64"),
        (lambda: frame(TEXT, b'{"event":"mark","streamSid":"MZ1"}'), "mark", "mark.name"),
        (lambda: frame(TEXT, b"x" * (LIMIT_BYTES + 1)), "message", f"at most {LIMIT_BYTES} are taken"),
        (
            lambda: (
                b"".join(frame(kind, bytes(3_000_000), final=False) for kind in (TEXT, *[CONTINUATION] * 3))
                + frame(CONTINUATION, b"")
            ),
            "message",
            "a message of 12000000 bytes",
        ),
    ],
    ids=["binary", "not utf-8", "not json", "not base64", "no mark", "too large", "too many fragments"],
)
async def test_nonsense_is_ignored_and_told_and_the_conversation_goes_on(
    agent: RawAgent, frames: Callable[[], bytes], event: str, why: str
) -> None:
    """The frames are made when they are sent: every worker would keep twenty megabytes of them to its end."""
    async with talking(agent) as (socket, ear, connection):
        connection.write(frames())
        connection.frame(TEXT, MARK)
        await ear.until(lambda: bool(ear.messages))
        assert (ear.messages, ear.closed, socket.bad_messages) == ([Mark("after")], [], 1)
        (error,) = await answered_errors(connection, 1)
        assert error["event"] == event
        assert why in error["message"]


async def test_endless_garbage_ends_the_conversation_and_is_not_answered_endlessly(
    agent: RawAgent, caplog: pytest.LogCaptureFixture
) -> None:
    async with talking(agent) as (socket, ear, connection):
        connection.write(frame(TEXT, b"log line") * (2 * BURST))
        await ear.until(lambda: bool(ear.closed))
        (error,) = ear.closed
        assert isinstance(error, AgentCorruptPayload)
        assert BURST < socket.bad_messages < 2 * BURST
        assert socket.messages_out <= 2 + ANSWERS_AT_ONCE + 10
        assert await connection.close_code() == 1008
        assert sum("is ignored" in line.getMessage() for line in caplog.records) == 1


async def test_a_long_message_is_taken_in_slices_and_what_follows_waits_for_it(agent: RawAgent) -> None:
    audio = bytes(range(256)) * 4000
    async with talking(agent) as (_, ear, connection):
        connection.frame(TEXT, b'{"event":"media","media":{"payload":"' + base64.b64encode(audio) + b'"}}')
        connection.frame(TEXT, MARK)
        connection.frame(TEXT, b'{"event":"media","media":{"payload":"' + base64.b64encode(b"last") + b'"}}')
        connection.frame(CLOSE, b"\x03\xe8")
        await ear.until(lambda: bool(ear.closed))
        assert b"".join(ear.audio) == audio + b"last"
        assert (len(ear.audio), ear.audio_before) == (17, [16])
        assert (ear.messages, ear.closed) == ([Mark("after")], [None])


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(lambda: b"\x82\x7f" + (LIMIT_BYTES + SKIPPED_BYTES + 1).to_bytes(8, "big"), id="too long"),
        pytest.param(
            lambda: b"".join(frame(kind, bytes(10_000_000), final=False) for kind in (TEXT, *[CONTINUATION] * 4)),
            id="too long in fragments",
        ),
        pytest.param(lambda: b"\x83\x00", id="a reserved opcode"),
        pytest.param(lambda: b"\x81\xff" + b"\x00" * 12, id="masked, as no server may"),
        pytest.param(lambda: b"\x88\x01\x03", id="half a close code"),
        pytest.param(lambda: b"\x88\x02\x00\x05", id="close code 5"),
        pytest.param(lambda: frame(CLOSE, b"\x03\xe8\xff\xff"), id="a reason that is not UTF-8"),
        pytest.param(lambda: b"\x09\x00", id="a fragmented ping"),
    ],
)
async def test_frames_against_the_rfc_end_the_conversation(agent: RawAgent, octets: Callable[[], bytes]) -> None:
    async with talking(agent) as (socket, ear, connection):
        connection.write(octets())
        await ear.until(lambda: bool(ear.closed))
        assert isinstance(ear.closed[0], AgentError)
        assert len(ear.closed) == 1
        assert await connection.at_end()
        assert not socket.is_open


@given(st.lists(st.binary(max_size=60), max_size=4))
@settings(max_examples=25)
def test_no_bytes_from_the_agent_crash_the_socket(pieces: list[bytes]) -> None:
    async def run() -> None:
        async with RawAgent() as agent, talking(agent) as (_, ear, connection):
            for piece in pieces:
                connection.write(piece)
            connection.frame(CLOSE, b"\x03\xe8")
            connection.writer.write_eof()
            await ear.until(lambda: bool(ear.closed))

    asyncio.run(run())


@pytest.mark.parametrize(("payload", "code"), [(b"\x03\xe8", 1000), (b"\x03\xe9bye", 1001), (b"", 1005)])
async def test_an_agent_that_closes_normally_is_no_error(agent: RawAgent, payload: bytes, code: int) -> None:
    async with talking(agent) as (_, ear, connection):
        connection.frame(CLOSE, payload)
        await ear.until(lambda: bool(ear.closed))
        assert ear.closed == [None], code


@pytest.mark.parametrize("code", [1002, 1003, 1008, 1011, 1012, 3000, 4000, 4999])
async def test_any_other_close_code_is_a_lost_agent(agent: RawAgent, code: int) -> None:
    async with talking(agent) as (_, ear, connection):
        connection.frame(CLOSE, code.to_bytes(2, "big") + "größer".encode())
        await ear.until(lambda: bool(ear.closed))
        (error,) = ear.closed
        assert isinstance(error, AgentLost)
        assert (error.code, error.why) == (code, "größer")


async def test_a_reset_is_a_lost_agent(agent: RawAgent) -> None:
    async with talking(agent) as (_, ear, connection):
        connection.reset()
        await ear.until(lambda: bool(ear.closed))
        (error,) = ear.closed
        assert isinstance(error, AgentLost)
        assert error.code == 1006


async def test_an_agent_that_answers_no_ping_is_lost(agent: RawAgent) -> None:
    async with talking(agent, ping_idle_s=0.1) as (_, ear, _connection):
        await ear.until(lambda: bool(ear.closed))
        assert isinstance(ear.closed[0], AgentLost)


async def test_a_ping_is_timed_from_its_sending_to_its_pong(agent: RawAgent) -> None:
    async with talking(agent, ping_every_s=0.05) as (socket, ear, connection):
        connection.frame(PONG, b"that nobody asked for")
        while len(ear.round_trips_s) < 3:
            kind, payload = await connection.read_frame()
            if kind == PING:
                await asyncio.sleep(0.02)
                connection.frame(PONG, payload)
                await asyncio.sleep(0.01)
        assert all(took_s >= 0.018 for took_s in ear.round_trips_s), "uvloop counts whole milliseconds"
        assert socket.is_open
        assert socket.messages_in == 0, "control frames are no messages"


async def test_a_ping_is_timed_while_a_sign_of_life_is_waited_for(agent: RawAgent) -> None:
    """The websocket's own ping, after 0.7 s of silence, is not answered before the one that is timed, after 1 s."""
    async with talking(agent, ping_idle_s=0.7) as (socket, ear, connection):
        pings: list[bytes] = []
        while not ear.round_trips_s:
            kind, payload = await connection.read_frame()
            if kind == PING:
                pings.append(payload)
            if len(pings) == 2:
                connection.frame(PONG, payload)
                await ear.until(lambda: bool(ear.round_trips_s))
        assert pings[0] == b""
        assert socket.is_open


async def test_an_agent_that_answers_no_ping_for_its_round_trip_is_left_alone(agent: RawAgent) -> None:
    async with talking(agent, WebClient(FACTS), ping_every_s=0.01) as (socket, ear, connection):
        pings: set[bytes] = set()
        while len(pings) < 5:
            kind, payload = await connection.read_frame()
            if kind == PING:
                pings.add(payload)
        connection.frame(PONG, min(pings))  # far too late
        connection.frame(BINARY, b"\x01\x02")
        await ear.until(lambda: socket.messages_in == 1)
        assert ear.round_trips_s == []
        assert socket.is_open


async def test_an_agent_that_answers_pings_stays(agent: RawAgent) -> None:
    async with talking(agent, ping_idle_s=0.05) as (socket, ear, connection):
        pings = 0
        while pings < 5:
            opcode, payload = await connection.read_frame()
            if opcode == PING:
                pings += 1
                connection.frame(PONG, payload)
        assert socket.is_open
        assert ear.closed == []


@pytest.mark.parametrize("status", [200, 301, 302, 401, 403, 404, 500, 503])
async def test_an_answer_other_than_101_is_a_refusal(agent: RawAgent, status: int) -> None:
    socket = AudioSocket(twilio(), Ear())
    dialling = asyncio.create_task(socket.connect(agent.url))
    connection = await agent.connection()
    await connection.read_request()
    connection.write(b"HTTP/1.1 %d No\r\nLocation: ws://127.0.0.1:9/\r\nContent-Length: 2\r\n\r\nno" % status)
    with pytest.raises(AgentRefused) as refused:
        await dialling
    assert refused.value.status == status
    assert await connection.at_end()


@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda tail: b"HTTP/1.1 101 Ok\r\n" + tail + b"\r\n\r\n"))
@settings(max_examples=40)
def test_any_answer_to_the_handshake_is_an_agent_error(answer: bytes) -> None:
    async def run() -> None:
        async with RawAgent() as agent:
            socket = AudioSocket(twilio(), Ear())
            dialling = asyncio.create_task(socket.connect(agent.url))
            connection = await agent.connection()
            await connection.read_request()
            connection.write(answer)
            connection.writer.write_eof()
            with pytest.raises(AgentError):
                await dialling
            await socket.close()

    asyncio.run(run())


async def test_nobody_listening_is_unreachable() -> None:
    with pytest.raises(AgentUnreachable, match=r"127\.0\.0\.1:9"):
        await AudioSocket(twilio(), Ear()).connect("ws://127.0.0.1:9/agent")


@pytest.mark.parametrize(
    "url",
    [
        "ws://",
        "http://127.0.0.1/",
        "ws://nowhere.invalid/",
        "ws://127.0.0.1:99999/",
        "ws://" + "a" * 70 + ".invalid/",
        "ws://[::1",
    ],
)
async def test_a_url_that_leads_nowhere_is_unreachable(url: str) -> None:
    with pytest.raises(AgentUnreachable):
        await AudioSocket(twilio(), Ear()).connect(url)


async def test_a_handshake_that_takes_too_long_is_cut(agent: RawAgent) -> None:
    socket = AudioSocket(twilio(), Ear())
    with pytest.raises(AgentUnreachable, match=r"within 0\.1 s"):
        await socket.connect(agent.url, timeout_s=0.1)
    connection = await agent.connection()
    assert await connection.at_end()


async def test_a_dial_that_is_cancelled_leaves_no_connection(agent: RawAgent) -> None:
    socket = AudioSocket(twilio(), Ear())
    dialling = asyncio.create_task(socket.connect(agent.url))
    connection = await agent.connection()
    await connection.read_request()
    dialling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dialling
    assert await connection.at_end()


async def test_headers_and_the_urls_user_reach_the_agent_but_no_message(agent: RawAgent) -> None:
    url = agent.url.replace("ws://", "ws://bob:s%20ecret@") + "?token=hush"
    socket = AudioSocket(twilio(), Ear())
    dialling = asyncio.create_task(socket.connect(url, headers={"X-Tenant": "7"}))
    connection = await agent.connection()
    request = await connection.read_request()
    connection.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
    with pytest.raises(AgentRefused) as refused:
        await dialling
    lines = request.split(b"\r\n")
    assert lines[0] == b"GET /agent?token=hush HTTP/1.1"
    assert b"Authorization: Basic " + base64.b64encode(b"bob:s ecret") in lines
    assert b"X-Tenant: 7" in lines
    assert f"Host: 127.0.0.1:{agent.port}".encode() in lines
    for shown in (str(refused.value), repr(socket)):
        assert not any(secret in shown for secret in ("hush", "ecret", "bob"))


async def test_an_agent_that_does_not_read_costs_old_audio_and_nothing_else(agent: RawAgent) -> None:
    protocol = WebClient(FACTS)
    async with talking(agent, protocol) as (socket, ear, connection):
        for number in range(4000):
            socket.send_audio(number.to_bytes(2, "big") * 1000)
            if number % 100 == 0:
                await asyncio.sleep(0)
        socket.send(protocol.dtmf("5", 100))
        assert socket.audio_dropped > 0
        heard = []
        while True:
            opcode, payload = await connection.read_frame()
            if b'"dtmf"' in payload:
                break
            if opcode == BINARY:
                heard.append(int.from_bytes(payload[:2], "big"))
        assert heard == sorted(heard), "in order"
        assert heard[-1] == 3999, "the newest audio is kept"
        assert len(heard) + socket.audio_dropped == 4000
        assert ear.closed == []


async def rests(socket: AudioSocket) -> None:
    """Wait until the socket does not read: nobody is told of frames that say nothing."""
    async with asyncio.timeout(10):
        while not socket.rests:  # noqa: ASYNC110, nobody is told
            await asyncio.sleep(0.01)


async def test_an_agent_that_sends_too_much_is_not_read_for_a_while_and_nothing_is_lost(agent: RawAgent) -> None:
    budget = TokenBucket(burst_bytes=1024 * 1024, bytes_per_s=1)
    async with talking(agent, WebClient(FACTS), budget=budget) as (socket, ear, connection):
        for number in range(320):
            connection.frame(BINARY, number.to_bytes(2, "big") * 50_000)
        await ear.until(lambda: socket.rests)
        assert sum(map(len, ear.audio)) < 16_000_000  # of 32: what was received already is heard
        assert ear.closed == []
        budget.bytes_per_s = 1e9
        await ear.until(lambda: len(ear.audio) == 320)
        assert [int.from_bytes(audio[:2], "big") for audio in ear.audio] == list(range(320))


@pytest.mark.parametrize("kind", [PING, PONG, CONTINUATION])
async def test_an_agent_that_sends_nothing_but_frames_without_payload_is_not_read_for_a_while(
    kind: int, agent: RawAgent
) -> None:
    async with talking(agent, budget=TokenBucket(1024, 1)) as (socket, ear, connection):
        connection.frame(TEXT, b"", final=False)
        connection.write(frame(kind, b"", final=kind != CONTINUATION) * 50_000)
        await rests(socket)
        assert ear.closed == []


async def test_pings_of_an_agent_that_reads_no_answer_are_not_kept_for_it(agent: RawAgent) -> None:
    protocol, pings = WebClient(FACTS), 100_000
    async with talking(agent, protocol) as (socket, ear, connection):
        connection.write(frame(PING, b"p" * 125) * pings)
        connection.frame(TEXT, b"clear")
        await ear.until(lambda: bool(ear.messages))
        socket.send(protocol.dtmf("5", 100))
        kinds = []
        while b'"dtmf"' not in (got := await connection.read_frame())[1]:
            kinds.append(got[0])
        assert 0 < kinds.count(PONG) < pings


async def test_an_agent_that_is_not_read_can_be_hung_up_on(agent: RawAgent) -> None:
    async with talking(agent, WebClient(FACTS), budget=TokenBucket(1024, 1)) as (socket, ear, connection):
        connection.frame(BINARY, bytes(500_000))
        await ear.until(lambda: socket.rests)
        await socket.close()
        assert ear.closed == []
        assert await connection.close_code() == 1000


async def test_an_agent_that_lets_every_answer_wait_is_given_up(agent: RawAgent) -> None:
    protocol = twilio()
    async with talking(agent, protocol) as (socket, ear, _connection):
        while not ear.closed:
            for _ in range(100):
                socket.send(protocol.mark("m" * 1000))
            await asyncio.sleep(0)
        assert isinstance(ear.closed[0], AgentLost)


async def test_closing_says_stop_and_1000_and_is_over_even_if_the_agent_stays(agent: RawAgent) -> None:
    async with talking(agent) as (socket, ear, connection):
        closing = asyncio.create_task(socket.close())
        texts = []
        while (received := await connection.read_frame())[0] == TEXT:
            texts.append(received[1])
        assert b'"event":"stop"' in texts[-1]
        assert received == (CLOSE, (1000).to_bytes(2, "big"))
        await closing  # the agent never answers the close frame
        assert await connection.at_end()
        assert ear.closed == [], "who closes needs no telling"
        await socket.close()


async def test_after_the_end_nothing_is_sent(agent: RawAgent) -> None:
    async with talking(agent) as (socket, _, _connection):
        await socket.close()
        before = socket.messages_out
        socket.send(b"late")
        socket.send_audio(b"late")
        assert socket.messages_out == before


async def test_sending_before_the_websocket_is_open_does_nothing() -> None:
    socket = AudioSocket(twilio(), Ear())
    socket.send(b"early")
    socket.send_audio(b"early")
    assert socket.messages_out == 0
    await socket.close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for localhost, with its key in the same file."""
    return self_signed(tmp_path_factory.mktemp("tls"))


@contextlib.asynccontextmanager
async def tls_agent(certificate: Path) -> AsyncIterator[int]:
    """An agent on wss that echoes one text; its port."""

    async def answer(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send('{"event":"mark","mark":{"name":"over tls"}}')
        await connection.wait_closed()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with serve(answer, "127.0.0.1", 0, ssl=context) as server:
        yield next(iter(server.sockets)).getsockname()[1]


async def test_wss_with_a_certificate_nobody_vouches_for_is_unreachable(certificate: Path) -> None:
    async with tls_agent(certificate) as port:
        with pytest.raises(AgentUnreachable, match="CERTIFICATE_VERIFY_FAILED"):
            await AudioSocket(twilio(), Ear()).connect(f"wss://localhost:{port}/")


async def test_wss_trusts_what_ssl_cert_file_adds(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    tls_context.cache_clear()
    try:
        async with tls_agent(certificate) as port:
            ear = Ear()
            socket = AudioSocket(twilio(), ear)
            await socket.connect(f"wss://localhost:{port}/")
            await ear.until(lambda: bool(ear.messages))
            assert ear.messages == [Mark("over tls")]
            await socket.close()
            with pytest.raises(AgentUnreachable, match="IP address mismatch"):
                await AudioSocket(twilio(), Ear()).connect(f"wss://127.0.0.1:{port}/")
    finally:
        tls_context.cache_clear()
