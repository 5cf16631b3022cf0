"""Moonshine (https://github.com/moonshine-ai/moonshine, MIT): free speech, on one core. For worker processes.

A model folder holds `encoder_model.ort`, `decoder_model_merged.ort`, `tokenizer.bin`. Audio goes through the encoder
as a whole, and the decoder says token after token what it heard; so there is no text before the end of an utterance,
but for one that lasts long, which is decoded part by part, cut where it is quiet.

Like every model of its kind it writes something for any sound. What gives that away: it is not sure that the text ends
where it ends, it repeats itself until it has to stop, it writes notes for music, and of silence it makes "You".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ari_agent.errors import SpeechUnavailable
from ari_agent.speech.decoder import NOTHING, Decoded
from ari_agent.speech.recognizer import BYTES_PER_MS, RATE_HZ
from ari_agent.speech.smart_turn import WINDOW_MS, SmartTurn
from ari_agent.speech.utterance import quiet_end_ms, quietest_cut, voice_ms

FILES: Final = ("encoder_model.ort", "decoder_model_merged.ort", "tokenizer.bin")
MIN_VOICE_MS: Final = 100
"""A sound that is shorter is no word."""
MAX_PART_MS: Final = 15_000
"""The models know speech of up to 30 s, and cost the more for each second the longer it is."""
AHEAD_MS: Final = 160
"""So long a silence may be the end of an utterance, whose text is then made before that is certain."""

_SILENCE_AFTER: Final = bytes(300 * BYTES_PER_MS)
"""The models know a word better with half a second of silence behind it: of 569 words, 45 wrong instead of 52 to 58."""
_CUT_WITHIN_MS: Final = 4_000
_BEGIN, _END = 1, 2  # tokens
_TOKENS_PER_S: Final = 6.5  # nobody speaks faster: the authors' own limit
_MORE_TOKENS: Final = 4
_SURE_OF_END: Final = math.log(0.8)
_LONGEST_LOOP: Final = 10  # tokens
_SPACE: Final = "\N{LOWER ONE EIGHTH BLOCK}"
_NOTES: Final = "\N{EIGHTH NOTE}\N{BEAMED EIGHTH NOTES}"
_OF_SILENCE: Final = "You"
_ERRORS_ONLY: Final = 3  # of onnxruntime's severities

_Floats = npt.NDArray[np.float32]


class MoonshineModel:
    """A model, loaded once and shared by all decoders of a process: 175 MB and 0.2 s for the tiny one.

    turns: hears whether a speaker is done; None where that is not asked.

    Raises:
        SpeechUnavailable: onnxruntime is missing, or the folder holds no such model.
    """

    def __init__(self, folder: Path, turns: SmartTurn | None = None) -> None:
        self._turns = turns
        for file in FILES:
            if not (folder / file).is_file():
                raise SpeechUnavailable(f"no Moonshine model: {folder} has no {file}; it needs {', '.join(FILES)}")
        try:
            import onnxruntime  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise SpeechUnavailable(
                f"Moonshine needs onnxruntime ({error}): install it with pip install 'ari-agent[speech]'"
            ) from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # processes share the cores, not threads
        options.log_severity_level = _ERRORS_ONLY
        try:
            self._encoder, self._decoder = (
                onnxruntime.InferenceSession(str(folder / file), options, providers=["CPUExecutionProvider"])
                for file in FILES[:2]
            )
            self._tokens = _tokens((folder / FILES[2]).read_bytes())
            self._nothing_before: Mapping[str, _Floats] = {
                given.name: np.zeros((1, given.shape[1], 1, given.shape[3]), np.float32)
                for given in self._decoder.get_inputs()
                if given.name.startswith("past_key_values")
            }
        except Exception as error:  # onnxruntime's exceptions have no common class of their own
            raise SpeechUnavailable(f"{folder} is no Moonshine model: {error}") from None
        self._has_mask = len(self._encoder.get_inputs()) > 1
        self._outputs: Sequence[str] = [given.name for given in self._decoder.get_outputs()]

    def make(self) -> MoonshineDecoder:
        """Make a decoder, which costs nothing."""
        return MoonshineDecoder(self, self._turns)

    def text(self, pcm: bytes, gives_up: Callable[[], bool] = lambda: False) -> str | None:
        """Return what is said in some audio; "" where it is no speech, None where gives_up has returned True.

        pcm: see Decoder.feed. gives_up: is asked before each token; the work before the first takes a third of the
        time.
        """
        samples = np.frombuffer(pcm, np.dtype("<i2")).astype(np.float32)[None] / 32768
        mask = {"attention_mask": np.ones(samples.shape, np.int64)} if self._has_mask else {}
        (heard,) = self._encoder.run(None, {"input_values": samples, **mask})
        limit = math.ceil(samples.shape[1] / RATE_HZ * _TOKENS_PER_S) + _MORE_TOKENS
        given = {f"encoder_{name}": value for name, value in mask.items()} | {"encoder_hidden_states": heard}
        if (decoded := self._decode(given, limit, gives_up)) is None:
            return None
        said, sure_of_end = decoded
        if repeats_itself(said) if sure_of_end is None else sure_of_end < _SURE_OF_END:
            return ""
        text = b"".join(self._tokens[token] for token in said).decode(errors="replace").replace(_SPACE, " ").strip()
        return "" if text == _OF_SILENCE or text.strip(_NOTES + " \N{REPLACEMENT CHARACTER}") == "" else text

    def _decode(
        self, encoded: Mapping[str, Any], limit: int, gives_up: Callable[[], bool]
    ) -> tuple[list[int], float | None] | None:
        """Return the likeliest tokens, and the logarithm of how likely it is that they end there; None at the limit.

        Return None instead where gives_up has returned True.
        """
        said: list[int] = []
        token, past = _BEGIN, dict(self._nothing_before)
        for step in range(limit):
            if gives_up():
                return None
            given = {"input_ids": np.array([[token]]), **encoded, **past}
            logits, *present = self._decoder.run(None, given | {"use_cache_branch": np.array([step > 0])})
            scores = logits[0, -1]
            token = int(scores.argmax())
            if token == _END:
                return said, float(-np.log(np.exp(scores - scores[token]).sum()))
            said.append(token)
            for name, value in zip(self._outputs[1:], present, strict=True):
                if step == 0 or ".decoder." in name:  # what the encoder heard stays the same
                    past[name.replace("present", "past_key_values")] = value
        return said, None


class MoonshineDecoder:
    """A decoder that hears whatever is said: see Decoder."""

    def __init__(self, model: MoonshineModel, turns: SmartTurn | None = None) -> None:
        self._model, self._turns = model, turns
        self._heard = bytearray()  # the end of the utterance, where somebody asks for it
        self._audio = bytearray()
        self._said: list[str] = []
        self._ahead: tuple[int, str] | None = None  # the text of the first so many bytes of _audio

    def begin(self) -> None:
        """Begin an utterance."""
        self.drop()

    def feed(self, pcm: bytes) -> None:
        """Take audio; an utterance that lasts long is decoded up to a quiet place now and then."""
        self._audio += pcm
        if self._turns:
            self._heard += pcm
            del self._heard[: max(0, len(self._heard) - WINDOW_MS * BYTES_PER_MS)]
        if len(self._audio) >= MAX_PART_MS * BYTES_PER_MS:
            self._decode(quietest_cut(self._audio, within_ms=_CUT_WITHIN_MS))

    def so_far(self) -> str:
        """Return the text of the parts that were decoded."""
        return " ".join(self._said)

    def decode_ahead(self, gives_up: Callable[[], bool]) -> None:
        """Decode what was fed if AHEAD_MS of silence are at its end; see Decoder. It counts if only silence follows."""
        if quiet_end_ms(self._audio) >= AHEAD_MS and self._known(self._audio) is None:
            text = self._text(bytes(self._audio), gives_up)
            self._ahead = None if text is None else (len(self._audio), text)

    def end(self) -> Decoded:
        """End the utterance, and return its text, without times."""
        self._decode(len(self._audio))
        text = self.so_far()
        if not text:
            return NOTHING
        return Decoded(text, is_unfinished=self._turns is not None and not self._turns.is_done(bytes(self._heard)))

    def drop(self) -> None:
        """Forget the utterance."""
        self._audio.clear()
        self._heard.clear()
        self._said.clear()
        self._ahead = None

    def _decode(self, size_bytes: int) -> None:
        part = bytes(self._audio[:size_bytes])
        del self._audio[:size_bytes]
        known, self._ahead = self._known(part), None
        if text := self._text(part) if known is None else known:
            self._said.append(text)

    def _text(self, part: bytes, gives_up: Callable[[], bool] = lambda: False) -> str | None:
        return self._model.text(part + _SILENCE_AFTER, gives_up) if voice_ms(part) >= MIN_VOICE_MS else ""

    def _known(self, part: bytes | bytearray) -> str | None:
        """Return the text that was decoded ahead if it is that of the part, and None otherwise."""
        if not self._ahead:
            return None
        size_bytes, text = self._ahead
        silent_ms = (len(part) - size_bytes) / BYTES_PER_MS
        return text if 0 <= silent_ms <= quiet_end_ms(part) else None


def repeats_itself(tokens: Sequence[int]) -> bool:
    """Return whether the end of the tokens is the same few, three times over and at least nine tokens long."""
    for length in range(1, _LONGEST_LOOP + 1):
        times = max(3, math.ceil(9 / length))
        end = tokens[-length * times :]
        if len(end) == length * times and all(end[i] == end[i % length] for i in range(len(end))):
            return True
    return False


def _tokens(data: bytes) -> list[bytes]:
    """Read `tokenizer.bin`: each token with its length before it, in one byte, or in two from 128 on."""
    tokens, place = [], 0
    while place < len(data):
        length = data[place]
        place += 1
        if length >= 128:
            length += data[place] * 128 - 128
            place += 1
        tokens.append(data[place : place + length])
        place += length
    return tokens
