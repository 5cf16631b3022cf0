"""What is heard of a caller, as events."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ari_agent.calls.call_cost import SpeechUsage
from ari_agent.calls.dialogue.caller_hearing import PIECE_MS, QUIET_MS, UNSURE_MS, CallerHearing
from ari_agent.calls.dialogue.events import Event, Failed, UserHeard, UserVoiceStarted, UserVoiceStopped
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.errors import SpeechFailed
from ari_agent.speech.echo import Echo
from ari_agent.speech.recognizer import LOOK_BACK_MS, Heard, HeardWord, ListeningOptions
from ari_agent.speech.synthesizer import BYTES_PER_MS

LOUD = (8000).to_bytes(2, "little") * (PIECE_MS * BYTES_PER_MS // 2)
QUIET = bytes(PIECE_MS * BYTES_PER_MS)


class LoudIsVoice:
    """A detector, and its memory: what is loud is voice."""

    def open(self) -> LoudIsVoice:
        return self

    def hear(self, pcm: bytes) -> Sequence[float]:
        size = 1024
        return [float(any(pcm[start : start + size])) for start in range(0, len(pcm), size)]


class Notes:
    """A recognizer and its only recognition: it writes down what it is told."""

    def __init__(self) -> None:
        self.fed = 0
        self.told: list[str] = []

    async def start(self) -> None:
        """Nothing to do."""

    def open(
        self, options: ListeningOptions, on_heard: Callable[[Heard], None], on_failed: Callable[[SpeechFailed], None]
    ) -> Notes:
        self.on_heard, self.on_failed = on_heard, on_failed
        return self

    def feed(self, pcm: bytes) -> None:
        assert len(pcm) == PIECE_MS * BYTES_PER_MS
        self.fed += 1

    def speech_started(self) -> None:
        self.told.append("started")

    def speech_stopped(self) -> None:
        self.told.append("stopped")

    async def close(self) -> None:
        self.told.append("closed")


class Room:
    """A caller's hearing, and the clock; 1 s passes before the first audio comes."""

    def __init__(self) -> None:
        self.now_ms = 0.0
        self.events: list[Event] = []
        self.notes = Notes()
        self.usage = SpeechUsage()
        self.hearing = CallerHearing(
            LoudIsVoice(),
            silence_ms=1000,
            echo=Echo(),
            usage=self.usage,
            now_ms=lambda: self.now_ms,
            on_event=self.events.append,
        )
        self.hearing.set_silence(300)
        self.hearing.hear(LOUD)  # before the start: for nobody
        self.hearing.start(self.notes, ListeningOptions("call_1"))
        self.now_ms = 1000.0

    def hear(self, pcm: bytes, times: int) -> None:
        for _ in range(times):
            self.now_ms += PIECE_MS
            self.hearing.hear(pcm)


def test_a_voice_begins_and_ends_and_is_told_by_the_clock_of_the_call() -> None:
    room = Room()
    room.hear(QUIET, 16)  # 320 ms
    room.hear(LOUD, 16)
    assert room.hearing.due_ms == room.now_ms + QUIET_MS
    room.hear(QUIET, 30)
    assert room.events == [UserVoiceStarted(1320.0), UserVoiceStopped(1640.0)]
    assert room.notes.told == ["started", "stopped"]
    assert room.notes.fed == 62
    assert room.hearing.voice_until_ms == 1640.0
    assert room.hearing.due_ms is None


def test_a_voice_that_may_be_beginning_is_one_or_none_soon() -> None:
    room, may_begin = Room(), []
    for pcm, times, later_ms in ((QUIET, 16, 0), (LOUD, 2, 0), (LOUD, 0, UNSURE_MS), (LOUD, 4, 0)):
        room.hear(pcm, times)
        room.now_ms += later_ms  # from a phone that sends nothing meanwhile
        may_begin.append(room.hearing.may_begin_to_speak)
    assert may_begin == [False, True, False, False]
    assert [type(event) for event in room.events] == [UserVoiceStarted]


def test_audio_comes_in_pieces_of_any_length() -> None:
    room = Room()
    sound = LOUD * 3
    for start in range(0, len(sound), 500):
        room.hearing.hear(sound[start : start + 500])
    assert room.notes.fed == 3


def test_a_phone_that_falls_silent_by_sending_nothing_has_its_voice_ended() -> None:
    room = Room()
    room.hear(LOUD, 16)
    room.hearing.fill_in_silence()
    assert room.notes.fed == 16  # it is too early
    room.now_ms += 700
    room.hearing.fill_in_silence()
    assert [type(event) for event in room.events] == [UserVoiceStarted, UserVoiceStopped]
    room.hearing.fill_in_silence()
    assert len(room.events) == 2


def test_words_have_times_since_the_call_began_and_none_before_it() -> None:
    room = Room()
    room.hear(QUIET, 50)
    room.notes.on_heard(Heard("yes no", True, (HeardWord("yes", 100, 300), HeardWord("no", -5000, 400))))
    (event,) = room.events
    assert isinstance(event, UserHeard)
    assert [(word.start, word.end) for word in event.words] == [(1.1, 1.3), (0.0, 1.4)]


async def test_nothing_is_told_after_the_end() -> None:
    room = Room()
    room.notes.on_failed(SpeechFailed("nobody listens"))
    assert room.events == [Failed(DisconnectionReason.ERROR_ASR, "nobody listens")]
    room.hearing.stop()
    room.hear(LOUD, 16)
    room.notes.on_heard(Heard("yes", True))
    room.notes.on_failed(SpeechFailed("nobody listens"))
    assert len(room.events) == 1
    assert room.hearing.due_ms is None
    await room.hearing.close()
    assert room.notes.told == ["closed"]


def test_a_recognizer_may_fail_as_it_is_opened() -> None:
    class Broken(Notes):
        def open(
            self,
            options: ListeningOptions,
            on_heard: Callable[[Heard], None],
            on_failed: Callable[[SpeechFailed], None],
        ) -> Notes:
            on_failed(SpeechFailed("nobody listens"))
            return self

    told: list[Event] = []
    hearing = CallerHearing(
        LoudIsVoice(), silence_ms=300, echo=Echo(), usage=SpeechUsage(), now_ms=lambda: 0.0, on_event=told.append
    )
    hearing.start(Broken(), ListeningOptions("call_1"))
    assert [type(event) for event in told] == [Failed]


async def test_who_never_came_has_nothing_to_close() -> None:
    await CallerHearing(
        LoudIsVoice(), silence_ms=300, echo=Echo(), usage=SpeechUsage(), now_ms=lambda: 0.0, on_event=print
    ).close()


async def test_the_voice_of_the_caller_is_counted_with_the_look_back_once() -> None:
    room = Room()
    room.hear(QUIET, 100)
    assert room.usage.heard_ms == 0
    room.hear(LOUD, 50)
    room.hear(QUIET, 30)
    counted = room.usage.heard_ms
    spoken_ms = 50 * PIECE_MS
    assert spoken_ms + LOOK_BACK_MS <= counted <= spoken_ms + LOOK_BACK_MS + 400
    room.hear(LOUD, 50)
    await room.hearing.close()
    await room.hearing.close()
    assert counted + spoken_ms <= room.usage.heard_ms <= 180 * PIECE_MS
