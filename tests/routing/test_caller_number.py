from __future__ import annotations

import pytest

from ari_agent.routing.caller_number import ANONYMOUS, who_calls

NUMBER = "+12025550123"
HEADERS = {
    "p-asserted-identity": f"<sip:{NUMBER}@c>",
    "x-from": "tel:2025550123",
    "X-Order": "42",
    "diversion": "<sip:+12025559999@c>",
}
KEPT = {"X-Order": "42", "diversion": "<sip:+12025559999@c>"}


@pytest.mark.parametrize("privacy", ["id", "ID", "user;id", "header", "critical; user"])
def test_privacy_withholds_the_number_and_every_header_that_tells_it(privacy: str) -> None:
    caller = who_calls(NUMBER, headers=HEADERS, privacy=privacy, presentation="allowed")
    assert (caller.number, dict(caller.headers)) == (ANONYMOUS, KEPT)


@pytest.mark.parametrize("presentation", ["prohib", "prohib_not_screened"])
def test_so_does_the_presentation(presentation: str) -> None:
    caller = who_calls(
        ANONYMOUS, headers=HEADERS, presentation=presentation, from_uri="sip:anonymous@anonymous.invalid"
    )
    assert (caller.number, dict(caller.headers)) == (ANONYMOUS, KEPT)


def test_a_number_that_only_from_tells_is_withheld_too() -> None:
    caller = who_calls("", headers={"x-from": "2025550123"}, privacy="id", from_uri=f"sip:{NUMBER}@c")
    assert (caller.number, dict(caller.headers)) == (ANONYMOUS, {})


def test_a_short_number_takes_no_other_header_with_it() -> None:
    caller = who_calls("100", headers={"x-order": "1001"}, privacy="id")
    assert (caller.number, dict(caller.headers)) == (ANONYMOUS, {"x-order": "1001"})


@pytest.mark.parametrize("privacy", ["", "none", "session", "critical", "history"])
def test_other_kinds_of_privacy_withhold_no_number(privacy: str) -> None:
    caller = who_calls(NUMBER, headers=HEADERS, privacy=privacy, presentation="allowed_not_screened")
    assert (caller.number, dict(caller.headers)) == (NUMBER, HEADERS)


def test_a_setting_shows_what_is_withheld() -> None:
    caller = who_calls(NUMBER, headers=HEADERS, privacy="id", show_withheld=True)
    assert (caller.number, dict(caller.headers)) == (NUMBER, HEADERS)


@pytest.mark.parametrize("word", ["", "Restricted", "unavailable", "UNKNOWN", "anonymous", "Anonymous"])
def test_words_are_no_numbers(word: str) -> None:
    assert who_calls(word, headers={}).number == ANONYMOUS
