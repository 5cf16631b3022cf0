"""Callers whom the dialplan offers to several controllers: who claims them, and whose they are afterwards."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ari_agent.asterisk.ari import Ari
from ari_agent.asterisk.events import Channel, parse_event
from ari_agent.calls.shared_calls import SharedCalls
from tests.asterisk.fake_asterisk import APP, PASSWORD, FakeAsterisk, Noted


class OwnCalls:
    stopping = False

    def live(self) -> list[object]:
        return []


def channel(channel_id: str, application: str = "StasisBroadcast", data: str = "500,^(a|ari_agent)$") -> dict[str, Any]:
    where = {"context": "from-trunk", "exten": "100", "priority": 1, "app_name": application, "app_data": data}
    return {"id": channel_id, "name": f"PJSIP/{channel_id}", "state": "Ring", "dialplan": where}


def event(kind: str, channel_id: str, **options: str) -> Any:
    return parse_event(json.dumps({"type": kind, "application": APP, "channel": channel(channel_id, **options)}))


@pytest.fixture
async def asterisk() -> AsyncIterator[FakeAsterisk]:
    async with FakeAsterisk() as made:
        yield made


@pytest.fixture
async def ari(asterisk: FakeAsterisk) -> AsyncIterator[Ari]:
    made = Ari(url=asterisk.url, username="ari", password=PASSWORD, app=APP)
    yield made
    await made.close()


async def asked(asterisk: FakeAsterisk, count: int) -> list[Noted]:
    """The requests, once there are as many."""
    async with asyncio.timeout(10):
        while len(asterisk.requests) < count:  # noqa: ASYNC110 -- the fake notes them
            await asyncio.sleep(0.01)
    return asterisk.requests


async def test_a_caller_who_is_offered_is_claimed_and_then_bears_our_name(asterisk: FakeAsterisk, ari: Ari) -> None:
    shared = SharedCalls(ari.shared_channels, calls=OwnCalls())
    shared.on_event(event("CallBroadcast", "c1"))
    (claim,) = await asked(asterisk, 1)
    assert (claim.method, claim.path) == ("POST", "/events/claim")
    assert claim.query == {"channelId": "c1", "application": APP}
    shared.on_event(event("StasisStart", "c1"))
    shared.on_event(event("StasisStart", "c2", application="Stasis", data=APP))  # the dialplan has said so itself
    mark = (await asked(asterisk, 2))[1]
    assert (mark.path, mark.body) == ("/channels/c1/variable", {"variable": "ARI_AGENT_APP", "value": APP})
    await asyncio.sleep(0.05)
    assert len(asterisk.requests) == 2
    await shared.close()


async def test_who_is_about_to_stop_claims_nobody(asterisk: FakeAsterisk, ari: Ari) -> None:
    calls = OwnCalls()
    calls.stopping = True
    shared = SharedCalls(ari.shared_channels, calls=calls)
    shared.on_event(event("CallBroadcast", "c1"))
    await asyncio.sleep(0.05)
    assert asterisk.requests == []


@pytest.mark.parametrize(("status", "got"), [(204, True), (409, False), (404, False)])
async def test_another_one_may_be_sooner(status: int, got: bool, asterisk: FakeAsterisk, ari: Ari) -> None:
    asterisk.answer = lambda _: (status, None if got else {"message": "Channel not found or already claimed"})
    assert await ari.shared_channels.claim("c1") is got


async def test_an_asterisk_that_refuses_is_logged(
    asterisk: FakeAsterisk, ari: Ari, caplog: pytest.LogCaptureFixture
) -> None:
    asterisk.answer = lambda _: (500, {"message": "out of order"})
    shared = SharedCalls(ari.shared_channels, calls=OwnCalls())
    shared.on_event(event("CallBroadcast", "c1"))
    await asked(asterisk, 1)
    async with asyncio.timeout(10):
        while "out of order" not in caplog.text:  # noqa: ASYNC110 -- a line of the log
            await asyncio.sleep(0.01)


async def test_whose_channels_are_is_read_once(asterisk: FakeAsterisk, ari: Ari) -> None:
    names = {"ours": APP, "theirs": "other", "offered": None}

    def answer(noted: Noted) -> tuple[int, Any]:
        name = names.get(noted.path.split("/")[2])
        return (200, {"value": name}) if name else (404, {"message": "Provided variable was not found"})

    asterisk.answer = answer
    plain = channel("plain", application="Stasis", data=f"{APP},refer"), channel("else", application="Stasis", data="x")
    channels = [Channel.model_validate(each) for each in (*map(channel, names), *plain)]
    assert await ari.shared_channels.entered(channels) == {"ours", "plain"}
    assert len(asterisk.requests) == 3
    names["offered"] = APP
    assert await ari.shared_channels.entered(channels) == {"ours", "plain", "offered"}
    assert len(asterisk.requests) == 4  # of the one that was nobody's
    assert await ari.shared_channels.entered([]) == frozenset()
