"""What agents with an audio websocket have in common on a call's side: one socket, its counters, its end."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable

from ari_agent.agents.audio_socket import AudioSocket
from ari_agent.calls.call_cost import SpeechUsage
from ari_agent.calls.media.call_latency import CallLatency, Detector
from ari_agent.calls.media.call_media import AgentFailed, AgentHungUp, LatencyMeasured, MediaEvent, MediaSpec
from ari_agent.calls.media.voice_ends import VoiceEnds
from ari_agent.contract.call import Latency
from ari_agent.endpoint import without_secret
from ari_agent.errors import AgentError


class SocketLeg(ABC):
    """The base of the agent's side of a call whose audio goes over a websocket. See AgentLeg."""

    _socket: AudioSocket

    def __init__(
        self,
        spec: MediaSpec,
        on_event: Callable[[MediaEvent], None],
        *,
        voice_ends: VoiceEnds | None = None,
        secret: str = "",
    ) -> None:
        """secret: is not told, where the agent's server repeats it in what it closes or refuses with; "" for none."""
        self._spec, self._on_event, self.voice_ends, self._secret = spec, on_event, voice_ends, secret
        self.usage = SpeechUsage()
        self._latency = CallLatency(lambda *measured: on_event(LatencyMeasured(*measured)))
        self._talking: asyncio.Task[None] | None = None
        self._gone = False  # whatever the agent does from then on is no news
        self._unknown = 0

    def __repr__(self) -> str:
        return repr(self._socket)

    @property
    def is_open(self) -> bool:
        """Whether the agent's websocket is open."""
        return self._socket.is_open

    @property
    def messages_in(self) -> int:
        """How many messages the agent has sent. See AudioSocket."""
        return self._socket.messages_in

    @property
    def messages_out(self) -> int:
        """How many messages were sent to the agent. See AudioSocket."""
        return self._socket.messages_out

    @property
    def ignored(self) -> int:
        """How many of the agent's messages named an unknown event, or could not be understood."""
        return self._unknown + self._socket.bad_messages

    @property
    def audio_dropped(self) -> int:
        """How many pieces of the caller's audio were given up because the agent did not read. See AudioSocket."""
        return self._socket.audio_dropped

    @property
    def latency(self) -> Latency | None:
        """How long the caller waited for the agent's answers, and a ping for its pong; None where nothing is known."""
        return self._latency.report()

    def turn_found(self, waited_ms: float | None, detector: Detector, began_s: float) -> None:
        """Count a turn, because nobody else knows of an audio agent's. See AgentLeg."""
        ago_ms = max(0.0, (asyncio.get_running_loop().time() - began_s) * 1000)
        self._latency.turn_found(waited_ms, detector, ago_ms=ago_ms)

    def dial(self) -> None:
        """Start dialling the agent; AgentReady or AgentFailed follows. Idempotent."""
        if self._talking is None and not self._gone:
            self._talking = asyncio.get_running_loop().create_task(self._talk(), name=f"agent of {self._spec.call_id}")

    async def close(self) -> None:
        """Tell the agent that the call is over and close its websocket; no event follows. Idempotent."""
        self._gone = True
        if self._talking is None:
            return
        if not self._socket.is_open:
            self._talking.cancel()
        await self._socket.close()
        self._talking.cancel()  # it may wait for a loss, which does not come any more
        await asyncio.wait([self._talking])

    @abstractmethod
    async def _talk(self) -> None:
        """Dial the agent, and wait until its websocket is gone, for good. Is cancelled by `close`."""

    def _hung_up(self, q850_cause: int) -> None:
        if not self._gone:
            self._gone = True
            self._on_event(AgentHungUp(q850_cause))

    def _failed(self, error: AgentError) -> None:
        if not self._gone:
            self._gone = True
            self._on_event(AgentFailed(error.disconnection_reason, without_secret(str(error), self._secret)))
