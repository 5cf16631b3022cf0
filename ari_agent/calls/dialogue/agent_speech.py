"""The agent's side of a conversation: what it is doing, what it says, and what is to be played of it. Pure.

    begin ─▶ speak ─▶ Speak ─▶ (the synthesizer) ─▶ take_sound ─▶ PlaySound ─▶ (the caller) ─▶ playback ─▶ finish
                                       └── drop ─▶ ClearSpeech;  hold, release ─▶ PauseSpeech, ResumeSpeech

AgentSpeech is where the phase of phases.py moves together with the turn and the playback, so that they cannot disagree:

    turn          None in SILENT and ASKING
    playback      paused in HELD alone; empty in SILENT and ASKING
"""

from __future__ import annotations

from collections.abc import Sequence

from ari_agent.calls.dialogue.agent_turn import AgentTurn
from ari_agent.calls.dialogue.events import SoundMade
from ari_agent.calls.dialogue.orders import ClearSpeech, Order, PauseSpeech, PlaySound, ResumeSpeech, Speak
from ari_agent.calls.dialogue.phases import HAS_TURN, AgentPhase, Move, moved
from ari_agent.calls.dialogue.playback_tracker import PlaybackTracker
from ari_agent.calls.dialogue.spoken_sentence import SpokenSentence
from ari_agent.calls.dialogue.spoken_transcript import SpokenTranscript
from ari_agent.calls.media.call_latency import CallLatency
from ari_agent.speech.sentences import Sentence
from ari_agent.speech.synthesizer import BYTES_PER_MS


class AgentSpeech:
    """What the agent of one call is doing and saying.

    phase: see phases.py. turn: what it is saying or about to say. playback: how much of it was heard.
    """

    def __init__(self, transcript: SpokenTranscript, latency: CallLatency, orders: list[Order]) -> None:
        """transcript, latency: take what was heard and how long it took. orders: the list that orders go into."""
        self.phase = AgentPhase.ASKING  # for its opening
        self.turn: AgentTurn | None = None
        self.playback = PlaybackTracker(transcript)
        self._latency = latency
        self._orders = orders
        self._last_number = 0

    @property
    def has_turn(self) -> bool:
        """Whether something of what the agent says was played, or could have been."""
        return self.phase in HAS_TURN

    @property
    def is_heard(self) -> bool:
        """Whether the agent's turn is complete and was heard to its end."""
        return self.turn is not None and self.turn.is_complete and self.playback.is_empty

    # what is said

    def ask(self, now_ms: float) -> None:
        """Note that the agent is asked for an answer, and drop an answer that waited to be played."""
        self._drop(now_ms)
        self._move(Move.ASK)

    def begin(self, turn: AgentTurn, now_ms: float, move: Move) -> None:
        """Begin a turn, in place of the one before it. move: FIRST_WORDS, CUT_IN or LEAVE_MESSAGE."""
        self._drop(now_ms)
        self.turn = turn
        self._move(move)

    def speak(self, turn: AgentTurn, sentences: Sequence[Sentence], now_ms: float, *, protected: bool = False) -> None:
        """Have the next sentences of the turn synthesized. protected: nobody cuts the agent off in them."""
        for sentence in sentences:
            if turn.response_id is not None:
                self._latency.answer_came(now_ms)
            self._last_number += 1
            self.playback.add(
                SpokenSentence(
                    self._last_number,
                    turn.number,
                    sentence,
                    protected=protected,
                    response_id=turn.response_id,
                    interrupt_id=turn.interrupt_id,
                )
            )
            self._orders.append(Speak(self._last_number, sentence.text, sentence.pause_ms))

    def tick(self, now_ms: float) -> int | None:
        """Have the rest of the turn synthesized where its text has stalled; return its number if that completes it."""
        turn = self.turn
        if turn is None:
            return None
        was_complete = turn.is_complete
        self.speak(turn, turn.stalled(now_ms), now_ms)
        return turn.number if turn.is_complete and not was_complete else None

    def cut(self, now_ms: float) -> None:
        """Drop for good what the agent was saying or was asked for."""
        self._drop(now_ms)
        self._move(Move.CUT)

    def finish(self, now_ms: float) -> None:
        """End the turn, because the caller has heard all of it."""
        self._move(Move.FINISH)
        self._drop(now_ms)

    def end(self, now_ms: float) -> bool:
        """End the turn with the call, but let what is being played play on; return whether any was left to hear."""
        left = self.playback.clear(now_ms)
        self.turn = None
        self._move(Move.CUT)
        return left

    def fall_silent(self) -> None:
        """Note that nothing more can be synthesized, so that the turn ends with the sentences that have sound."""
        self.playback.drop_soundless()
        if self.turn:
            self.turn.complete()

    # what is heard

    def begin_sound(self, number: int, now_ms: float) -> SpokenSentence | None:
        """Note that a sentence begins to be heard; return it if this is its first sound, otherwise None."""
        sentence, turn = self.playback.find(number), self.turn
        if sentence is None or sentence.began_ms is not None or turn is None:
            return None
        self.playback.begin(sentence, now_ms)
        if not self.has_turn and turn.response_id is not None:
            self._latency.answer_heard(now_ms)
        self._move(Move.SOUND)
        return sentence

    def play(self, sound: SoundMade) -> None:
        """Order that a piece of a sentence is played, unless the sentence was dropped."""
        sentence = self.playback.find(sound.number)
        if sentence is None:
            return
        sentence.sound(len(sound.pcm) / BYTES_PER_MS, sound.words)
        if sound.pcm:
            is_held = self.phase is AgentPhase.HELD
            self._orders.append(PlaySound(sound.number, sentence.audio_ms, sound.pcm, is_paused=is_held))

    def hold(self, now_ms: float) -> None:
        """Pause the agent's speech, because the user's voice may be a barge-in."""
        self._move(Move.DUCK)
        self.playback.pause(now_ms)
        self._orders.append(PauseSpeech())

    def release(self, now_ms: float) -> None:
        """Resume the agent's speech where the caller was; nothing happens if the agent is not held any more."""
        if self.phase is not AgentPhase.HELD:
            return
        self._move(Move.UNDUCK)
        self._orders.append(ResumeSpeech(*self.playback.resume(now_ms)))

    def _drop(self, now_ms: float) -> None:
        if self.playback.clear(now_ms):
            self._orders.append(ClearSpeech())
        self.turn = None

    def _move(self, move: Move) -> None:
        self.phase = moved(self.phase, move)
