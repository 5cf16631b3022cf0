"""One POST: what counts as success, what is refused, and what nobody may read in a log."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ari_agent.http_client import http_client
from ari_agent.webhooks.signed_post import PostFailed, SignedPost
from tests.fakes.certificate import self_signed
from tests.webhooks.receiver import API_KEY, Receiver

ENDLESS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNK = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
SECRET = "hunter2"


@contextlib.asynccontextmanager
async def posting() -> AsyncIterator[SignedPost]:
    """A client as the controller has it."""
    async with http_client() as session:
        yield SignedPost(session, API_KEY, lambda: 1_760_000_000_000)


@contextlib.asynccontextmanager
async def answering(answer: bytes, *, then: bytes = b"", stay: bool = False) -> AsyncIterator[tuple[str, list[int]]]:
    """A server that writes these bytes, then some others again and again, or stays silent; its URL, and the number of
    bytes it has written after each drain.
    """
    written: list[int] = []
    served: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.current_task())
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"}")
            writer.write(answer)
            while then:
                writer.write(then)
                await writer.drain()
                written.append(len(then))
            if stay:
                await reader.read()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    async with server:
        yield f"http://user:{SECRET}@{host}:{port}/hook?token={SECRET}", written
        await asyncio.gather(*filter(None, served))


async def notify(url: str, *, timeout_s: float = 10) -> None:
    """A body, to that URL."""
    async with posting() as post:
        await post.notify(url, b'{"event":"call_ended"}', delivery_id="d1", timeout_s=timeout_s)


async def test_an_answer_that_never_ends_is_success_and_is_not_kept() -> None:
    async with answering(ENDLESS, then=CHUNK) as (url, written):
        await notify(url)
        assert sum(written) < 16 * 1024 * 1024


async def test_an_answer_that_stops_after_its_status_is_success() -> None:
    async with answering(b"HTTP/1.1 202 Accepted\r\nContent-Length: 10\r\n\r\nhalf", stay=True) as (url, _):
        await notify(url, timeout_s=0.5)


async def test_an_answer_that_breaks_after_its_status_is_success() -> None:
    async with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf") as (url, _):
        await notify(url)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "no HTTP"),
        (b"HTTP/1.1 200 OK\r\nBad Header\x00: x\r\n\r\n", "no HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", "no HTTP"),
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", "answered 500, expected 2xx"),
        (b"HTTP/1.1 308 Over there\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", "redirects are not followed"),
        (b"", "disconnected"),
    ],
)
async def test_why_it_failed_is_told_without_the_url(answer: bytes, why: str) -> None:
    async with answering(answer) as (url, _):
        with pytest.raises(PostFailed, match=why) as failure:
            await notify(url)
    assert SECRET not in failure.value.why
    assert "\n" not in failure.value.why


@pytest.mark.parametrize("packed", [gzip.compress(bytes(8 * 1024 * 1024)), b"{}"], ids=["8 MiB in 8 kB", "not packed"])
async def test_an_answer_that_says_it_is_packed_is_not_unpacked(packed: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    async with answering(head + packed) as (url, _), posting() as post:
        with pytest.raises(PostFailed, match="answered with a packed body"):
            await post.send(url, b'{"event":"call_inbound"}', delivery_id="1", timeout_s=10, answer_limit_bytes=1024)
    async with answering(head + packed) as (url, _):
        await notify(url)  # whose answer is its status alone


async def test_nobody_listens_is_told_without_the_url() -> None:
    async with answering(b"") as (url, _):
        pass
    with pytest.raises(PostFailed) as failure:
        await notify(url)
    assert failure.value.not_reached
    assert SECRET not in failure.value.why


@pytest.mark.parametrize("url", ["ftp://x/", "http://", "{{hook}}", "http://{{host}}/", "http://[::1/", "http://x:0/"])
async def test_a_url_that_names_no_host_is_hopeless(url: str) -> None:
    with pytest.raises(PostFailed, match="not a URL") as failure:
        await notify(url)
    assert failure.value.hopeless


async def test_credentials_in_the_url_go_to_the_receiver() -> None:
    async with Receiver() as receiver:
        await notify(receiver.url.replace("http://", f"http://user:{SECRET}@"))
    assert receiver.arrivals[0].headers["authorization"] == "Basic dXNlcjpodW50ZXIy"


async def test_a_receiver_whose_certificate_nobody_vouches_for_is_not_told(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path))
    async with Receiver(tls=context) as receiver:
        with pytest.raises(PostFailed, match="CERTIFICATE_VERIFY_FAILED") as failure:
            await notify(receiver.url.replace("127.0.0.1", "localhost"))
    assert failure.value.not_reached
    assert receiver.arrivals == []
