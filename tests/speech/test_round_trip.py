"""What one side says, the other understands: text, flite, a grammar, text."""

from __future__ import annotations

import pytest

from ari_agent.speech.providers import SpeechSettings, recognizer, synthesizer
from ari_agent.speech.synthesizer import Voice
from tests.fakes import flite
from tests.speech.speaking import MS_BYTES, Ear, say
from tests.speech.spoken import whole

pytestmark = pytest.mark.slow

pytest.importorskip("pocketsphinx")


async def test_what_flite_says_a_grammar_understands() -> None:
    settings = SpeechSettings(speech_to_text="grammar", text_to_speech="flite", flite=flite.program())
    ears, mouth = recognizer(settings), synthesizer(settings)
    assert ears and mouth
    await ears.start()
    try:
        await mouth.start()
        ear = Ear()
        listening = ear.listen(ears)
        texts = ["Transfer me to an agent.", "No, thank you.", "Repeat that!"]
        for text in texts:
            speech = await whole(mouth.speak(text, Voice("flite-rms")))
            await say(listening, bytes(300 * MS_BYTES) + speech.pcm + bytes(500 * MS_BYTES))
        assert await ear.finals_of(3) == ["transfer me to an agent", "no thank you", "repeat that"]
        await listening.close()
    finally:
        await mouth.close()
        await ears.close()
