"""What is left in Asterisk of an earlier run goes, and nothing else does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from ari_agent.asterisk.ari import Ari
from ari_agent.calls.orphan_sweep import Orphan, OrphanSweep
from tests.asterisk.fake_asterisk import APP, PASSWORD, FakeAsterisk, Noted, user_event

SOON_S = 20.0


@dataclass(frozen=True, slots=True)
class Calls:
    """The calls that have not ended."""

    calls: Collection[str] = ()
    channels: Collection[str] = ()
    announced: Collection[str] = ()
    targets: Collection[str] = ()
    listening: Collection[str] = ()

    def has_call(self, call_id: str) -> bool:
        return call_id in self.calls

    def has_target(self, channel_id: str) -> bool:
        return channel_id in self.targets

    def has_channel(self, channel_id: str) -> bool:
        return channel_id in self.channels

    def is_listening(self, call_id: str) -> bool:
        return call_id in self.listening

    def was_announced(self, channel_id: str) -> bool:
        return channel_id in self.announced


def channel(channel_id: str, *, app: str = APP, application: str = "Stasis") -> dict[str, Any]:
    where = {"context": "from-trunk", "exten": "100", "priority": 1, "app_name": application, "app_data": app}
    return {"id": channel_id, "name": f"PJSIP/{channel_id}", "state": "Up", "dialplan": where}


def bridge(bridge_id: str) -> dict[str, Any]:
    return {"id": bridge_id, "channels": []}


class Swept:
    """An Asterisk that has these channels and bridges, and notes what becomes of them."""

    run: Callable[[], Awaitable[None]]

    def __init__(
        self, channels: list[dict[str, Any]], bridges: list[dict[str, Any]], refuses: str, unknown: str
    ) -> None:
        self.channels, self.bridges, self.refuses, self.unknown = channels, bridges, refuses, unknown
        self.asterisk = FakeAsterisk(answer=self.answer)
        self.probes = asyncio.Queue[str]()
        self.taken_over: list[str] = []

    def answer(self, noted: Noted) -> tuple[int, object] | None:
        if noted.path == "/channels":
            return 200, self.channels
        if noted.path == "/bridges":
            return 200, self.bridges
        if noted.path.startswith("/events/user/"):
            self.probes.put_nowait(noted.path.rpartition("/")[2])
            return 204, None
        if self.refuses and self.refuses in noted.path:
            return 500, {"message": "not now"}
        if self.unknown and self.unknown in noted.path:
            return 404, {"message": "Channel not found"}
        return None

    async def announce(self) -> None:
        """Send back each probe by which Ari learns that it has heard every event."""
        while True:
            await self.asterisk.send(user_event(await self.probes.get()))

    def removed(self) -> set[str]:
        """The requests that change a channel or bridge."""
        changes = (noted for noted in self.asterisk.requests if noted.method != "GET")
        return {f"{noted.method} {noted.path}" for noted in changes if noted.path.startswith(("/channels", "/bridges"))}


@asynccontextmanager
async def swept(
    channels: list[dict[str, Any]],
    bridges: list[dict[str, Any]],
    calls: Calls,
    *,
    refuses: str = "",
    unknown: str = "",
    entered_before: Collection[str] = (),
    announced_within_s: float = 0.0,
) -> AsyncIterator[Swept]:
    found = Swept(channels, bridges, refuses, unknown)
    connected = asyncio.Event()

    async def hears() -> None:
        connected.set()

    async with found.asterisk:
        ari = Ari(url=found.asterisk.url, username="ari", password=PASSWORD, app=APP)
        tasks = [asyncio.create_task(ari.run(lambda _: None, hears)), asyncio.create_task(found.announce())]
        try:
            async with asyncio.timeout(SOON_S):
                await connected.wait()
                sweep = OrphanSweep(
                    ari,
                    calls,
                    take_over=lambda new: found.taken_over.append(new.id),
                    announced_within_s=announced_within_s,
                )

                async def run() -> None:
                    await sweep.run(await ari.channels(), entered_before=frozenset(entered_before))

                found.run = run
                await run()
            yield found
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await ari.close()


async def test_every_kind_of_orphan_goes_its_own_way() -> None:
    channels = [channel("1.1"), *(channel(f"{APP}-{kind}-call_old") for kind in ("media", "out", "amd"))]
    async with swept(channels, [bridge(f"{APP}-bridge-call_old")], Calls(announced=["1.1"])) as found:
        assert found.removed() == {
            "POST /channels/1.1/variable",
            "POST /channels/1.1/continue",
            f"DELETE /channels/{APP}-media-call_old",
            f"DELETE /channels/{APP}-out-call_old",
            f"DELETE /channels/{APP}-amd-call_old",
            f"DELETE /bridges/{APP}-bridge-call_old",
        }


async def test_what_belongs_to_a_live_call_or_to_somebody_else_stays() -> None:
    channels = [
        channel("1.1"),
        channel("1.2", app="another_app"),
        channel("1.3", application="Dial"),
        *(channel(f"{APP}-{kind}-call_live") for kind in ("media", "out", "amd")),
    ]
    bridges = [bridge(f"{APP}-bridge-call_live"), bridge("conference")]
    async with swept(channels, bridges, Calls(calls=["call_live"], channels=["1.1"])) as found:
        assert found.removed() == set()


async def test_the_target_of_a_live_transfer_stays_and_that_of_an_earlier_one_goes() -> None:
    targets = [f"{APP}-target-{attempt}-call_live" for attempt in (0, 1)]
    channels = [channel(f"{target}{half}") for target in targets for half in ("", ";2")]
    async with swept(channels, [], Calls(calls=["call_live"], targets=targets[1:])) as found:
        assert found.removed() == {f"DELETE /channels/{targets[0]}", f"DELETE /channels/{targets[0]}%3B2"}


async def test_a_target_that_has_become_the_caller_stays() -> None:
    target = f"{APP}-target-0-call_live"
    async with swept([channel(target)], [], Calls(calls=["call_live"], channels=[target])) as found:
        assert found.removed() == set()


async def test_what_hears_two_people_stays_only_while_their_call_listens() -> None:
    def of(call_id: str) -> tuple[list[str], str]:
        names = [f"{APP}-snoop-{name}-{call_id}" for name in ("caller-0", "target-3", "caller-media", "target-bridge")]
        return names[:3], names[3]

    (heard, heard_bridge), (left, left_bridge), (dead, dead_bridge) = map(of, ("call_live", "call_kept", "call_old"))
    channels = [channel(each) for each in (*heard, *left, *dead)]
    bridges = [bridge(each) for each in (heard_bridge, left_bridge, dead_bridge)]
    calls = Calls(calls=["call_live", "call_kept"], listening=["call_live"])
    async with swept(channels, bridges, calls) as found:
        assert found.removed() == {
            *(f"DELETE /channels/{each}" for each in (*left, *dead)),
            f"DELETE /bridges/{left_bridge}",
            f"DELETE /bridges/{dead_bridge}",
        }


async def test_an_orphan_that_asterisk_keeps_does_not_keep_the_others() -> None:
    channels = [channel(f"{APP}-media-call_{number}") for number in (1, 2)]
    async with swept(channels, [], Calls(), refuses="call_1") as found:
        assert f"DELETE /channels/{APP}-media-call_2" in found.removed()


async def test_a_channel_that_has_hung_up_and_is_still_listed_is_tried_once() -> None:
    async with swept([channel("1.1")], [], Calls(announced=["1.1"]), unknown="1.1") as found:
        assert found.removed() == {"POST /channels/1.1/variable"}
        found.asterisk.requests.clear()
        await found.run()
        assert found.removed() == set()


async def test_one_orphan_is_removed_at_once() -> None:
    async with FakeAsterisk() as asterisk:
        ari = Ari(url=asterisk.url, username="ari", password=PASSWORD, app=APP)
        await OrphanSweep(ari, Calls(), take_over=lambda _: None).remove([Orphan("dialled", f"{APP}-out-call_1")])
        assert [f"{noted.method} {noted.path}" for noted in asterisk.requests] == [f"DELETE /channels/{APP}-out-call_1"]
        await ari.close()


async def test_who_was_there_before_the_connection_is_not_waited_for() -> None:
    async with swept([channel("1.1")], [], Calls(), entered_before=["1.1"], announced_within_s=3600) as found:
        assert "POST /channels/1.1/continue" in found.removed()
        assert found.taken_over == []


async def test_who_has_entered_since_without_a_word_is_taken_over() -> None:
    async with swept([channel("1.1"), channel("1.2")], [], Calls(announced=["1.2"])) as found:
        assert found.taken_over == ["1.1"]
        assert found.removed() == {"POST /channels/1.2/variable", "POST /channels/1.2/continue"}
