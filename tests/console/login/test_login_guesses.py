"""How many wrong keys are taken, from whom."""

from __future__ import annotations

import pytest

from ari_agent.client_address import client_of
from ari_agent.console.login.login_guesses import LoginGuesses
from tests.console.conftest import API_KEY, Browser


def taken(guesses: LoginGuesses, address: str, forwarded_for: str = "", *, now_s: float = 0, most: int = 200) -> int:
    """How many wrong keys are taken one after the other."""
    for number in range(most):
        if guesses.wait_s(address, forwarded_for, now_s=now_s):
            return number
        guesses.was_wrong(address, forwarded_for, now_s=now_s)
    return most


def test_ten_wrong_keys_are_taken_at_once_and_then_ten_a_minute() -> None:
    guesses = LoginGuesses()
    assert taken(guesses, "192.0.2.1") == 10
    assert guesses.wait_s("192.0.2.1", "", now_s=0) == 6
    assert guesses.wait_s("192.0.2.2", "", now_s=0) == 0
    assert taken(guesses, "192.0.2.1", now_s=6) == 1
    assert taken(guesses, "192.0.2.1", now_s=1000) == 10


def test_clients_of_one_proxy_are_told_apart_and_whoever_lies_about_that_is_bound_as_well() -> None:
    guesses = LoginGuesses()
    assert taken(guesses, "127.0.0.1", "203.0.113.1, 198.51.100.7") == 10
    assert taken(guesses, "127.0.0.1", "203.0.113.9, 198.51.100.7") == 0
    assert guesses.wait_s("127.0.0.1", "198.51.100.8", now_s=0) == 0
    liar = LoginGuesses()
    assert sum(taken(liar, "192.0.2.1", f"198.51.100.{number}", most=1) for number in range(200)) == 60
    assert taken(liar, "192.0.2.1", "198.51.100.1", now_s=1) == 1


def test_what_is_remembered_is_bounded() -> None:
    guesses = LoginGuesses()
    for number in range(10_000):
        guesses.was_wrong(f"10.0.{number // 256}.{number % 256}", "x" * 5000, now_s=0)
    assert guesses.known() == 4096


@pytest.mark.parametrize(
    ("address", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::2%eth1"),
        ("", ""),
        ("no address", "no address"),
    ],
)
def test_a_subscriber_is_one_client(address: str, same: str) -> None:
    assert client_of(address) == client_of(same)


async def test_after_too_many_wrong_keys_not_even_the_right_one_is_looked_at(stranger: Browser) -> None:
    for _ in range(10):
        answer = await stranger.post("/console/login", data={"key": "wrong"}, allow_redirects=False)
        assert answer.status == 403
    answer = await stranger.post("/console/login", data={"key": API_KEY}, allow_redirects=False)
    assert (answer.status, answer.headers["Retry-After"], answer.cookies) == (429, "6", {})
    assert "wait 6 s" in await answer.text()
