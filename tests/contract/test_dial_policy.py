"""The dial policy as it is written: what is refused, in which words, and what its patterns mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ari_agent.contract.agent import Agent
from ari_agent.contract.agent_override import AgentOverride
from ari_agent.contract.chat_agent import ChatAgent, overridden
from ari_agent.contract.dial_policy import DEFAULT_NUMBER_TYPES, DialPolicy, NumberType, extension_regex
from ari_agent.contract.parsing.explain import explain
from ari_agent.contract.phone_number import PhoneNumber, PhoneNumberImport, PhoneNumberUpdate

WHOLE = {
    "countries": ["US", "DE"],
    "number_types": ["mobile", "premium_rate"],
    "sip_domains": ["pbx.example.com", "*.example.org", "192.0.2.1", "[2001:db8::1]"],
    "extensions": ["200", "_2XX", "_[1-37]Z.", "reception", "*43"],
    "headers": ["X-Case", "X-*", "User-To-User"],
    "transfers_per_call": 0,
    "calls_per_minute": 10,
    "calls_per_day": 200,
    "cost_per_day_cents": 499.5,
}


def test_a_whole_policy_reads_back_as_it_was_written() -> None:
    assert DialPolicy.model_validate(WHOLE).as_record() == WHOLE
    assert DialPolicy.model_validate(DialPolicy.model_validate(WHOLE)) == DialPolicy.model_validate(WHOLE)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"contries": ["US"]}, "has no contries; its keys are countries, number_types"),
        ({"countries": ["us"]}, "country code in capitals such as US"),
        ({"number_types": ["premium"]}, "'premium_rate'"),
        ({"sip_domains": ["sip:x@example.com"]}, "must be a host such as pbx.example.com"),
        ({"sip_domains": ["*"]}, "must be a host such as pbx.example.com"),
        ({"extensions": ["2XX"]}, "'2XX': a pattern begins with _ as in Asterisk's dialplan: _2XX"),
        ({"extensions": ["2."]}, "a pattern begins with _"),
        ({"extensions": ["_[3-1]X"]}, "must be an extension such as 200, or a pattern such as _2XX"),
        ({"extensions": ["100,1"]}, "must be an extension such as 200, or a pattern such as _2XX"),
        ({"headers": ["From"]}, "must be a header that can be set: X-Name, X-* for all of these, or User-To-User"),
        ({"transfers_per_call": -1}, "greater than or equal to 0"),
        ({"transfers_per_call": 11}, "less than or equal to 10"),
        ({"calls_per_day": "many"}, "must be an integer"),
        ({"cost_per_day_cents": -1}, "greater than or equal to 0"),
        ({"cost_per_day_cents": "5"}, "must be a number"),
        (["US"], "must be an object"),
    ],
)
def test_a_wrong_policy_is_told_what_would_be_right(given: object, why: str) -> None:
    with pytest.raises(ValidationError) as caught:
        DialPolicy.model_validate(given)
    assert why in explain(caught.value, given)


@pytest.mark.parametrize(
    ("entry", "matching", "others"),
    [
        ("200", ("200",), ("2000", "20", "201")),
        ("Reception", ("reception",), ("receptionist",)),
        ("*43", ("*43",), ("43", "**43")),
        ("_2XX", ("200", "299"), ("2000", "300", "20a")),
        ("_NZ", ("21", "99"), ("11", "20")),
        ("_[1-37]x", ("10", "39", "70"), ("40",)),
        ("_2.", ("20", "2000"), ("2",)),
        ("_2!", ("2", "2000"), ("3",)),
        ("_.", ("1", "reception"), ("",)),
    ],
)
def test_an_extension_matches_what_the_dialplan_means_by_it(
    entry: str, matching: tuple[str, ...], others: tuple[str, ...]
) -> None:
    assert DialPolicy.model_validate({"extensions": [entry]}).extensions == (entry,)
    assert [text for text in (*matching, *others) if extension_regex(entry).fullmatch(text)] == [*matching]


@given(st.text(max_size=20) | st.from_regex(r"_?[0-9XZN\[\]\-.!*#]{1,12}", fullmatch=True))
def test_no_extension_that_is_taken_is_unreadable(entry: str) -> None:
    try:
        DialPolicy.model_validate({"extensions": [entry]})
    except ValidationError:
        return
    extension_regex(entry)


def test_the_workspace_has_defaults_that_leave_out_what_costs() -> None:
    workspace = DialPolicy().of_workspace()
    assert workspace == DialPolicy(number_types=DEFAULT_NUMBER_TYPES, transfers_per_call=10)
    left_out = {NumberType.PREMIUM_RATE, NumberType.SHARED_COST, NumberType.SATELLITE, NumberType.EMERGENCY}
    assert left_out.isdisjoint(DEFAULT_NUMBER_TYPES)
    own = DialPolicy(number_types=(), transfers_per_call=0)
    assert own.of_workspace() == own


def test_a_number_has_a_policy_that_null_removes() -> None:
    imported = PhoneNumberImport.model_validate(
        {"phone_number": "+14155550100", "termination_uri": "sip.example.com", "dial_policy": WHOLE}
    )
    number = imported.number(now_ms=1)
    assert number.as_json()["dial_policy"] == WHOLE
    assert PhoneNumber.model_validate(number.as_record()) == number
    assert PhoneNumberUpdate.model_validate({"nickname": "x"}).apply(number, now_ms=2).dial_policy == number.dial_policy
    assert PhoneNumberUpdate.model_validate({"dial_policy": None}).apply(number, now_ms=2).dial_policy is None


AGENT = {"agent_id": "agent_1", "last_modification_timestamp": 1, "dial_policy": {"countries": ["US"]}}
ENGINE = {"type": "audio-websocket", "audio_websocket_url": "ws://agent.example/"}
LLM = {"type": "custom-llm", "llm_websocket_url": "ws://agent.example/"}


@pytest.mark.parametrize("policy", [None, {}, {"countries": ["CU"]}])
def test_nobody_overrides_the_policy_of_an_agent_for_one_call(policy: object) -> None:
    override = AgentOverride.model_validate({"agent": {"dial_policy": policy, "agent_name": "other"}})
    agent = Agent.model_validate({**AGENT, "response_engine": ENGINE})
    chat_agent = ChatAgent.model_validate({**AGENT, "response_engine": LLM})
    for overriding in (override.apply(agent), overridden(chat_agent, override)):
        assert overriding.agent_name == "other"
        assert overriding.dial_policy == DialPolicy(countries=("US",))
    assert AgentOverride().apply(agent) is agent
