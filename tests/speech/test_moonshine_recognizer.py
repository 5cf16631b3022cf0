"""Free speech, understood on this machine: Moonshine in its worker processes."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ari_agent.errors import SpeechUnavailable
from ari_agent.speech import recognition_pool, worker_recognizer
from ari_agent.speech.moonshine_recognizer import MoonshineListening, MoonshineRecognizer
from ari_agent.speech.recognizer import ListeningOptions
from tests.speech.speaking import BARGE, TRANSFER, YES, Ear, say, speech

pytestmark = pytest.mark.slow


@asynccontextmanager
async def recognizer(stuck_s: float = 30.0) -> AsyncIterator[MoonshineRecognizer]:
    made = MoonshineRecognizer(MoonshineListening(workers=1, stuck_s=stuck_s, final_timeout_s=60))
    await made.start()
    try:
        yield made
    finally:
        await made.close()


def plain(text: str) -> str:
    return "".join(each for each in text.lower() if each.isalpha() or each == " ")


async def test_callers_are_understood_side_by_side_and_in_order() -> None:
    async with recognizer() as made:
        ears = [Ear() for _ in range(4)]
        recognitions = [ear.listen(made) for ear in ears]
        said = (TRANSFER, YES, BARGE)
        for file, _ in said:
            await asyncio.gather(*(say(each, speech(file)) for each in recognitions))
        for ear in ears:
            assert [plain(text) for text in await ear.finals_of(3)] == [text for _, text in said]
            assert ear.finals[2].text.endswith(".")
        for each in recognitions:
            await each.close()


async def test_more_than_can_be_heard_in_time_is_not_understood_and_ends_no_call(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(worker_recognizer, "MAX_DUE", 2)
    async with recognizer() as made:
        ears = [Ear() for _ in range(5)]
        recognitions = [ear.listen(made) for ear in ears]
        for each in recognitions:
            await say(each, speech(TRANSFER[0]), stop=False)
        for each in recognitions:
            each.speech_stopped()
        texts = [plain((await ear.finals_of(1))[0]) for ear in ears]
        assert texts == [TRANSFER[1], TRANSFER[1], "", "", ""]
        assert caplog.text.count("too many callers have spoken at once") == 3
        await say(recognitions[4], speech(YES[0]))
        assert plain((await ears[4].finals_of(2))[1]) == "yes"


async def test_a_worker_that_has_much_to_do_is_not_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognition_pool, "MAX_BACKLOG_BYTES", 64 * 1024 * 1024)  # it is fed faster than people speak
    async with recognizer() as made:
        first, began_s = Ear(), asyncio.get_running_loop().time()
        await say(first.listen(made), speech(BARGE[0]) * 4)
        await first.finals_of(1)
        ears = [Ear() for _ in range(worker_recognizer.MAX_DUE)]
        recognitions = [ear.listen(made) for ear in ears]
        pids = made.pids
        for each in recognitions:
            await say(each, speech(BARGE[0]) * 4, stop=False)
        made.stuck_s = 5 * (asyncio.get_running_loop().time() - began_s)  # patience for a few, not for all
        for each in recognitions:
            each.speech_stopped()
        for ear in ears:
            assert plain((await ear.finals_of(1))[0]).startswith(BARGE[1])
        assert made.pids == pids


async def test_that_another_language_is_heard_as_english_is_told(caplog: pytest.LogCaptureFixture) -> None:
    made = MoonshineRecognizer(MoonshineListening(workers=1))
    await Ear().listen(made, ListeningOptions("call_1", "en-GB")).close()
    assert not caplog.records
    await Ear().listen(made, ListeningOptions("call_1", "de-DE")).close()
    assert "hears English, not de-DE: ARI_AGENT_MOONSHINE_MODEL" in caplog.text
    await made.close()


async def test_a_folder_that_is_no_model_says_why_at_start(tmp_path: Path) -> None:
    made = MoonshineRecognizer(MoonshineListening(tmp_path, workers=1))
    with pytest.raises(SpeechUnavailable, match=r"ARI_AGENT_MOONSHINE_MODEL=.*: no Moonshine model: .* has no encoder"):
        await made.start()
    assert made.pids == ()
    await made.close()


async def test_without_the_package_what_to_install_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "moonshine_voice", None)
    with pytest.raises(SpeechUnavailable, match=r"pip install 'ari-agent\[speech\]'"):
        await MoonshineRecognizer(MoonshineListening()).start()
