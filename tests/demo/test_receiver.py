"""The webhook receiver: what is signed is taken, all else refused."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.demo.receiver import FRESH_MS, Receiver, inbound_answer, is_signed

KEY = "key_test_123"
# What the verifiers of the official SDKs accept.
BODY = b'{"event":"call_ended","call":{"call_id":"call_test"}}'
SIGNED_MS = 1760000000000
SIGNATURE = "v=1760000000000,d=8cdfd0ef70721108e8ce8c8f0e5971dca3229663daf8d0000f4c5dc98999ca52"


def _headers(body: bytes) -> dict[str, str]:
    now_ms = str(int(time.time() * 1000))
    return {
        "X-Retell-Signature": f"v={now_ms},d={hmac.new(KEY.encode(), body + now_ms.encode(), 'sha256').hexdigest()}"
    }


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[Receiver, aiohttp.ClientSession]]:
    receiver = Receiver(KEY)
    port = await receiver.start("127.0.0.1", 0)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        yield receiver, session
    await receiver.close()


@pytest.mark.parametrize("drift_ms", [0, FRESH_MS, -FRESH_MS, FRESH_MS + 1, -FRESH_MS - 1])
def test_the_known_signature_is_right_for_five_minutes(drift_ms: int) -> None:
    assert is_signed(BODY, SIGNATURE, KEY, now_ms=SIGNED_MS + drift_ms) is (abs(drift_ms) <= FRESH_MS)


@pytest.mark.parametrize(
    ("body", "signature", "key"),
    [
        (BODY + b" ", SIGNATURE, KEY),
        (BODY, SIGNATURE, "key_other"),
        (BODY, SIGNATURE.replace("v=1", "v=2"), KEY),
        (BODY, SIGNATURE.upper(), KEY),
        (BODY, SIGNATURE + " ", KEY),
        (BODY, "", KEY),
    ],
)
def test_any_change_makes_it_wrong(body: bytes, signature: str, key: str) -> None:
    assert not is_signed(body, signature, key, now_ms=SIGNED_MS)


@given(st.text(max_size=100))
def test_no_signature_breaks_it(signature: str) -> None:
    assert not is_signed(BODY, signature, KEY, now_ms=SIGNED_MS + 1)


def test_it_signs_as_the_standard_says() -> None:
    proof = hmac.new(KEY.encode(), BODY + b"1760000000000", hashlib.sha256).hexdigest()
    assert SIGNATURE.endswith(proof)


async def test_an_event_is_taken_and_can_be_waited_for(receiver: tuple[Receiver, aiohttp.ClientSession]) -> None:
    taker, session = receiver
    waiting = asyncio.create_task(taker.wait_for("call_ended", "call_test"))
    async with session.post("/events", data=BODY, headers=_headers(BODY)) as answer:
        assert answer.status == 204
    received = await asyncio.wait_for(waiting, 5)
    assert received.call == {"call_id": "call_test"}
    assert await taker.wait_for("call_ended") is received


async def test_the_inbound_webhook_is_answered_with_variables(
    receiver: tuple[Receiver, aiohttp.ClientSession],
) -> None:
    _, session = receiver
    body = json.dumps(
        {"event": "call_inbound", "call_inbound": {"from_number": "+1", "custom_sip_headers": {"x-caller": "Bob"}}}
    ).encode()
    async with session.post("/inbound", data=body, headers=_headers(body)) as answer:
        told = (await answer.json())["call_inbound"]
    assert told["dynamic_variables"] == {"customer_name": "Bob"}


@pytest.mark.parametrize("asked", [{}, {"custom_sip_headers": None}, {"custom_sip_headers": []}, {"from_number": 7}])
def test_a_caller_without_a_name_is_called_something(asked: dict[str, Any]) -> None:
    assert inbound_answer(asked)["call_inbound"]["dynamic_variables"]["customer_name"]


async def test_what_is_not_signed_is_refused_and_counted(receiver: tuple[Receiver, aiohttp.ClientSession]) -> None:
    taker, session = receiver
    async with session.post("/events", data=BODY, headers={"X-Retell-Signature": SIGNATURE}) as answer:
        assert answer.status == 401
    async with session.post("/inbound", data=BODY) as answer:
        assert answer.status == 401
    assert (taker.refused, taker.received) == (2, [])


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff"])
async def test_a_signed_body_that_is_no_object_is_refused(
    receiver: tuple[Receiver, aiohttp.ClientSession], body: bytes
) -> None:
    taker, session = receiver
    async with session.post("/events", data=body, headers=_headers(body)) as answer:
        assert answer.status == 400
    assert taker.received == []
