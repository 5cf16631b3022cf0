"""The agent's side of a call's media, whatever kind of agent it is: what the media half needs of it.

| who                     | file               | what reaches the agent                     |
|-------------------------|--------------------|--------------------------------------------|
| an audio agent          | audio_agent_leg.py | the caller's audio, on its own websocket   |
| a text agent            | text_agent_leg.py  | what the caller says, as text              |

Each takes the caller's audio as it wants it (`encoding`, `rate_hz`) and gives its own back in the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Protocol, TypeAlias

from ari_agent.agents.protocol import TellMessage
from ari_agent.calls.call_cost import SpeechUsage
from ari_agent.calls.media.call_latency import Detector
from ari_agent.calls.media.call_media import MediaEvent, MediaSpec, MessagePassed
from ari_agent.calls.media.commands import Command
from ari_agent.calls.media.voice_ends import VoiceEnds
from ari_agent.contract.call import Latency


class CallerOutput(Protocol):
    """Where the agent's sound goes: the caller's side of the call."""

    def play(self, payload: bytes) -> None:
        """Play agent audio, in the agent's encoding, after all that was handed over before."""

    def mark(self, name: str) -> bool:
        """Report by `marks_played` when all audio before was heard. False: too many marks wait already."""

    def clear(self) -> Sequence[str]:
        """Drop agent audio that was not heard yet; returns the names of the marks that were waiting for it."""

    def tell(self, event: str, message: bytes) -> None:
        """Show `update` or `metadata` on the user's screen. message: the whole message as JSON text."""

    def pause_recording(self, paused: bool) -> bool:
        """Record silence from now on, or end that. False: the call is not recorded."""

    def agent_is_away(self, away: bool) -> None:
        """Take note that the agent is lost and dialled again, or is there again.

        What it has said is played to its end; it is not waited for, and what it says next is another stream.
        """

    @property
    def shows_updates(self) -> bool:
        """Whether the user has a screen that asked for `update` messages."""


class AgentLeg(Protocol):
    """The agent's side of one call. Everything happens in the event loop's thread.

    encoding, rate_hz: of the audio both ways: `mulaw` at 8000 Hz or `s16le` at 8000..48000 Hz.
    hear: takes the caller's audio in that encoding, 20 ms at a time; never waits. An attribute, so that a frame costs
    one function call. usage: what the speech services have done for the call; it counts up.
    """

    encoding: str
    rate_hz: int
    hear: Callable[[bytes], None]
    usage: SpeechUsage

    @property
    def voice_ends(self) -> VoiceEnds | None:
        """What tells voice from noise before each turn; None where nothing does, or nobody wants to know of turns."""

    @property
    def ignored(self) -> int:
        """How many of the agent's messages were ignored, because they were unknown or could not be understood."""

    @property
    def is_open(self) -> bool:
        """Whether the agent is connected and can be told things."""

    @property
    def messages_in(self) -> int:
        """How many messages the agent has sent."""

    @property
    def messages_out(self) -> int:
        """How many messages were sent to the agent."""

    @property
    def audio_dropped(self) -> int:
        """How many pieces of the caller's audio were given up because the agent did not read."""

    @property
    def latency(self) -> Latency | None:
        """How long the agent's turns took; None where that is not known."""

    def turn_found(self, waited_ms: float | None, detector: Detector, began_s: float) -> None:
        """Take note that the caller waited so long for the agent's first sound, as the caller's side has measured.

        None: what the level took for a turn is none. detector: has found where the caller's speech ended. began_s: when
        the answer began, in seconds of the event loop's clock.
        """

    def dial(self) -> None:
        """Start dialling the agent; AgentReady or AgentFailed follows. Idempotent."""

    def start(self) -> None:
        """Let audio flow, because the caller is connected now. Idempotent."""

    def command(self, command: Command) -> None:
        """Obey a command, or ignore one that is not for this kind of agent."""

    def marks_played(self, names: Sequence[str]) -> None:
        """Take note that the audio before these marks was heard, or cleared."""

    async def close(self) -> None:
        """Close the connection to the agent and release everything; no event follows. Idempotent."""


NewAgentLeg: TypeAlias = Callable[[MediaSpec, CallerOutput, Callable[[MediaEvent], None]], AgentLeg]
"""Makes the agent's side of one call, of the kind that the specification's engine is."""


def message_teller(spec: MediaSpec, on_event: Callable[[MediaEvent], None], *, secret: str = "") -> TellMessage | None:
    """Return what tells the call of the messages on its agent's websocket; None where it does not want to know.

    secret: is not told, where the agent repeats it; "" for none.
    """
    if not spec.tells_messages:
        return None
    hidden = secret.encode()

    def tell(direction: Literal["sent", "received"], message: bytes, fault: str | None) -> None:
        if hidden and hidden in message:
            message = message.replace(hidden, b"***")
        on_event(MessagePassed(direction, message, fault))

    return tell
