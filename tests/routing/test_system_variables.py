from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.contract.call import Call, CallDirection
from ari_agent.contract.chat import Chat
from ari_agent.contract.disconnection import CallStatus
from ari_agent.routing.system_variables import CallVariables, ChatVariables
from ari_agent.routing.variables import render, render_url

NOW_MS = 1_711_694_764_000  # 2024-03-29 06:46:04 UTC, Thursday evening in Los Angeles


def call(direction: CallDirection | None = CallDirection.INBOUND, **fields: object) -> Call:
    return Call.model_validate(
        {
            "call_id": "call_1",
            "agent_id": "agent_1",
            "call_status": CallStatus.ONGOING,
            "direction": direction,
            "from_number": "+14155550100",
            "to_number": "+14155550199",
            **fields,
        }
    )


def variables(of: Call | None = None, *, timezone: str | None = None, now_ms: int | None = NOW_MS) -> CallVariables:
    return CallVariables(of or call(), timezone=timezone, now_ms=now_ms)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("current_time", "Thursday, March 28, 2024 at 11:46:04 PM PDT"),
        ("current_time_Australia/Sydney", "Friday, March 29, 2024 at 5:46:04 PM AEDT"),
        ("current_time_UTC", "Friday, March 29, 2024 at 6:46:04 AM UTC"),
        ("current_hour", "23"),
        ("current_hour_Europe/Berlin", "7"),
        ("session_type", "voice"),
        ("direction", "inbound"),
        ("user_number", "+14155550100"),
        ("agent_number", "+14155550199"),
        ("call_id", "call_1"),
        ("call_type", "phone_call"),
        ("session_duration", "0 seconds"),
        ("session_duration_ms", "0"),
    ],
)
def test_what_every_call_has(name: str, value: str) -> None:
    assert variables()[name] == value


def test_an_outbound_call_has_its_user_at_the_other_end() -> None:
    found = variables(call(CallDirection.OUTBOUND))
    assert (found["user_number"], found["agent_number"]) == ("+14155550199", "+14155550100")


def test_times_are_those_of_the_agent() -> None:
    assert variables(timezone="Europe/Berlin")["current_time"] == "Friday, March 29, 2024 at 7:46:04 AM CET"


def test_the_calendar_has_fourteen_days_across_the_change_of_the_clocks() -> None:
    days = variables(timezone="Europe/Berlin")["current_calendar"].splitlines()
    assert len(days) == 14
    assert days[0] == "Friday, March 29, 2024 CET (Today)"
    assert days[1:4] == ["Saturday, March 30, 2024 CET", "Sunday, March 31, 2024 CEST", "Monday, April 1, 2024 CEST"]
    assert days[-1] == "Thursday, April 11, 2024 CEST"


@pytest.mark.parametrize(
    ("since_ms", "spoken"),
    [(999, "0 seconds"), (61_000, "1 minute 1 second"), (330_500, "5 minutes 30 seconds"), (3_600_000, "60 minutes")],
)
def test_the_session_lasts_since_the_answer(since_ms: int, spoken: str) -> None:
    found = variables(call(start_timestamp=NOW_MS - since_ms))
    assert (found["session_duration"], found["session_duration_ms"]) == (spoken, str(since_ms))


def test_a_zone_may_itself_be_a_variable() -> None:
    found = variables(call(retell_llm_dynamic_variables={"tz": "UTC"}))
    assert render("{{current_hour_{{tz}} }}", found) == "6"


def test_a_variable_of_the_call_wins() -> None:
    assert variables(call(retell_llm_dynamic_variables={"direction": "up"}))["direction"] == "up"


def test_what_is_not_known_is_no_variable() -> None:
    web = variables(call(call_type="web_call", direction=None, from_number=None, to_number=None), now_ms=None)
    assert set(web) == {"session_type", "call_id", "call_type"}
    assert len(variables()) == 11
    for name in ("current_time_Nowhere", "current_time_", "current_time_../../etc/passwd", "current_weather", "x"):
        assert name not in variables()
        assert render(f"{{{{{name}}}}}", variables()) == f"{{{{{name}}}}}"


@given(st.text(), st.sampled_from(["current_time_", "current_hour_", "current_calendar_", ""]))
def test_no_name_crashes(name: str, prefix: str) -> None:
    variables().get(prefix + name)


def test_what_the_caller_chose_is_known() -> None:
    headers = {"x-a": "1", "x-b": "2", "diversion": "3"}
    given_ = {**headers, "x-b": "of the webhook", "customer": "1"}
    inbound = variables(call(custom_sip_headers=headers, retell_llm_dynamic_variables=given_))
    assert {name for name in inbound if inbound.is_callers(name)} == {
        "x-a",
        "diversion",
        "user_number",
        "agent_number",
    }
    as_written = variables(call(custom_sip_headers=headers, retell_llm_dynamic_variables={"X-A": "1", "X-B": "mine"}))
    assert as_written.is_callers("X-A")
    assert not as_written.is_callers("X-B")
    named = variables(call(retell_llm_dynamic_variables={"user_number": "of the webhook"}))
    assert not named.is_callers("user_number")


def test_of_a_call_that_we_place_the_caller_chose_nothing() -> None:
    outbound = variables(call(CallDirection.OUTBOUND, custom_sip_headers={"X-A": "1"}))
    assert not any(outbound.is_callers(name) for name in (*outbound, "X-A", "x-a"))


def test_who_dials_a_registered_outbound_call_chooses_no_host() -> None:
    dialled = variables(call(CallDirection.OUTBOUND, from_number="evil.example", to_number=""))
    assert dialled.is_callers("agent_number")
    assert render_url("wss://{{agent_number}}/{{agent_number}}", dialled) == "wss://{{agent_number}}/evil.example"


def chat(**fields: object) -> Chat:
    return Chat.model_validate(
        {"chat_id": "chat_1", "chat_type": "api_chat", "agent_id": "agent_1", "chat_status": "ongoing", **fields}
    )


def test_what_every_chat_has() -> None:
    numbers = {"from_number": "+14155550100", "to_number": "+14155550199", "direction": "inbound"}
    texts = ChatVariables(chat(**numbers, start_timestamp=NOW_MS - 61_000), timezone="UTC", now_ms=NOW_MS)
    assert {name: texts[name] for name in texts if not name.startswith("current_")} == {
        "session_type": "chat",
        "session_duration": "1 minute 1 second",
        "session_duration_ms": "61000",
        "direction": "inbound",
        "user_number": "+14155550100",
        "agent_number": "+14155550199",
        "chat_id": "chat_1",
    }
    assert texts["current_hour"] == "6"
    assert texts.is_callers("user_number")
    written_first = ChatVariables(chat(**{**numbers, "direction": "outbound"}), timezone=None, now_ms=None)
    assert (written_first["user_number"], written_first["agent_number"]) == ("+14155550199", "+14155550100")
    assert not written_first.is_callers("user_number")


def test_a_chat_over_the_api_has_no_numbers() -> None:
    without = ChatVariables(chat(retell_llm_dynamic_variables={"name": "Ann"}), timezone=None, now_ms=None)
    assert dict(without) == {"name": "Ann", "session_type": "chat", "chat_id": "chat_1"}


def test_the_variables_of_a_call_can_be_handed_to_another_process() -> None:
    of_call = variables(
        call(custom_sip_headers={"x-a": "1"}, retell_llm_dynamic_variables={"x-a": "1"}), timezone="UTC"
    )
    copy = pickle.loads(pickle.dumps(of_call))
    assert dict(copy) == dict(of_call)
    assert copy.is_callers("x-a")
