"""What the recognizers of all network providers do alike: their endpoint, their key, their session, their calls."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import aiohttp

from ari_agent.endpoint import Endpoint, http_session
from ari_agent.errors import SpeechFailed, SpeechUnavailable
from ari_agent.speech.open_recognitions import OpenRecognitions
from ari_agent.speech.recognizer import Heard, ListeningOptions, Recognition
from ari_agent.speech.utterances import ListeningCall, Utterances

log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Provider:
    """Whose service it is.

    name: as people call it. domain: of its own hosts, which want a key. key_scheme: the first word of the header
    Authorization, before the key. key: "" for none. key_setting: the setting that holds it.
    """

    name: str
    domain: str
    key_scheme: str
    key_setting: str
    key: str = field(repr=False)

    @property
    def key_header(self) -> dict[str, str]:
        """The HTTP header that carries the key; empty without a key."""
        return {"Authorization": f"{self.key_scheme} {self.key}"} if self.key else {}


class NetworkRecognizer(ABC):
    """A Recognizer that uses a service over the network."""

    def __init__(self, endpoint: Endpoint, provider: Provider) -> None:
        self.endpoint = endpoint
        self._provider = provider
        self._http: aiohttp.ClientSession | None = None
        self._recognitions: OpenRecognitions[Utterances] = OpenRecognitions()

    async def start(self) -> None:
        """See Recognizer. A service that does not answer now may do so when somebody calls: that is logged.

        Raises:
            SpeechUnavailable: there is no key for the provider's own service, or the service refuses the key.
        """
        provider = self._provider
        if self.endpoint.is_of(provider.domain) and not provider.key:
            raise SpeechUnavailable(f"speech to text by {provider.name} needs a key: set {provider.key_setting}")
        self._http = http_session(self.endpoint.headers(provider.key_header))
        try:
            refused = await self._key_is_refused()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            log.warning("speech to text: %s does not answer yet (%s)", self.endpoint.host, type(error).__name__)
            return
        if refused:
            await self.close()
            raise SpeechUnavailable(f"{self.endpoint.host} refuses the key: check {provider.key_setting}")

    def open(
        self,
        options: ListeningOptions,
        on_heard: Callable[[Heard], None],
        on_failed: Callable[[SpeechFailed], None],
    ) -> Recognition:
        """Begin to listen to a call, as Recognizer.open says."""
        return self._recognitions.add(self._recognition(ListeningCall(options, on_heard, on_failed)))

    async def close(self) -> None:
        """Close all recognitions, then the HTTP session. Idempotent."""
        await self._recognitions.close()
        if self._http:
            await self._http.close()

    def _session(self) -> aiohttp.ClientSession:
        """Return the session, whose requests carry the key.

        Raises:
            SpeechFailed: the recognizer was not started.
        """
        if not self._http:
            raise SpeechFailed("speech to text was not started")
        return self._http

    @abstractmethod
    def _recognition(self, call: ListeningCall) -> Utterances:
        """Make the provider's recognition of one call, which the recognizer then owns and closes."""

    @abstractmethod
    async def _key_is_refused(self) -> bool:
        """Ask the service for something that costs little, and return whether it refuses the key.

        Raises:
            aiohttp.ClientError, TimeoutError, OSError: the service does not answer.
        """
