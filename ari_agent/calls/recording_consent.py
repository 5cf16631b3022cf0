"""The sentence that tells callers that they are recorded: made once, kept in memory, and ready before the call goes on.

A call whose sentence cannot be had is not recorded: its caller would not know.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol

from ari_agent.calls.call_cost import SpeechUsage
from ari_agent.calls.dialogue.agent_settings import normalized_for
from ari_agent.calls.dialogue.text_agent_leg import Speech
from ari_agent.calls.media.announcement import duration_s
from ari_agent.calls.media.call_media import ConsentOver, MediaSpec
from ari_agent.calls.public_log.public_log import PublicLog
from ari_agent.calls.record import CallRecord
from ari_agent.calls.transfer.handoff_speech import handoff_voice, speech_of
from ari_agent.contract.agent import Agent
from ari_agent.contract.recording import LONGEST_CONSENT_S, NOT_RECORDED, RecordingConsent, RecordingPlan
from ari_agent.errors import CallError, SpeechFailed
from ari_agent.media.sound_file import read_sound

log = logging.getLogger(__name__)

READY_S: Final = 5.0
"""How long a call waits for its sentence, before it dials its agent."""
KEPT: Final = 32
"""Sentences that stay in memory; the longest take 1 MB."""
_LARGEST_BYTES: Final = 16 * 1024 * 1024


class ConsentUnavailable(CallError):
    """Raised where the sentence that tells callers of the recording cannot be had. why: for people."""

    def __init__(self, why: str) -> None:
        super().__init__(f"recording_consent: {why}")
        self.why = why


class ConsentSentences:
    """Has the sentences of all calls. speech: speaks them; None where nothing does. folder: of sound files, or None."""

    def __init__(self, speech: Speech | None = None, folder: Path | None = None, *, ready_s: float = READY_S) -> None:
        self._speech, self._folder, self._ready_s = speech, folder, ready_s
        self._kept: OrderedDict[Hashable, bytes] = OrderedDict()
        self._making: dict[Hashable, asyncio.Lock] = {}

    async def sound(self, consent: RecordingConsent, agent: Agent) -> bytes:
        """Return a sentence as speech, s16le at 16 kHz. agent: of the call, with the voice that speaks a text.

        Raises:
            ConsentUnavailable: it cannot be spoken or read, or not within the time that calls wait for it.
        """
        try:
            async with asyncio.timeout(self._ready_s):
                return await (self._spoken(consent.text, agent) if consent.text else self._read(consent.file or ""))
        except TimeoutError:
            raise ConsentUnavailable(f"the sentence was not ready within {self._ready_s:g} s") from None

    async def refusal(self, consent: RecordingConsent) -> str | None:
        """Return why no call could have this sentence as things are now, or None. A text is not tried out."""
        if consent.text is not None:
            return None if self._speech else _NO_SPEECH
        try:
            await self._read(consent.file or "")
        except ConsentUnavailable as error:
            return error.why
        return None

    async def _spoken(self, text: str, agent: Agent) -> bytes:
        speech = self._speech
        if speech is None:
            raise ConsentUnavailable(_NO_SPEECH)
        voice, language = handoff_voice(speech, agent), normalized_for(agent)

        async def speak() -> bytes:
            try:
                pcm = await speech_of(speech, voice, text, SpeechUsage(), language)
            except SpeechFailed as error:
                raise ConsentUnavailable(f"text to speech failed: {error}") from None
            if not 0 < duration_s(pcm) <= LONGEST_CONSENT_S:
                raise ConsentUnavailable(f"must take at most {LONGEST_CONSENT_S} s; it takes {duration_s(pcm):.1f} s")
            return pcm

        return await self._made((text, voice, language), speak)

    async def _read(self, name: str) -> bytes:
        folder = self._folder
        if folder is None:
            raise ConsentUnavailable(f"file {name}: ARI_AGENT_SOUNDS_DIR names no folder of sound files")
        try:
            path, *version = await asyncio.to_thread(_found, folder, name)

            async def read() -> bytes:
                return await asyncio.to_thread(_sound_of, path)

            return await self._made((path, *version), read)
        except OSError as error:
            raise ConsentUnavailable(f"file {name} in {folder}: {error.strerror or error}") from None
        except ValueError as error:
            raise ConsentUnavailable(f"file {name} in {folder}: {error}") from None

    async def _made(self, key: Hashable, make: Callable[[], Awaitable[bytes]]) -> bytes:
        """Return what is kept under a key, or make it: once, however many calls wait for it."""
        if (kept := self._kept.get(key)) is not None:
            self._kept.move_to_end(key)
            return kept
        lock = self._making.setdefault(key, asyncio.Lock())
        try:
            async with lock:
                if (kept := self._kept.get(key)) is None:
                    kept = self._kept[key] = await make()
                    while len(self._kept) > KEPT:
                        self._kept.popitem(last=False)
                return kept
        finally:
            if not lock.locked():
                self._making.pop(key, None)


_NO_SPEECH: Final = (
    "text: nothing speaks here; set ARI_AGENT_TEXT_TO_SPEECH and ARI_AGENT_SPEECH_TO_TEXT, or name a file instead"
)


def _found(folder: Path, name: str) -> tuple[Path, int, int]:
    """Return a file below the folder, with when it was changed and its size. Raises OSError, ValueError."""
    root = folder.resolve()
    path = (root / name).resolve()
    if not path.is_relative_to(root):
        raise ValueError("is not below the folder")
    status = path.stat()
    if status.st_size > _LARGEST_BYTES:
        raise ValueError(f"must have at most {_LARGEST_BYTES} bytes; it has {status.st_size}")
    return path, status.st_mtime_ns, status.st_size


def _sound_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return read_sound(file.read(_LARGEST_BYTES), longest_s=LONGEST_CONSENT_S)


async def with_recording(
    spec: MediaSpec,
    agent: Agent,
    plan: RecordingPlan,
    sentences: ConsentSentences,
    *,
    record: CallRecord | None,
    public: PublicLog,
) -> MediaSpec:
    """Return a specification with what is recorded of its call; nothing, where the caller could not be told so.

    agent: of the call. record, public: get the reason. Raises nothing.
    """
    if plan.consent is None:
        return replace(spec, recording=plan)
    try:
        sound = await sentences.sound(plan.consent, agent)
    except ConsentUnavailable as error:
        log.error("the call is not recorded: %s", error, extra={"call_id": spec.call_id})
        public.add("recording_consent", error.why, outcome="unavailable")
        if record:
            record.fault(f"The call was not recorded, because its caller could not be told so: {error}")
        return replace(spec, recording=NOT_RECORDED)
    return replace(spec, recording=plan, consent=sound)


class _Faulty(Protocol):
    """A call whose record names its faults."""

    def note_fault(self, what: str) -> None:
        """Name a fault in the summary of the call."""


async def consent_over(call: _Faulty, event: ConsentOver) -> None:
    """Have the record say so where the recording has ended with the sentence, because the caller was sent elsewhere."""
    if not event.heard:
        call.note_fault(
            "The recording ended early: the caller was put on hold or transferred before the sentence about recording "
            "had ended"
        )
