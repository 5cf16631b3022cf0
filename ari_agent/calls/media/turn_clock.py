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

Edges are found by the level, which takes noise behind the caller's voice for voice. So a turn brings along what was
heard last of the caller, where that is kept, for turn_voice.py, which tells voice from noise. Where the caller's sound
goes on while the agent begins, nothing else knows whether that is a turn.

Edges may come a little late and one side's before the other's, and an agent's may lie ahead (web calls, whose front end
plays what it has got). So a beginning is judged SETTLED_S after its time, when all that was before it is known.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from math import inf
from typing import Final

from ari_agent.media.sound import Sound

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
_SOUNDS: Final = 4  # that are kept, those of the latest utterances
_AHEAD_S: Final = 0.1  # what begins later has not begun yet


@dataclass(slots=True)
class _Utterance:
    began_s: float
    ended_s: float = inf  # while it goes on
    sound: Sound | None = None  # up to its end

    @property
    def is_speech(self) -> bool:
        return self.ended_s - self.began_s >= SHORTEST_S


@dataclass(frozen=True, slots=True)
class _Beginning:
    at_s: float
    spoke_until_s: float  # when the agent had spoken before
    sound: Sound | None  # of the caller up to then, where it goes on


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard of the caller before an answer. ended_s: when its level fell; inf where it has not.

    sound: what it was, to be told from noise; None where that is not known.
    """

    ended_s: float
    sound: Sound | None


@dataclass(frozen=True, slots=True)
class Turn:
    """An agent that begins to speak, and what it may have answered.

    began_s: when it began. spoke_until_s: when it had spoken before. since_s: what the caller said until then is not
    to be answered. heard: of the caller, the latest first; not empty.
    """

    began_s: float
    spoke_until_s: float
    since_s: float
    heard: Sequence[Heard]

    @property
    def waited_s(self) -> float | None:
        """Return how long the caller waited as the level has it, in seconds; None where that is no turn."""
        return self.waited_since_s(self.heard[0].ended_s)

    def waited_since_s(self, ended_s: float) -> float | None:
        """Return how long a caller whose voice ended then has waited, in seconds; None where that is no turn."""
        if not self.since_s < ended_s <= self.began_s:
            return None
        is_answer = self.spoke_until_s - ended_s <= OVERTALK_S and self.began_s - ended_s <= ANSWER_WITHIN_S
        return self.began_s - ended_s if is_answer else None


class TurnClock:
    """Measures the turns of one call. Every time is in seconds of the same clock."""

    def __init__(self) -> None:
        self._utterances: deque[_Utterance] = deque(maxlen=_KEPT)
        self._beginnings: deque[_Beginning] = deque()  # of the agent, not judged yet
        self._spoke_until_s = -inf  # when the agent's latest sound ended
        self._answered_s = -inf  # what the caller said before is answered, or is to be answered no more
        self._is_paused = False
        self._turns: list[Turn] = []  # not told yet

    @property
    def is_open(self) -> bool:
        """Whether the caller has spoken, is silent, and waits for an answer."""
        if self._is_paused or not self._utterances or self._utterances[-1].ended_s == inf:
            return False
        return any(said.is_speech and said.ended_s > self._answered_s for said in self._utterances)

    @property
    def hears_caller(self) -> bool:
        """Whether there is sound of the caller at this moment."""
        return bool(self._utterances) and self._utterances[-1].ended_s == inf

    def caller(self, speaks: bool, at_s: float, sound: Sound | None = None) -> None:
        """Take note that the caller's sound begins or stops; of the two, the beginning comes first.

        sound: what was heard up to the end, where it stops and that is known.
        """
        last = self._utterances[-1] if self._utterances else None
        if speaks and (last is None or last.ended_s <= self._answered_s or at_s - last.ended_s >= PAUSE_S):
            self._utterances.append(_Utterance(at_s))
            for old in islice(reversed(self._utterances), _SOUNDS, None):
                old.sound = None
        elif last is not None:
            last.ended_s = inf if speaks else at_s
            last.sound = sound or last.sound

    def agent(self, speaks: bool, at_s: float, sound: Sound | None = None) -> None:
        """Take note that the agent's sound begins or stops at the caller, which may lie ahead.

        sound: what is heard of the caller while it begins, where `hears_caller` and that is known.
        """
        if not speaks:
            self._spoke_until_s = at_s
        elif at_s - self._spoke_until_s >= AGENT_PAUSE_S:
            is_now = sound is not None and at_s - sound.ended_s <= _AHEAD_S
            self._beginnings.append(_Beginning(at_s, self._spoke_until_s, sound if is_now else None))

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
        self._answered_s = now_s
        is_heard = self.hears_caller
        self._utterances.clear()
        if is_heard:
            self._utterances.append(_Utterance(now_s))

    def settle(self, now_s: float) -> Sequence[Turn]:
        """Return the turns that were not told before, in order.

        To be called about once a second, and with infinity at the end of the call.
        """
        self._judge_until(now_s - SETTLED_S)
        turns, self._turns = self._turns, []
        return turns

    def _judge_until(self, at_s: float) -> None:
        while self._beginnings and self._beginnings[0].at_s <= at_s:
            self._judge(self._beginnings.popleft())

    def _judge(self, beginning: _Beginning) -> None:
        began_s, since_s = beginning.at_s, self._answered_s
        before = [said for said in self._utterances if said.began_s < began_s and said.is_speech]
        if self._is_paused or not before:
            return
        latest = before[-1]
        if latest.ended_s <= since_s or (latest.ended_s > began_s and beginning.sound is None):
            return
        self._answered_s = began_s
        heard = [Heard(said.ended_s, said.sound) for said in reversed(before) if since_s < said.ended_s <= began_s]
        if latest.ended_s > began_s:
            heard.insert(0, Heard(inf, beginning.sound))
        turn = Turn(began_s, beginning.spoke_until_s, since_s, heard[:_SOUNDS])
        if turn.waited_s is not None or latest.ended_s > began_s:
            self._turns.append(turn)
        for said in before:
            if said.ended_s <= began_s:
                said.sound = None
