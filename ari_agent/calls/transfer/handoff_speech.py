"""The messages of a warm transfer as speech, made while the target rings so that nobody waits for them."""

from __future__ import annotations

import contextlib
import logging

from ari_agent.calls.call_cost import SpeechUsage
from ari_agent.calls.dialogue.agent_settings import normalized_for, voice
from ari_agent.calls.dialogue.text_agent_leg import Speech
from ari_agent.contract.agent import Agent
from ari_agent.errors import SpeechFailed
from ari_agent.speech.sentences import Sentences
from ari_agent.speech.synthesizer import BYTES_PER_MS, Voice

log = logging.getLogger(__name__)


def handoff_voice(speech: Speech, agent: Agent) -> Voice:
    """Return the voice that speaks for an agent: its own, or where it has none that is set up here, any that is."""
    own = voice(agent, fallback=speech.voices.fallback)
    if speech.voices.refusal((own.voice_id, *own.fallback_voice_ids)) is None:
        return own
    return Voice(language=own.language)


async def synthesized(speech: Speech, agent: Agent, text: str, usage: SpeechUsage) -> bytes | None:
    """Return a message as speech, s16le at 16 kHz; None where it cannot be spoken, which is logged.

    usage: of the call; counts what was synthesised.
    """
    try:
        return await speech_of(speech, handoff_voice(speech, agent), text, usage, normalized_for(agent)) or None
    except SpeechFailed as error:
        log.warning("a message of a transfer cannot be spoken: %s", error)
        return None


async def speech_of(
    speech: Speech, speaker: Voice, text: str, usage: SpeechUsage, language: str | None = None
) -> bytes:
    """Return a text as speech, s16le at 16 kHz; empty where it has no words.

    usage: counts what was synthesised. language: in which numbers are spoken as words; see Sentence.
    Raises SpeechFailed: it cannot be spoken.
    """
    sentences = Sentences(language)
    pieces: list[bytes] = []
    for sentence in (*sentences.feed(text), *sentences.finish()):
        pieces.append(bytes(sentence.pause_ms * BYTES_PER_MS))
        if not sentence.text.strip():
            continue
        async with contextlib.aclosing(speech.synthesizer.speak(sentence.text, speaker)) as speaking:
            spoken = [piece async for piece in speaking]
        usage.characters += len(sentence.text) if any(not piece.is_from_memory for piece in spoken) else 0
        pieces += [piece.pcm for piece in spoken]
    return b"".join(pieces)
