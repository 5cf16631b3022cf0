"""The caller's audio on its way to the dialogue: voice activity and the recognizer, and what they find as events.

    hear ──▶ pieces of 20 ms ──▶ voice activity, echo ──▶ UserVoiceStarted, UserVoiceStopped
                             └─▶ recognition ───────────▶ UserHeard, Failed

Voice activity and recognizer count the audio they were fed; the events tell times since the caller was answered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from ari_agent.calls.call_cost import SpeechUsage
from ari_agent.calls.dialogue.events import Event, Failed, UserHeard, UserVoiceStarted, UserVoiceStopped
from ari_agent.contract.transcript import Word
from ari_agent.errors import SpeechFailed
from ari_agent.speech.echo import Echo
from ari_agent.speech.recognizer import LOOK_BACK_MS, Heard, HeardWord, ListeningOptions, Recognition, Recognizer
from ari_agent.speech.synthesizer import BYTES_PER_MS
from ari_agent.speech.voice_activity import VoiceActivity, VoiceChange, VoiceDetector, VoiceStarted

PIECE_MS: Final = 20
UNSURE_MS: Final = 100
"""For how many milliseconds after the caller's latest audio it counts that a voice may be about to begin in it."""
QUIET_MS: Final = 300
"""A phone that sends nothing for this many milliseconds while its user speaks has stopped sending."""
_PIECE_BYTES: Final = PIECE_MS * BYTES_PER_MS


class CallerHearing:
    """Turns the audio of one caller into events of the dialogue, between `start` and `stop`."""

    def __init__(
        self,
        detector: VoiceDetector,
        *,
        silence_ms: int,
        echo: Echo,
        usage: SpeechUsage,
        now_ms: Callable[[], float],
        on_event: Callable[[Event], None],
    ) -> None:
        """silence_ms: how long a pause ends a voice. now_ms: tells the milliseconds since the caller was answered.

        echo: is told what the caller is played, and tells what comes back of it from the caller's voice.
        usage: counts for how long the caller was recognised: while they spoke, with the look-back before.
        """
        self._activity = VoiceActivity(detector, silence_ms=silence_ms, is_echo=echo.explains)
        self._echo, self._usage = echo, usage
        self._now_ms, self._on_event = now_ms, on_event
        self._opened: Recognition | None = None
        self._recognition: Recognition | None = None  # while the caller is listened to
        self._rest = b""  # less than a piece
        self._fed_ms = 0.0
        self._recognised_from_ms: float | None = None  # of what was fed, while a voice is recognised
        self._recognised_to_ms = 0.0
        self._heard_ms = 0.0  # when the caller's audio last came

    def start(self, recognizer: Recognizer, options: ListeningOptions) -> None:
        """Start to listen, because the caller is connected now."""
        self._opened = self._recognition = recognizer.open(options, self._understood, self._failed)

    def stop(self) -> None:
        """Stop listening: audio that still comes is ignored, and no event follows."""
        self._recognition = None
        self._count_recognised()

    async def close(self) -> None:
        """Stop listening and close the recognition. Idempotent."""
        self.stop()
        if self._opened:
            await self._opened.close()

    def set_silence(self, silence_ms: int) -> None:
        """Set how many milliseconds of silence end the user's voice from now on."""
        self._activity.silence_ms = silence_ms

    @property
    def due_ms(self) -> float | None:
        """When `fill_in_silence` is due, in ms since the caller was answered; None unless the user is speaking."""
        return self._heard_ms + QUIET_MS if self._recognition and self._activity.speaking else None

    @property
    def voice_until_ms(self) -> float:
        """When the latest voice of the user ended, in milliseconds since the caller was answered."""
        return self._activity.voice_ended_ms + self._now_ms() - self._fed_ms

    @property
    def may_begin_to_speak(self) -> bool:
        """Whether a voice may have begun that voice activity is not sure of yet, which it is within UNSURE_MS."""
        return self._activity.may_begin and self._now_ms() - self._heard_ms < UNSURE_MS

    def hear(self, pcm: bytes) -> None:
        """Take audio of the caller, s16le at 16 kHz and of any length; never waits."""
        recognition = self._recognition
        if recognition is None:
            return
        if not self._rest and len(pcm) == _PIECE_BYTES:
            self._hear_piece(recognition, pcm)
            return
        pcm = self._rest + pcm
        whole = len(pcm) - len(pcm) % _PIECE_BYTES
        self._rest = pcm[whole:]
        for start in range(0, whole, _PIECE_BYTES):
            self._hear_piece(recognition, pcm[start : start + _PIECE_BYTES])

    def fill_in_silence(self) -> None:
        """Feed silence for a phone that sends nothing while its user is silent, so that the user's last word ends."""
        recognition, quiet_ms = self._recognition, self._now_ms() - self._heard_ms
        if recognition and self._activity.speaking and quiet_ms >= QUIET_MS:
            for _ in range(int(quiet_ms) // PIECE_MS):
                self._hear_piece(recognition, bytes(_PIECE_BYTES))

    def _hear_piece(self, recognition: Recognition, pcm: bytes) -> None:
        self._fed_ms += PIECE_MS
        self._heard_ms = self._now_ms()
        recognition.feed(pcm)
        self._echo.hear(pcm, self._heard_ms)
        if changes := self._activity.feed(pcm):
            self._voice_changed(recognition, changes)

    def _voice_changed(self, recognition: Recognition, changes: Sequence[VoiceChange]) -> None:
        behind_ms = self._heard_ms - self._fed_ms
        for change in changes:
            if isinstance(change, VoiceStarted):
                recognition.speech_started()
                self._recognised_from_ms = max(self._recognised_to_ms, self._fed_ms - LOOK_BACK_MS)
                self._tell(UserVoiceStarted(change.at_ms + behind_ms))
            else:
                recognition.speech_stopped()
                self._count_recognised()
                self._tell(UserVoiceStopped(change.at_ms + behind_ms))

    def _count_recognised(self) -> None:
        if self._recognised_from_ms is not None:
            self._usage.heard_ms += int(self._fed_ms - self._recognised_from_ms)
            self._recognised_from_ms, self._recognised_to_ms = None, self._fed_ms

    def _understood(self, heard: Heard) -> None:
        self._tell(UserHeard(heard, [self._timed(word) for word in heard.words]))

    def _timed(self, word: HeardWord) -> Word:
        behind_ms = self._now_ms() - self._fed_ms
        start_s, end_s = ((at_ms + behind_ms) / 1000 for at_ms in (word.start_ms, word.end_ms))
        return Word(word=word.word, start=round(max(0.0, start_s), 3), end=round(max(0.0, end_s), 3))

    def _failed(self, error: SpeechFailed) -> None:
        self._tell(Failed(error.disconnection_reason, str(error)))

    def _tell(self, event: Event) -> None:
        if self._recognition or self._opened is None:  # it may fail before it is open
            self._on_event(event)
