"""Which answers a speaking model is asked for: one at a time, and none of their instructions is lost."""

from __future__ import annotations

from ari_agent.calls.realtime.asked_answers import AskedAnswers


def test_one_is_asked_for_at_a_time_and_the_last_instructions_are_kept() -> None:
    answers = AskedAnswers()
    assert answers.next(user_speaks=False) is None
    answers.ask()
    assert answers.next(user_speaks=False) == ""
    answers.ask("Say who calls.")
    answers.ask("Say goodbye.")
    answers.ask()
    assert (answers.next(user_speaks=False), answers.waits) == (None, True)
    answers.ended()
    assert (answers.next(user_speaks=False), answers.waits) == ("Say goodbye.", False)


def test_a_caller_who_speaks_is_answered_first_and_instructions_wait() -> None:
    answers = AskedAnswers()
    answers.ask()
    assert (answers.next(user_speaks=True), answers.waits) == (None, False)  # they are answered without being asked for
    answers.ask("Say goodbye.")
    assert (answers.next(user_speaks=True), answers.waits) == (None, True)
    answers.began()
    assert answers.next(user_speaks=False) is None
    answers.ended()
    assert answers.next(user_speaks=False) == "Say goodbye."


def test_what_was_not_given_is_asked_for_again_unless_something_else_is() -> None:
    answers = AskedAnswers()
    answers.ask("Say goodbye.")
    assert answers.next(user_speaks=False) == "Say goodbye."
    answers.ask_again()
    answers.ended()
    assert answers.next(user_speaks=False) == "Say goodbye."
    answers.ask("Say hello.")
    answers.ask_again()
    answers.ended()
    assert answers.next(user_speaks=False) == "Say hello."
