"""Text to speech on this machine, by CMU Flite: no key, no network, English alone; 70 ms for a sentence.

Each sentence is spoken by a process of its own: what crashes is that process, what hangs is killed. The text goes in by
stdin, so that no other user of the machine reads it in the list of processes and nothing in it is an option. The audio
comes in a memory file, which flite can go back in: it writes the length of a WAV file last.
Processes run at a low priority, one for each core at most: the audio of the calls goes before them.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import unicodedata
from collections.abc import AsyncGenerator, Sequence
from typing import Final

from ari_agent.errors import SpeechUnavailable
from ari_agent.speech.attempts import AttemptFailed, Attempts, Patience
from ari_agent.speech.pcm_stream import file_pieces
from ari_agent.speech.phonemes import cmu_symbols
from ari_agent.speech.pronunciation import PhonemeRefused, Pronunciation, marked
from ari_agent.speech.speech_program import bare_environment, ended, started
from ari_agent.speech.synthesizer import Spoken, Voice
from ari_agent.speech.voice_name import VoiceRefused, split

log = logging.getLogger(__name__)

VOICES: Final = ("rms", "slt", "awb", "kal16")
"""Of Debian's flite: two men and a woman trained on people, and a small diphone voice. The first is the default: what
it says is understood best over a telephone's band."""

_LONGEST_CHARS: Final = 300
"""In one process: an unpronounceable text of this length takes 2 s of CPU time and gives 50 s of audio."""
_LONGEST_BYTES: Final = 8 * 1024 * 1024
START_TIMEOUT_S: Final = 5.0
_AS_TYPED: Final = {
    "'": "\u2018\u2019\u201a\u2032",
    '"': "\u201c\u201d\u201e\u00ab\u00bb",
    "-": "\u2010\u2011\u2012\u2013",
    ", ": "\u2014\u2015",
    "/": "\u2044",  # the stroke of one half
    " degrees ": "\u00b0",
    " euros ": "\u20ac",
    " pounds ": "\u00a3",
    "ss": "\u00df",
    "ae": "\u00e6",
    "o": "\u00f8",
}
_TYPED: Final = str.maketrans({mark: typed for typed, marks in _AS_TYPED.items() for mark in marks})


class FliteSynthesizer:
    """The program flite. program: its name in PATH, or its path. start_timeout_s: for the list of its voices."""

    def __init__(
        self, *, program: str = "flite", patience: Patience | None = None, start_timeout_s: float = START_TIMEOUT_S
    ) -> None:
        self._wanted = program
        self._start_timeout_s = start_timeout_s
        self._program: str | None = None
        self._voices: frozenset[str] = frozenset()
        self._attempts = Attempts(self._attempt, longest_chars=_LONGEST_CHARS, patience=patience)
        self._slots = asyncio.Semaphore(len(os.sched_getaffinity(0)))
        self._running: set[asyncio.subprocess.Process] = set()
        self._told: set[str] = set()

    async def start(self) -> None:
        """Ask the flite program which voices it has. Raises: SpeechUnavailable."""
        program = shutil.which(self._wanted)
        if program is None:
            raise SpeechUnavailable(
                f"the program {self._wanted} is not there: install Debian's package flite, or set ARI_AGENT_FLITE to "
                "its path"
            )
        try:
            async with asyncio.timeout(self._start_timeout_s):
                process = await asyncio.create_subprocess_exec(
                    program,
                    "-lv",
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.DEVNULL,
                    env=bare_environment(),
                )
                try:
                    listed, _ = await process.communicate()
                finally:
                    await ended(process)
        except (OSError, TimeoutError) as error:
            raise SpeechUnavailable(
                f"ARI_AGENT_FLITE: {program} does not run: {_why(error, self._start_timeout_s)}"
            ) from None
        self._voices = frozenset(listed.decode(errors="replace").split()) & frozenset(VOICES)
        if not self._voices:
            raise SpeechUnavailable(
                f"ARI_AGENT_FLITE: {program} has none of the voices {', '.join(VOICES)}: install Debian's package flite"
            )
        self._program = program

    def speak(self, text: str, voice: Voice) -> AsyncGenerator[Spoken, None]:
        """Speak a text without the times of its words, which flite does not tell; see Synthesizer.speak."""
        if not voice.language.lower().startswith(("en", "multi")) and voice.language not in self._told:
            if len(self._told) < 100:
                self._told.add(voice.language)
            log.warning("flite speaks English alone; an agent's language is %s", voice.language)
        return self._attempts.speak(text, voice)

    async def close(self) -> None:
        """End the flite processes that still run; streams that are open fail. Idempotent."""
        self._program = None
        for process in tuple(self._running):
            await ended(process)

    async def _attempt(self, text: str, voice: Voice) -> AsyncGenerator[Spoken, None]:
        name = voice_name(voice.voice_id, [name for name in VOICES if name in self._voices])
        readable = _ascii(text)
        if not any(chr(code).isalnum() for code in readable):
            raise AttemptFailed("flite speaks English alone, and the agent's text has none of its letters", again=False)
        marked_text = marked(text, voice.pronunciations, _phoneme) if voice.pronunciations else text
        if is_ssml := "<phoneme " in marked_text:
            readable = b"<speak>%b</speak>\n" % _ascii(marked_text)
        async with self._slots:
            if self._program is None:
                raise AttemptFailed("text to speech is closed", again=False)
            memory = os.memfd_create("speech", os.MFD_CLOEXEC)
            try:
                await self._run(self._program, name, voice.speed, readable, memory, is_ssml=is_ssml)
                size = os.fstat(memory).st_size
                if size > _LONGEST_BYTES:
                    raise AttemptFailed(f"flite made {size} bytes of {len(text)} characters", again=False)
                audio = os.pread(memory, size, 0)
            finally:
                os.close(memory)
        try:
            for pcm in file_pieces(audio):
                yield Spoken(pcm)
        except ValueError as error:
            raise AttemptFailed(f"flite made {error}", again=False) from None

    async def _run(
        self, program: str, name: str, speed: float, text: bytes, memory: int, *, is_ssml: bool = False
    ) -> None:
        """Run flite until the audio is in the memory file; kill it if nobody waits for it any more."""
        # No pipe: uvloop makes a socket of it, which cannot be opened by its name.
        written = os.memfd_create("text", os.MFD_CLOEXEC)
        options = ("-voice", name, "--setf", f"duration_stretch={1 / min(max(speed, 0.5), 2.0):.3f}")
        try:
            os.pwrite(written, text, 0)
            process = await started(
                asyncio.create_subprocess_exec(
                    program,
                    *options,
                    *(["-ssml"] if is_ssml else []),
                    "-f",
                    "/dev/stdin",
                    "-o",
                    "/dev/stdout",
                    stdin=written,
                    stdout=memory,
                    stderr=asyncio.subprocess.DEVNULL,
                    env=bare_environment(),
                )
            )
        except OSError as error:
            raise AttemptFailed(f"{program} does not run: {_why(error, self._start_timeout_s)}") from None
        finally:
            os.close(written)
        self._running.add(process)
        try:
            if self._program is None:  # closed meanwhile
                raise AttemptFailed("text to speech is closed", again=False)
            await process.wait()
        finally:
            self._running.discard(process)
            await ended(process)
        if process.returncode:
            raise AttemptFailed(f"{program} ended with status {process.returncode}")


def voice_name(voice_id: str | None, voices: Sequence[str] = VOICES) -> str:
    """Return the voice's name as flite knows it. voices: those that there are; the first one is the default.

    Raises:
        VoiceRefused: it is none of these.
    """
    if voice_id is None:
        return voices[0]
    provider, name = split(voice_id)
    if provider not in {None, "flite"} or name.lower() not in voices:
        known = ", ".join(f"flite-{each}" for each in voices)
        raise VoiceRefused(f"flite has no voice {voice_id!r}: set the agent's voice_id to one of {known}")
    return name.lower()


def unpronounceable(voice: Voice) -> str | None:
    """Return why flite cannot pronounce the words of a voice's dictionary as it says, or None. See phonemes.py."""
    try:
        for entry in voice.pronunciations:
            cmu_symbols(entry)
    except PhonemeRefused as refused:
        return f"pronunciation_dictionary: {refused}"
    return None


def _phoneme(entry: Pronunciation) -> str | None:
    """Return SSML's attribute with flite's phones: CMU's in small letters, a schwa of its own, one kind of stress."""
    try:
        phones = " ".join(cmu_symbols(entry)).replace("AH0", "AX0").replace("2", "1")
    except PhonemeRefused:
        return None
    return f'ph="{phones.lower()}"'


def _ascii(text: str) -> bytes:
    """Return the text as flite reads it: ASCII, letters without accents, typographic marks as plain ones."""
    return unicodedata.normalize("NFKD", text.translate(_TYPED)).translate(_TYPED).encode("ascii", "ignore")


def _why(error: OSError, limit_s: float = START_TIMEOUT_S) -> str:
    return error.strerror or f"no answer within {limit_s:g} s"
