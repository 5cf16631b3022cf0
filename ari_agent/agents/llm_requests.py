"""What a text agent was asked, and which of its pieces are still wanted. Pure; the same for calls and chats.

Source: Retell, "LLM WebSocket" (2026-08).

    await_opening ──▶ answer 0 ─┐          a piece of the answer        ──▶ Speech
    ask ──▶ answer 1, 2, 3 … ───┴─ open ── its content is complete      ──▶ Speech(complete), no longer open
                                     │     a newer request, cut         ──▶ what still comes of it is dropped
    a piece of an unknown agent_interrupt  ──▶ Speech(cuts_in): the open answer is dropped, the interruption is open

Only the newest request is answered, and only until its content is complete; what is older or was never asked is
dropped. An interruption comes unasked; pieces with the same id continue it, another id replaces it.

An action (hang up, transfer, press digits) is done once the content it came with has been spoken: `spoken` returns it.
Whoever cuts the agent off, newer requests included, cancels the action for good. Each answer or interruption is a turn
with a number that grows: a late report that an older turn was heard cannot set off the action of a newer one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ari_agent.agents.llm import Action, EndCall, GoOn, LlmInterrupt, LlmResponse, PressDigits, TransferTo

OPENING: Final = 0
"""The response_id of what the agent says before it is asked anything."""
LONGEST_TEXT: Final = 16_384
"""Characters of one turn, a quarter of an hour of speech; what is beyond is cut."""
_CUT_INTERRUPTIONS: Final = 100
"""How many ids of interruptions that were cut off before their end are remembered."""
_PRECEDENCE: Final[Sequence[type[Action]]] = (EndCall, TransferTo, PressDigits, GoOn)


@dataclass(frozen=True, slots=True)
class Speech:
    """A piece of what the agent says, in order.

    turn: one number for all pieces of one answer or interruption; grows. text: may be empty. complete: the last piece.
    may_be_last: the server does not say whether more comes; `Requests.complete` is for whoever takes it that none does.
    no_interruption: the user cannot cut the agent off from here to the end of the turn.
    cuts_in: whoever is talking is cut off now; only in an interruption's first piece.
    response_id or interrupt_id: which answer or interruption it belongs to.
    """

    turn: int
    text: str
    complete: bool
    no_interruption: bool = False
    cuts_in: bool = False
    response_id: int | None = None
    interrupt_id: int | None = None
    may_be_last: bool = False


class _Turn:
    def __init__(self, number: int, *, response_id: int | None = None, interrupt_id: int | None = None) -> None:
        self.number = number
        self.response_id, self.interrupt_id = response_id, interrupt_id
        self.action: Action | None = None
        self._room = LONGEST_TEXT
        self._no_interruption = False

    def add(self, message: LlmResponse | LlmInterrupt, *, cuts_in: bool = False) -> Speech:
        text = message.content[: self._room]
        self._room -= len(text)
        self._no_interruption |= bool(message.no_interruption_allowed)
        self.action = _first_of(self.action, message.action)
        return Speech(
            self.number,
            text,
            bool(message.content_complete),
            self._no_interruption,
            cuts_in,
            self.response_id,
            self.interrupt_id,
            may_be_last=message.content_complete is None,
        )


class Requests:
    """The requests to one call's or chat's text agent, numbered from 1 on, reminders among them."""

    def __init__(self) -> None:
        self._last_id = OPENING
        self._last_turn = 0
        self._answer: _Turn | None = None
        self._interruption: _Turn | None = None
        self._cut_interruptions: deque[int] = deque(maxlen=_CUT_INTERRUPTIONS)
        self._unspoken: _Turn | None = None  # the last turn, complete, whose end was not heard yet

    @property
    def open_id(self) -> int | None:
        """Return the id of the request whose answer is not complete; None when no answer is awaited. OPENING counts."""
        return self._answer.response_id if self._answer else None

    @property
    def is_open(self) -> bool:
        """Return whether more may come of an answer or an interruption: no time for another request or a reminder."""
        return self._answer is not None or self._interruption is not None

    def await_opening(self) -> None:
        """Expect the agent to begin, with an answer to OPENING."""
        self._answer = self._begin(response_id=OPENING)

    def ask(self) -> int:
        """Return the id of a new request; the one before it, and its action, are dropped."""
        self._last_id += 1
        self._answer = self._begin(response_id=self._last_id)
        return self._last_id

    def take(self, message: LlmResponse | LlmInterrupt) -> Speech | None:
        """Return the speech of a message, or None when nobody wants it any more."""
        if isinstance(message, LlmInterrupt):
            return self._interrupted(message)
        turn = self._answer
        if turn is None or message.response_id != turn.response_id:
            return None
        if message.content_complete:
            self._answer, self._unspoken = None, turn
        return turn.add(message)

    def complete(self, turn: int) -> None:
        """Take this turn as complete, because its server has not said whether more comes."""
        if self._answer is not None and self._answer.number == turn:
            self._answer, self._unspoken = None, self._answer
        elif self._interruption is not None and self._interruption.number == turn:
            self._interruption, self._unspoken = None, self._interruption

    def spoken(self, turn: int) -> Action | None:
        """Return the action to do now that this turn was heard, once; None when there is none.

        To be called when all of the turn was heard, or when there was nothing to hear in it.
        """
        if self._unspoken is None or self._unspoken.number != turn:
            return None
        action, self._unspoken = self._unspoken.action, None
        return action

    def cut(self) -> None:
        """Drop what still comes of the open answer or interruption, and its action: the user cuts the agent off."""
        self._answer = self._unspoken = None
        self._drop_interruption()

    def _begin(self, *, response_id: int | None = None, interrupt_id: int | None = None) -> _Turn:
        self._last_turn += 1
        self._unspoken = None
        return _Turn(self._last_turn, response_id=response_id, interrupt_id=interrupt_id)

    def _interrupted(self, message: LlmInterrupt) -> Speech | None:
        number, turn = message.interrupt_id, self._interruption
        if number in self._cut_interruptions:
            if message.content_complete:
                self._cut_interruptions.remove(number)  # an agent may use the same id again
            return None
        cuts_in = turn is None or turn.interrupt_id != number
        if turn is None or cuts_in:
            self._drop_interruption()
            self._answer = None
            turn = self._interruption = self._begin(interrupt_id=number)
        if message.content_complete:
            self._interruption, self._unspoken = None, turn
        return turn.add(message, cuts_in=cuts_in)

    def _drop_interruption(self) -> None:
        if self._interruption is not None and self._interruption.interrupt_id is not None:
            self._cut_interruptions.append(self._interruption.interrupt_id)
        self._interruption = None


def _first_of(one: Action | None, other: Action | None) -> Action | None:
    """Return the action of a turn that has two: the one that comes first in _PRECEDENCE, or else the first."""
    if one is None or other is None:
        return one or other
    return min(one, other, key=lambda action: _PRECEDENCE.index(type(action)))
