"""Digits go to Asterisk a second at a time, and what waits can be dropped."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.calls import digits
from ari_agent.calls.digits import MAX_WAITING, Digits, TooManyDigits, portions
from ari_agent.errors import AsteriskUnreachable


class Played:
    """What Asterisk was handed."""

    def __init__(self, *, fails_at: int = 99) -> None:
        self.portions: list[str] = []
        self.fails_at = fails_at

    async def send(self, some: str) -> None:
        if len(self.portions) == self.fails_at:
            raise AsteriskUnreachable("ari", "gone")
        self.portions.append(some)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digits, "_KEY_S", 0.001)
    monkeypatch.setattr(digits, "_PAUSES_S", {"w": 0.001, "W": 0.001})


async def test_they_are_played_in_order_and_pauses_are_ours() -> None:
    played = Played()
    sending = Digits(played.send)
    assert await sending.begin("1234567w8W#")
    assert not await sending.begin("9")
    await sending.play()
    assert played.portions == ["12345", "67", "8", "#", "9"]
    assert sending.waiting == 0


async def test_what_waits_can_be_dropped() -> None:
    played = Played()
    sending = Digits(played.send)
    await sending.begin("1" * 20)
    assert sending.waiting == 15
    sending.clear()
    await sending.play()
    assert played.portions == ["11111"]


async def test_more_than_may_wait_are_refused_whole() -> None:
    played = Played()
    sending = Digits(played.send)
    await sending.begin("1" * MAX_WAITING)
    with pytest.raises(TooManyDigits, match="at most 64 may wait"):
        await sending.begin("2" * 6)
    assert not await sending.begin("2" * 5)
    await sending.play()
    assert "".join(played.portions) == "1" * MAX_WAITING + "2" * 5


@pytest.mark.parametrize("fails_at", [0, 1])
async def test_after_a_failure_nothing_waits_and_the_next_are_played(fails_at: int) -> None:
    played = Played(fails_at=fails_at)
    sending = Digits(played.send)
    with pytest.raises(AsteriskUnreachable):
        if await sending.begin("1" * 20):
            await sending.play()
    assert sending.waiting == 0
    played.fails_at = 99
    assert await sending.begin("2")
    await sending.play()
    assert played.portions[-1] == "2"


async def test_who_plays_and_is_cancelled_drops_the_rest() -> None:
    sending = Digits(Played().send)
    await sending.begin("1" * 20)
    playing = asyncio.create_task(sending.play())
    await asyncio.sleep(0)
    playing.cancel()
    await asyncio.gather(playing, return_exceptions=True)
    assert sending.waiting == 0


@given(st.from_regex(r"[0-9A-D*#wW]{0,64}", fullmatch=True))
def test_portions_make_up_the_digits(text: str) -> None:
    made = list(portions(text))
    assert "".join(made) == text
    assert all(len(portion) <= 5 for portion in made)
    assert all(portion in "wW" or not set(portion) & set("wW") for portion in made)
