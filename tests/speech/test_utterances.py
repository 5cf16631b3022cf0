"""What the contract promises of every provider, with a provider that answers when it is told to."""

from __future__ import annotations

import asyncio

import pytest

from ari_agent.errors import SpeechFailed
from ari_agent.speech.utterance import Utterance
from ari_agent.speech.utterances import MAX_AUDIO_BYTES, MAX_TEXT_CHARACTERS, MAX_WAITING, ListeningCall, Utterances
from tests.speech.speaking import MS_BYTES, OPTIONS, Ear


class Provider(Utterances):
    """Keeps its utterances, and does nothing by itself."""

    def __init__(self, ear: Ear, final_timeout_s: float = 10.0) -> None:
        super().__init__(
            ListeningCall(OPTIONS, ear.on_heard, ear.on_failed), piece_bytes=3200, final_timeout_s=final_timeout_s
        )
        self.begun: list[Utterance] = []
        self.pieces = 0
        self.stops = 0
        self.ends = 0

    def _began(self, utterance: Utterance) -> None:
        self.begun.append(utterance)

    def _piece_came(self, utterance: Utterance) -> None:
        self.pieces += 1

    def _stopped(self, utterance: Utterance) -> None:
        self.stops += 1

    def _ended(self) -> None:
        self.ends += 1

    def utter(self) -> Utterance:
        self.speech_started()
        self.speech_stopped()
        return self.begun[-1]

    def say(self, utterance: Utterance, text: str, *, final: bool) -> None:
        utterance.draft = text
        if final:
            self._finish(utterance)
        else:
            self._tell(utterance)

    def work(self, error: Exception) -> None:
        async def fail() -> None:
            raise error

        self._spawn(fail(), name="work")


async def test_an_utterance_begins_half_a_second_before_it_is_noticed() -> None:
    provider = Provider(Ear())
    for number in range(100):
        provider.feed(bytes([number]) * 640)
    provider.speech_started()
    provider.feed(bytes([200]) * 640)
    (utterance,) = provider.begun
    assert utterance.start_bytes == 64000 - 500 * MS_BYTES
    assert utterance.audio[0] == 75
    assert utterance.audio[-1] == 200
    await provider.close()


async def test_the_next_utterance_has_nothing_of_the_former_one() -> None:
    provider = Provider(Ear())
    provider.feed(b"aa" * 320)
    provider.utter()
    provider.feed(b"bb" * 320)
    assert bytes(provider.utter().audio) == b"bb" * 320
    await provider.close()


async def test_final_texts_come_in_order_and_once() -> None:
    ear = Ear()
    provider = Provider(ear)
    first, second, third = provider.utter(), provider.utter(), provider.utter()
    provider.say(third, "three", final=True)
    provider.say(second, "tw", final=False)  # withheld: the first one's text is not there
    provider.say(first, "o", final=False)
    provider.say(first, "one", final=True)
    provider.say(first, "again", final=True)
    provider.say(first, "again", final=False)
    provider.say(second, "two", final=True)
    assert [heard.text for heard in ear.finals] == ["one", "two", "three"]
    assert [heard.text for heard in ear.partials] == ["o"]
    await provider.close()


async def test_audio_and_text_of_an_utterance_are_bounded() -> None:
    ear = Ear()
    provider = Provider(ear)
    provider.speech_started()
    for _ in range(MAX_AUDIO_BYTES // 32_000 + 5):
        provider.feed(bytes(32_000))
    (utterance,) = provider.begun
    assert len(utterance.audio) == MAX_AUDIO_BYTES
    provider.say(utterance, "x" * (MAX_TEXT_CHARACTERS + 1), final=True)
    assert len(ear.finals[0].text) == MAX_TEXT_CHARACTERS
    await provider.close()


async def test_a_provider_that_answers_nothing_fails_before_utterances_pile_up() -> None:
    ear = Ear()
    provider = Provider(ear)
    for _ in range(MAX_WAITING + 5):
        provider.utter()
    assert len(provider.begun) == MAX_WAITING
    assert (len(ear.failures), provider.ends) == (1, 1)
    await provider.close()
    assert provider.ends == 1


async def test_the_text_has_a_deadline_that_begins_at_the_stop() -> None:
    ear = Ear()
    provider = Provider(ear, final_timeout_s=0.05)
    provider.speech_started()
    await asyncio.sleep(0.1)  # as long as the caller speaks there is none
    assert not ear.failures
    provider.speech_stopped()
    assert "within 0.05 s" in str(await ear.failure())
    provider.say(provider.begun[0], "late", final=True)
    assert ear.finals == []
    await provider.close()


@pytest.mark.parametrize(
    ("error", "told"), [(SpeechFailed("no more"), "no more"), (ZeroDivisionError(), "by a defect; the log has it")]
)
async def test_work_that_breaks_is_a_failure(error: Exception, told: str, caplog: pytest.LogCaptureFixture) -> None:
    ear = Ear()
    provider = Provider(ear)
    provider.work(error)
    assert told in str(await ear.failure())
    assert ("ZeroDivisionError" in caplog.text) == isinstance(error, ZeroDivisionError)
    await provider.close()


async def test_a_listener_that_closes_at_a_text_hears_nothing_more() -> None:
    ear = Ear()
    provider = Provider(ear)
    closing: list[asyncio.Task[None]] = []
    first, second = provider.utter(), provider.utter()

    def on_heard(heard: object) -> None:
        closing.append(asyncio.ensure_future(provider.close()))

    provider.say(second, "two", final=True)
    provider._on_heard = on_heard
    provider.say(first, "one", final=True)
    await asyncio.gather(*closing)
    provider.feed(bytes(640))
    provider.speech_started()
    assert len(provider.begun) == 2
