"""A call that another controller leads by now is let go of: nothing of it is touched in Asterisk, stored or told."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ari_agent.asterisk.ari import Ari
from ari_agent.asterisk.events import Channel, StasisStart
from ari_agent.calls.session_events import CallTakenOver
from ari_agent.calls.state import CallState
from ari_agent.calls.switchboard import Switchboard
from ari_agent.store.store import Store
from tests.asterisk.fake_asterisk import APP, PASSWORD, FakeAsterisk
from tests.calls.test_adopted_call import CALL_ID, adopted, removed, run
from tests.calls.test_switchboard import CALLER, StillRinging, services


async def test_two_people_in_a_call_of_another_controller_are_left_alone(tmp_path: Path) -> None:
    async with adopted(tmp_path) as (call, asterisk):
        await run(call, CallTakenOver())
        stored = Store(f"sqlite+aiosqlite:///{tmp_path}/calls.db")
        assert (call.state, removed(asterisk)) == (CallState.ENDED, set())
        assert await stored.calls.get(CALL_ID) is None
        await stored.close()


async def test_a_caller_whose_record_is_anothers_is_neither_hung_up_nor_sent_on(tmp_path: Path) -> None:
    async with FakeAsterisk() as asterisk:
        ari = Ari(url=asterisk.url, username="ari", password=PASSWORD, app=APP)
        with_ari = services(ari, tmp_path)
        switchboard = Switchboard(with_ari, StillRinging(), new_call_id=lambda: "call_7")
        switchboard.on_event(StasisStart(application=APP, args=(), channel=Channel.model_validate(CALLER)))
        (call,) = switchboard.live()
        with_ari.records.on_taken_over("another call")
        with_ari.records.on_taken_over(call.call_id)
        async with asyncio.timeout(20):
            while switchboard.live():  # noqa: ASYNC110 -- nothing tells
                await asyncio.sleep(0.01)
        await switchboard.close()
        await ari.close()
        assert (call.state, [noted.path for noted in asterisk.requests]) == (CallState.ENDED, [])
