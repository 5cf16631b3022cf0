"""The inbound webhook against a real receiver that answers well, badly, slowly or not at all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.contract.inbound import InboundWebhookAnswer, InboundWebhookRequest
from ari_agent.errors import InboundWebhookFailed
from ari_agent.webhooks.inbound import InboundWebhook, parse_answer
from ari_agent.webhooks.signed_post import PostFailed
from tests.webhooks.receiver import API_KEY, Arrival, Receiver, never

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
    answer = {"call_inbound": {"agent_override": {"agent": {"ambient_sound": "call-center", "voice_speed": 1.5}}}}
    async with Receiver(answering(lambda: web.json_response(answer))) as receiver:
        await asking(session).ask(receiver.url, REQUEST)
    [line] = [record for record in caplog.records if "without effect" in record.getMessage()]
    assert line.getMessage() == "settings without effect: ambient_sound: no background sound is mixed in"
    assert line.__dict__["call_id"] == "call_1"


@pytest.mark.parametrize("body", [b"", b" \n", b"{}", b'{"call_inbound":{}}', b'{"call_inbound":{"reject":null}}'])
async def test_a_2xx_that_says_nothing_overrides_nothing(session: aiohttp.ClientSession, body: bytes) -> None:
    async with Receiver(answering(lambda: web.Response(body=body))) as receiver:
        answer = await asking(session).ask(receiver.url, REQUEST)
    assert answer.model_dump(exclude_none=True) == {}
    assert len(receiver.arrivals) == 1


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: web.Response(status=500), "answered 500, expected 2xx"),
        (lambda: web.Response(status=404), "answered 404, expected 2xx"),
        (lambda: web.Response(status=302, headers={"Location": "/ok"}), "redirects are not followed"),
        (lambda: web.Response(text="<html>"), "not valid JSON"),
        (lambda: web.Response(body=b'{"call_inbound":{"metadata":{"a":"\xff"}}}'), "not valid UTF-8"),
        (lambda: web.Response(text='{"call_inbound":{"metadata":{"a":NaN}}}'), "not valid JSON"),
        (lambda: web.Response(text="[]"), "answer: must be an object"),
        (lambda: web.Response(text="[" * 100_000), "not valid JSON"),
        (lambda: web.json_response({"call_inbound": []}), "call_inbound: must be an object"),
        (lambda: web.json_response({"call_inbound": {"reject": "yes"}}), "call_inbound.reject: must be true or false"),
        (lambda: web.json_response({"call_inbound": {"reject": True, "metadata": 5}}), "call_inbound.metadata"),
        (lambda: web.json_response({"call_inbound": {"dynamic_variables": {"n": 1}}}), "dynamic_variables.n"),
        (lambda: web.json_response({"call_inbound": {"override_agent_version": -1}}), "override_agent_version"),
        (
            lambda: web.json_response({"call_inbound": {"agent_override": {"agent": {"voice_speed": 9}}}}),
            "voice_speed: must be less than or equal to 2, not 9",
        ),
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
        answer = await asking(session).ask(receiver.url, REQUEST)
    assert answer.override_agent_id == "agent_2"
    assert len(receiver.arrivals) == 3
    assert len({arrival.body for arrival in receiver.arrivals}) == 1


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


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
fields = st.dictionaries(
    st.sampled_from([*InboundWebhookAnswer.model_fields, "custom_sip_headers"]), json_values, max_size=6
)


@given(st.one_of(st.binary(), json_values.map(json.dumps), fields.map(lambda some: json.dumps({"call_inbound": some}))))
def test_no_answer_crashes_the_parser(body: bytes | str) -> None:
    try:
        parse_answer(body.encode() if isinstance(body, str) else body)
    except PostFailed as failure:
        assert "\n" not in failure.why


valid_answers = st.fixed_dictionaries(
    {},
    optional={
        "override_agent_id": st.text(min_size=1, max_size=256),
        "override_agent_version": st.integers(0, 2**31 - 1) | st.sampled_from(["latest", "prod-1"]),
        "dynamic_variables": st.dictionaries(st.text(), st.text(), max_size=4),
        "metadata": st.dictionaries(st.text(), st.integers(-(2**53), 2**53) | st.text() | st.none(), max_size=4),
        "reject": st.booleans(),
    },
)


@given(valid_answers)
def test_what_is_answered_reads_back(answer: dict[str, Any]) -> None:
    parsed = parse_answer(json.dumps({"call_inbound": answer}).encode())
    assert parsed.model_dump(exclude_unset=True) == answer
