"""How often a user is told in the system's own words."""

from __future__ import annotations

from ari_agent.chats.notices import _MOST_PAIRS, EVERY_MS, Notices, pair_of

PAIR = pair_of("+1415", "+1416")


def test_a_pair_gets_one_notice_at_a_time() -> None:
    notices = Notices(failure="Sorry.", too_long="Too long.")
    assert notices.failure(PAIR, 0) == "Sorry."
    assert notices.too_long(PAIR, EVERY_MS - 1) == ""
    assert notices.failure(pair_of("+1415", "+1417"), 1) == "Sorry."
    assert notices.too_long(PAIR, EVERY_MS) == "Too long."


def test_an_empty_notice_is_none_and_does_not_count() -> None:
    notices = Notices(too_long="Too long.")
    assert notices.failure(PAIR, 0) == ""
    assert notices.too_long(PAIR, 0) == "Too long."


def test_old_pairs_make_room_for_new_ones() -> None:
    notices = Notices(failure="Sorry.")
    for user in range(2 * _MOST_PAIRS):
        assert notices.failure(("1", str(user)), user * 100) == "Sorry."
    assert len(notices._told_ms) == _MOST_PAIRS
    assert notices.failure(("1", str(2 * _MOST_PAIRS - 1)), 2 * _MOST_PAIRS * 100) == ""


def test_who_writes_under_ever_new_names_is_told_nothing_in_the_end() -> None:
    notices = Notices(too_long="Too long.")
    told = [notices.too_long(("1", str(user)), 0) for user in range(_MOST_PAIRS + 100)]
    assert told.count("Too long.") == len(notices._told_ms) == _MOST_PAIRS
    assert notices.too_long(PAIR, EVERY_MS) == "Too long."


def test_a_pair_that_is_told_again_counts_as_new() -> None:
    notices = Notices(failure="Sorry.")
    for user in range(_MOST_PAIRS):
        notices.failure(("1", str(user)), 0)
    assert notices.failure(("1", "0"), EVERY_MS) == notices.failure(PAIR, EVERY_MS) == "Sorry."
    assert notices.failure(("1", "0"), EVERY_MS) == ""


def test_spellings_of_a_number_make_one_pair() -> None:
    assert pair_of("+1415", "001416") == pair_of("1415", "1416") != pair_of("1416", "1415")
