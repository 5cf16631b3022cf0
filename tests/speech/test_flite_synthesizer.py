"""Speech by the program flite itself, and by programs that pretend to be it and fail."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from ari_agent.errors import SpeechUnavailable
from ari_agent.speech.attempts import Patience
from ari_agent.speech.flite_synthesizer import FliteSynthesizer
from ari_agent.speech.pronunciation import Pronunciation
from ari_agent.speech.synthesizer import Voice
from tests.fakes import flite
from tests.fakes.llm_server import until
from tests.speech.spoken import PATIENT, SENTENCE, check_is_speech, failure, whole

pytestmark = pytest.mark.slow


@pytest_asyncio.fixture
async def synthesizer() -> AsyncIterator[FliteSynthesizer]:
    made = FliteSynthesizer(program=flite.program(), patience=PATIENT, start_timeout_s=60)
    await made.start()
    yield made
    await made.close()


def pretender(folder: Path, says: str) -> str:
    """A program that lists the voices, and for a text does as it is told: a line of a shell, stdin is the text."""
    path = folder / "flite"
    path.write_text(f'#!/bin/sh\necho $$ >>{folder}/pids\n[ "$1" != -lv ] || exec echo rms slt\n{says}\n')
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize("voice_id", [None, "flite-slt", "SLT", "flite-awb", "flite-kal16"])
async def test_each_voice_speaks(voice_id: str | None, synthesizer: FliteSynthesizer) -> None:
    speech = await whole(synthesizer.speak(SENTENCE, Voice(voice_id)))
    check_is_speech(speech, seconds=(2.0, 5.0))
    assert np.abs(np.diff(speech.samples.astype(int))).max() < 25000


async def test_speed_and_volume(synthesizer: FliteSynthesizer) -> None:
    usual = await whole(synthesizer.speak(SENTENCE, Voice("flite-slt")))
    slow = await whole(synthesizer.speak(SENTENCE, Voice("flite-slt", speed=0.5)))
    fast = await whole(synthesizer.speak(SENTENCE, Voice("flite-slt", speed=2.0)))
    assert slow.seconds == pytest.approx(2 * usual.seconds, rel=0.1)
    assert fast.seconds == pytest.approx(usual.seconds / 2, rel=0.1)
    low, loud, mute = [
        await whole(synthesizer.speak(SENTENCE, Voice("flite-slt", volume=each))) for each in (0.5, 2.0, 0.0)
    ]
    assert np.abs(low.samples.astype(int) - usual.samples.astype(int) // 2).max() <= 1
    clipped = np.clip(2 * usual.samples.astype(int), -32768, 32767)
    assert (loud.samples == clipped).all() and clipped.max() == 32767
    assert not mute.samples.any()


@pytest.mark.parametrize(
    "text",
    [
        "-o owned -t hello",
        "--help",
        "hello $(touch owned) `id` ; exit 1 | cat > owned",
        "\x00\x01\x1b[2J\udc80 hello \u2028 there",
        "\u201cWell\u201d \u2014 it\u2019s 5\xb0 and \xbd \u20ac\u2026 na\xefve caf\xe9",
        "<speak><audio src='/etc/passwd'/>hello</speak>",
        "%s%n%x" * 20,
        "/etc/passwd",
    ],
)
async def test_hostile_text_is_text(
    text: str, synthesizer: FliteSynthesizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert 0.2 < (await whole(synthesizer.speak(text, Voice()))).seconds < 60
    assert not any(tmp_path.iterdir())  # noqa: ASYNC240


async def test_a_text_without_an_end_is_spoken_in_parts(synthesizer: FliteSynthesizer) -> None:
    stream = synthesizer.speak("one two three four five six seven eight nine ten " * 200, Voice("flite-kal16"))
    first = await anext(stream)
    assert first.pcm
    await stream.aclose()


@pytest.mark.parametrize("text", ["", "   ", "...", "?!", "🙂"])
async def test_a_text_without_words_is_silence(text: str, synthesizer: FliteSynthesizer) -> None:
    assert (await whole(synthesizer.speak(text, Voice()))).pieces == []


async def test_a_text_in_other_letters_is_said_to_be(synthesizer: FliteSynthesizer) -> None:
    message, _ = await failure(synthesizer.speak("您好", Voice(language="zh-CN")))
    assert message.startswith("flite speaks English alone")


async def test_an_unknown_voice_is_said_and_its_fallback_speaks(synthesizer: FliteSynthesizer) -> None:
    message, _ = await failure(synthesizer.speak(SENTENCE, Voice("11labs-Adrian")))
    assert message == (
        "flite has no voice '11labs-Adrian': set the agent's voice_id to one of flite-rms, flite-slt, flite-awb, "
        "flite-kal16"
    )
    spoken = await whole(synthesizer.speak("Hello.", Voice("11labs-Adrian", fallback_voice_ids=("flite-slt",))))
    assert spoken.samples.tobytes() == (await whole(synthesizer.speak("Hello.", Voice("flite-slt")))).samples.tobytes()


async def test_sentences_are_spoken_at_the_same_time(synthesizer: FliteSynthesizer) -> None:
    texts = [f"Sentence number {number}." for number in range(8)]
    alone = [await whole(synthesizer.speak(text, Voice())) for text in texts]
    together = await asyncio.gather(*(whole(synthesizer.speak(text, Voice())) for text in texts))
    assert [speech.pcm for speech in alone] == [speech.pcm for speech in together]


@pytest.mark.parametrize("says", ["kill -SEGV $$", "exit 3", "cat >/dev/null", "printf RIFF....WAVX"])
async def test_a_program_that_fails_is_tried_again_and_said(says: str, tmp_path: Path) -> None:
    synthesizer = FliteSynthesizer(program=pretender(tmp_path, says), patience=PATIENT, start_timeout_s=60)
    await synthesizer.start()
    await failure(synthesizer.speak(SENTENCE, Voice()))
    await synthesizer.close()


@pytest.mark.parametrize("how", ["cancelled", "closed", "too slow"])
async def test_no_program_is_left_running(how: str, tmp_path: Path) -> None:
    first_audio_s = 0.3 if how == "too slow" else 60.0
    synthesizer = FliteSynthesizer(
        program=pretender(tmp_path, "exec sleep 60"), patience=Patience(first_audio_s=first_audio_s, retry_after_s=0.01)
    )
    await synthesizer.start()
    speaking = asyncio.create_task(whole(synthesizer.speak(SENTENCE, Voice())))
    await until(lambda: len((tmp_path / "pids").read_text().split()) >= 2)
    if how == "cancelled":
        speaking.cancel()
    if how == "closed":
        await synthesizer.close()
    await asyncio.gather(speaking, return_exceptions=True)
    assert speaking.cancelled() or speaking.exception()
    for pid in (tmp_path / "pids").read_text().split():
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)
    await synthesizer.close()


async def test_the_program_is_told_no_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARI_AGENT_API_KEY", "secret")
    synthesizer = FliteSynthesizer(program=pretender(tmp_path, f'env >{tmp_path}/env; echo "$@" >{tmp_path}/arguments'))
    await synthesizer.start()
    await failure(synthesizer.speak("my words", Voice()))
    assert "secret" not in (tmp_path / "env").read_text()
    assert "words" not in (tmp_path / "arguments").read_text()  # which every user of the machine may read
    await synthesizer.close()


async def test_a_machine_without_it_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SpeechUnavailable, match="install Debian's package flite, or set ARI_AGENT_FLITE"):
        await FliteSynthesizer(program=str(tmp_path / "flite")).start()
    with pytest.raises(SpeechUnavailable, match="has none of the voices rms, slt"):
        await FliteSynthesizer(program="/bin/true").start()
    (tmp_path / "broken").write_text("#!/nowhere\n")
    (tmp_path / "broken").chmod(0o755)
    with pytest.raises(SpeechUnavailable, match=r"ARI_AGENT_FLITE: .* does not run: No such file"):
        await FliteSynthesizer(program=str(tmp_path / "broken")).start()


async def test_words_of_the_dictionary_are_pronounced_as_it_says(synthesizer: FliteSynthesizer) -> None:
    cat = await whole(synthesizer.speak("cat", Voice("flite-slt")))
    for entry in (Pronunciation("dog", "cmu", "K AE1 T"), Pronunciation("Dog", "ipa", "/\u02c8k\u00e6t/")):
        assert (await whole(synthesizer.speak("dog", Voice("flite-slt", pronunciations=(entry,))))).pcm == cat.pcm
    unknown = Pronunciation("cat", "pinyin", "mao1")
    assert (await whole(synthesizer.speak("cat", Voice("flite-slt", pronunciations=(unknown,))))).pcm == cat.pcm
    sentence = "1 < 2, R&D: a <b> dog"
    mixed = await whole(synthesizer.speak(sentence, Voice("flite-slt", pronunciations=(entry,))))
    check_is_speech(mixed, seconds=(1.0, 5.0))
