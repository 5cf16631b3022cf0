"""Who belongs to no call, and who only seems to: a reconnection on which events are behind."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ari_agent.asterisk.ari import Ari
from ari_agent.asterisk.events import Channel
from ari_agent.calls.concurrency_slots import Slots
from ari_agent.calls.dial_guard import DialGuard
from ari_agent.calls.inbound_router import Arrival, InboundRouter
from ari_agent.calls.record_writer import RecordWriter
from ari_agent.calls.session_dependencies import SessionDependencies
from ari_agent.calls.switchboard import Switchboard
from ari_agent.media.socket import RtpPorts
from ari_agent.media.wheel import Wheel
from ari_agent.routing.dial_policy import DialRules
from ari_agent.store.store import Store
from tests.asterisk.fake_asterisk import APP, PASSWORD, FakeAsterisk, Noted, user_event

CALLER: dict[str, Any] = {
    "id": "1.7",
    "name": "PJSIP/trunk-1",
    "state": "Ring",
    "dialplan": {"context": "from-trunk", "exten": "+15550002", "priority": 1, "app_name": "Stasis", "app_data": APP},
}
SOON_S = 20.0


class StillRinging(InboundRouter):
    """Nobody is ever put through."""

    def __init__(self) -> None:
        pass

    async def receive(self, channel: Channel, arguments: Sequence[str], call_id: str, **_: object) -> Arrival:
        await asyncio.Event().wait()
        raise AssertionError


def services(ari: Ari, folder: Path) -> SessionDependencies:
    """Nothing but Asterisk is used."""
    store = Store(f"sqlite:///{folder}/unused.db")
    return SessionDependencies(
        ari=ari,
        app=APP,
        records=RecordWriter(store, account_webhook_url=None),
        slots=Slots(20),
        rtp=RtpPorts("127.0.0.1", first=0, last=0),
        wheel=Wheel(),
        account_webhook_url=None,
        now_ms=lambda: 0,
        dial_guard=DialGuard(DialRules(), store, now_ms=lambda: 0),
    )


def reconnected(requests: Sequence[str]) -> bool:
    return "GET /channels" in requests and "GET /asterisk/info" in requests


@pytest.mark.parametrize("announced", [True, False])
async def test_a_caller_whose_arrival_comes_late_is_no_orphan(announced: bool, tmp_path: Path) -> None:
    asked, looked = asyncio.Queue[str](), asyncio.Event()

    def answer(noted: Noted) -> tuple[int, object] | None:
        if noted.path == "/channels":
            return 200, [CALLER]
        if noted.path.startswith("/events/user/") and reconnected(seen()):
            asked.put_nowait(noted.path.rpartition("/")[2])
            return 204, None
        return None

    async with FakeAsterisk(answer=answer) as asterisk:

        def seen() -> list[str]:
            return [f"{noted.method} {noted.path}" for noted in asterisk.requests]

        ari = Ari(url=asterisk.url, username="ari", password=PASSWORD, app=APP)
        switchboard = Switchboard(
            services(ari, tmp_path), StillRinging(), new_call_id=lambda: "call_7", announced_within_s=0.0
        )

        async def connected() -> None:
            await switchboard.reconcile()
            looked.set()

        running = asyncio.create_task(ari.run(switchboard.on_event, connected))
        try:
            probe = await asyncio.wait_for(asked.get(), SOON_S)
            if announced:
                await asterisk.send({"type": "StasisStart", "application": APP, "args": [], "channel": CALLER})
            await asterisk.send(user_event(probe))
            await asyncio.wait_for(looked.wait(), SOON_S)
            assert ("POST /channels/1.7/continue" in seen()) is not announced
            assert [call.call_id for call in switchboard.live()] == (["call_7"] if announced else [])
        finally:
            await switchboard.close()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await ari.close()
