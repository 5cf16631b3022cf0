"""Speech to text without a provider and without an account: Moonshine, which understands free speech on this machine.

The package `moonshine-voice` brings the tiny English model; other models and languages are folders. An utterance of
3 s costs some 0.1 to 0.25 s of one core, in a process of its own, and is text as long after the caller paused. The
models write with punctuation, and tell no times of words.
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ari_agent.errors import SpeechFailed, SpeechUnavailable
from ari_agent.speech.recognition_pool import EngineSpec
from ari_agent.speech.recognizer import FINAL_TIMEOUT_S, Heard, ListeningOptions
from ari_agent.speech.utterances import Utterances
from ari_agent.speech.worker_recognizer import STUCK_S, WorkerRecognizer

log = logging.getLogger(__name__)

PACKAGE: Final = "moonshine_voice"
_IN_PACKAGE: Final = Path("assets", "tiny-en")
_HOW: Final = "pip install 'ari-agent[speech]'"


@dataclass(frozen=True, slots=True)
class MoonshineListening:
    """model: a folder with a model; None for the tiny English one of the package.

    smart_turn: the file of a model that hears whether a caller is done (smart_turn.py); None for none.
    workers: processes, which have room for some eight callers who speak at once each; None for one less than there are
        cores, and four at most.
    """

    model: Path | None = None
    smart_turn: Path | None = None
    workers: int | None = None
    final_timeout_s: float = FINAL_TIMEOUT_S
    stuck_s: float = STUCK_S


class MoonshineRecognizer(WorkerRecognizer):
    """A Recognizer that runs Moonshine, in worker processes."""

    def __init__(self, settings: MoonshineListening) -> None:
        super().__init__(workers=settings.workers, final_timeout_s=settings.final_timeout_s, stuck_s=settings.stuck_s)
        self._model, self._smart_turn = settings.model, settings.smart_turn

    def open(
        self,
        options: ListeningOptions,
        on_heard: Callable[[Heard], None],
        on_failed: Callable[[SpeechFailed], None],
    ) -> Utterances:
        """Begin to listen to a call, as Recognizer.open says; that English is heard in any language is logged."""
        if self._model is None and not options.language.lower().startswith(("en", "multi")):
            log.warning(
                "speech to text hears English, not %s: ARI_AGENT_MOONSHINE_MODEL names a model of another language",
                options.language,
                extra={"call_id": options.call_id},
            )
        return super().open(options, on_heard, on_failed)

    def _engine(self) -> EngineSpec:
        model = self._model or packaged_model()
        if model is None:
            raise SpeechUnavailable(f"speech to text by moonshine needs the package moonshine-voice: {_HOW}")
        turns = {"smart_turn": str(self._smart_turn)} if self._smart_turn else {}
        return {"engine": "moonshine", "model": str(model), **turns}

    def _whose(self) -> str:
        return f"ARI_AGENT_MOONSHINE_MODEL={self._model}: " if self._model else ""


def packaged_model() -> Path | None:
    """Return the folder of the model in the package `moonshine-voice`, which is not imported; None without it."""
    found = importlib.util.find_spec(PACKAGE)
    for place in (found.submodule_search_locations or ()) if found else ():
        if (folder := Path(place) / _IN_PACKAGE).is_dir():
            return folder
    return None
