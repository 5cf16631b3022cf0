"""What is asked of Asterisk to hear two people, and what of it is given back, whatever fails meanwhile."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import pytest

from ari_agent.asterisk.ari import Ari
from ari_agent.calls.call_log import CallLog
from ari_agent.calls.media.line_recording import LineRecording
from ari_agent.calls.transfer.bridged_recording import BridgedRecording
from ari_agent.media.line import NARROWBAND
from ari_agent.media.line_recorder import LineRecorder
from ari_agent.media.recorder import Recorder
from ari_agent.media.socket import RtpPorts
from ari_agent.media.wheel import Wheel
from tests.asterisk.fake_asterisk import APP, PASSWORD, FakeAsterisk, Noted

CALLER, TARGET = "17.4", "ari_agent-target-0-call_1"
MADE: Final = {f"/channels/{APP}-snoop-{leg}-{what}-call_1" for leg in ("caller", "target") for what in ("0", "media")}
BRIDGES: Final = {f"/bridges/{APP}-snoop-{leg}-bridge-call_1" for leg in ("caller", "target")}
GONE: Final = 404, {"message": "Channel not found"}
REFUSED: Final = 500, {"message": "no"}


class Scene:
    """A recording about to begin, with an Asterisk that makes what is asked for, unless `refuses` says otherwise."""

    def __init__(self, refuses: Callable[[str], tuple[int, object] | None]) -> None:
        self.asterisk = FakeAsterisk(answer=self._answer)
        self._refuses = refuses
        self.recording: BridgedRecording
        self.ports: RtpPorts
        self.wheel = Wheel()
        self.written = b""
        self.done: list[str] = []
        """The methods of the requests, in the order in which Asterisk has done them."""

    def _answer(self, noted: Noted) -> tuple[int, object] | None:
        self.done.append(noted.method)
        if refusal := self._refuses(f"{noted.method} {noted.path}"):
            return refusal
        if noted.path == "/channels/externalMedia":
            local = {"UNICASTRTP_LOCAL_ADDRESS": "127.0.0.1", "UNICASTRTP_LOCAL_PORT": "9"}
            return 200, {"id": "m", "name": "UnicastRTP/1", "state": "Up", "channelvars": local}
        return None

    def write(self, stereo: bytes) -> None:
        self.written += stereo

    def requests(self, method: str) -> set[str]:
        return {noted.path for noted in self.asterisk.requests if noted.method == method}

    def is_given_back(self) -> bool:
        """Whether Asterisk has nothing of it any more, and we have no port and no timer."""
        is_ours_free = "0 open" in repr(self.ports) and not len(self.wheel) and not self.recording.is_listening
        return is_ours_free and self.requests("DELETE") == MADE | BRIDGES


@asynccontextmanager
async def scene(
    refuses: Callable[[str], tuple[int, object] | None] = lambda _: None,
    *,
    ports: tuple[int, int] = (0, 0),
    waits_s: float = 0.0,
) -> AsyncIterator[Scene]:
    made = Scene(refuses)
    async with made.asterisk:
        ari = Ari(url=made.asterisk.url, username="ari", password=PASSWORD, app=APP)
        made.ports = RtpPorts("127.0.0.1", *ports)
        recorder = LineRecorder(Recorder(made.write), NARROWBAND, from_s=asyncio.get_running_loop().time())
        lines = LineRecording(recorder, codec="ulaw", ports=made.ports, wheel=made.wheel)
        log = CallLog(logging.getLogger("recording"), {"call_id": "call_1"})
        made.recording = BridgedRecording(ari, lines, app=APP, call_id="call_1", log=log, hangs_up_within_s=waits_s)
        try:
            yield made
        finally:
            await made.recording.end()
            await ari.close()


async def test_both_are_heard_until_the_end_and_all_is_given_back_once() -> None:
    async with scene() as made:
        assert await made.recording.begin(CALLER, TARGET) is None
        assert {f"/channels/{CALLER}/snoop/{APP}-snoop-caller-0-call_1"} < made.requests("POST")
        assert made.recording.is_listening
        await asyncio.sleep(0.1)
        await made.recording.end()
        assert made.is_given_back()
        assert len(made.written) >= 2 * 8 * 60, "silence is recorded where nothing comes"
        asked = len(made.asterisk.requests)
        await made.recording.end()
        assert len(made.asterisk.requests) == asked


@pytest.mark.parametrize("what", ["/snoop/", "/channels/externalMedia", "POST /bridges/", "addChannel"])
@pytest.mark.parametrize(("answer", "is_told"), [(REFUSED, True), (GONE, False)])
async def test_what_asterisk_refuses_is_told_once_and_nothing_stays(
    what: str, answer: tuple[int, object], is_told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async with scene(lambda request: answer if what in request else None) as made:
        fault = await made.recording.begin(CALLER, TARGET)
        assert (fault is not None) is is_told
        assert made.is_given_back()
    warnings = [line for line in caplog.records if line.levelno >= logging.WARNING]
    assert len(warnings) == (1 if is_told else 0)


async def test_what_asterisk_refuses_as_somebody_hangs_up_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    async with scene(lambda request: REFUSED if "/snoop/" in request else None, waits_s=60) as made:
        beginning = asyncio.create_task(made.recording.begin(CALLER, TARGET))
        for _ in range(400):
            if made.is_given_back():
                break
            await asyncio.sleep(0.05)
        beginning.cancel()  # as the call does when it ends
        await asyncio.gather(beginning, return_exceptions=True)
        assert beginning.cancelled()
        assert made.is_given_back()
    assert [line for line in caplog.records if line.levelno >= logging.WARNING] == []


async def test_without_a_free_port_asterisk_is_asked_for_nothing() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1] // 2 * 2
        taken.close()
        async with scene(ports=(port, port)) as made:
            fault = await made.recording.begin(CALLER, TARGET)
            assert "no free UDP port" in (fault or "")
            assert made.asterisk.requests == []
            assert "0 open" in repr(made.ports)


async def test_a_call_that_ends_meanwhile_gives_back_what_asterisk_makes_late() -> None:
    async with scene() as made:
        made.asterisk.delay_s = 0.2
        beginning = asyncio.create_task(made.recording.begin(CALLER, TARGET))
        await asyncio.sleep(0.1)
        beginning.cancel()
        await asyncio.gather(beginning, return_exceptions=True)
        made.asterisk.delay_s = 0.0
        await made.recording.end()
        assert made.is_given_back()
        assert made.done == ["POST"] * 6 + ["DELETE"] * 6, "nothing is given back before it was made"


async def test_who_takes_the_callers_place_is_heard_by_a_channel_of_another_name() -> None:
    async with scene() as made:
        await made.recording.begin(CALLER, TARGET)
        await made.recording.follow_caller("17.5")
        assert f"/channels/17.5/snoop/{APP}-snoop-caller-1-call_1" in made.requests("POST")
        await made.recording.end()
        assert made.requests("DELETE") == MADE | BRIDGES | {f"/channels/{APP}-snoop-caller-1-call_1"}
        asked = len(made.asterisk.requests)
        await made.recording.follow_caller("17.6")
        assert len(made.asterisk.requests) == asked


async def test_who_cannot_be_followed_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async with scene(lambda request: REFUSED if "17.5" in request else None) as made:
        await made.recording.begin(CALLER, TARGET)
        await made.recording.follow_caller("17.5")
        assert made.recording.is_listening
    assert "not recorded" in caplog.text
