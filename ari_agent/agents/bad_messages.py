"""What becomes of an agent's messages that mean nothing: the one rule for both audio protocols. Pure.

Such a message is ignored and counted, and the call goes on, as it does behind Twilio (its warnings 31950 and 31951).
The first of a call is a warning in the log. The agent gets `{"event":"error",...}` for ANSWERS_AT_ONCE of them and then
for ANSWERS_PER_S, so that an agent that answers errors with nonsense does not keep both sides busy.
Endless garbage ends the call: more than BURST messages, and more than PER_S for as long as they go on.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from ari_agent.agents.token_bucket import TokenBucket

BURST: Final = 3000
"""Bad messages that an agent may send at once: a minute of 20 ms pieces that cannot be read."""
PER_S: Final = 100
"""Bad messages per second that an agent may send for ever: twice as many as it sends pieces of audio."""
ANSWERS_AT_ONCE: Final = 20
ANSWERS_PER_S: Final = 1


class Verdict(Enum):
    """What is to be done about a bad message, besides ignoring it."""

    ANSWER = "tell the agent what was wrong"
    IGNORE = "nothing"
    END = "end the call"


class BadMessages:
    """Counts and judges the bad messages of one connection. count: how many have come so far."""

    __slots__ = ("_answers", "_patience", "count")

    def __init__(self) -> None:
        self.count = 0
        self._patience = TokenBucket(BURST, PER_S)
        self._answers = TokenBucket(ANSWERS_AT_ONCE, ANSWERS_PER_S)

    def judge(self, now_s: float) -> Verdict:
        """Count one bad message, and return what is to be done about it. now_s: a clock that never goes back."""
        self.count += 1
        if self._patience.take(1, now_s):
            return Verdict.END
        if self._answers.has(1, now_s):
            self._answers.take(1, now_s)
            return Verdict.ANSWER
        return Verdict.IGNORE
