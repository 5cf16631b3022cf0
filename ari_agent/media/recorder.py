"""The recording of one call: two sides on one time axis, as stereo audio, piece by piece. Pure, without a clock.

    caller's audio, as the agent gets it ──▶ left  ─┐
                                                    ├─▶ write(stereo), about 25 frames at a time
    agent's frames, as the caller gets them ▶ right ┘

A frame is only put on its side's list; whoever calls says now and then where on the axis each side ends, and what is
complete on both is given away. The axis begins with the answer; a unit is 1/8000 s.

While a transfer's target is on the line in the caller's place, its audio is mixed into the agent's side.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final

import numpy as np
import numpy.typing as npt

from ari_agent.media.audio import ULAW, SampleFormat, mix

GIVE_EACH_S: Final = 0.5
"""How often a call's audio is given away. With what the spool waits, a crash takes no more than the last second."""

_ROUNDING_UNITS: Final = 8  # ends are times in seconds: less than this is no gap


class HeardParty(Enum):
    """Whose audio comes in from the line."""

    CALLER = "caller"
    TARGET = "target"


def _drop(stereo: bytes) -> None:
    """Record nothing of this piece."""


class Recorder:
    """Records one call.

    hear_caller, hear_agent: take the next piece of either side, of any length, in the format of the line; they keep it
    as it is, and nobody may change it.
    """

    def __init__(self, write: Callable[[bytes], None], *, of: SampleFormat = ULAW, agent_only: bool = False) -> None:
        """write: takes stereo audio, the caller left, in samples of `of`; must not wait. of: the format of the line.

        agent_only: the caller's channel is silent, and what a transfer's target says is left out.
        """
        self._write, self._of, self._agent_only = write, of, agent_only
        self._unit_bytes = of.unit_bytes
        self._narrow, self._wide, self._bits = ("u1", "<u2", 8) if of is ULAW else ("<u2", "<u4", 16)
        self._caller, self._agent = bytearray(), bytearray()  # from self._written on
        self._new_of_caller: list[bytes] = []  # and behind that; to append to a list costs the least for each frame
        self._new_of_agent: list[bytes] = []
        self.hear_caller: Callable[[bytes], None] = self._new_of_caller.append
        self.hear_agent: Callable[[bytes], None] = self._new_of_agent.append
        self._written = 0  # units of the axis
        self._party = HeardParty.CALLER
        self._paused = self._caller_left_out = False

    @property
    def agent_end(self) -> int:
        """Return where the agent's side ends, in units since the answer."""
        self._gather()
        return self._written + len(self._agent) // self._unit_bytes

    @property
    def paused(self) -> bool:
        """Return whether silence is recorded in place of both sides."""
        return self._paused

    def pass_time(self, units: int) -> None:
        """Note that nothing is sent to the caller for so long."""
        self.hear_agent(self._of.silence * units)

    def flush(self, caller_end: int | None, agent_end: int | None = None) -> None:
        """Give away what is complete on both sides.

        caller_end: where the caller's side ends, in units since the answer: what is missing there came before all that
        was heard since the last flush. None: the caller is silent up to where the agent's side ends. agent_end: the
        same of the agent's side; None where `pass_time` tells all of it.
        """
        self._gather()
        if agent_end is not None:
            self._fill(self._agent, agent_end)
        self._fill(self._caller, self.agent_end if caller_end is None else caller_end)
        self._give(min(len(self._caller), len(self._agent)))

    def _gather(self) -> None:
        for side, new in ((self._caller, self._new_of_caller), (self._agent, self._new_of_agent)):
            if new:
                side.extend(b"".join(new))
                new.clear()

    def _fill(self, side: bytearray, end: int) -> None:
        missing = end - self._written - len(side) // self._unit_bytes
        if missing >= _ROUNDING_UNITS:
            side[:0] = self._of.silence * missing

    def close(self, caller_end: int | None, agent_end: int | None = None) -> None:
        """Give away all that there is: the shorter side is silent at its end. See flush."""
        self.flush(caller_end, agent_end)
        for side, other in ((self._caller, self._agent), (self._agent, self._caller)):
            side.extend(self._of.silence * (max(0, len(other) - len(side)) // self._unit_bytes))
        self._give(len(self._agent))

    def pause(self, paused: bool) -> None:
        """Record silence from the last flush on, or end that. What waits counts as silence either way."""
        self._paused = True
        self._silence_waiting()
        self._paused = paused

    def leave_out_caller(self, left_out: bool) -> None:
        """Record silence on the caller's side from the last flush on, or end that, but for `agent_only`.

        What waits on that side counts as silence either way.
        """
        self._caller_left_out = left_out
        self._gather()
        self._caller[:] = self._of.silence * (len(self._caller) // self._unit_bytes)

    def stop(self) -> None:
        """Record nothing more from the last flush on: there the recording ends."""
        self._write = _drop

    @property
    def is_stopped(self) -> bool:
        """Return whether nothing more is recorded."""
        return self._write is _drop

    def heard_is(self, party: HeardParty) -> None:
        """Take what comes in from the last flush on for this party's."""
        self._party = party

    def _silence_waiting(self) -> None:
        self._gather()
        for side in (self._caller, self._agent):
            side[:] = self._of.silence * (len(side) // self._unit_bytes)

    def _give(self, size: int) -> None:
        size -= size % self._unit_bytes
        if not size:
            return
        left, right = self._caller[:size], self._agent[:size]
        del self._caller[:size]
        del self._agent[:size]
        self._written += size // self._unit_bytes
        if self._paused or self._agent_only or self._caller_left_out or self._party is HeardParty.TARGET:
            left, right = self._kept(left, right)
        self._write(self._interleaved(left, right))

    def _kept(self, left: bytearray, right: bytearray) -> tuple[bytearray, bytearray]:
        """Return what is recorded of both sides where it is not both as they are."""
        silence = bytearray(self._of.silence * (len(left) // self._unit_bytes))
        if self._paused:
            return silence, silence
        if self._agent_only or self._caller_left_out:
            return silence, right
        return silence, bytearray(mix(bytes(left), bytes(right), self._of))

    def _interleaved(self, left: bytearray, right: bytearray) -> bytes:
        """Return both sides sample by sample, each pair as one number of twice the width: five times as fast."""
        pairs: npt.NDArray[np.unsignedinteger] = np.frombuffer(right, self._narrow).astype(self._wide)
        pairs <<= self._bits
        pairs |= np.frombuffer(left, self._narrow)
        return pairs.tobytes()
