from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import pytest
from pydantic import TypeAdapter

from ari_agent.contract.transcript import TranscriptItem, Utterance
from ari_agent.pii.personal_data import Recognizer
from ari_agent.pii.scrubber import Scrubber, TimeSpan

CARD = "4111 1111 1111 1111"
SCRUBBER = Scrubber(Recognizer())


def utterance(content: str, words: Sequence[tuple[str | None, float | None, float | None]] = ()) -> Utterance:
    told = [{"word": word, "start": start, "end": end} for word, start, end in words]
    return Utterance.model_validate({"role": "user", "content": content, "words": told})


def items(*given: Mapping[str, object]) -> Sequence[Mapping[str, object]]:
    read = TypeAdapter(tuple[TranscriptItem, ...]).validate_python(given)
    return [item.model_dump(exclude_unset=True) for item in SCRUBBER.items(read)]


def keys(digits: str) -> list[Mapping[str, object]]:
    return [{"role": "dtmf", "digit": digit} for digit in digits]


def test_words_are_replaced_and_their_times_told() -> None:
    words = [("It's ", 1.0, 1.2), ("4111", 1.3, 1.5), ("1111", 1.6, 1.9), ("1111", 2.5, 2.7), ("1111", 2.8, 3.0)]
    speech = SCRUBBER.speech([utterance("Hello."), utterance(f"It's {CARD}.", [*words, (".", 3.0, 3.0)])])
    assert speech.utterances[1].content == "It's [credit_card]."
    assert [(word.word, word.start, word.end) for word in speech.utterances[1].words] == [
        ("It's ", 1.0, 1.2),
        ("[credit_card]", 1.3, 3.0),
        (".", 3.0, 3.0),
    ]
    assert speech.heard == [TimeSpan(1.3, 3.0)]


@pytest.mark.parametrize(
    "words",
    [
        [("It's", 1.0, 1.2), ("my", 1.2, 1.4), ("card", 1.5, 3.0)],
        [("It's", 1.0, 1.2), ("4111 1111", 1.2, 1.4), ("1111 1111 or so", 1.5, 3.0)],
        [("", 1.0, 3.0)],
        [("It's", 1.0, 3.0)],
    ],
)
def test_where_the_words_are_not_those_of_the_text_all_of_it_is_replaced(
    words: Sequence[tuple[str | None, float | None, float | None]],
) -> None:
    speech = SCRUBBER.speech([utterance(f"It's {CARD}", words)])
    assert speech.heard == [TimeSpan(1.0, 3.0)]
    assert [word.word for word in speech.utterances[0].words] == ["[credit_card]"]


@pytest.mark.parametrize("words", [[], [("4111", 1.0, 1.2), ("1111", None, None), ("1111", 1, 2), ("1111", 1, 2)]])
def test_where_no_times_are_told_nobody_knows_when_it_was_said(
    words: Sequence[tuple[str | None, float | None, float | None]],
) -> None:
    known = utterance("bob@example.com", [("bob@example.com", 5, 6)])
    speech = SCRUBBER.speech([known, utterance(CARD, words)])
    assert speech.heard is None
    assert all("1111" not in str(word) for word in speech.utterances[1].words)


def test_several_spans_come_in_order() -> None:
    late = utterance(
        "call 415 555 0132 or bob@example.com",
        [("call", 4, 5), ("415 555 0132", 5, 6), ("or", 6, 7), ("bob@example.com", 8, 9)],
    )
    early = utterance("bob@example.com", [("bob@example.com", 1, 2)])
    assert SCRUBBER.speech([late, early]).heard == [TimeSpan(1, 2), TimeSpan(5, 6), TimeSpan(8, 9)]


def test_tools_are_scrubbed_inside_their_json() -> None:
    arguments = json.dumps({"card": 4111111111111111, "note": ["bob@example.com", 1.5, True, None], "ssn": "536904399"})
    call = {"role": "tool_call_invocation", "tool_call_id": "1", "name": "pay", "arguments": arguments}
    result = {"role": "tool_call_result", "tool_call_id": "1", "content": f"charged {CARD}"}
    deep = {"role": "tool_call_result", "tool_call_id": "2", "content": "[" * 100_000 + CARD}
    same = {"role": "tool_call_result", "tool_call_id": "3", "content": '{ "n": 4111111111111112 }'}
    other = {
        "role": "node_transition",
        "former_node_id": "a",
        "former_node_name": "a",
        "new_node_id": "b",
        "new_node_name": "b",
    }
    scrubbed = items(call, result, deep, same, other, {"role": "injected", "content": CARD, "time_sec": 1.0})
    assert json.loads(str(scrubbed[0]["arguments"])) == {
        "card": "[credit_card]",
        "note": ["[email]", 1.5, True, None],
        "ssn": "[ssn]",
    }
    assert scrubbed[1]["content"] == "charged [credit_card]"
    assert str(scrubbed[2]["content"]).endswith("[[credit_card]")
    assert scrubbed[3:5] == [same, other]
    assert scrubbed[5]["content"] == "[credit_card]"


def test_values_of_json_are_scrubbed_at_any_depth() -> None:
    value = {CARD: {"a": [{"b": (CARD, 4111111111111111.0, -1)}]}}
    assert SCRUBBER.json_value(value) == {"[credit_card]": {"a": [{"b": ["[credit_card]", "[credit_card]", -1]}]}}
    assert SCRUBBER.json_value(SCRUBBER) is SCRUBBER


def test_a_number_that_is_spread_over_a_list_is_found() -> None:
    value = {"card": ["4111", 1111, "1111", 1111], "amounts": [5, 2.5, "x", None, True, ["a"]]}
    assert SCRUBBER.json_value(value) == {**value, "card": ["[credit_card]"] * 4}
    assert SCRUBBER.json_value([f"{CARD} x", {"n": CARD}]) == ["[credit_card] x", {"n": "[credit_card]"}]
    assert SCRUBBER.json_value({"ssn": [536904399]}) == {"ssn": ["[ssn]"]}


def test_what_a_tool_was_given_beside_its_arguments_is_scrubbed_and_pictures_go() -> None:
    tool = {"role": "tool_call_invocation", "tool_call_id": "1", "name": "pay", "arguments": "{}"}
    sms = {"role": "sms", "content": "this is me", "time_sec": 1, "multimedia": [{"url": "https://a.example/b.jpg"}]}
    pays, sent = items({**tool, "metadata": {"note": CARD}}, sms)
    assert (pays["metadata"], sent["multimedia"]) == ({"note": "[credit_card]"}, None)


def test_too_many_digits_are_not_looked_through() -> None:
    scrubber = Scrubber(Recognizer(), most_digits=40)
    assert scrubber.json_value([CARD, {"b": "+14155550132"}]) == ["[credit_card]", {"b": "[phone_number]"}]
    with pytest.raises(ValueError, match="too many digits"):
        scrubber.json_text(f'{{"card": "{CARD}"}}')


def test_pressed_keys_that_are_a_card_number_become_one_entry() -> None:
    said = {"role": "user", "content": "Hello.", "words": ()}
    digits = CARD.replace(" ", "")
    assert items(*keys("1"), *keys(digits[:8]), said, *keys(digits[8:]), *keys("#")) == [
        *keys("1"),
        {"role": "dtmf", "digit": "[credit_card]"},
        said,
        *keys("#"),
    ]
    assert items(*keys("123#*456789")) == keys("123#*456789")


def test_what_is_asked_says_what_the_keys_are() -> None:
    question = {"role": "agent", "content": "Your social security number?", "words": ()}
    assert items(question, *keys("536904399"))[1:] == [{"role": "dtmf", "digit": "[ssn]"}]
    assert items(*keys("536904399")) == keys("536904399")
