"""The steps that are read from the record of a call that is over."""

from __future__ import annotations

from typing import Any

import pytest

from ari_agent.calls.trace_steps import NumbersTold, steps_of
from ari_agent.contract.call import Call
from ari_agent.contract.trace import Step

FROM, TO = "+14155550100", "+14155550199"


def event(name: str, timestamp: int, leg: str = "caller", **more: Any) -> dict[str, Any]:
    return {"event": name, "leg": leg, "timestamp": timestamp, **more}


def steps(numbers: NumbersTold = "none", **fields: Any) -> list[Step]:
    call = Call.model_validate(
        {
            "call_id": "call_1",
            "agent_id": "agent_1",
            "call_status": "ended",
            "direction": "inbound",
            "from_number": FROM,
            "to_number": TO,
            "start_timestamp": 2_000,
            "end_timestamp": 9_000,
            "duration_ms": 7_000,
            "disconnection_reason": "user_hangup",
            **fields,
        }
    )
    return list(steps_of(call, began_ms=1_000, ended_ms=9_100, numbers=numbers))


def named(name: str, **fields: Any) -> list[Step]:
    return [step for step in steps(**fields) if step.name == name]


def test_a_call_is_a_root_and_its_end() -> None:
    root, end = steps(telephony_identifier={"sip_call_id": "a@b"})
    assert (root.name, root.kind, root.began_ms, root.ended_ms, root.error) == ("call", "server", 1_000, 9_100, None)
    assert root.attributes == {
        "ari_agent.call_id": "call_1",
        "ari_agent.call_type": "phone_call",
        "ari_agent.agent_id": "agent_1",
        "ari_agent.agent_version": 0,
        "ari_agent.direction": "inbound",
        "ari_agent.call_status": "ended",
        "ari_agent.disconnection_reason": "user_hangup",
        "ari_agent.duration_ms": 7_000,
        "sip.call_id": "a@b",
    }
    assert (end.name, end.began_ms, end.ended_ms) == ("end", 9_000, 9_100)


def test_a_call_that_failed_says_why() -> None:
    assert steps(disconnection_reason="error_llm_websocket_open")[0].error == "error_llm_websocket_open"


def test_a_call_that_two_people_go_on_with_has_no_steps_yet() -> None:
    assert steps(end_timestamp=None, duration_ms=None, disconnection_reason=None) == []


def test_what_is_not_known_is_left_out() -> None:
    unknown: dict[str, Any] = dict.fromkeys(("direction", "from_number", "to_number", "start_timestamp", "duration_ms"))
    about = steps("full", call_type="web_call", **unknown)[0].attributes
    assert about.keys() == {
        "ari_agent.call_id",
        "ari_agent.call_type",
        "ari_agent.agent_id",
        "ari_agent.agent_version",
        "ari_agent.call_status",
        "ari_agent.disconnection_reason",
    }


@pytest.mark.parametrize(
    ("numbers", "told"), [("none", None), ("masked", "**********00"), ("full", FROM)], ids=["none", "masked", "full"]
)
def test_numbers_are_told_as_far_as_the_setting_says(numbers: NumbersTold, told: str | None) -> None:
    assert steps(numbers)[0].attributes.get("ari_agent.from_number") == told


def test_opinion_scores_are_told_where_they_are_known() -> None:
    quality = {"caller_to_agent": {"packets": 1, "mos": 4.1}, "agent_to_caller": {"packets": 1}}
    about = steps(media_quality=quality)[0].attributes
    assert about["ari_agent.mos.caller_to_agent"] == 4.1
    assert "ari_agent.mos.agent_to_caller" not in about


@pytest.mark.parametrize(
    ("sip", "rings"),
    [
        ([event("INVITE", 1), event("180", 2), event("200", 3)], [(1, 3, {"sip.response.status_code": 200})]),
        ([event("INVITE", 1), event("failure", 4, sip_status=486)], [(1, 4, {"sip.response.status_code": 486})]),
        ([event("INVITE", 1), event("CANCEL", 4)], [(1, 4, {})]),
        ([event("INVITE", 1), event("180", 2)], []),
        ([event("BYE", 1)], []),
        ([event("INVITE", 1, "target"), event("200", 2, "target")], []),
        ([], []),
    ],
)
def test_it_rings_from_the_invite_to_what_answers_it(sip: list[dict[str, Any]], rings: list[Any]) -> None:
    assert [(each.began_ms, each.ended_ms, each.attributes) for each in named("ring", sip=sip)] == rings


@pytest.mark.parametrize(
    ("sip", "transfers"),
    [
        ([event("REFER", 1), event("NOTIFY", 3, sip_status=200)], [("REFER", 1, 3, 200, None)]),
        ([event("REFER", 1), event("NOTIFY", 3, sip_status=503)], [("REFER", 1, 3, 503, "503")]),
        ([event("REFER", 1), event("REFER failure", 2, sip_status=403)], [("REFER", 1, 2, 403, "403")]),
        ([event("REFER", 1), event("BYE", 2)], [("REFER", 1, 2, None, None)]),
        ([event("REFER", 1)], [("REFER", 1, 1, None, None)]),
        (
            [event("INVITE", 1, "target"), event("BYE", 2), event("200", 3, "target"), event("BYE", 9, "target")],
            [("INVITE", 1, 3, None, None)],
        ),
        ([event("INVITE", 1, "target"), event("CANCEL", 3, "target")], [("INVITE", 1, 3, None, "cancelled")]),
        (
            [
                event("INVITE", 1, "target"),
                event("failure", 2, "target", sip_status=486),
                event("INVITE", 4, "target"),
                event("200", 5, "target", sip_status=200),
            ],
            [("INVITE", 1, 2, 486, "486"), ("INVITE", 4, 5, 200, None)],
        ),
    ],
)
def test_a_transfer_lasts_until_its_outcome_is_known(sip: list[dict[str, Any]], transfers: list[Any]) -> None:
    found = named("transfer", sip=sip)
    assert len({each.span_id for each in found}) == len(found)
    assert [
        (
            each.attributes["ari_agent.transfer.method"],
            each.began_ms,
            each.ended_ms,
            each.attributes.get("sip.response.status_code"),
            each.error,
        )
        for each in found
    ] == transfers


def test_turns_are_told_by_their_times_and_never_by_their_words() -> None:
    said = [
        {"role": "agent", "content": "hi there", "words": [{"word": "hi", "start": 0.5, "end": 0.8}, {"end": 1.25}]},
        {"role": "user", "content": "nothing known", "words": []},
        {"role": "user", "content": "bye", "words": [{"word": "bye", "start": 2, "end": 1}]},
    ]
    found = named("turn", transcript_object=said)
    assert [(each.began_ms, each.ended_ms, each.attributes) for each in found] == [
        (2_500, 3_250, {"ari_agent.turn.role": "agent", "ari_agent.turn.words": 2}),
        (4_000, 4_000, {"ari_agent.turn.role": "user", "ari_agent.turn.words": 1}),
    ]
    assert named("turn", transcript_object=said, start_timestamp=None) == []
