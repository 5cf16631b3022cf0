"""What the synthesizers of all network providers do alike: their endpoint, their key, their HTTP session."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator

import aiohttp

from ari_agent.endpoint import Endpoint, http_session
from ari_agent.speech.attempts import AttemptFailed, Attempts, Patience
from ari_agent.speech.synthesizer import Spoken, Voice


class NetworkSynthesizer(ABC):
    """A Synthesizer that uses a service. A provider adds `_attempt`, and `_hang_up` where it keeps connections."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        api_key: str | None,
        model: str,
        longest_chars: int = 1000,
        patience: Patience | None = None,
    ) -> None:
        """model: for voices without a model of this provider. longest_chars: of a text for one request."""
        self._endpoint = endpoint
        self._api_key = api_key
        self._model = model
        self._attempts = Attempts(self._attempt, longest_chars=longest_chars, patience=patience)
        self._http: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """See Synthesizer. The service is not asked: that may cost, and it may be back before the first call."""
        if self._http is None:
            self._http = http_session()

    def speak(self, text: str, voice: Voice) -> AsyncGenerator[Spoken, None]:
        """Speak a text, with further attempts where one fails; see Synthesizer.speak."""
        return self._attempts.speak(text, voice)

    async def close(self) -> None:
        """Close every connection; streams that are still open fail. Idempotent."""
        http, self._http = self._http, None
        await self._hang_up()
        if http:
            await http.close()

    @abstractmethod
    def _attempt(self, text: str, voice: Voice) -> AsyncGenerator[Spoken, None]:
        """Make one attempt to speak a text, as the type Attempt says."""

    async def _hang_up(self) -> None:
        """Close the connections that are kept open for the next text."""
        return

    def _session(self) -> aiohttp.ClientSession:
        """Return the open session.

        Raises:
            AttemptFailed: the synthesizer is closed.
        """
        if self._http is None:
            raise AttemptFailed("text to speech is closed", again=False)
        return self._http
