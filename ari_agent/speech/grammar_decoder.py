"""pocketsphinx with a grammar: one decoder, one utterance after the other. Holds the GIL: for worker processes.

The model knows 16 kHz speech, and telephone speech brought to 16 kHz has an empty upper band, which it has never seen:
white noise of 15 steps there halves the errors, and a word insertion penalty of 0.005 halves them again. The noise is
the same for every utterance, so that the same audio always has the same result.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pocketsphinx

from ari_agent.errors import SpeechUnavailable
from ari_agent.speech.decoder import NOTHING, Decoded
from ari_agent.speech.grammar import Pronunciations, parse_grammar, pronunciations

DITHER_STEPS: Final = 15.0
WORD_INSERTION_PENALTY: Final = 0.005
MAX_MS_PER_PHONE: Final = 220
"""A word that is stretched further was forced onto something that is none: noise, or words of no grammar."""

_FRAME_MS: Final = 10
_PEAK: Final = 32000


class DecoderFactory:
    """Makes pocketsphinx decoders, one for each utterance at a time, that all use the same grammar."""

    def __init__(self, grammar_text: str) -> None:
        """Reads the dictionary once.

        Raises:
            SpeechUnavailable: the grammar is none, or has words that the dictionary lacks.
        """
        self._grammar = parse_grammar(grammar_text)
        model = Path(pocketsphinx.get_model_path("en-us"))
        with (model / "cmudict-en-us.dict").open(encoding="utf-8") as dictionary:
            self._pronunciations = pronunciations(self._grammar.words, dictionary)
        self._acoustic_model = str(model / "en-us")

    def make(self) -> GrammarDecoder:
        """Make a decoder, which takes about 8 MB of memory and 10 ms.

        Raises:
            SpeechUnavailable: pocketsphinx does not take the grammar.
        """
        with tempfile.NamedTemporaryFile("w", suffix=".dict", encoding="utf-8") as small:
            small.write("\n".join(self._pronunciations.lines) + "\n")
            small.flush()
            config = pocketsphinx.Config(
                hmm=self._acoustic_model,
                dict=small.name,
                lm=None,
                wip=WORD_INSERTION_PENALTY,
                loglevel="FATAL",
            )
            decoder = pocketsphinx.Decoder(config)
        try:
            decoder.add_jsgf_string("callers", self._grammar.jsgf)
            decoder.activate_search("callers")
        except (RuntimeError, ValueError, KeyError):
            raise SpeechUnavailable(
                "pocketsphinx does not take the grammar: check its JSGF, where every rule ends with a semicolon"
            ) from None
        return GrammarDecoder(decoder, self._pronunciations)


class GrammarDecoder:
    """A decoder that hears what the grammar foresees: see Decoder."""

    def __init__(self, decoder: Any, known: Pronunciations) -> None:
        self._decoder = decoder
        self._known = known
        self._sentences = decoder.get_fsg("callers")
        self._noise = np.random.default_rng(0)

    def begin(self) -> None:
        """Begin an utterance, with nothing left of the one before: not its noise floor, not its speaker."""
        self._noise = np.random.default_rng(0)
        self._decoder.reinit_feat()
        self._decoder.start_utt()

    def feed(self, pcm: bytes) -> None:
        """Decode audio of whole samples: signed 16-bit little-endian, mono, 16 kHz."""
        samples = np.frombuffer(pcm, np.dtype("<i2"))
        noisy = samples + self._noise.standard_normal(len(samples)) * DITHER_STEPS
        self._decoder.process_raw(np.clip(noisy, -_PEAK, _PEAK).astype(np.int16).tobytes(), False, False)

    def so_far(self) -> str:
        """Return the best guess at the text so far, which may change altogether with more audio."""
        hypothesis = self._decoder.hyp()
        return hypothesis.hypstr if hypothesis else ""

    def decode_ahead(self, gives_up: Callable[[], bool]) -> None:
        """Do nothing, because all that was fed is decoded."""

    def end(self) -> Decoded:
        """End the utterance; return its words with their times, or none where it was not understood."""
        self._decoder.end_utt()
        if not self._sentences.accept(self.so_far()):
            return NOTHING  # the beam lost every whole sentence, and what is left breaks off
        words = []
        for segment in self._decoder.seg():
            word = segment.word.partition("(")[0]
            if word not in self._known.phones:
                continue  # silence and fillers
            start_ms, end_ms = segment.start_frame * _FRAME_MS, (segment.end_frame + 1) * _FRAME_MS
            if end_ms - start_ms > MAX_MS_PER_PHONE * self._known.phones[word]:
                return NOTHING
            words.append((word, start_ms, end_ms))
        return Decoded(" ".join(word for word, _, _ in words), tuple(words))

    def drop(self) -> None:
        """End the utterance without its words."""
        self._decoder.end_utt()
