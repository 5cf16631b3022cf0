"""The inbound webhook against a real receiver that answers well, badly, slowly or not at all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from ari_agent.contract.inbound import InboundWebhookAnswer, InboundWebhookRequest
from ari_agent.contract.inbound_answer import ReadAnswer
from ari_agent.errors import InboundWebhookFailed
from ari_agent.webhooks.inbound import InboundWebhook
from tests.webhooks.receiver import API_KEY, Arrival, Receiver, never

pytestmark = pytest.mark.slow

REQUEST = InboundWebhookRequest.model_validate(
    {
        "event_timestamp": 1_790_000_000_000,
        "call_inbound": {
            "agent_id": "agent_1",
            "agent_version": 1,
            "call_id": "call_1",
            "from_number": "+12137771234",
            "to_number": "+12137771235",
            "custom_sip_headers": {"x-caller": "Zoë"},
        },
    }
)
FULL_ANSWER = {
    "call_inbound": {
        "override_agent_id": "agent_2",
        "override_agent_version": 1,
        "agent_override": {"agent": {"voice_speed": 1.5}},
        "dynamic_variables": {"customer_name": "John Doe"},
        "metadata": {"random_id": [1, None, {"a": 0.5}]},
        "unknown_key": 5,
    },
    "another": "key",
}


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Of which nothing is configured."""
    async with aiohttp.ClientSession() as the_session:
        yield the_session


def asking(session: aiohttp.ClientSession, *, timeout_s: float = 10) -> InboundWebhook:
    """Three retries without pauses."""
    return InboundWebhook(session, API_KEY, timeout_s=timeout_s, retry_after_s=(0, 0, 0))


def answering(make: Callable[[], web.StreamResponse]) -> Callable[[Arrival], Any]:
    """A receiver that always gives this answer."""

    async def answer(_: Arrival) -> web.StreamResponse:
        return make()

    return answer


async def test_the_question_is_a_signed_post_and_the_answer_is_read(session: aiohttp.ClientSession) -> None:
    async with Receiver(answering(lambda: web.json_response(FULL_ANSWER, status=201))) as receiver:
        answer = await asking(session).ask(f"{receiver.url}?tenant=5", REQUEST)
    (arrival,) = receiver.arrivals
    assert arrival.is_signed
    assert arrival.headers["content-type"] == "application/json"
    assert arrival.path == "/hook?tenant=5"
    assert arrival.document == REQUEST.as_json()
    assert arrival.document["event"] == "call_inbound"
    compact = json.dumps(arrival.document, separators=(",", ":"), ensure_ascii=False)
    assert arrival.body == compact.encode()
    assert answer == InboundWebhookAnswer.model_validate(FULL_ANSWER["call_inbound"])
    assert answer.override_agent_id == "agent_2"


async def test_settings_of_an_override_that_have_no_effect_are_logged_once(
    session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    answer = {"call_inbound": {"agent_override": {"agent": {"guardrail_config": {}, "voice_speed": 1.5}}}}
    async with Receiver(answering(lambda: web.json_response(answer))) as receiver:
        await asking(session).ask(receiver.url, REQUEST)
    [line] = [record for record in caplog.records if "without effect" in record.getMessage()]
    assert line.getMessage() == "settings without effect: guardrail_config: topics are not checked"
    assert line.__dict__["call_id"] == "call_1"


@pytest.mark.parametrize("body", [b"", b" \n", b"{}", b'{"call_inbound":{}}', b'{"call_inbound":{"reject":null}}'])
async def test_a_2xx_that_says_nothing_overrides_nothing(session: aiohttp.ClientSession, body: bytes) -> None:
    async with Receiver(answering(lambda: web.Response(body=body))) as receiver:
        answer = await asking(session).ask(receiver.url, REQUEST)
    assert answer.model_dump(exclude_none=True) == {}
    assert len(receiver.arrivals) == 1


async def test_what_cannot_be_read_is_left_out_and_named_and_nothing_is_asked_again(
    session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    override = {"agent": {"language": 7}}
    answer = {"call_inbound": {"override_agent_id": "agent_2", "metadata": 5, "agent_override": override}}
    async with Receiver(answering(lambda: web.json_response(answer))) as receiver:
        read = await asking(session).ask(receiver.url, REQUEST)
    assert read.changes() == {"override_agent_id": "agent_2", "agent_override": {"agent": {}}}
    assert len(receiver.arrivals) == 1
    [line] = [record for record in caplog.records if "left out" in record.getMessage()]
    assert line.getMessage().startswith(
        "left out of the inbound webhook's answer: metadata: must be an object, not 5; "
    )
    assert "agent_override.agent.language: must be" in line.getMessage()
    assert line.__dict__["call_id"] == "call_1"


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: web.Response(status=500), "answered 500, expected 2xx"),
        (lambda: web.Response(status=404), "answered 404, expected 2xx"),
        (lambda: web.Response(status=302, headers={"Location": "/ok"}), "redirects are not followed"),
        (lambda: web.Response(text="<html>"), "not valid JSON"),
        (lambda: web.Response(body=b'{"call_inbound":{"metadata":{"a":"\xff"}}}'), "not valid UTF-8"),
        (lambda: web.Response(text='{"call_inbound":{"metadata":{"a":NaN}}}'), "not valid JSON"),
        (lambda: web.Response(text="[" * 100_000), "not valid JSON"),
        (lambda: web.Response(body=b" " * (1024 * 1024 + 1)), "longer than 1048576 bytes"),
    ],
)
async def test_a_bad_answer_is_asked_for_again_three_times(
    session: aiohttp.ClientSession, make: Callable[[], web.StreamResponse], why: str
) -> None:
    async with Receiver(answering(make)) as receiver:
        with pytest.raises(InboundWebhookFailed) as caught:
            await asking(session).ask(receiver.url, REQUEST)
    assert caught.value.attempts == len(receiver.arrivals) == 4
    assert why in caught.value.why
    assert "\n" not in caught.value.why


async def test_a_retry_that_succeeds_is_the_answer(session: aiohttp.ClientSession) -> None:
    async def fail_twice(_: Arrival) -> web.StreamResponse:
        return web.Response(status=503) if len(receiver.arrivals) < 3 else web.json_response(FULL_ANSWER)

    async with Receiver(fail_twice) as receiver:
        told: list[tuple[int, ReadAnswer | str]] = []
        answer = await asking(session).ask(receiver.url, REQUEST, tell=lambda *attempt: told.append(attempt))
    assert answer.override_agent_id == "agent_2"
    assert told == [
        (1, "answered 503, expected 2xx"),
        (2, "answered 503, expected 2xx"),
        (3, ReadAnswer(answer)),
    ]
    assert len(receiver.arrivals) == 3
    assert len({arrival.body for arrival in receiver.arrivals}) == 1


@pytest.mark.parametrize(("header", "pause_s"), [("1", 1.0), ("31536000", 2.0)])
async def test_a_receiver_may_say_when_to_ask_again(
    session: aiohttp.ClientSession, header: str, pause_s: float
) -> None:
    async def fail_once(_: Arrival) -> web.StreamResponse:
        came_s.append(asyncio.get_running_loop().time())
        first = len(came_s) == 1
        return web.Response(status=429, headers={"Retry-After": header}) if first else web.json_response(FULL_ANSWER)

    came_s: list[float] = []
    async with Receiver(fail_once) as receiver:
        await asking(session).ask(receiver.url, REQUEST)
    assert came_s[1] - came_s[0] >= pause_s
    assert len({arrival.headers["x-ari-agent-delivery"] for arrival in receiver.arrivals}) == 1


async def test_silence_ends_in_a_timeout_each_time(session: aiohttp.ClientSession) -> None:
    async with Receiver(never) as receiver:
        with pytest.raises(InboundWebhookFailed, match=r"no answer within 0\.05 s") as caught:
            await asking(session, timeout_s=0.05).ask(receiver.url, REQUEST)
    assert caught.value.attempts == 4


async def test_an_answer_that_trickles_in_for_ever_ends_in_a_timeout(session: aiohttp.ClientSession) -> None:
    writers: list[asyncio.StreamWriter] = []

    async def half_an_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{")
        await writer.drain()

    server = await asyncio.start_server(half_an_answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(InboundWebhookFailed, match="no answer within"):
        await asking(session, timeout_s=0.05).ask(f"http://127.0.0.1:{port}/", REQUEST)
    for writer in writers:
        writer.close()
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
async def test_what_is_no_http_is_a_failure_of_one_line(session: aiohttp.ClientSession, answer: bytes) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(InboundWebhookFailed) as caught:
        await asking(session).ask(f"http://127.0.0.1:{port}/", REQUEST)
    assert caught.value.attempts == 4
    assert "\n" not in str(caught.value)
    server.close()
    await server.wait_closed()


async def test_nobody_listening_is_a_failure(session: aiohttp.ClientSession) -> None:
    with pytest.raises(InboundWebhookFailed, match=r"127\.0\.0\.1:1") as caught:
        await asking(session).ask("http://user:hunter2@127.0.0.1:1/hook?token=hunter2", REQUEST)
    assert caught.value.attempts == 4
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["", "hook", "ftp://127.0.0.1/", "http://", "http:///hook", "http://127.0.0.1:99999/", "http://[::1/"]
)
async def test_a_url_that_cannot_be_asked_is_not_tried_again(session: aiohttp.ClientSession, url: str) -> None:
    with pytest.raises(InboundWebhookFailed, match="not a URL") as caught:
        await asking(session).ask(url, REQUEST)
    assert caught.value.attempts == 1


async def test_a_caller_who_hangs_up_ends_it_at_once(session: aiohttp.ClientSession) -> None:
    gone = asyncio.Event()

    async def wait(arrival: Arrival) -> web.StreamResponse:
        try:
            return await never(arrival)
        finally:
            gone.set()

    async with Receiver(wait) as receiver:
        asked = asyncio.create_task(asking(session).ask(receiver.url, REQUEST))
        await receiver.wait_for(1)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        await gone.wait()
    assert len(receiver.arrivals) == 1


async def test_a_caller_who_hangs_up_during_a_pause_ends_it_at_once(session: aiohttp.ClientSession) -> None:
    async with Receiver(answering(lambda: web.Response(status=500))) as receiver:
        webhook = InboundWebhook(session, API_KEY, retry_after_s=(3600,))
        asked = asyncio.create_task(webhook.ask(receiver.url, REQUEST))
        await receiver.wait_for(1)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
