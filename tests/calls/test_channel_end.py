"""Whatever happens to one request, a channel does not stay."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Final

import pytest

from ari_agent.asterisk.ari import Ari
from ari_agent.calls.channel_end import end_channel
from tests.asterisk.fake_asterisk import APP, PASSWORD, FakeAsterisk, Noted

VARIABLES = {"ARI_AGENT_CALL_ID": "call_1"}
SET, CONTINUE, HANG_UP = "POST /channels/c1/variable", "POST /channels/c1/continue", "DELETE /channels/c1"
STALLED, NO_CHANNEL, IN_DIALPLAN, REFUSED = (
    (0, None),
    (404, {"message": "Channel not found"}),
    (409, {"message": "Channel not in Stasis application"}),
    (500, {"message": "not now"}),
)


def failing(times: int, answer: tuple[int, object], *requests: str) -> Callable[[Noted], tuple[int, object] | None]:
    """The first so many of these requests are answered so."""
    left = [times]

    def answered(noted: Noted) -> tuple[int, object] | None:
        if f"{noted.method} {noted.path}" in requests and left[0]:
            left[0] -= 1
            return answer
        return None

    return answered


@pytest.fixture
async def asterisk() -> AsyncIterator[FakeAsterisk]:
    async with FakeAsterisk() as made:
        yield made


async def ended(asterisk: FakeAsterisk, q850_cause: int | None) -> list[str]:
    ari = Ari(url=asterisk.url, username="ari", password=PASSWORD, app=APP, timeout_s=0.2)
    try:
        await end_channel(ari, "c1", VARIABLES, q850_cause=q850_cause, pause_s=0.0)
    finally:
        await ari.close()
    return [f"{noted.method} {noted.path}" for noted in asterisk.requests]


WAYS: Final = {
    "at once": (failing(0, REFUSED), None, [SET, CONTINUE]),
    "hung up at once": (failing(0, REFUSED), 17, [SET, HANG_UP]),
    "variables stall": (failing(1, STALLED, SET), None, [SET, SET, CONTINUE]),
    "variables are refused": (failing(2, REFUSED, SET), None, [SET, SET, CONTINUE]),
    "continue stalls": (failing(1, STALLED, CONTINUE), None, [SET, CONTINUE, SET, CONTINUE]),
    "continue is refused": (failing(3, REFUSED, CONTINUE), None, [SET, CONTINUE] * 3 + [SET, HANG_UP]),
    "the caller was faster": (failing(1, NO_CHANNEL, SET), None, [SET]),
    "in the dialplan already": (failing(1, IN_DIALPLAN, CONTINUE), None, [SET, CONTINUE]),
    "hang-up stalls": (failing(1, STALLED, HANG_UP), 16, [SET, HANG_UP, SET, HANG_UP]),
}


@pytest.mark.parametrize(("answer", "q850_cause", "requests"), WAYS.values(), ids=WAYS.keys())
async def test_a_channel_ends(
    asterisk: FakeAsterisk,
    answer: Callable[[Noted], tuple[int, object] | None],
    q850_cause: int | None,
    requests: list[str],
) -> None:
    asterisk.answer = answer
    assert await ended(asterisk, q850_cause) == requests


async def test_what_fails_to_the_last_is_told(asterisk: FakeAsterisk, caplog: pytest.LogCaptureFixture) -> None:
    asterisk.answer = lambda _: REFUSED
    requests = await ended(asterisk, None)
    assert (requests.count(CONTINUE), requests.count(HANG_UP)) == (2, 3)
    assert caplog.records[-1].message == "channel left to the sweep of orphans"
