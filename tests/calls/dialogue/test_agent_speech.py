"""The agent's phase, turn and playback, which move together."""

from __future__ import annotations

import pytest

from ari_agent.calls.dialogue.agent_speech import AgentSpeech
from ari_agent.calls.dialogue.agent_turn import AgentTurn
from ari_agent.calls.dialogue.events import SoundMade
from ari_agent.calls.dialogue.orders import ClearSpeech, Order, PauseSpeech, PlaySound, ResumeSpeech, Speak
from ari_agent.calls.dialogue.phases import AgentPhase, IllegalMove, Move
from ari_agent.calls.dialogue.spoken_transcript import SpokenTranscript
from ari_agent.calls.media.call_latency import CallLatency
from ari_agent.speech.synthesizer import BYTES_PER_MS

SOUND = bytes(100 * BYTES_PER_MS)


class Said:
    """An agent that has begun to answer."""

    def __init__(self, text: str = "One two.") -> None:
        self.orders: list[Order] = []
        self.speech = AgentSpeech(SpokenTranscript(), CallLatency(), self.orders)
        turn = AgentTurn(1, response_id=0)
        self.speech.begin(turn, 0, Move.FIRST_WORDS)
        self.speech.speak(turn, turn.add(text, complete=True, now_ms=0), 0)

    def take(self) -> list[Order]:
        taken = self.orders[:]
        self.orders.clear()
        return taken


def test_an_answer_is_prepared_and_then_spoken() -> None:
    said = Said()
    assert said.take() == [Speak(1, "One two.")]
    assert said.speech.phase.value == "preparing"
    sentence = said.speech.begin_sound(1, 10)
    assert sentence is not None
    said.speech.play(SoundMade(1, SOUND))
    assert said.speech.has_turn
    assert said.take() == [PlaySound(1, 100, SOUND)]
    assert said.speech.begin_sound(1, 110) is None  # it has begun
    said.speech.play(SoundMade(1, b""))
    assert said.take() == []
    sentence.is_whole = True
    said.speech.playback.played(1, 100, 200)
    said.speech.playback.take_over()
    assert said.speech.is_heard
    said.speech.finish(200)
    assert said.speech.phase is AgentPhase.SILENT
    assert said.take() == []


def test_sound_of_what_was_cut_off_is_not_played() -> None:
    said = Said()
    said.speech.cut(10)
    assert said.take() == [Speak(1, "One two."), ClearSpeech()]
    assert said.speech.begin_sound(1, 20) is None
    said.speech.play(SoundMade(1, SOUND))
    assert said.take() == []


def test_sound_that_comes_while_the_agent_is_held_is_kept() -> None:
    said = Said()
    said.speech.begin_sound(1, 10)
    said.speech.play(SoundMade(1, SOUND))
    said.speech.hold(60)
    said.speech.play(SoundMade(1, SOUND))
    said.speech.release(500)
    said.speech.release(510)  # it is not held any more
    assert said.take()[1:] == [
        PlaySound(1, 100, SOUND),
        PauseSpeech(),
        PlaySound(1, 200, SOUND, is_paused=True),
        ResumeSpeech(1, 50),
    ]


def test_nobody_asks_an_agent_that_speaks() -> None:
    said = Said()
    said.speech.begin_sound(1, 10)
    with pytest.raises(IllegalMove):
        said.speech.ask(20)


def test_what_is_left_at_the_end_plays_on() -> None:
    said = Said()
    said.take()
    assert said.speech.end(10)
    assert said.take() == []
    assert not said.speech.end(20)


def test_an_agent_without_a_voice_says_what_has_sound() -> None:
    said = Said("One two. Three four.")
    said.speech.begin_sound(1, 10)
    said.speech.play(SoundMade(1, SOUND))
    said.speech.fall_silent()
    said.speech.playback.played(1, 100, 110)
    said.speech.playback.take_over()
    assert said.speech.is_heard
    said.speech.finish(110)
    said.speech.fall_silent()
    assert said.speech.phase is AgentPhase.SILENT
