from __future__ import annotations

from typing import Any

import pytest

from ari_agent.contract.agent import Agent
from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.contract.recording import NOT_RECORDED, RecordingPlan
from ari_agent.routing.recording_choice import recording_of_call


def agent(**fields: Any) -> Agent:
    engine = {"type": "audio-websocket", "audio_websocket_url": "ws://127.0.0.1/"}
    return Agent.model_validate(
        {"agent_id": "agent_1", "last_modification_timestamp": 0, "response_engine": engine, **fields}
    )


def number(**fields: Any) -> PhoneNumber:
    return PhoneNumber.model_validate({"phone_number": "+14155550100", "last_modification_timestamp": 0, **fields})


@pytest.mark.parametrize(
    ("of_number", "of_agent", "default", "wanted"),
    [
        (None, None, "off", "off"),
        (None, None, "agent_only", "agent_only"),
        (None, "on", "off", "on"),
        (None, "off", "on", "off"),
        ("off", "on", "on", "off"),
        ("on", "agent_only", "off", "on"),
    ],
)
def test_the_number_says_it_then_the_agent_then_the_setting(
    of_number: Any, of_agent: Any, default: Any, wanted: str
) -> None:
    plan = recording_of_call(agent(recording=of_agent), number(recording=of_number), RecordingPlan(default))
    assert plan.sides == wanted


def test_a_call_without_a_number_goes_by_its_agent() -> None:
    assert recording_of_call(agent(recording="on"), None, NOT_RECORDED).sides == "on"


@pytest.mark.parametrize(("own", "wanted"), [(None, 15), (0, 0), (30, 30)])
def test_the_agents_own_tone_goes_before_the_setting(own: int | None, wanted: int) -> None:
    assert recording_of_call(agent(recording_beep_s=own), None, RecordingPlan("on", 15)).beep_s == wanted


@pytest.mark.parametrize(
    ("of_number", "of_agent", "wanted"),
    [
        (None, None, None),
        (None, "Agent.", "Agent."),
        ("Number.", "Agent.", "Number."),
        ("Number.", None, "Number."),
    ],
)
def test_the_numbers_sentence_goes_before_the_agents(
    of_number: str | None, of_agent: str | None, wanted: str | None
) -> None:
    said = {text: text and {"text": text} for text in (of_number, of_agent)}
    plan = recording_of_call(
        agent(recording="on", recording_consent=said[of_agent]), number(recording_consent=said[of_number]), NOT_RECORDED
    )
    assert (plan.consent and plan.consent.text) == wanted


def test_where_nothing_is_recorded_nothing_is_said() -> None:
    consent = {"recording_consent": {"text": "This call is recorded."}}
    of = agent(recording="on", recording_beep_s=5, **consent)
    assert recording_of_call(of, number(recording="off", **consent), RecordingPlan("on")) == NOT_RECORDED


def test_nothing_is_recorded_where_basic_attributes_alone_are_stored() -> None:
    of = agent(recording="on", data_storage_setting="basic_attributes_only")
    assert recording_of_call(of, number(recording="on"), RecordingPlan("on", 15)) == NOT_RECORDED
