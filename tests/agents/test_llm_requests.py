"""Which pieces of a text agent are spoken, and what is done after them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.agents.llm import Action, EndCall, LlmInterrupt, LlmResponse, PressDigits, TransferTo
from ari_agent.agents.llm_requests import LONGEST_TEXT, OPENING, Requests, Speech


def answer(response_id: int, content: str = "x", *, last: bool = False, **fields: Any) -> LlmResponse:
    return LlmResponse(response_id=response_id, content=content, content_complete=last, **fields)


def interruption(interrupt_id: int, content: str = "x", *, last: bool = False, **fields: Any) -> LlmInterrupt:
    return LlmInterrupt(interrupt_id=interrupt_id, content=content, content_complete=last, **fields)


def taken(requests: Requests, message: LlmResponse | LlmInterrupt) -> Speech:
    speech = requests.take(message)
    assert speech is not None
    return speech


def test_an_answer_is_taken_piece_by_piece_until_it_is_complete() -> None:
    requests = Requests()
    assert requests.ask() == 1
    assert requests.take(answer(1, "a")) == Speech(turn=1, text="a", complete=False, response_id=1)
    assert requests.take(answer(1, "b", last=True)) == Speech(turn=1, text="b", complete=True, response_id=1)
    assert not requests.is_open
    assert requests.take(answer(1, "late", last=True)) is None


def test_a_piece_that_does_not_say_whether_it_is_the_last_is_taken_as_it_by_whoever_decides_so() -> None:
    requests = Requests()
    requests.ask()
    piece = taken(requests, LlmResponse(response_id=1, content="a", end_call=True))
    assert (piece.complete, piece.may_be_last) == (False, True)
    open_ids = [requests.open_id]
    for turn in (piece.turn + 1, piece.turn):
        requests.complete(turn)
        open_ids.append(requests.open_id)
    assert open_ids == [1, 1, None]
    assert requests.spoken(piece.turn) == EndCall()
    cut_in = taken(requests, LlmInterrupt(interrupt_id=1, content="b"))
    requests.complete(cut_in.turn)
    assert not requests.is_open


@pytest.mark.parametrize("response_id", [-1, 0, 1, 3, 10**30])
def test_what_was_not_asked_last_is_dropped(response_id: int) -> None:
    requests = Requests()
    requests.await_opening()
    requests.ask()
    requests.ask()
    assert requests.take(answer(response_id)) is None
    assert requests.open_id == 2


def test_the_opening_is_awaited_once() -> None:
    requests = Requests()
    assert requests.take(answer(OPENING, last=True)) is None
    requests.await_opening()
    assert requests.is_open
    assert requests.open_id == OPENING
    taken(requests, answer(OPENING, "", last=True))
    assert requests.take(answer(OPENING, "again", last=True)) is None


def test_an_action_is_due_when_its_turn_was_heard_and_only_once() -> None:
    requests = Requests()
    requests.ask()
    speech = taken(requests, answer(1, "bye", last=True, end_call=True))
    assert requests.spoken(speech.turn - 1) is None
    assert requests.spoken(speech.turn) == EndCall()
    assert requests.spoken(speech.turn) is None


def test_an_action_waits_for_the_end_of_its_content() -> None:
    requests = Requests()
    requests.ask()
    first = taken(requests, answer(1, "one moment", transfer_number="+15551234567"))
    assert requests.spoken(first.turn) is None
    assert taken(requests, answer(1, "", last=True)).turn == first.turn
    assert requests.spoken(first.turn) == TransferTo("+15551234567")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ({"digit_to_press": "1"}, {"end_call": True}, EndCall()),
        ({"transfer_number": "+15551234567"}, {"digit_to_press": "1"}, TransferTo("+15551234567")),
        ({"digit_to_press": "1"}, {"digit_to_press": "2"}, PressDigits("1")),
    ],
)
def test_a_turn_has_one_action(one: dict[str, Any], other: dict[str, Any], expected: Action) -> None:
    requests = Requests()
    requests.ask()
    requests.take(answer(1, **one))
    assert requests.spoken(taken(requests, answer(1, last=True, **other)).turn) == expected


def test_a_user_who_cuts_in_stops_the_answer_and_its_action() -> None:
    requests = Requests()
    requests.ask()
    speech = taken(requests, answer(1, "bye", last=True, end_call=True))
    requests.cut()
    assert requests.spoken(speech.turn) is None
    requests.ask()
    taken(requests, answer(2, "well"))
    requests.cut()
    assert requests.take(answer(2, "then", last=True)) is None


def test_a_new_request_forgets_the_action_of_the_one_before() -> None:
    requests = Requests()
    requests.ask()
    speech = taken(requests, answer(1, "bye", last=True, end_call=True))
    requests.ask()
    assert requests.spoken(speech.turn) is None


def test_an_interruption_cuts_in_once_and_goes_on() -> None:
    requests = Requests()
    requests.ask()
    taken(requests, answer(1, "never"))
    first = taken(requests, interruption(7, "wait"))
    assert first == Speech(turn=2, text="wait", complete=False, cuts_in=True, interrupt_id=7)
    assert requests.take(answer(1, "said", last=True)) is None
    second = taken(requests, interruption(7, "!", last=True, digit_to_press="5"))
    assert (second.turn, second.cuts_in, second.complete) == (2, False, True)
    assert requests.spoken(2) == PressDigits("5")


def test_another_interruption_takes_the_place_of_one() -> None:
    requests = Requests()
    taken(requests, interruption(1))
    assert taken(requests, interruption(2)).cuts_in
    assert requests.take(interruption(1, "late")) is None
    assert taken(requests, interruption(2, last=True)).complete


def test_an_interruption_that_was_cut_off_is_not_taken_up_in_the_middle() -> None:
    requests = Requests()
    taken(requests, interruption(1, "I have to"))
    requests.cut()
    assert requests.take(interruption(1, "tell you")) is None
    assert requests.take(interruption(1, "something", last=True)) is None
    assert taken(requests, interruption(1, "anew", last=True)).cuts_in


def test_who_may_not_be_interrupted_may_not_until_the_end_of_the_turn() -> None:
    requests = Requests()
    requests.ask()
    assert not taken(requests, answer(1)).no_interruption
    assert taken(requests, answer(1, no_interruption_allowed=True)).no_interruption
    assert taken(requests, answer(1, last=True, no_interruption_allowed=False)).no_interruption
    requests.ask()
    assert not taken(requests, answer(2)).no_interruption


def test_an_endless_turn_is_cut() -> None:
    requests = Requests()
    requests.ask()
    pieces = [taken(requests, answer(1, "x" * (LONGEST_TEXT - 1))).text for _ in range(3)]
    assert [len(piece) for piece in pieces] == [LONGEST_TEXT - 1, 1, 0]
    assert taken(requests, answer(1, "end", last=True)).complete


@dataclass(slots=True)
class Model:
    """What must hold after any course of events."""

    requests: Requests = field(default_factory=Requests)
    asked: int | None = None
    complete: set[int] = field(default_factory=set)
    forgotten: set[int] = field(default_factory=set)
    begun: set[int] = field(default_factory=set)

    def ask(self) -> None:
        self.forgotten |= self.complete
        self.asked = self.requests.ask()

    def cut(self) -> None:
        self.forgotten |= self.complete
        self.asked = None
        self.requests.cut()

    def take(self, message: LlmResponse | LlmInterrupt) -> None:
        speech = self.requests.take(message)
        if speech is None:
            assert not (isinstance(message, LlmResponse) and message.response_id == self.asked)
            return
        assert speech.turn not in self.complete | self.forgotten
        assert speech.cuts_in == (isinstance(message, LlmInterrupt) and speech.turn not in self.begun)
        if speech.cuts_in:
            self.asked = None
            self.forgotten |= self.complete
        if isinstance(message, LlmResponse):
            assert message.response_id == speech.response_id == self.asked
            self.asked = None if speech.complete else self.asked
        self.begun.add(speech.turn)
        if speech.complete:
            self.complete.add(speech.turn)

    def spoken(self, turn: int) -> None:
        action = self.requests.spoken(turn)
        assert action is None or turn in self.complete - self.forgotten
        self.forgotten |= self.complete & {turn}


_PIECES = st.fixed_dictionaries(
    {"content": st.text(max_size=3), "content_complete": st.booleans(), "end_call": st.booleans()}
)
_NUMBERS = st.integers(0, 5)
_EVENTS = st.lists(
    st.sampled_from([("ask",), ("cut",)])
    | st.tuples(st.just("spoken"), st.integers(0, 12))
    | st.tuples(st.just("answer"), _NUMBERS, _PIECES)
    | st.tuples(st.just("interruption"), _NUMBERS, _PIECES),
    max_size=40,
)


@given(_EVENTS)
def test_whatever_comes_in_whatever_order(events: list[tuple[Any, ...]]) -> None:
    model = Model()
    for event in events:
        match event:
            case ("ask",):
                model.ask()
            case ("cut",):
                model.cut()
            case ("spoken", turn):
                model.spoken(turn)
            case ("answer", number, piece):
                model.take(LlmResponse(response_id=number, **piece))
            case ("interruption", number, piece):
                model.take(LlmInterrupt(interrupt_id=number, **piece))
        assert model.requests.open_id == model.asked
