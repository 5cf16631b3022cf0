"""Which content of a call is stored and told, by its data_storage_setting and its agent's pii_config."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ari_agent.calls.record import CallRecord
from ari_agent.calls.stored_content import no_content, stored_content
from ari_agent.contract.call import Call
from ari_agent.contract.call_update import LiveFields
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.contract.sip_timeline import Hangup
from ari_agent.contract.storage_setting import STRUCTURED
from ari_agent.contract.transcript import TranscriptUpdate
from tests.calls.test_record import agent, record

CARD = "4111 1111 1111 1111"
EVENTS = ["call_started", "call_ended", "call_analyzed", "transcript_updated"]
SAID = TranscriptUpdate.model_validate(
    {"transcript": [{"role": "user", "content": f"It is {CARD}, I am Bob."}], "turntaking": "user_turn"}
)


def over(**settings: object) -> CallRecord:
    """The record of a call that is over, in which a card number was said and written down as soon as it might be."""
    one = record(agent(webhook_events=EVENTS, **settings))
    one.answered(1_000)
    one.said(SAID)
    one.write_transcript()
    one.ended(DisconnectionReason.USER_HANGUP, 4_000)
    return one


def told(one: CallRecord) -> str:
    return "\n".join(event.body.decode() for event in one.owed)


def test_everything_is_stored_as_it_was_said() -> None:
    call = over().call
    assert CARD in (call.transcript or "")
    assert call.scrubbed_transcript_with_tool_calls is None


def test_with_categories_a_scrubbed_transcript_stands_beside_everything() -> None:
    one = over(pii_config={"mode": "post_call", "categories": ["credit_card"]})
    assert CARD in (one.call.transcript or "")
    assert one.call.scrubbed_transcript_with_tool_calls
    assert "It is [credit_card], I am Bob." in json.dumps(one.call.as_json()["scrubbed_transcript_with_tool_calls"])


@pytest.mark.parametrize("pii_config", [None, {"mode": "post_call", "categories": []}])
def test_without_personal_data_nothing_else_is_stored_or_told(pii_config: object) -> None:
    one = over(data_storage_setting="everything_except_pii", pii_config=pii_config)
    assert one.call.transcript == "User: It is [credit_card], I am Bob.\n"
    assert one.call.transcript_with_tool_calls == one.call.scrubbed_transcript_with_tool_calls
    assert CARD not in json.dumps(one.call.as_record())
    assert CARD not in told(one)
    assert [event.event.value for event in one.owed].count("transcript_updated") == 1


def test_categories_say_what_personal_data_is() -> None:
    one = over(
        data_storage_setting="everything_except_pii", pii_config={"mode": "post_call", "categories": ["phone_number"]}
    )
    assert CARD in (one.call.transcript or "")


def test_until_a_call_is_over_nothing_is_stored_that_could_be_half_a_number() -> None:
    one = record(agent(webhook_events=EVENTS, data_storage_setting="everything_except_pii"))
    one.answered(1_000)
    one.said(SAID)
    assert not one.has_news
    one.write_transcript()
    assert CARD not in json.dumps(one.call.as_record()) + told(one)
    assert CARD in one.conversation  # for a transfer agent, who is told and does not store it


def test_what_was_stored_before_the_setting_changed_is_taken_back_until_the_end() -> None:
    one = record(agent(webhook_events=EVENTS))
    one.answered(1_000)
    one.said(SAID)
    one.write_transcript()
    one.owed.clear()
    one.override(LiveFields(data_storage_setting="everything_except_pii"))
    assert "transcript" not in one.call.as_json()
    one.ended(DisconnectionReason.USER_HANGUP, 4_000)
    assert one.call.transcript == "User: It is [credit_card], I am Bob.\n"
    assert CARD not in told(one)


def test_variables_and_metadata_hold_no_personal_data_either() -> None:
    one = record(agent(data_storage_setting="everything_except_pii"))
    one.call = one.call.model_copy(update={key: {"note": CARD, "tenant": "t7"} for key in STRUCTURED})
    one.ended(DisconnectionReason.USER_HANGUP, 4_000)
    assert all(getattr(one.call, key) == {"note": "[credit_card]", "tenant": "t7"} for key in STRUCTURED)
    assert (one.call.from_number, one.call.to_number) == ("+15550001", "+15550002")


@pytest.mark.parametrize(("setting", "left"), [("everything", CARD), ("everything_except_pii", "[credit_card]")])
def test_what_went_wrong_repeats_no_personal_data(setting: str, left: str) -> None:
    one = record(agent(webhook_events=EVENTS, data_storage_setting=setting))
    one.answered(1_000)
    one.fault(f"The agent asks for {CARD}")
    one.ended(DisconnectionReason.ERROR_LLM_WEBSOCKET_LOST_CONNECTION, 4_000, why=f"close code 1011 ({CARD})")
    assert one.call.faults == (f"The agent asks for {left}.", f"close code 1011 ({left}).")
    assert one.call.hangup and one.call.hangup.reason == f"close code 1011 ({left})"
    assert (CARD in told(one)) is (left == CARD)


def test_who_hung_up_is_told_without_personal_data() -> None:
    one = record(agent(data_storage_setting="everything_except_pii"))
    one.signalled((), Hangup(who="agent", timestamp=3_000, reason=CARD))
    one.ended(DisconnectionReason.AGENT_HANGUP, 4_000)
    assert one.call.hangup == Hangup(who="agent", timestamp=3_000, reason="[credit_card]")


def test_what_cannot_be_scrubbed_is_left_out_whole() -> None:
    call = over(data_storage_setting="everything_except_pii").call.model_copy(update={"metadata": {"card": CARD}})
    changes = no_content(call).changes
    assert {"transcript", "transcript_object", "metadata"} <= changes.keys() and set(changes.values()) == {None}


def test_of_basic_attributes_no_content_is_left() -> None:
    call = over().call.model_copy(update={"data_storage_setting": "basic_attributes_only"})
    changes: dict[str, Any] = {"transcript": None, "transcript_object": None, "transcript_with_tool_calls": None}
    assert stored_content(call, None).changes == changes
    assert no_content(call).heard is None


def test_times_of_personal_data_are_those_of_its_words() -> None:
    words = [{"word": "It is", "start": 1, "end": 2}, {"word": CARD, "start": 2, "end": 5}]
    utterance = {"role": "user", "content": f"It is {CARD}", "words": words}
    call = Call.model_validate({**over().call.as_record(), "transcript_object": [utterance]})
    strict = call.model_copy(update={"data_storage_setting": "everything_except_pii"})
    heard = stored_content(strict, None).heard
    assert heard is not None
    assert [(span.start_s, span.end_s) for span in heard] == [(2, 5)]
    assert stored_content(call, None).heard is None  # nobody wants to know
    assert stored_content(strict.model_copy(update={"transcript_object": None}), None).heard is None
    assert not stored_content(over(data_storage_setting="everything_except_pii").call, None).heard
