"""What the model says in a call: played to the caller, written down, and dropped when the caller interrupts it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from ari_agent.agents.realtime_events import AudioBegan, ResponseBegan, TextGrew, TextWhole
from ari_agent.calls.media.agent_leg import CallerOutput
from ari_agent.calls.realtime.heard_audio import HeardAudio, HeardItem
from ari_agent.calls.realtime.realtime_transcript import RealtimeTranscript
from ari_agent.timed_wait import is_set_within

_MARGIN_S: Final = 2.0


class SpokenItems:
    """The items that the model speaks in one call. now_s: tells the time of its clock, in seconds.

    What still comes of an answer that was interrupted is neither played nor written down: the server had sent it before
    it knew.
    """

    def __init__(
        self, output: CallerOutput, transcript: RealtimeTranscript, *, bytes_per_s: int, now_s: Callable[[], float]
    ) -> None:
        self._output, self._transcript, self._now_s = output, transcript, now_s
        self.heard = HeardAudio(bytes_per_s)
        self._quiet = asyncio.Event()  # all was heard, or interrupted
        self._interruptions = 0
        self._answer = ""  # the id of the newest answer
        self._playing: AudioBegan | None = None  # what audio is of that comes now; None: it is dropped
        self._void: set[str] = set()  # ids of the answer and the items that were interrupted last
        self._sounded: set[str] = set()  # items of the newest answer that have sound
        self._written: set[str] = set()  # those that have text

    def response_began(self, began: ResponseBegan) -> None:
        """Take note that the model begins an answer."""
        self._answer = began.response_id
        self._sounded.clear()
        self._written.clear()

    def audio_began(self, began: AudioBegan) -> None:
        """Take note which item the audio is of that follows."""
        is_void = not self._void.isdisjoint({began.response_id, began.item_id} - {""})
        self._playing = None if is_void else began
        if not is_void:
            self._sounded.add(began.item_id)
            self._transcript.begin("agent", began.item_id)

    def audio(self, payload: bytes) -> None:
        """Play a piece of audio after all that came before it, with a mark behind each part of it."""
        playing = self._playing
        if playing is None:
            return
        self._quiet.clear()
        for piece in self.heard.pieces(payload):
            mark = self.heard.add(playing.item_id, playing.content_index, len(piece), self._now_s())
            if mark is None:
                return
            self._output.play(piece)
            self._output.mark(mark)

    def text(self, said: TextGrew | TextWhole) -> None:
        """Write down what is said in an item."""
        if said.response_id in self._void and said.item_id not in self._sounded:
            self._transcript.cut(said.item_id, 0.0)
        self._written.add(said.item_id)
        if isinstance(said, TextGrew):
            self._transcript.grow(said.item_id, said.text)
        else:
            self._transcript.write("agent", said.item_id, said.text)

    def played(self, names: Sequence[str]) -> None:
        """Take note that the caller has heard the sound before these marks."""
        self.heard.played(names, self._now_s())
        if self.heard.is_all_heard:
            self._quiet.set()

    async def heard_out(self) -> bool:
        """Wait until the caller has heard what was said; returns False where it was interrupted.

        A caller's side that tells of no marks is waited for a little longer than the sound lasts.
        """
        before = self._interruptions
        if not self.heard.is_all_heard:
            await is_set_within(self._quiet, self.heard.unheard_ms / 1000 + _MARGIN_S)
        return self._interruptions == before

    def interrupt(self) -> list[HeardItem]:
        """Silence the model, and return the items that the caller has not heard to their end."""
        cut = self._keep_heard()
        self._interruptions += 1
        self._quiet.set()
        self._output.clear()
        self._void = {self._answer, *self._sounded, *self._written, *(item.item_id for item in cut)} - {""}
        self._playing = None
        return cut

    def end(self) -> None:
        """Keep of the text what the caller has heard by now."""
        self._keep_heard()

    def _keep_heard(self) -> list[HeardItem]:
        cut = self.heard.cut(self._now_s())
        for item in cut:
            self._transcript.cut(item.item_id, item.heard_ms / item.came_ms if item.came_ms else 0.0)
        for item_id in self._written - self._sounded:
            self._transcript.cut(item_id, 0.0)
        return cut
