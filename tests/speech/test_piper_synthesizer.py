"""Speech by a program that pretends to be piper, and by piper itself where it is installed with a voice."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ari_agent.errors import SpeechUnavailable
from ari_agent.speech.attempts import Patience
from ari_agent.speech.piper_synthesizer import MAX_VOICES, PiperSynthesizer
from ari_agent.speech.synthesizer import Voice
from tests.fakes.llm_server import until
from tests.speech.spoken import PATIENT, SENTENCE, check_is_speech, failure, whole

FAKE = Path(__file__).parents[1] / "fakes" / "piper.py"
REAL_VOICES = os.environ.get("PIPER_VOICES", "")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a program and six voices."""
    program = tmp_path / "piper"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {FAKE} "$@"\n')
    program.chmod(0o755)
    for name in ("amy", "joe", *(f"voice{number}" for number in range(4))):
        (tmp_path / f"{name}.onnx").write_text("a model")
        (tmp_path / f"{name}.onnx.json").write_text("{}")
    return tmp_path


@pytest_asyncio.fixture
async def synthesizer(folder: Path) -> AsyncIterator[PiperSynthesizer]:
    made = PiperSynthesizer(program=str(folder / "piper"), voices=folder, patience=PATIENT)
    await made.start()
    yield made
    await made.close()
    assert all(not runs(process["pid"]) for process in started(folder))


def started(folder: Path) -> list[dict[str, Any]]:
    """The processes that were started so far."""
    return [json.loads(line) for line in (folder / "started").read_text().splitlines()]


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_one_process_speaks_all_texts_of_a_voice(synthesizer: PiperSynthesizer, folder: Path) -> None:
    texts = [SENTENCE, "Hello.", "Goodbye, and thank you."]
    spoken = await asyncio.gather(*(whole(synthesizer.speak(text, Voice("piper-amy"))) for text in texts))
    for text, speech in zip(texts, spoken, strict=True):
        assert speech.seconds == pytest.approx(len(text) * 0.07, abs=0.03)
    (process,) = started(folder)  # the one of the start
    assert os.getpriority(os.PRIO_PROCESS, process["pid"]) >= 10
    assert not list(Path(process["argv"][3]).iterdir())  # noqa: ASYNC240 -- its folder in memory


async def test_voices_and_speeds_have_processes_of_their_own(synthesizer: PiperSynthesizer, folder: Path) -> None:
    usual = await whole(synthesizer.speak(SENTENCE, Voice()))
    slow = await whole(synthesizer.speak(SENTENCE, Voice("joe", speed=0.5)))
    assert slow.seconds == pytest.approx(2 * usual.seconds, rel=0.02)
    first, second = (process["argv"] for process in started(folder))
    assert first[:2] == ["--model", str(folder / "amy.onnx")]
    assert second[:2] == ["--model", str(folder / "joe.onnx")] and second[-2:] == ["--length_scale", "2.000"]


async def test_a_voice_that_was_not_asked_for_longest_ends(synthesizer: PiperSynthesizer, folder: Path) -> None:
    for number in range(MAX_VOICES):
        await whole(synthesizer.speak("Hello.", Voice(f"piper-voice{number}")))
    first, *others = (process["pid"] for process in started(folder))
    await until(lambda: not runs(first))
    assert all(map(runs, others))


async def test_a_process_that_died_is_replaced_before_the_next_text(
    synthesizer: PiperSynthesizer, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (process,) = started(folder)
    os.kill(process["pid"], 9)
    await until(lambda: not synthesizer.pids)
    await whole(synthesizer.speak("Hello.", Voice()))
    assert len(started(folder)) == 2 and "tried again" not in caplog.text


async def test_a_text_that_ends_the_process_fails_and_the_next_one_is_spoken(
    synthesizer: PiperSynthesizer, folder: Path
) -> None:
    message, _ = await failure(synthesizer.speak("您好", Voice()))
    assert message == "piper ended: ValueError: # channels not specified"
    await whole(synthesizer.speak("Hello.", Voice()))
    assert len(started(folder)) == 3


async def test_a_text_that_hangs_fails_and_the_next_one_has_another_process(folder: Path) -> None:
    synthesizer = PiperSynthesizer(program=str(folder / "piper"), voices=folder, patience=PATIENT, hang_s=2)
    await synthesizer.start()
    (folder / "hangs").write_text("Hang!")
    message, _ = await failure(synthesizer.speak("Hang!", Voice()))
    assert message == "piper has not spoken a text within 2 s"
    (folder / "hangs").write_text("")
    assert (await whole(synthesizer.speak("Hello.", Voice()))).seconds > 0.3
    await synthesizer.close()
    assert all(not runs(process["pid"]) for process in started(folder))


async def test_a_caller_who_interrupts_costs_no_process_and_no_turn(
    synthesizer: PiperSynthesizer, folder: Path
) -> None:
    speaking = [asyncio.create_task(whole(synthesizer.speak("x" * 250, Voice()))) for _ in range(20)]
    await asyncio.sleep(0.01)
    for task in speaking:
        task.cancel()
    await asyncio.gather(*speaking, return_exceptions=True)
    assert (await whole(synthesizer.speak("Hello.", Voice()))).seconds == pytest.approx(0.42, abs=0.03)
    (process,) = started(folder)
    assert not list(Path(process["argv"][3]).iterdir())  # noqa: ASYNC240 -- its folder in memory


async def test_a_text_is_one_line_and_no_phonemes(synthesizer: PiperSynthesizer) -> None:
    spoken = await whole(synthesizer.speak("one\ntwo [[x]]", Voice()))
    assert spoken.seconds == pytest.approx(len("one two ((x))") * 0.07, abs=0.03)
    for silent in ("", "...", "🙂"):
        assert not (await whole(synthesizer.speak(silent, Voice()))).pieces


async def test_an_unknown_voice_is_said_and_its_fallback_speaks(synthesizer: PiperSynthesizer) -> None:
    for voice_id in ("flite-slt", "../amy", "piper-../../amy", ""):
        message, _ = await failure(synthesizer.speak(SENTENCE, Voice(voice_id)))
        assert message.startswith(f"piper has no voice {voice_id!r}: set the agent's voice_id to one of piper-amy, ")
    await whole(synthesizer.speak("Hello.", Voice("11labs-Adrian", fallback_voice_ids=("piper-joe",))))


async def test_streams_fail_when_the_synthesizer_is_closed(folder: Path) -> None:
    synthesizer = PiperSynthesizer(
        program=str(folder / "piper"), voices=folder, patience=Patience(retry_after_s=0.01, first_audio_s=60)
    )
    await synthesizer.start()
    (folder / "hangs").write_text("Hang!")
    speaking = asyncio.create_task(failure(synthesizer.speak("Hang!", Voice())))
    await asyncio.sleep(0.1)
    await synthesizer.close()
    await synthesizer.close()
    assert (await speaking)[0] == "text to speech is closed"
    assert (await failure(synthesizer.speak("Hello.", Voice())))[0] == "text to speech is closed"
    (process,) = started(folder)
    assert not runs(process["pid"]) and not Path(process["argv"][3]).exists()  # noqa: ASYNC240 -- in memory


async def test_the_program_is_told_no_secrets(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARI_AGENT_API_KEY", "secret")
    synthesizer = PiperSynthesizer(program=str(folder / "piper"), voices=folder)
    await synthesizer.start()
    await synthesizer.close()
    assert "ARI_AGENT_API_KEY" not in started(folder)[0]["environment"]


async def test_a_machine_without_it_is_told_what_to_do(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SpeechUnavailable, match="pip install piper-tts, in an environment of its own, and set ARI"):
        await PiperSynthesizer(program="/nowhere/piper", voices=folder).start()
    with pytest.raises(SpeechUnavailable, match="ARI_AGENT_PIPER_VOICES: not set; expected a folder with at least one"):
        await PiperSynthesizer(program="/bin/sh").start()
    (folder / "amy.onnx").write_text("")
    with pytest.raises(SpeechUnavailable, match=r"does not speak with amy: piper ended: ValueError: amy.onnx is no"):
        await PiperSynthesizer(program=str(folder / "piper"), voices=folder).start()
    (folder / "broken").write_text("#!/nowhere\n")
    (folder / "broken").chmod(0o755)
    with pytest.raises(SpeechUnavailable, match=r"ARI_AGENT_PIPER: .* does not run: No such file"):
        await PiperSynthesizer(program=str(folder / "broken"), voices=folder).start()
    with pytest.raises(SpeechUnavailable, match=r"no word within 0\.3 s"):
        (folder / "slow").write_text("#!/bin/sh\nexec sleep 60\n")
        (folder / "slow").chmod(0o755)
        await PiperSynthesizer(program=str(folder / "slow"), voices=folder, start_timeout_s=0.3).start()


@pytest.mark.skipif(
    not REAL_VOICES or shutil.which("piper") is None, reason="needs piper in PATH and its voices in $PIPER_VOICES"
)
@pytest.mark.parametrize("text", [SENTENCE, "Zwölf €5 [[ x ]] and 您好, thank you very much."])
async def test_piper_itself(text: str) -> None:
    synthesizer = PiperSynthesizer(voices=Path(REAL_VOICES), patience=PATIENT)
    await synthesizer.start()
    check_is_speech(await whole(synthesizer.speak(text, Voice())), seconds=(2.0, 8.0))
    await synthesizer.close()
