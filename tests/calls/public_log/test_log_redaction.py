"""What is a secret, and that none comes out."""

from __future__ import annotations

import json
import string
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.calls.public_log.log_redaction import DEEPEST, MARK, SHORTEST_SECRET, Redaction

SECRETS = st.text(min_size=SHORTEST_SECRET, max_size=24)
TEXTS = st.text(max_size=20)


@st.composite
def values_with_secrets(draw: st.DrawFn) -> tuple[list[str], Any]:
    """Some secrets, and a JSON value that holds them in keys and texts, between and beside others."""
    secrets = draw(st.lists(SECRETS, min_size=1, max_size=4))
    hidden = st.lists(st.one_of(st.sampled_from(secrets), TEXTS), max_size=5).map("".join)
    value = st.recursive(
        st.one_of(hidden, st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False)),
        lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(hidden, inner, max_size=4)),
        max_leaves=12,
    )
    return secrets, draw(value)


def leaves(value: Any) -> Iterator[str]:
    match value:
        case dict():
            for name, inner in value.items():
                yield name
                yield from leaves(inner)
        case list():
            for inner in value:
                yield from leaves(inner)
        case _:
            yield str(value)


@given(values_with_secrets())
def test_no_secret_that_was_given_comes_out(given_: tuple[list[str], Any]) -> None:
    secrets, value = given_
    shown = json.loads(json.dumps(Redaction(secrets).value(value)))
    for leaf in leaves(shown):
        if leaf not in ("None", "True", "False"):
            assert not any(secret in leaf for secret in secrets)


@given(st.text(string.ascii_letters + string.digits, min_size=SHORTEST_SECRET), TEXTS)
def test_nor_in_the_text_of_a_message_where_it_is_written_as_json(secret: str, beside: str) -> None:
    text = json.dumps({"said": f"{beside}{secret}"})
    assert secret not in Redaction([secret]).text(text).replace(MARK, "")


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "authorization",
        "access_token",
        "accessToken",
        "api_key",
        "X-Api-Key",
        "apikey",
        "X-Retell-Signature",
        "X-Twilio-Signature",
        "password",
        "client_secret",
        "Set-Cookie",
        "token",
        "audio_websocket_headers",
        "audio_websocket_auth_token",
    ],
)
def test_what_has_a_secrets_name_is_not_told_whatever_it_is(name: str) -> None:
    told = Redaction().value({name: "v", "beside": [{name: {"deep": ["v"]}}], "other": "seen"})
    assert told == {name: MARK, "beside": [{name: MARK}], "other": "seen"}


def test_what_is_empty_is_no_secret() -> None:
    assert Redaction().value({"token": None, "password": ""}) == {"token": None, "password": ""}


@pytest.mark.parametrize("name", ["llm_token_usage", "monkey", "keyboard", "to", "author", "opinion"])
def test_a_name_that_only_looks_like_one_is_told(name: str) -> None:
    assert Redaction().value({name: "seen"}) == {name: "seen"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("wss://user:pw@host:8/path?token=abc#top", "wss://***@host:8/path?***#***"),
        ("see https://host/path?a=1, please", "see https://host/path?*** please"),
        ("https://host/path", "https://host/path"),
        ("sip:bob:hunter2@example.com", "sip:bob:***@example.com"),
        ("sip:bob@example.com", "sip:bob@example.com"),
        ("Bearer abcdef1234567", "Bearer ***"),
        ("Basic dXNlcjpwdw==", "Basic ***"),
        ("Authorization: Basic dXNlcjpwdw==", "Authorization: *** ***"),
        ("a basic misunderstanding", "a basic misunderstanding"),
        ('Digest username="bob", response="0f"', "Digest ***"),
        ("key_0123456789abcdef", MARK),
        ("eyJhbGciOi.eyJzdWIiOi.c2ln", MARK),
        ("my password: hunter2 is", "my password: *** is"),
        ("access_token=abc&x=1", "access_token=***&x=1"),
        ("the secret of good coffee", "the secret of good coffee"),
    ],
)
def test_what_has_the_form_of_a_secret_is_not_told(text: str, shown: str) -> None:
    assert Redaction().text(text) == shown


PIECES = st.lists(
    st.sampled_from(
        ["key", "_", "-", " ", "token", "Api", "pin", "://", "sip:", "@", "a", '"', "\n", "Bearer", "=", "1" * 9]
    ),
    max_size=6,
).map("".join)


@given(
    st.recursive(
        st.one_of(PIECES, st.integers(-(2**64), 2**64), st.floats()),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(PIECES, inner, max_size=3)),
    )
)
def test_what_the_first_glance_lets_pass_has_nothing_to_take_out(value: Any) -> None:
    redaction = Redaction(['known "secret"', "naïve"])
    if not redaction.is_needed(json.dumps(value)):
        assert redaction.value(value) == value


def test_the_first_glance_knows_the_secrets_that_are_known_by_value() -> None:
    redaction = Redaction(['known "secret"', "naïve"])
    assert redaction.is_needed(json.dumps({"a": 'known "secret"'}))
    assert redaction.is_needed(json.dumps(["naïve"]))
    assert not redaction.is_needed(json.dumps(["naive"]))
    assert not Redaction().is_needed("[]")


def test_a_number_may_hold_a_secret() -> None:
    assert Redaction(["4711"]).value([14711, 1, 4711.5, True]) == [MARK, 1, MARK, True]


def test_what_json_cannot_say_is_left_out() -> None:
    assert Redaction().value(
        [
            float("nan"),
            float("inf"),
            10**5000,
            {
                1,
            },
            b"x",
        ]
    ) == [None, None, MARK, "{1}", "b'x'"]


def test_a_secret_that_is_learnt_later_is_not_told_from_then_on() -> None:
    redaction = Redaction()
    assert redaction.text("hunter22") == "hunter22"
    redaction.learn(["hunter22", "abc"])
    redaction.learn(["hunter22"])
    assert redaction.text("hunter22 abc") == f"{MARK} abc"


def test_a_secret_that_comes_about_by_taking_another_out_is_not_told() -> None:
    assert Redaction(["middle", f"x{MARK}y"]).text("xmiddley") == MARK


def test_what_is_very_deep_is_left_out() -> None:
    deep: Any = "secret text"
    for _ in range(DEEPEST + 5):
        deep = [deep]
    assert "secret text" not in json.dumps(Redaction().value(deep))
