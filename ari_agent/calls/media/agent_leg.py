"""The agent's side of a call's media, whatever kind of agent it is: what MediaSession and WebMedia need of it.

| who                     | file               | what reaches the agent                     |
|-------------------------|--------------------|--------------------------------------------|
| an audio agent          | audio_agent_leg.py | the caller's audio, on its own websocket   |
| a text agent            | text_agent_leg.py  | what the caller says, as text              |

Each takes the caller's audio as it wants it (`encoding`, `rate_hz`) and gives its own back in the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from ari_agent.calls.media.call_media import MediaEvent, MediaSpec
from ari_agent.contract.call import Latency
from ari_agent.contract.call_control import TransferOutcome, VoicemailNotice
from ari_agent.contract.call_update import CallControl


class CallerOutput(Protocol):
    """Where the agent's sound goes: the caller's side of the call."""

    def play(self, payload: bytes) -> None:
        """Agent audio, in the agent's encoding."""

    def mark(self, name: str) -> bool:
        """A place in the audio that is to be told when it was heard. False: too many wait already."""

    def clear(self) -> Sequence[str]:
        """Drop agent audio that was not heard yet; the names of the marks that were waiting for it."""

    def tell(self, event: str, message: bytes) -> None:
        """`update` or `metadata` for the user's screen, as JSON text."""

    @property
    def shows_updates(self) -> bool:
        """There is a screen that wants `update`."""


class AgentLeg(Protocol):
    """One call's agent. Everything happens in the event loop's thread.

    encoding, rate_hz: of the audio both ways: `mulaw` at 8000 Hz or `s16le` at 8000..48000 Hz.
    hear: takes the caller's audio in it, 20 ms at a time; never waits. An attribute, so that it costs one call.
    ignored: messages of no meaning. audio_dropped: pieces of the caller's audio that the agent did not take.
    """

    encoding: str
    rate_hz: int
    hear: Callable[[bytes], None]
    ignored: int

    @property
    def is_open(self) -> bool:
        """The agent is there and can be told things."""

    @property
    def messages_in(self) -> int:
        """What it has said, in messages."""

    @property
    def messages_out(self) -> int:
        """What it was told, in messages."""

    @property
    def audio_dropped(self) -> int:
        """See above."""

    @property
    def latency(self) -> Latency | None:
        """How long its turns took, as far as that is known here."""

    def dial(self) -> None:
        """Start dialling; AgentReady or AgentFailed follows. Idempotent."""

    def start(self) -> None:
        """The caller is there: audio flows from now on. Idempotent."""

    def pause(self) -> None:
        """The caller is on hold, or away in a transfer; silence is heard meanwhile."""

    def resume(self) -> None:
        """The caller is back."""

    def dtmf(self, digit: str, duration_ms: int) -> None:
        """The caller pressed a key; the agent hears of it unless its settings say otherwise."""

    def marks_played(self, names: Sequence[str]) -> None:
        """These marks were heard, or cleared."""

    def call_control(self, control: CallControl) -> None:
        """Tell the agent what the API asks of it."""

    def transfer_result(self, outcome: TransferOutcome) -> None:
        """Tell the agent how its transfer ended."""

    def voicemail(self, notice: VoicemailNotice) -> None:
        """Tell the agent that a machine has answered, or that its greeting is over."""

    def control_error(self, event: str, message: str) -> None:
        """Tell the agent that a request cannot be done. event: `transfer`, `dtmf`, `hangup` or `update`."""

    async def close(self) -> None:
        """Say goodbye and be gone; no event follows. Idempotent."""


NewAgentLeg: TypeAlias = Callable[[MediaSpec, CallerOutput, Callable[[MediaEvent], None]], AgentLeg]
"""Makes the agent's side of one call, of the kind that the specification's engine is."""
