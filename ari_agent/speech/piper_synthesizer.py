"""Text to speech on this machine, by Piper: no key, no network, and voices of many languages, as files.

Each voice that speaks has a process (piper_process.py), with some 300 MB of memory, which all calls share; four at
most are kept. A second of speech costs some 0.17 s of a core, and a sentence is heard when all of it is made.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import OrderedDict
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Final

from ari_agent.errors import SpeechUnavailable
from ari_agent.speech.attempts import AttemptFailed, Attempts, Patience
from ari_agent.speech.pcm_stream import file_pieces
from ari_agent.speech.piper_process import HANG_S, PiperFailed, PiperProcess, PiperVoice
from ari_agent.speech.synthesizer import Spoken, Voice
from ari_agent.speech.voice_name import VoiceRefused, split

MAX_VOICES: Final = 4
"""Voices, each at each speed, whose processes are kept."""
START_TIMEOUT_S: Final = 60.0
PATIENCE: Final = Patience(first_audio_s=10.0)
"""Sentences of other callers come first, or the voice has to be loaded."""
_LONGEST_CHARS: Final = 300
_MODEL: Final = ".onnx"
_IN_MEMORY: Final = Path("/dev/shm")  # noqa: S108 -- a folder is made there, for this user alone
_PHONEMES: Final = str.maketrans({"[": "(", "]": ")"})
"""Piper reads what stands in [[ and ]] as phonemes."""


class PiperSynthesizer:
    """The program piper. program: its name in PATH, or its path. voices: the folder of its models; None for none."""

    def __init__(
        self,
        *,
        program: str = "piper",
        voices: Path | None = None,
        patience: Patience = PATIENCE,
        hang_s: float = HANG_S,
        start_timeout_s: float = START_TIMEOUT_S,
    ) -> None:
        """hang_s: after so long a text hangs. start_timeout_s: for the first word of the first voice."""
        self._wanted = program
        self._folder = voices
        self._hang_s = hang_s
        self._start_timeout_s = start_timeout_s
        self._attempts = Attempts(self._attempt, longest_chars=_LONGEST_CHARS, patience=patience, named="piper")
        self._program: str | None = None
        self._audio: Path | None = None
        self._voices: OrderedDict[tuple[str, float], PiperVoice] = OrderedDict()  # the one of the last text last
        self._finishing: set[asyncio.Task[None]] = set()

    @property
    def pids(self) -> tuple[int, ...]:
        """The process ids of the voices that are ready."""
        return tuple(pid for voice in self._voices.values() if (pid := voice.pid) is not None)

    async def start(self) -> None:
        """Let the first voice say a word, so that what is missing shows now.

        Raises:
            SpeechUnavailable: the program, a voice or something that piper needs is missing.
        """
        program = shutil.which(self._wanted)
        if program is None:
            raise SpeechUnavailable(
                f"the program {self._wanted} is not there: pip install piper-tts, in an environment of its own, and "
                "set ARI_AGENT_PIPER to its path"
            )
        names = voice_names(self._folder)
        if not names:
            raise SpeechUnavailable(
                f"ARI_AGENT_PIPER_VOICES: {self._folder or 'not set'}; expected a folder with at least one voice: "
                "NAME.onnx and NAME.onnx.json"
            )
        self._program = program
        place = _IN_MEMORY if _IN_MEMORY.is_dir() else None
        self._audio = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="ari-agent-piper-", dir=place))
        try:
            async with asyncio.timeout(self._start_timeout_s):
                await self._voice(names[0], 1.0).speak("Ready.")
        except (PiperFailed, TimeoutError) as error:
            await self.close()
            why = str(error) or f"no word within {self._start_timeout_s:g} s"
            raise SpeechUnavailable(f"ARI_AGENT_PIPER: {program} does not speak with {names[0]}: {why}") from None

    def speak(self, text: str, voice: Voice) -> AsyncGenerator[Spoken, None]:
        """Speak a text without the times of its words, which piper does not tell; see Synthesizer.speak."""
        return self._attempts.speak(text, voice)

    async def close(self) -> None:
        """End all processes; streams that are open fail. Idempotent."""
        self._program = None
        for task in tuple(self._finishing):
            task.cancel()
        while self._voices:
            await self._voices.popitem()[1].close()
        await asyncio.gather(*self._finishing, return_exceptions=True)
        folder, self._audio = self._audio, None
        if folder:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _attempt(self, text: str, voice: Voice) -> AsyncGenerator[Spoken, None]:
        name = voice_name(voice.voice_id, voice_names(self._folder))
        if self._program is None:
            raise AttemptFailed("text to speech is closed", again=False)
        try:
            audio = await self._voice(name, voice.speed).speak(text.translate(_PHONEMES))
            for pcm in file_pieces(audio):
                yield Spoken(pcm)
        except PiperFailed as failure:
            raise AttemptFailed(str(failure)) from None
        except ValueError as error:
            raise AttemptFailed(f"piper made {error}", again=False) from None

    def _voice(self, name: str, speed: float) -> PiperVoice:
        """Return the voice, at one of 16 speeds; the one that was not asked for longest goes for it."""
        key = name, round(min(max(speed, 0.5), 2.0), 1)
        if key not in self._voices:
            self._voices[key] = PiperVoice(lambda: self._process(*key), hang_s=self._hang_s)
            if len(self._voices) > MAX_VOICES:
                task = asyncio.create_task(_finished(self._voices.popitem(last=False)[1]), name="end piper")
                self._finishing.add(task)
                task.add_done_callback(self._finishing.discard)
        self._voices.move_to_end(key)
        return self._voices[key]

    async def _process(self, name: str, speed: float) -> PiperProcess:
        if self._program is None or self._audio is None or self._folder is None:
            raise PiperFailed("text to speech is closed")
        return await PiperProcess.start(self._program, self._folder / f"{name}{_MODEL}", self._audio, speed=speed)


async def _finished(voice: PiperVoice) -> None:
    try:
        await voice.finish()
    finally:
        await voice.close()


def voice_names(folder: Path | None) -> Sequence[str]:
    """Return the names of the voices in a folder, in order: of NAME.onnx with NAME.onnx.json beside it."""
    if folder is None or not folder.is_dir():
        return ()
    return sorted(path.stem for path in folder.glob(f"*{_MODEL}") if path.with_name(f"{path.name}.json").is_file())


def unpronounceable(_voice: Voice) -> str | None:
    """Return why no pronunciation can be asked for: Piper is told texts alone."""
    return (
        "pronunciation_dictionary: Piper takes no phonemes: leave the dictionary out, and have the agent write the "
        "word as it sounds"
    )


def voice_name(voice_id: str | None, voices: Sequence[str]) -> str:
    """Return the voice's name, which is its file's. voices: those that there are; the first one is the default.

    Raises:
        VoiceRefused: it is none of these.
    """
    if voice_id is None and voices:
        return voices[0]
    provider, name = split(voice_id or "")
    if provider not in {None, "piper"} or name not in voices:
        known = ", ".join(f"piper-{each}" for each in voices[:20])
        raise VoiceRefused(f"piper has no voice {voice_id!r}: set the agent's voice_id to one of {known}")
    return name
