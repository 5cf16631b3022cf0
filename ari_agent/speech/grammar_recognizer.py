"""Speech to text without a provider: pocketsphinx, for what a grammar foresees. For development and IVR only.

It understands whom it was given the words of ("yes", "transfer me to an agent") and hears other speech as one of them
or as nothing, half and half: ask one thing at a time, and confirm what matters. It costs 2 to 3 % of a core while a
caller speaks, and its answer is there within milliseconds.
"""

from __future__ import annotations

import importlib.util
import logging
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

from ari_agent.errors import SpeechUnavailable
from ari_agent.speech.recognition_pool import EngineSpec
from ari_agent.speech.recognizer import FINAL_TIMEOUT_S
from ari_agent.speech.worker_recognizer import STUCK_S, WorkerRecognizer

log = logging.getLogger(__name__)

MAX_GRAMMAR_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class GrammarListening:
    """grammar: a file, JSGF or one phrase on a line; None for some intents of every menu. workers: processes; a core
    has room for some 20 callers who speak; None for one less than there are cores, and four at most."""

    grammar: Path | None = None
    workers: int | None = None
    final_timeout_s: float = FINAL_TIMEOUT_S
    stuck_s: float = STUCK_S


class GrammarRecognizer(WorkerRecognizer):
    """A Recognizer that runs pocketsphinx with a grammar, in worker processes."""

    def __init__(self, settings: GrammarListening) -> None:
        super().__init__(workers=settings.workers, final_timeout_s=settings.final_timeout_s, stuck_s=settings.stuck_s)
        self.settings = settings

    async def start(self) -> None:
        """See Recognizer.

        Raises:
            SpeechUnavailable: pocketsphinx is not installed, or the grammar cannot be used.
        """
        await super().start()
        log.warning("speech to text is by grammar: it understands a few phrases, for development and IVR only")

    def _engine(self) -> EngineSpec:
        if importlib.util.find_spec("pocketsphinx") is None:
            raise SpeechUnavailable("speech to text by grammar needs pocketsphinx: pip install 'ari-agent[grammar]'")
        return {"engine": "grammar", "grammar": self._grammar()}

    def _whose(self) -> str:
        return f"ARI_AGENT_GRAMMAR={self.settings.grammar}: " if self.settings.grammar else ""

    def _grammar(self) -> str:
        if not (path := self.settings.grammar):
            return resources.files("ari_agent.speech").joinpath("intents.gram").read_text(encoding="utf-8")
        try:
            with path.open("rb") as file:
                text = file.read(MAX_GRAMMAR_BYTES + 1)
            if len(text) > MAX_GRAMMAR_BYTES:
                raise SpeechUnavailable(f"ARI_AGENT_GRAMMAR={path}: more than {MAX_GRAMMAR_BYTES} bytes")
            return text.decode()
        except OSError as error:
            raise SpeechUnavailable(f"ARI_AGENT_GRAMMAR={path}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise SpeechUnavailable(f"ARI_AGENT_GRAMMAR={path}: no text in UTF-8") from None
