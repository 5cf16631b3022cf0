"""The sentence that tells callers of a recording: where it comes from, and what becomes of a call without one."""

from __future__ import annotations

import asyncio
import os
import wave
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ari_agent.calls.dialogue.text_agent_leg import Speech
from ari_agent.calls.media.call_media import ConsentOver, MediaSpec
from ari_agent.calls.recording_consent import KEPT, ConsentSentences, ConsentUnavailable, consent_over, with_recording
from ari_agent.contract.agent import Agent
from ari_agent.contract.recording import NOT_RECORDED, RecordingConsent, RecordingPlan
from ari_agent.contract.response_engine import AudioWebsocketEngine
from ari_agent.errors import SpeechFailed
from ari_agent.speech.synthesizer import Spoken, Voice
from ari_agent.speech.voices import Voices
from tests.fakes.sound import tone

TEXT = RecordingConsent(text="This call is recorded.")
FILE = RecordingConsent(file="en/consent.wav")


class Synthesizer:
    """Says each text as one second of a number; counts, and can fail or hang."""

    def __init__(self) -> None:
        self.spoken: list[tuple[str, Voice]] = []
        self.fails = self.hangs = False
        self.seconds = 1

    async def start(self) -> None:
        """Nothing to do."""

    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[Spoken, None]:
        self.spoken.append((text, voice))
        await (asyncio.Event().wait() if self.hangs else asyncio.sleep(0))
        if self.fails:
            raise SpeechFailed("no such host")
        yield Spoken(np.full(16_000 * self.seconds, len(self.spoken), "<i2").tobytes())

    async def close(self) -> None:
        """Nothing to do."""


def agent(**fields: Any) -> Agent:
    engine = {"type": "audio-websocket", "audio_websocket_url": "ws://127.0.0.1/"}
    return Agent.model_validate(
        {"agent_id": "agent_1", "last_modification_timestamp": 0, "response_engine": engine, **fields}
    )


def speaking(synthesizer: Synthesizer) -> Any:
    unused: Any = None
    return Speech(unused, synthesizer, unused, unused, unused, voices=Voices())


def wav(path: Path, *, seconds: float = 1.0, rate_hz: int = 8000, channels: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(tone(700, seconds, rate_hz=rate_hz).astype("<i2").tobytes())
    return path


async def refused(sentences: ConsentSentences, consent: RecordingConsent) -> str:
    with pytest.raises(ConsentUnavailable) as error:
        await sentences.sound(consent, agent())
    return error.value.why


async def test_a_text_is_spoken_once_for_each_voice_however_many_calls_ask() -> None:
    synthesizer = Synthesizer()
    sentences = ConsentSentences(speaking(synthesizer))
    sounds = await asyncio.gather(*(sentences.sound(TEXT, agent()) for _ in range(20)))
    assert len(synthesizer.spoken) == 1
    assert all(sound is sounds[0] for sound in sounds)
    await sentences.sound(TEXT, agent(language="de-DE", voice_id="openai-Alloy"))
    assert [(voice.language, voice.voice_id) for _, voice in synthesizer.spoken] == [
        ("en-US", None),
        ("de-DE", "openai-Alloy"),
    ]


async def test_those_that_were_not_asked_for_longest_are_forgotten() -> None:
    synthesizer = Synthesizer()
    sentences = ConsentSentences(speaking(synthesizer))
    others = [RecordingConsent(text=f"Number {'i' * number}.") for number in range(1, KEPT + 1)]
    for consent in (TEXT, *others[:-1], TEXT, others[-1], TEXT):
        await sentences.sound(consent, agent())
    assert [text for text, _ in synthesizer.spoken].count(TEXT.text or "") == 1


async def test_an_engine_that_is_down_or_slow_is_told_and_asked_again_by_the_next_call() -> None:
    synthesizer = Synthesizer()
    sentences = ConsentSentences(speaking(synthesizer), ready_s=0.05)
    synthesizer.fails = True
    assert await refused(sentences, TEXT) == "text to speech failed: no such host"
    synthesizer.fails, synthesizer.hangs = False, True
    assert {*await asyncio.gather(*(refused(sentences, TEXT) for _ in range(5)))} == {
        "the sentence was not ready within 0.05 s"
    }
    synthesizer.hangs = False
    assert await sentences.sound(TEXT, agent())


async def test_a_text_without_an_engine_and_one_that_takes_minutes_are_refused() -> None:
    assert "set ARI_AGENT_TEXT_TO_SPEECH" in await refused(ConsentSentences(), TEXT)
    assert "set ARI_AGENT_TEXT_TO_SPEECH" in str(await ConsentSentences().refusal(TEXT))
    synthesizer = Synthesizer()
    synthesizer.seconds = 31
    sentences = ConsentSentences(speaking(synthesizer))
    assert await refused(sentences, TEXT) == "must take at most 30 s; it takes 31.0 s"
    assert await sentences.refusal(TEXT) is None


async def test_a_file_is_read_once_and_again_when_it_has_changed(tmp_path: Path) -> None:
    path = wav(tmp_path / "en" / "consent.wav")
    sentences = ConsentSentences(folder=tmp_path)
    first = await sentences.sound(FILE, agent())
    assert len(first) / 2 / 16_000 == pytest.approx(1.0, abs=0.05)
    assert await sentences.sound(FILE, agent()) is first
    assert await sentences.refusal(FILE) is None
    os.utime(wav(path, seconds=2.0), ns=(1, 1))
    assert len(await sentences.sound(FILE, agent())) / 2 / 16_000 == pytest.approx(2.0, abs=0.05)


async def test_what_is_wrong_with_a_file_is_said_in_words(tmp_path: Path) -> None:
    sentences = ConsentSentences(folder=tmp_path)
    assert "ARI_AGENT_SOUNDS_DIR names no folder" in await refused(ConsentSentences(), FILE)
    assert await refused(sentences, FILE) == f"file en/consent.wav in {tmp_path}: No such file or directory"
    wav(tmp_path / "en" / "consent.wav", channels=2)
    assert "one channel" in await refused(sentences, FILE)
    (tmp_path / "large.wav").write_bytes(bytes(17 * 1024 * 1024))
    assert "must have at most" in await refused(sentences, RecordingConsent(file="large.wav"))
    (tmp_path / "folder.wav").mkdir()
    assert "Is a directory" in await refused(sentences, RecordingConsent(file="folder.wav"))
    assert "Is a directory" in str(await sentences.refusal(RecordingConsent(file="folder.wav")))


async def test_a_link_leads_nowhere_else(tmp_path: Path) -> None:
    folder, outside = tmp_path / "sounds", wav(tmp_path / "secret.wav")
    folder.mkdir()
    (folder / "a.wav").symlink_to(outside)
    sentences = ConsentSentences(folder=folder)
    assert "is not below the folder" in await refused(sentences, RecordingConsent(file="a.wav"))


class Noted:
    """A record, and a call, that write down what was wrong; and a log that writes down its lines."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.lines: list[dict[str, Any]] = []

    def fault(self, what: str) -> None:
        self.faults.append(what)

    note_fault = fault

    def add(self, event: str, content: object = None, **facts: object) -> None:
        self.lines.append({"event": event, "content": content, **facts})


async def planned(sentences: ConsentSentences, plan: RecordingPlan, noted: Any) -> MediaSpec:
    spec = MediaSpec(
        call_id="call_1",
        from_number="",
        to_number="",
        direction="inbound",
        engine=AudioWebsocketEngine(type="audio-websocket", audio_websocket_url="ws://127.0.0.1/"),
        dynamic_variables={},
        metadata=None,
        end_call_after_silence_ms=10_000,
        allow_user_dtmf=True,
    )
    return await with_recording(spec, agent(), plan, sentences, record=noted, public=noted)


async def test_a_call_with_its_sentence_is_recorded_as_planned() -> None:
    noted, plan = Noted(), RecordingPlan("on", 15, TEXT)
    spec = await planned(ConsentSentences(speaking(Synthesizer())), plan, noted)
    assert spec.recording == plan
    assert len(spec.consent) == 32_000
    assert (noted.faults, noted.lines) == ([], [])


async def test_a_call_that_needs_none_is_recorded_as_planned() -> None:
    plan = RecordingPlan("agent_only", 15)
    spec = await planned(ConsentSentences(), plan, Noted())
    assert (spec.recording, spec.consent) == (plan, b"")


async def test_a_call_without_its_sentence_is_not_recorded_and_all_say_so(caplog: pytest.LogCaptureFixture) -> None:
    noted = Noted()
    spec = await planned(ConsentSentences(), RecordingPlan("on", 15, TEXT), noted)
    assert (spec.recording, spec.consent) == (NOT_RECORDED, b"")
    (fault,), (line,) = noted.faults, noted.lines
    assert "not recorded, because its caller could not be told so: recording_consent: text: nothing speaks" in fault
    assert (line["event"], line["outcome"]) == ("recording_consent", "unavailable")
    assert "nothing speaks" in line["content"]
    assert "the call is not recorded: recording_consent: text: nothing speaks" in caplog.text


async def test_a_recording_that_ends_with_its_sentence_is_a_fault() -> None:
    noted = Noted()
    await consent_over(noted, ConsentOver(heard=True, played_ms=1500))
    assert noted.faults == []
    await consent_over(noted, ConsentOver(heard=False, played_ms=700))
    assert "ended early" in noted.faults[0]
