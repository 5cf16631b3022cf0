"""One real Asterisk for all tests of this folder that ask for it, and our client connected to it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Final, Self, TypeVar

import pytest
import pytest_asyncio

from ari_agent.asterisk.ari import Ari
from ari_agent.asterisk.events import AriEvent, Channel, ChannelDestroyed, StasisStart
from ari_agent.demo.pbx import Pbx
from tests.fakes.sip_caller import SipCaller
from tests.fakes.sipp import Sipp

CALLER_ADDRESS: Final = "127.0.0.2"
DIALPLAN: Final = """
[globals](+)
REFER_TIMEOUT_S = 2
[from-trunk](+)
exten = variables,1,Set(AGENTVAR_customer=Bob "B" Smith)
 same = n,Set(__AGENTVAR_plan=gold)
 same = n,Stasis(ari_agent,agent_id=agent_x,customer=Bob)
 same = n,Hangup()
exten = seen,1,Stasis(ari_agent)
 same = n,Set(GLOBAL(SEEN_BY_DIALPLAN)=${ARI_AGENT_HDR_X_EVIL})
 same = n,Hangup(17)
"""

_Event = TypeVar("_Event", bound=AriEvent)


class Line:
    """Our client, connected while `async with` lasts, and the events that it hands over."""

    def __init__(self, pbx: Pbx) -> None:
        self.pbx = pbx
        self.ari = Ari(url=pbx.ari_url, username=pbx.ari_username, password=pbx.ari_password, app=pbx.app)
        self.connections: asyncio.Queue[None] = asyncio.Queue()
        self.events: list[AriEvent] = []
        self._news = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._running = asyncio.create_task(self.ari.run(self.hear, self.connected))
        await asyncio.wait_for(self.connections.get(), 20)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._running
        await self.ari.close()

    def hear(self, event: AriEvent) -> None:
        self.events.append(event)
        self._news.set()

    async def connected(self) -> None:
        self.connections.put_nowait(None)

    async def next(self, kind: type[_Event], channel_id: str | None = None) -> _Event:
        """The next event of a kind, of any channel or of one; what came before it is passed over."""
        async with asyncio.timeout(10):
            while True:
                for position, event in enumerate(self.events):
                    if isinstance(event, kind) and channel_id in (None, event.channel_id):
                        del self.events[: position + 1]
                        return event
                self._news.clear()
                await self._news.wait()

    async def caller(self) -> Channel:
        """The channel of the next caller."""
        return (await self.next(StasisStart)).channel

    async def gone(self, channel_id: str) -> ChannelDestroyed:
        return await self.next(ChannelDestroyed, channel_id)

    async def clear(self) -> bool:
        """Take away every channel and bridge, whatever a test made that failed half-way. False: some do not end.

        Those are channels in Transfer() whose far end is gone: they wait for it for half a minute, hung up or not.
        """
        for bridge in await self.ari.bridges():
            await self.ari.destroy_bridge(bridge.id)
        for _ in range(200):
            channels = await self.ari.channels()
            if not channels:
                return True
            for channel in channels:
                await self.ari.hang_up(channel.id)
            await asyncio.sleep(0.01)
        return False


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds; AssertionError after 10 s."""
    for _ in range(1000):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came true")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def pbx() -> AsyncIterator[Pbx]:
    async with Pbx(
        sip_port=0,
        tls_port=0,
        ari_port=0,
        rtp_ports=(23500, 23899),
        callers=(CALLER_ADDRESS,),
        extensions=DIALPLAN,
    ) as made:
        yield made


@pytest.fixture(scope="session")
def sipp(pbx: Pbx) -> Sipp:
    return Sipp(pbx, address=CALLER_ADDRESS)


@pytest_asyncio.fixture(loop_scope="session")
async def line(pbx: Pbx) -> AsyncIterator[Line]:
    if not pbx.running:  # the test before was cut short while it restarted it
        await pbx.restart()
    async with Line(pbx) as made:
        yield made
        if not await made.clear():
            await pbx.restart()


@pytest.fixture
def caller(pbx: Pbx) -> SipCaller:
    """A caller, not yet there: `async with caller`."""
    return SipCaller(pbx=(pbx.bind, pbx.sip_port), address=CALLER_ADDRESS)
