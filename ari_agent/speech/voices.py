"""Which voices the synthesizer that is set up can speak with, as far as their ids tell. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ari_agent.speech.pronunciation import without_words
from ari_agent.speech.synthesizer import Voice
from ari_agent.speech.voice_name import VoiceRefused


def _any_name(voice_id: str | None) -> str | None:
    return voice_id


def _pronounces_all(_voice: Voice) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Voices:
    """The voices of one synthesizer.

    name_of: returns what the provider calls a voice, and raises VoiceRefused for one that is not its own. fallback:
    speaks for an agent whose voices are all refused; None: nobody does. unpronounceable: returns why a voice cannot
    pronounce the words of its dictionary as it says, or None.
    """

    name_of: Callable[[str | None], str | None] = _any_name
    fallback: str | None = None
    unpronounceable: Callable[[Voice], str | None] = _pronounces_all

    def refusal(self, voice_ids: Iterable[str | None]) -> str | None:
        """Return why neither these voices nor the fallback can speak, or None if one of them may.

        The text is about the first voice, and says which voices there are.
        """
        first: str | None = None
        for voice_id in (*voice_ids, *filter(None, [self.fallback])):
            try:
                self.name_of(voice_id)
            except VoiceRefused as refused:
                first = first or str(refused)
            else:
                return None
        return first

    def pronunciation_refusal(self, voice: Voice) -> str | None:
        """Return why a voice's pronunciations cannot be spoken by this synthesizer, or None. The text is for people."""
        if not voice.pronunciations:
            return None
        return without_words(voice.pronunciations) or self.unpronounceable(voice)
