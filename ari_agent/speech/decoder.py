"""What an engine of speech to text offers to the process that it runs in. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias


@dataclass(frozen=True, slots=True)
class Decoded:
    """The words of an utterance. text: "" where none was understood.

    is_unfinished: the voice sounds as if more were to come.
    words: each with its start and end in ms from the beginning of the utterance; empty where the engine tells no times.
    """

    text: str
    words: tuple[tuple[str, int, int], ...] = ()
    is_unfinished: bool = False


NOTHING = Decoded("")


class Decoder(Protocol):
    """Recognises one utterance after the other; each is one `begin`, any number of `feed`, one `end` or `drop`."""

    def begin(self) -> None:
        """Begin an utterance, of which nothing of the one before is left."""

    def feed(self, pcm: bytes) -> None:
        """Take audio of whole samples: signed 16-bit little-endian, mono, 16 kHz."""

    def so_far(self) -> str:
        """Return the text so far, which may change altogether with more audio; "" where there is none yet."""

    def decode_ahead(self, gives_up: Callable[[], bool]) -> None:
        """Do what `end` would have to do, if the utterance seems to end here; called where there is nothing else to do.

        It is lost where the utterance goes on. gives_up: is asked now and then; where it returns True, there is
        something else to do after all, and the work is left undone.
        """

    def end(self) -> Decoded:
        """End the utterance, and return all of it."""

    def drop(self) -> None:
        """End the utterance, of which nothing is wanted any more."""


DecoderMaker: TypeAlias = Callable[[], Decoder]
"""Makes decoders that share a model, one for each utterance that is heard at the same time."""
