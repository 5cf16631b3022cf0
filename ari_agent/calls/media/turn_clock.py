"""How long an agent lets its caller wait: from the end of the caller's speech to the first sound of the answer. Pure.

    caller    ######  ####..................
    agent     ....................##########      # is speech, as media/speech_edges.py finds it
                         └── one turn ──┘

A turn is measured where the agent begins to speak after the caller has spoken and fallen silent. None is:

| what happens                                                     | why                                              |
|------------------------------------------------------------------|--------------------------------------------------|
| the agent speaks first, or speaks again                          | nobody has spoken since it spoke last            |
| it begins while the caller speaks                                | it does not answer, it interrupts                |
| it speaks on for over OVERTALK_S after the caller's end          | the caller said "uh huh", and it need not answer |
| the caller presses a key after speaking                          | it answers the key                               |
| the caller is on hold or away, an answering machine has answered | what is heard is no caller                       |
| what is heard of the caller is shorter than SHORTEST_S           | a click or a cough                               |
| it begins over ANSWER_WITHIN_S after the caller's end            | it does not answer, it asks who is there         |

A caller who interrupts, and makes the agent stop, is answered by what the agent says next.

Edges may come a little late and one side's before the other's, and an agent's may lie ahead (web calls, whose front end
plays what it has got). So a beginning is judged SETTLED_S after its time, when all that was before it is known.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Final

SHORTEST_S: Final = 0.1
"""Sound of the caller's that is shorter is no speech."""
PAUSE_S: Final = 0.3
"""A pause within what the caller says, in which it stays one utterance."""
AGENT_PAUSE_S: Final = 0.2
"""After a shorter pause the agent goes on speaking; after a longer one it begins."""
OVERTALK_S: Final = 0.5
"""An agent that is interrupted falls silent within this time."""
ANSWER_WITHIN_S: Final = 30.0
"""What is said later is no answer."""
SETTLED_S: Final = 0.3
"""All edges before a moment are known so much later."""

_KEPT: Final = 32  # utterances; one is judged within a second, or within what a front end has to play


@dataclass(slots=True)
class _Utterance:
    began_s: float
    ended_s: float = inf  # while it goes on

    @property
    def is_speech(self) -> bool:
        return self.ended_s - self.began_s >= SHORTEST_S


@dataclass(frozen=True, slots=True)
class _Beginning:
    at_s: float
    spoke_until_s: float  # when the agent had spoken before


class TurnClock:
    """Measures the turns of one call. Every time is in seconds of the same clock."""

    def __init__(self) -> None:
        self._utterances: deque[_Utterance] = deque(maxlen=_KEPT)
        self._beginnings: deque[_Beginning] = deque()  # of the agent, not judged yet
        self._spoke_until_s = -inf  # when the agent's latest sound ended
        self._answered_s = -inf  # what the caller said before is answered, or is to be answered no more
        self._is_paused = False
        self._turns: list[float] = []  # not told yet

    @property
    def is_open(self) -> bool:
        """Whether the caller has spoken, is silent, and waits for an answer."""
        if self._is_paused or not self._utterances or self._utterances[-1].ended_s == inf:
            return False
        return any(said.is_speech and said.ended_s > self._answered_s for said in self._utterances)

    def caller(self, speaks: bool, at_s: float) -> None:
        """Take note that the caller's sound begins or stops; of the two, the beginning comes first."""
        last = self._utterances[-1] if self._utterances else None
        if speaks and (last is None or last.ended_s <= self._answered_s or at_s - last.ended_s >= PAUSE_S):
            self._utterances.append(_Utterance(at_s))
        elif last is not None:
            last.ended_s = inf if speaks else at_s

    def agent(self, speaks: bool, at_s: float) -> None:
        """Take note that the agent's sound begins or stops at the caller, which may lie ahead."""
        if not speaks:
            self._spoke_until_s = at_s
        elif at_s - self._spoke_until_s >= AGENT_PAUSE_S:
            self._beginnings.append(_Beginning(at_s, self._spoke_until_s))

    def agent_cleared(self, now_s: float) -> None:
        """Take note that the agent's sound that lies ahead is not heard, because it was taken back."""
        while self._beginnings and self._beginnings[-1].at_s > now_s:
            self._spoke_until_s = self._beginnings.pop().spoke_until_s
        self._spoke_until_s = min(self._spoke_until_s, now_s)

    def key_pressed(self, now_s: float) -> None:
        """Take note that the caller pressed a key: the agent answers that, and not what was said before."""
        self._judge_until(now_s)
        self._answered_s = now_s

    def pause(self, now_s: float) -> None:
        """Measure nothing until `resume`, because it is no caller who is heard. Idempotent."""
        self._judge_until(now_s)
        self._is_paused = True

    def resume(self, now_s: float) -> None:
        """Measure what the caller says from now on; what was said before is not to be answered any more."""
        self._judge_until(now_s)
        self._is_paused = False
        is_heard = bool(self._utterances) and self._utterances[-1].ended_s == inf
        self._utterances.clear()
        if is_heard:
            self._utterances.append(_Utterance(now_s))

    def settle(self, now_s: float) -> Sequence[float]:
        """Return how long the caller waited for each answer, in seconds, that was not told before.

        To be called about once a second, and with infinity at the end of the call.
        """
        self._judge_until(now_s - SETTLED_S)
        turns, self._turns = self._turns, []
        return turns

    def _judge_until(self, at_s: float) -> None:
        while self._beginnings and self._beginnings[0].at_s <= at_s:
            self._judge(self._beginnings.popleft())

    def _judge(self, beginning: _Beginning) -> None:
        began_s = beginning.at_s
        before = [said for said in self._utterances if said.began_s < began_s and said.is_speech]
        if self._is_paused or not before:
            return
        ended_s = before[-1].ended_s
        if not self._answered_s < ended_s <= began_s:
            return
        self._answered_s = began_s
        if beginning.spoke_until_s - ended_s <= OVERTALK_S and began_s - ended_s <= ANSWER_WITHIN_S:
            self._turns.append(began_s - ended_s)
