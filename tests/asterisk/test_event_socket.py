"""The event websocket: in order, for ever, and never deaf without knowing it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.asterisk import event_socket
from ari_agent.asterisk.event_socket import EventSocket, retry_s
from ari_agent.asterisk.events import AriEvent, ChannelDtmfReceived
from ari_agent.asterisk.rest import Rest
from ari_agent.errors import AsteriskUnreachable
from tests.asterisk.fake_asterisk import APP, PASSWORD, FakeAsterisk, Noted, user_event

pytestmark = pytest.mark.slow

ENOUGH_S = 20.0


def dtmf(digit: str, channel_id: str = "c1") -> dict[str, object]:
    channel = {"id": channel_id, "name": "n", "state": "Up"}
    return {"type": "ChannelDtmfReceived", "digit": digit, "duration_ms": 100, "channel": channel}


class Listener:
    """An event socket that runs, and what it handed over."""

    def __init__(self, asterisk: FakeAsterisk, *, heartbeat_s: float = 10.0) -> None:
        self.rest = Rest(url=asterisk.url, username="ari", password=PASSWORD)
        self.socket = EventSocket(self.rest, app=APP, heartbeat_s=heartbeat_s, probe_timeout_s=0.5)
        self.heard: list[AriEvent] = []
        self.handle: Callable[[AriEvent], None] = lambda _: None
        self.connected: asyncio.Queue[int] = asyncio.Queue()
        self.failures = 0
        self._news = asyncio.Event()

    def _on_event(self, event: AriEvent) -> None:
        self.heard.append(event)
        self._news.set()
        self.handle(event)

    async def _on_connected(self) -> None:
        self.connected.put_nowait(self.failures)
        if self.failures:
            self.failures -= 1
            raise AsteriskUnreachable("ari", "still starting")

    async def until(self, count: int) -> list[AriEvent]:
        async with asyncio.timeout(ENOUGH_S):
            while len(self.heard) < count:
                self._news.clear()
                await self._news.wait()
        return self.heard

    @property
    def digits(self) -> str:
        return "".join(event.digit for event in self.heard if isinstance(event, ChannelDtmfReceived))

    async def run(self) -> None:
        await self.socket.run(self._on_event, self._on_connected)


@contextlib.asynccontextmanager
async def listening(asterisk: FakeAsterisk, *, heartbeat_s: float = 10.0) -> AsyncIterator[Listener]:
    listener = Listener(asterisk, heartbeat_s=heartbeat_s)
    task = asyncio.create_task(listener.run())
    try:
        yield listener
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await listener.rest.close()
        assert not listener.socket.connected


@pytest.fixture
async def asterisk() -> AsyncIterator[FakeAsterisk]:
    async with FakeAsterisk() as made:
        yield made


async def opened(asterisk: FakeAsterisk) -> None:
    await asyncio.wait_for(asterisk.opened.get(), ENOUGH_S)


async def test_events_arrive_in_the_order_in_which_they_were_sent(asterisk: FakeAsterisk) -> None:
    async with listening(asterisk) as listener:
        await opened(asterisk)
        sent = "0123456789" * 100
        await asterisk.send(*(dtmf(digit) for digit in sent))
        await listener.until(len(sent))
        assert listener.digits == sent
        assert listener.socket.connected
        assert listener.socket.counters.events["ChannelDtmfReceived"] == len(sent)


async def test_the_credentials_are_in_the_header_and_not_in_the_url(asterisk: FakeAsterisk) -> None:
    async with listening(asterisk):
        await opened(asterisk)
        noted = asterisk.requests[0]
        assert noted.query == {"app": f"{APP},{APP}-messages"}
        assert noted.headers["Authorization"].startswith("Basic ")


async def test_what_is_no_event_is_counted_and_the_rest_still_arrives(asterisk: FakeAsterisk) -> None:
    async with listening(asterisk) as listener:
        await opened(asterisk)
        await asterisk.send(
            dtmf("1"), "{nonsense", {"type": "StasisStart"}, {"type": "ChannelCallerId"}, "[]", dtmf("2")
        )
        await asterisk.sockets[-1].send_bytes(b"\x00\xff")
        await asterisk.send(dtmf("3"))
        await listener.until(3)
        assert listener.digits == "123"
        assert (listener.socket.counters.malformed, listener.socket.counters.unknown) == (3, 1)


async def test_a_fault_in_handling_one_event_does_not_deafen_the_others(
    asterisk: FakeAsterisk, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(event: AriEvent) -> None:
        if isinstance(event, ChannelDtmfReceived) and event.digit == "1":
            raise ZeroDivisionError

    async with listening(asterisk) as listener:
        listener.handle = fail
        await opened(asterisk)
        await asterisk.send(dtmf("1"), dtmf("2"))
        await listener.until(2)
        assert listener.digits == "12"
    assert "an event could not be handled" in caplog.text


async def test_a_lost_connection_is_replaced_and_the_owner_told_each_time(asterisk: FakeAsterisk) -> None:
    async with listening(asterisk) as listener:
        for number in range(3):
            await opened(asterisk)
            await asyncio.wait_for(listener.connected.get(), ENOUGH_S)
            await asterisk.send(dtmf(str(number)))
            await listener.until(number + 1)
            await asterisk.sockets[-1].close()
        assert listener.digits == "012"
        assert listener.socket.counters.reconnects >= 2


async def test_an_asterisk_that_refuses_is_asked_again(
    asterisk: FakeAsterisk, caplog: pytest.LogCaptureFixture
) -> None:
    asterisk.refuse_sockets = 2
    async with listening(asterisk) as listener:
        await opened(asterisk)
        await asyncio.wait_for(listener.connected.get(), ENOUGH_S)
        assert listener.socket.counters.reconnects == 0
    assert [record.message for record in caplog.records if record.levelno == logging.WARNING] == [
        "no event websocket"
    ] * 2


async def test_an_asterisk_that_starts_later_is_found() -> None:
    async with FakeAsterisk() as asterisk:
        pass
    async with listening(asterisk) as listener:
        await asyncio.sleep(0.05)
        assert not listener.socket.connected
        async with asterisk:
            await opened(asterisk)
            await asyncio.wait_for(listener.connected.get(), ENOUGH_S)


async def test_a_connection_that_only_seems_to_be_one_is_noticed(asterisk: FakeAsterisk) -> None:
    asterisk.pongs = False
    asterisk.answer = lambda noted: (500, None) if noted.path.startswith("/events/") else None  # probes tell nothing
    async with listening(asterisk, heartbeat_s=0.1) as listener:
        await asyncio.wait_for(listener.connected.get(), ENOUGH_S)
        await asyncio.wait_for(listener.connected.get(), ENOUGH_S)
        assert listener.socket.counters.reconnects >= 1


async def test_a_connection_that_answers_pings_stays(asterisk: FakeAsterisk) -> None:
    # Half of that for each pong: a machine that has too much to do keeps a test waiting for a tenth of a second.
    async with listening(asterisk, heartbeat_s=0.5) as listener:
        await opened(asterisk)
        for _ in range(2):
            await asyncio.wait_for(asterisk.pinged.get(), ENOUGH_S)
        await asterisk.send(dtmf("1"))
        await listener.until(1)
        assert listener.socket.counters.connections == 1


async def test_a_connection_that_is_open_but_deaf_is_replaced(asterisk: FakeAsterisk) -> None:
    asterisk.deaf = 2
    async with listening(asterisk) as listener:
        await asyncio.wait_for(listener.connected.get(), ENOUGH_S)
        assert len(asterisk.sockets) == 3
        assert listener.socket.counters.deaf == 2


async def test_a_connection_that_turns_deaf_is_replaced(asterisk: FakeAsterisk) -> None:
    async with listening(asterisk, heartbeat_s=0.1) as listener:
        await asyncio.wait_for(listener.connected.get(), ENOUGH_S)
        asterisk.deaf_sockets.append(asterisk.sockets[-1])
        await asyncio.wait_for(listener.connected.get(), ENOUGH_S)
        assert listener.socket.counters.deaf == 1


async def test_a_connection_without_its_application_is_replaced(asterisk: FakeAsterisk) -> None:
    refusals = iter([(404, {"message": "Application not found"})])
    asterisk.answer = lambda noted: next(refusals, None) if noted.path.endswith("/eventFilter") else None
    async with listening(asterisk) as listener:
        await asyncio.wait_for(listener.connected.get(), ENOUGH_S)
        assert (listener.socket.counters.connections, listener.socket.counters.deaf) == (2, 1)


async def test_requests_that_fail_do_not_make_a_connection_deaf(asterisk: FakeAsterisk) -> None:
    failures = iter([(500, None)] * 2)
    asterisk.answer = lambda noted: next(failures, None) if noted.path != "/asterisk/info" else None
    async with listening(asterisk) as listener:
        await asyncio.wait_for(listener.connected.get(), ENOUGH_S)
        asterisk.answer = lambda _: (503, None)
        await asterisk.send(dtmf("1"))
        await listener.until(1)
        assert (listener.socket.counters.connections, listener.socket.counters.deaf) == (1, 0)


async def test_what_the_owner_could_not_look_at_is_looked_at_again(asterisk: FakeAsterisk) -> None:
    async with listening(asterisk) as listener:
        listener.failures = 2
        left = [await asyncio.wait_for(listener.connected.get(), ENOUGH_S) for _ in range(3)]
        assert left == [2, 1, 0]
        assert listener.socket.counters.connections == 1


async def test_a_connection_that_turns_deaf_while_the_owner_looks_in_vain_is_replaced(asterisk: FakeAsterisk) -> None:
    async with listening(asterisk) as listener:
        listener.failures = 1
        assert await asyncio.wait_for(listener.connected.get(), ENOUGH_S) == 1
        asterisk.deaf_sockets.append(asterisk.sockets[-1])
        assert await asyncio.wait_for(listener.connected.get(), ENOUGH_S) == 0
        assert (listener.socket.counters.connections, listener.socket.counters.deaf) == (2, 1)


async def test_it_has_caught_up_once_everything_sent_so_far_was_handed_over(asterisk: FakeAsterisk) -> None:
    async with listening(asterisk) as listener:
        await asyncio.wait_for(listener.connected.get(), ENOUGH_S)
        asked = asyncio.Queue[str]()

        def lag(noted: Noted) -> tuple[int, object] | None:
            if not noted.path.startswith("/events/user/"):
                return None
            asked.put_nowait(noted.path.rpartition("/")[2])
            return 204, None

        asterisk.answer = lag
        for digit in "12":  # the answer to a question that was given up is no answer to the next
            catching_up = asyncio.create_task(listener.socket.catch_up())
            probe = user_event(await asyncio.wait_for(asked.get(), ENOUGH_S))
            if digit == "1":
                given_up, _ = probe, catching_up.cancel()
        await asterisk.send(given_up, dtmf("1"))
        await listener.until(1)
        assert not catching_up.done()
        await asterisk.send(probe)
        await asyncio.wait_for(catching_up, ENOUGH_S)


async def test_events_that_are_too_far_behind_are_an_asterisk_out_of_reach(asterisk: FakeAsterisk) -> None:
    async with listening(asterisk) as listener:
        await asyncio.wait_for(listener.connected.get(), ENOUGH_S)
        asterisk.deaf_sockets.append(asterisk.sockets[-1])
        with pytest.raises(AsteriskUnreachable, match="behind"):
            await asyncio.wait_for(listener.socket.catch_up(), ENOUGH_S)


async def test_a_fault_in_the_owners_look_does_not_end_the_events(
    asterisk: FakeAsterisk, caplog: pytest.LogCaptureFixture
) -> None:
    failed = asyncio.Event()

    async def fail() -> None:
        failed.set()
        raise ZeroDivisionError

    heard: asyncio.Queue[AriEvent] = asyncio.Queue()
    rest = Rest(url=asterisk.url, username="ari", password=PASSWORD)
    task = asyncio.create_task(EventSocket(rest, app=APP).run(heard.put_nowait, fail))
    await opened(asterisk)
    await asyncio.wait_for(failed.wait(), ENOUGH_S)
    await asterisk.send(dtmf("1"))
    await asyncio.wait_for(heard.get(), ENOUGH_S)
    assert "ZeroDivisionError" in caplog.text
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await rest.close()


async def test_connections_that_end_at_once_are_made_ever_more_slowly(asterisk: FakeAsterisk) -> None:
    async with listening(asterisk):
        times = []
        for _ in range(4):
            await opened(asterisk)
            times.append(asyncio.get_running_loop().time())
            await asterisk.sockets[-1].close()
        assert times[3] - times[2] >= 0.4
        assert times[2] - times[1] >= 0.2


async def test_a_name_that_somebody_else_took_is_not_fought_over(
    asterisk: FakeAsterisk, caplog: pytest.LogCaptureFixture
) -> None:
    async with listening(asterisk) as listener:
        await opened(asterisk)
        await asterisk.send({"type": "ApplicationReplaced", "application": APP}, dtmf("1"))
        await listener.until(1)
        await asyncio.sleep(0.5)
        assert not listener.socket.connected
        assert listener.digits == ""
        assert asterisk.sockets[-1].closed
        assert (listener.socket.counters.connections, listener.socket.counters.replaced) == (1, 1)
    assert "ARI_AGENT_APP" in caplog.text


async def test_a_name_that_somebody_else_took_is_tried_again_later(
    asterisk: FakeAsterisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_socket, "REPLACED_RETRY_S", 0.05)
    async with listening(asterisk):
        await opened(asterisk)
        await asterisk.send({"type": "ApplicationReplaced", "application": APP})
        await opened(asterisk)


async def test_the_owners_look_ends_with_the_connection_it_belongs_to(asterisk: FakeAsterisk) -> None:
    begun, ended = asyncio.Queue[None](), asyncio.Queue[None]()

    async def look() -> None:
        begun.put_nowait(None)
        try:
            await asyncio.sleep(60)
        finally:
            ended.put_nowait(None)

    rest = Rest(url=asterisk.url, username="ari", password=PASSWORD)
    task = asyncio.create_task(EventSocket(rest, app=APP).run(lambda _: None, look))
    await asyncio.wait_for(begun.get(), ENOUGH_S)
    await asterisk.sockets[-1].close()
    await asyncio.wait_for(ended.get(), ENOUGH_S)
    await asyncio.wait_for(begun.get(), ENOUGH_S)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await asyncio.wait_for(ended.get(), ENOUGH_S)
    await rest.close()


@given(st.integers(min_value=0, max_value=10**6))
def test_the_pause_between_attempts_grows_to_a_second_and_no_further(attempt: int) -> None:
    longest_s = min(1.0, 0.2 * 2 ** min(attempt, 10))
    assert longest_s / 2 <= retry_s(attempt) <= longest_s
