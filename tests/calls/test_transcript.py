from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.calls.transcript import MAX_INJECTED, MAX_KEYS, CallTranscript
from ari_agent.contract.call import Call
from ari_agent.contract.transcript import (
    Dtmf,
    Injected,
    ToolCallInvocation,
    TranscriptItem,
    TranscriptUpdate,
    Utterance,
)

A, B, C = (Utterance(role="agent" if place % 2 == 0 else "user", content=word) for place, word in enumerate("ABC"))


def update(*said: Utterance, turntaking: str | None = None) -> TranscriptUpdate:
    return TranscriptUpdate.model_validate({"transcript": said, "turntaking": turntaking})


def shown(transcript: CallTranscript) -> str:
    """One character for each entry."""
    items = transcript.fields()["transcript_with_tool_calls"]
    return "".join(item.digit if isinstance(item, Dtmf) else item.content for item in items)


def test_keys_and_context_stand_behind_what_had_been_said() -> None:
    one = CallTranscript()
    one.press("0")
    one.say(update(A))
    one.press("1")
    one.press("2")
    one.say(update(A, B))
    one.inject("x", time_s=7.5)
    one.say(update(A, B, C))
    assert shown(one) == "0A12BxC"
    fields = one.fields()
    assert fields["transcript"] == "Agent: A\nUser: B\nAgent: C\n"
    assert fields["transcript_object"] == (A, B, C)
    assert Injected(role="injected", content="x", time_sec=7.5) in fields["transcript_with_tool_calls"]


def test_what_the_agent_has_found_is_content_of_the_call() -> None:
    one = CallTranscript()
    states = [one.is_empty]
    one.collect({"city": "Rome"})
    one.collect({"city": "Paris", "guests": "2"})
    assert [*states, one.is_empty, one.is_stale] == [True, False, True]
    assert one.fields()["collected_dynamic_variables"] == {"city": "Paris", "guests": "2"}


def test_the_last_word_grows_in_front_of_the_key() -> None:
    one = CallTranscript()
    one.say(update(A.model_copy(update={"content": "A"})))
    one.press("1")
    one.say(update(A.model_copy(update={"content": "And"}), B))
    assert shown(one) == "And1B"


def test_a_transcript_that_gets_shorter_keeps_the_order_of_the_keys() -> None:
    one = CallTranscript()
    one.say(update(A, B, C))
    one.press("1")
    one.say(update(A))
    one.press("2")
    one.say(update(A, B))
    assert shown(one) == "A12B"


def test_keys_alone_are_no_transcript() -> None:
    one = CallTranscript()
    one.press("7")
    assert set(one.fields()) == {"transcript_with_tool_calls"}


def test_a_turn_begins_with_a_new_utterance_or_where_the_agent_says_so() -> None:
    one = CallTranscript()
    one.say(update(A))
    assert (one.is_stale, one.has_turn) == (True, True)
    one.fields()
    one.say(update(A.model_copy(update={"content": "A longer one"})))
    assert (one.is_stale, one.has_turn) == (True, False)
    one.say(update(A, turntaking="user_turn"))
    assert one.has_turn
    one.fields()
    assert (one.is_stale, one.has_turn) == (False, False)


def test_what_can_be_kept_is_bounded() -> None:
    one = CallTranscript()
    for _ in range(MAX_KEYS + 5):
        one.press("1")
    assert len(shown(one)) == MAX_KEYS
    for _ in range(MAX_INJECTED + 5):
        one.inject("x", time_s=0)
    assert len(shown(one)) == MAX_KEYS + MAX_INJECTED


@given(st.lists(st.integers(0, 3) | st.sampled_from("0123456789")))
def test_nothing_is_lost_or_out_of_order(steps: list[int | str]) -> None:
    one = CallTranscript()
    said: tuple[Utterance, ...] = ()
    for step in steps:
        if isinstance(step, int):
            said = (A, B, C)[:step]
            one.say(update(*said))
        else:
            one.press(step)
    text = shown(one)
    assert "".join(letter for letter in text if letter.isalpha()) == "ABC"[: len(said)]
    assert "".join(letter for letter in text if letter.isdigit()) == "".join(s for s in steps if isinstance(s, str))


def test_items_that_are_told_in_order_are_taken_as_they_are() -> None:
    transcript = CallTranscript()
    hello = Utterance(role="agent", content="Hello.")
    items = (Dtmf(role="dtmf", digit="7"), hello)
    transcript.press("1")
    transcript.say(update(hello), items)
    fields = transcript.fields()
    assert fields["transcript_with_tool_calls"] == items
    assert fields["transcript"] == "Agent: Hello.\n"


def test_what_is_said_while_the_target_listens_is_the_targets() -> None:
    transcript = CallTranscript()

    def say(*texts: str) -> list[tuple[str, str]]:
        said = [Utterance(role="agent" if text.isupper() else "user", content=text) for text in texts]
        transcript.say(TranscriptUpdate(transcript=said))
        return [(utterance.role, utterance.content) for utterance in transcript.fields()["transcript_object"]]

    transcript.target_speaks(False)
    assert say("help me") == [("user", "help me")]
    transcript.target_speaks(True)
    assert say("help me please", "ADA CALLS", "who") == [
        ("user", "help me please"),
        ("agent", "ADA CALLS"),
        ("transfer_target", "who"),
    ]
    transcript.target_speaks(False)
    transcript.target_speaks(False)
    assert [role for role, _ in say("help me", "ADA CALLS", "who is it", "i am back")] == [
        "user",
        "agent",
        "transfer_target",
        "user",
    ]
    assert "Transfer Target: who is it\n" in transcript.fields()["transcript"]
    transcript.target_speaks(True)
    assert [role for role, _ in say("help me", "ADA CALLS", "who is it", "i am back", "hello")][-2:] == [
        "user",
        "transfer_target",
    ]


def test_what_the_target_says_is_the_targets_between_tools_too() -> None:
    transcript = CallTranscript()
    caller, target = Utterance(role="user", content="help me"), Utterance(role="user", content="who")
    key = Dtmf(role="dtmf", digit="5")
    transcript.say(TranscriptUpdate(transcript=(caller,)), (key, caller))
    transcript.target_speaks(True)
    transcript.say(TranscriptUpdate(transcript=(caller, target)), (key, caller, key, target))
    roles = [item.role for item in transcript.fields()["transcript_with_tool_calls"]]
    assert roles == ["dtmf", "user", "dtmf", "transfer_target"]


HELLO, HI = Utterance(role="agent", content="Hello."), Utterance(role="user", content="Hi")
TOOL = ToolCallInvocation(role="tool_call_invocation", tool_call_id="t1", name="look", arguments="{}")


def resumed(*items: TranscriptItem) -> CallTranscript:
    """Of a call of which an earlier run has stored this."""
    said = [item for item in items if isinstance(item, Utterance)]
    stored = {"transcript_object": said, "transcript_with_tool_calls": items, "collected_dynamic_variables": {"a": "b"}}
    about = {"call_id": "call_1", "agent_id": "a", "call_status": "ongoing", "call_type": "web_call"}
    transcript = CallTranscript()
    transcript.resume(Call.model_validate({**about, **stored}))
    return transcript


def shown_items(transcript: CallTranscript) -> list[str]:
    items = transcript.fields()["transcript_with_tool_calls"]
    return [getattr(item, "content", None) or getattr(item, "digit", None) or item.name for item in items]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (["Are you there?"], ["Hello.", "1", "Hi", "Are you there?"]),
        (["Hello."], ["Hello.", "1", "Hi", "Hello."]),
        (["Hello.", "Hi"], ["Hello.", "1", "Hi"]),
        (["Hello.", "Hi there", "Yes?"], ["Hello.", "1", "Hi", "Yes?"]),
        (["Hello.", "Ho"], ["Hello.", "1", "Hi", "Hello.", "Ho"]),
        (["Hallo.", "Hi", "Yes?"], ["Hello.", "1", "Hi", "Hallo.", "Hi", "Yes?"]),
    ],
)
def test_a_resumed_call_goes_on_behind_what_was_said_whether_its_agent_tells_that_again_or_not(
    told: list[str], expected: list[str]
) -> None:
    transcript = resumed(HELLO, Dtmf(role="dtmf", digit="1"), HI)
    assert not transcript.is_empty and not transcript.is_stale
    roles: tuple[Literal["agent", "user"], ...] = ("agent", "user", "agent")
    transcript.say(update(*(Utterance(role=role, content=text) for role, text in zip(roles, told, strict=False))))
    assert shown_items(transcript) == expected
    assert transcript.fields()["collected_dynamic_variables"] == {"a": "b"}


def test_keys_of_a_resumed_call_stand_behind_what_was_said_before() -> None:
    transcript = resumed(HELLO, TOOL, HI)
    transcript.press("7")
    assert shown_items(transcript) == ["Hello.", "look", "Hi", "7"]
    assert transcript.text == "Agent: Hello.\nUser: Hi\n"


def test_a_text_agent_that_goes_on_tells_all_in_order() -> None:
    transcript = resumed(HELLO, TOOL, HI)
    more = Utterance(role="agent", content="Yes?")
    transcript.say(update(HELLO, HI, more), (HELLO, TOOL, HI, more))
    assert shown_items(transcript) == ["Hello.", "look", "Hi", "Yes?"]
    transcript = resumed(HELLO, TOOL)
    transcript.say(update(more), (more,))
    assert shown_items(transcript) == ["Hello.", "look", "Yes?"]
