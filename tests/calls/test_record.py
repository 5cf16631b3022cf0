from __future__ import annotations

import json
from typing import Any

import pytest

from ari_agent.calls.call_cost import SpeechUsage
from ari_agent.calls.public_log.public_log import NO_LOG
from ari_agent.calls.record import MAX_FAULTS, CallRecord, is_bridged, registered_call, turned_away_call
from ari_agent.contract.agent import Agent
from ari_agent.contract.analysis_plan import AnalysisPlan
from ari_agent.contract.analysis_report import AnalysisReport
from ari_agent.contract.call import CallAnalysis, Latency, LatencySeries
from ari_agent.contract.call_control import TransferRequest
from ari_agent.contract.call_update import LiveFields
from ari_agent.contract.disconnection import CallStatus, DisconnectionReason
from ari_agent.contract.price_table import PriceTable
from ari_agent.contract.resume_plan import ResumePlan
from ari_agent.contract.sip_timeline import Hangup, SipEvent
from ari_agent.contract.transcript import TranscriptUpdate
from ari_agent.contract.transfer_event import TransferFacts
from ari_agent.contract.webhook_event import WebhookEventName

ACCOUNT = "https://account.example/hook"


def agent(**settings: object) -> Agent:
    return Agent.model_validate(
        {
            "agent_id": "agent_1",
            "version": 2,
            "last_modification_timestamp": 1,
            "response_engine": {"type": "audio-websocket", "audio_websocket_url": "ws://127.0.0.1:1/"},
            **settings,
        }
    )


def record(of: Agent, account: str | None = ACCOUNT) -> CallRecord:
    call = registered_call(
        call_id="call_1",
        agent=of,
        from_number="+15550001",
        to_number="+15550002",
        sip_headers={"x-caller": "abc"},
        sip_call_id="a@b",
        dynamic_variables={"x-caller": "abc", "tenant": "t7"},
        metadata=None,
    )
    return CallRecord(call, agent=of, account_webhook_url=account)


def test_a_call_owes_started_ended_and_analyzed() -> None:
    one = record(agent())
    one.answered(1_000)
    one.ended(DisconnectionReason.USER_HANGUP, 4_000)
    assert [event.event.value for event in one.owed] == ["call_started", "call_ended", "call_analyzed"]
    started, ended, analyzed = (json.loads(event.body)["call"] for event in one.owed)
    assert started["call_status"] == "ongoing"
    assert "end_timestamp" not in started
    assert (ended["duration_ms"], ended["disconnection_reason"]) == (3_000, "user_hangup")
    assert "call_analysis" not in ended
    assert analyzed["call_analysis"]["call_successful"] is True
    assert "metadata" not in ended


@pytest.mark.parametrize(
    ("setting", "opted_out"),
    [("everything", False), ("everything_except_pii", False), ("basic_attributes_only", True)],
)
def test_webhooks_tell_of_storage_in_older_words_too(setting: str, opted_out: bool) -> None:
    one = record(agent(data_storage_setting=setting))
    one.ended(DisconnectionReason.USER_HANGUP, 4_000)
    assert {json.loads(event.body)["call"]["opt_out_sensitive_data_storage"] for event in one.owed} == {opted_out}


def test_a_call_that_never_connected_owes_no_call_started() -> None:
    one = record(agent())
    one.ended(DisconnectionReason.ERROR_LLM_WEBSOCKET_OPEN, 4_000)
    assert [event.event.value for event in one.owed] == ["call_ended", "call_analyzed"]
    assert one.call.call_status is CallStatus.ERROR
    assert one.call.duration_ms is None


def test_a_call_ends_once() -> None:
    one = record(agent())
    one.ended(DisconnectionReason.USER_HANGUP, 4_000)
    one.ended(DisconnectionReason.ERROR_RETELL, 5_000)
    assert one.call.disconnection_reason is DisconnectionReason.USER_HANGUP
    assert len(one.owed) == 2


def test_the_agents_webhook_replaces_the_accounts_and_may_name_variables() -> None:
    one = record(agent(webhook_url="https://{{tenant}}.example/hook", webhook_timeout_ms=2_500))
    one.answered(1_000)
    assert [(event.url, event.timeout_ms) for event in one.owed] == [("https://t7.example/hook", 2_500)]


def test_the_agent_filters_its_events() -> None:
    one = record(agent(webhook_events=["call_analyzed"]))
    one.answered(1_000)
    one.ended(DisconnectionReason.AGENT_HANGUP, 2_000)
    assert [event.event.value for event in one.owed] == ["call_analyzed"]


ALL = [name.value for name in WebhookEventName if not name.value.startswith("chat")]
TO_SALES = TransferRequest(to="+14155559999")
BESIDE_CALL = {
    "transfer_destination": {"number": "+14155559999"},
    "transfer_option": {"type": "cold_transfer", "coldTransferMode": "sip_refer"},
}


def told(one: CallRecord) -> dict[str, dict[str, Any]]:
    """What is owed, by the event's name."""
    bodies = [json.loads(event.body) for event in one.owed]
    return {body["event"]: body for body in bodies}


def test_two_who_are_bridged_talk_until_their_transfer_ends() -> None:
    one = record(agent(webhook_events=ALL))
    one.answered(1_000)
    one.transfer_started(TO_SALES)
    seen = [is_bridged(one.call)]
    one.bridged(TO_SALES.to)
    seen.append(is_bridged(one.call))
    assert list(told(one)) == ["call_started", "transfer_started", "transfer_bridged"]
    one.transfer_ended(9_000)
    seen.append(is_bridged(one.call))
    one.ended(DisconnectionReason.CALL_TRANSFER, 9_000)
    assert seen == [False, True, False]
    assert "transfer_ended" in told(one)
    assert "transfer_cancelled" not in told(one)
    assert (one.call.transfer_end_timestamp, one.call.duration_ms) == (9_000, 8_000)


def test_a_transfer_that_succeeds_is_told_in_three_events() -> None:
    one = record(agent(webhook_events=ALL))
    one.answered(1_000)
    one.transfer_started(TO_SALES)
    one.transferred(TO_SALES.to, 2_000)
    one.ended(DisconnectionReason.CALL_TRANSFER, 2_001)
    bodies = told(one)
    assert list(bodies) == [
        "call_started",
        "transfer_started",
        "transfer_bridged",
        "transfer_ended",
        "transcript_updated",
        "call_ended",
        "call_analyzed",
    ]
    started, bridged, ended = (bodies[f"transfer_{what}"] for what in ("started", "bridged", "ended"))
    assert {key: value for key, value in started.items() if key not in ("event", "call")} == BESIDE_CALL
    assert "transfer_destination" not in started["call"]
    assert {key: value for key, value in bridged.items() if key not in ("event", "call")} == BESIDE_CALL
    assert bridged["call"]["transfer_destination"] == "+14155559999"
    assert set(ended) == {"event", "call"}
    assert ended["call"]["transfer_end_timestamp"] == 2_000
    assert "transfer_end_timestamp" not in bridged["call"]


def test_transfers_that_fail_are_cancelled_each() -> None:
    one = record(agent(webhook_events=ALL))
    one.answered(1_000)
    for _ in range(2):
        one.transfer_started(TO_SALES)
        one.transfer_cancelled()
    one.transfer_cancelled()
    names = [event.event.value for event in one.owed]
    assert names == ["call_started", *["transfer_started", "transfer_cancelled"] * 2]
    assert {key: value for key, value in told(one)["transfer_cancelled"].items() if key.startswith("transfer")} == (
        BESIDE_CALL
    )


def test_a_call_that_ends_in_its_transfer_cancels_it_first() -> None:
    one = record(agent(webhook_events=["transfer_cancelled", "call_ended"]))
    one.answered(1_000)
    one.transfer_started(TransferRequest(to="sip:bob@example.com"))
    one.ended(DisconnectionReason.USER_HANGUP, 2_000)
    assert list(told(one)) == ["transfer_cancelled", "call_ended"]
    assert told(one)["transfer_cancelled"]["transfer_destination"] == {"number": "sip:bob@example.com"}
    assert "disconnection_reason" not in told(one)["transfer_cancelled"]["call"]


def said(*contents: str) -> TranscriptUpdate:
    """The agent and the caller speak in turn."""
    return TranscriptUpdate.model_validate(
        {
            "transcript": [
                {"role": "user" if place % 2 else "agent", "content": content} for place, content in enumerate(contents)
            ]
        }
    )


def test_a_transcript_is_told_turn_by_turn_and_once_more_at_the_end() -> None:
    one = record(agent(webhook_events=["transcript_updated", "call_ended", "call_analyzed"]))
    one.answered(1_000)
    one.write_transcript()
    one.said(said("Hello."))
    one.write_transcript()
    one.write_transcript()
    one.said(said("Hello. Who is it?"))
    one.write_transcript()  # the same turn, which goes on
    one.said(said("Hello. Who is it?", "Zoë."))
    one.pressed("7")
    one.injected("She is a VIP.", 3_500)
    one.ended(DisconnectionReason.USER_HANGUP, 4_000)
    bodies = [json.loads(event.body) for event in one.owed]
    assert [body["event"] for body in bodies] == [*["transcript_updated"] * 2, "call_ended", "call_analyzed"]
    first, last, *ended = bodies
    assert first["transcript_with_tool_calls"] == first["call"]["transcript_with_tool_calls"]
    assert [item["content"] for item in first["transcript_with_tool_calls"]] == ["Hello."]
    assert first["call"]["call_status"] == "ongoing"
    assert last["call"]["call_status"] == "ended"
    assert [item["role"] for item in last["transcript_with_tool_calls"]] == ["agent", "user", "dtmf", "injected"]
    assert last["transcript_with_tool_calls"][-1] == {"role": "injected", "content": "She is a VIP.", "time_sec": 2.5}
    for body in ended:
        assert "transcript_with_tool_calls" not in body
        assert body["call"]["transcript"] == "Agent: Hello. Who is it?\nUser: Zoë.\n"
        assert [item["content"] for item in body["call"]["transcript_object"]] == ["Hello. Who is it?", "Zoë."]
        assert body["call"]["transcript_with_tool_calls"] == last["transcript_with_tool_calls"]


def test_the_last_transcript_comes_even_if_nothing_was_said_but_not_without_a_conversation() -> None:
    silent, unanswered = (record(agent(webhook_events=["transcript_updated"])) for _ in range(2))
    silent.answered(1_000)
    silent.ended(DisconnectionReason.USER_HANGUP, 2_000)
    unanswered.ended(DisconnectionReason.USER_HANGUP, 2_000)
    body = told(silent)["transcript_updated"]
    assert body["transcript_with_tool_calls"] == body["call"]["transcript_with_tool_calls"] == []
    assert "transcript" not in body["call"]
    assert unanswered.owed == []


def test_of_basic_attributes_nothing_is_said() -> None:
    one = record(agent(webhook_events=ALL, data_storage_setting="basic_attributes_only"))
    one.answered(1_000)
    one.said(said("My secret."))
    assert not one.has_news
    one.write_transcript()
    one.pressed("1")
    one.ended(DisconnectionReason.USER_HANGUP, 2_000)
    assert list(told(one)) == ["call_started", "call_ended", "call_analyzed"]
    assert not any("transcript" in key for key in one.call.as_record())


def test_what_was_said_is_dropped_once_basic_attributes_alone_are_to_be_stored() -> None:
    one = record(agent())
    one.answered(1_000)
    one.said(said("My secret."))
    one.write_transcript()
    assert one.call.transcript == "Agent: My secret.\n"
    one.override(LiveFields(data_storage_setting="basic_attributes_only"))
    one.said(said("My secret.", "Another."))
    one.ended(DisconnectionReason.USER_HANGUP, 2_000)
    assert "secret" not in json.dumps(one.call.as_record())
    assert not any(b"secret" in event.body for event in one.owed)


def test_a_record_of_an_earlier_run_keeps_its_transcript() -> None:
    one = record(agent())
    one.answered(1_000)
    one.said(said("Hello."))
    one.write_transcript()
    again = CallRecord(one.call, agent=None, account_webhook_url=ACCOUNT, recovery=one.recovery)
    again.ended(DisconnectionReason.ERROR_RETELL, 9_000)
    assert again.call.transcript == "Agent: Hello.\n"
    assert again.call.transcript_with_tool_calls == one.call.transcript_with_tool_calls


def test_transfers_are_not_told_unless_the_agent_asks_for_it() -> None:
    one = record(agent())
    one.answered(1_000)
    one.transfer_started(TO_SALES)
    one.transferred(TO_SALES.to, 2_000)
    one.ended(DisconnectionReason.CALL_TRANSFER, 2_001)
    assert [event.event.value for event in one.owed] == ["call_started", "call_ended", "call_analyzed"]


@pytest.mark.parametrize(
    ("mode", "option"),
    [
        ("sip_refer", {"type": "cold_transfer", "coldTransferMode": "sip_refer"}),
        ("sip_invite", {"type": "cold_transfer", "coldTransferMode": "sip_invite"}),
        ("warm", {"type": "warm_transfer"}),
    ],
)
def test_the_option_names_the_kind_of_transfer(mode: str, option: dict[str, str]) -> None:
    request = TransferRequest.model_validate({"to": "1001", "mode": mode})
    assert TransferFacts.of(request).as_json()["transfer_option"] == option


def test_nobody_listens_nothing_is_owed() -> None:
    one = record(agent(), account=None)
    one.answered(1_000)
    one.ended(DisconnectionReason.AGENT_HANGUP, 2_000)
    assert one.owed == []


def test_a_caller_whose_webhook_failed_has_a_record() -> None:
    call = turned_away_call(call_id="call_2", agent_id="", from_number="anonymous", to_number="100")
    one = CallRecord(call, agent=None, account_webhook_url=ACCOUNT)
    one.ended(DisconnectionReason.ERROR_INBOUND_WEBHOOK, 9)
    assert one.call.as_json()["disconnection_reason"] == "error_inbound_webhook"
    assert [event.url for event in one.owed] == [ACCOUNT, ACCOUNT]


def test_a_call_that_is_dialled_is_found_by_its_call_id() -> None:
    one = record(agent())
    before = one.call
    one.dialled(None)
    assert one.call == before
    one.dialled("3848276298220188511@pbx")
    assert one.call.telephony_identifier is not None
    assert one.call.telephony_identifier.sip_call_id == "3848276298220188511@pbx"


def test_a_caller_who_goes_to_the_fallback_number_is_remembered_and_not_shown() -> None:
    one = record(agent())
    one.diverted()
    assert one.recovery.diverted is True
    assert "diverted" not in one.call.as_json()


def test_a_call_that_a_machine_took_says_so() -> None:
    one = record(agent())
    one.answered(1_000)
    one.reached_voicemail()
    one.ended(DisconnectionReason.AGENT_HANGUP, 2_000)
    assert one.call.call_analysis is not None and one.call.call_analysis.in_voicemail is True


def test_a_call_that_was_not_placed_says_why() -> None:
    one = record(agent())
    one.ended(DisconnectionReason.DIAL_FAILED, 2_000, why="the trunk has no login")
    assert one.call.faults == ("the trunk has no login.",)
    assert {tuple(body["call"]["faults"]) for body in told(one).values()} == {one.call.faults}


def test_what_ended_a_call_is_told_whatever_went_wrong_before() -> None:
    one = record(agent())
    one.answered(1_000)
    for number in (1, 1, *range(1, 20)):
        one.fault(f"A transfer to {number} failed: busy (486)")
    one.ended(DisconnectionReason.ERROR_LLM_WEBSOCKET_LOST_CONNECTION, 3_000, why="it closed with 1011.")
    before = [f"A transfer to {number} failed: busy (486)." for number in range(1, MAX_FAULTS + 1)]
    assert list(one.call.faults or ()) == [*before, "it closed with 1011."]


def test_without_a_model_only_what_is_known_is_told() -> None:
    one = record(agent())
    one.answered(1_000)
    one.ended(DisconnectionReason.USER_HANGUP, 2_000)
    known = {"in_voicemail": False, "user_sentiment": "Unknown", "call_successful": True}
    assert told(one)["call_analyzed"]["call"]["call_analysis"] == known
    assert "faults" not in one.call.as_json()


@pytest.mark.parametrize(
    ("reason", "successful", "in_voicemail"),
    [
        (DisconnectionReason.AGENT_HANGUP, True, False),
        (DisconnectionReason.VOICEMAIL_REACHED, True, True),
        (DisconnectionReason.DIAL_NO_ANSWER, False, False),
        (DisconnectionReason.ERROR_LLM_WEBSOCKET_RUNTIME, False, False),
    ],
)
def test_a_call_that_connected_and_ended_without_an_error_is_a_success(
    reason: DisconnectionReason, successful: bool, in_voicemail: bool
) -> None:
    one = record(agent())
    one.answered(1_000)
    one.ended(reason, 2_000)
    analysis = one.call.call_analysis
    assert analysis and (analysis.call_successful, analysis.in_voicemail) == (successful, in_voicemail)


def test_a_call_that_a_model_analyses_owes_call_analyzed_only_then() -> None:
    one = record(agent())
    one.answered(1_000)
    one.said(said("Hello."))
    one.ended(DisconnectionReason.USER_HANGUP, 2_000, analysis_due_ms=9_000)
    assert list(told(one)) == ["call_started", "call_ended"]
    assert one.recovery.analysis_due_ms == 9_000 and one.call.call_analysis is None
    report = AnalysisReport(model="small")
    one.analysed(CallAnalysis(call_summary="Sold."), report)
    call = told(one)["call_analyzed"]["call"]
    assert call["call_analysis"] == {"call_summary": "Sold."} and call["analysis_report"]["model"] == "small"


@pytest.mark.parametrize(
    ("settings", "words"), [({}, ()), ({}, ("  ",)), ({"data_storage_setting": "basic_attributes_only"}, ("Hello.",))]
)
def test_a_call_without_words_or_whose_words_are_not_stored_waits_for_no_model(
    settings: dict[str, str], words: tuple[str, ...]
) -> None:
    one = record(agent(**settings))
    one.answered(1_000)
    one.said(said(*words))
    one.ended(DisconnectionReason.USER_HANGUP, 2_000, analysis_due_ms=9_000)
    assert list(told(one)) == ["call_started", "call_ended", "call_analyzed"]
    assert one.recovery.analysis_due_ms is None
    assert one.call.call_analysis and one.call.call_analysis.user_sentiment == "Unknown"


def test_what_the_agent_asks_for_and_a_machine_that_answered_outlive_the_process() -> None:
    items = [{"type": "boolean", "name": "new", "description": "?"}]
    one = record(agent(post_call_analysis_data=items, post_call_analysis_model="large"))
    assert one.recovery.analysis_plan == AnalysisPlan.model_validate({"items": items, "model": "large"})
    plain = record(agent())
    assert plain.recovery.analysis_plan is None
    for each in (one, plain):
        each.reached_voicemail()
        again = CallRecord(each.call, agent=None, account_webhook_url=ACCOUNT, recovery=each.recovery)
        again.ended(DisconnectionReason.ERROR_RETELL, 9_000)
        assert again.call.call_analysis and again.call.call_analysis.in_voicemail is True
    assert one.recovery.analysis_plan and one.recovery.analysis_plan.model == "large"


def test_how_long_turns_took_is_kept_once_it_is_known() -> None:
    one = record(agent())
    latency = Latency(e2e=LatencySeries(p50=640, num=1, values=(640,)))
    kept = []
    for measured in (None, latency, None):
        one.measured(measured)
        kept.append(one.call.latency)
    assert kept == [None, latency, latency]


def test_a_transfer_of_a_record_that_owes_nothing_changes_only_the_call() -> None:
    one = record(agent())
    one.call = one.call.model_copy(update={"webhook_plan": None})
    one.transferred("+15551234567", 3_000)
    one.transfer_cancelled()
    assert (one.call.transfer_destination, one.call.transfer_end_timestamp) == ("+15551234567", 3_000)
    assert one.owed == []


def test_a_transferee_becomes_variables_that_no_update_takes_back() -> None:
    one = record(agent())
    one.transferee(number="anonymous", name="")
    one.transferee(number="+15550009", name="Ada")
    given = {"x-caller": "abc", "tenant": "t7", "transferee_number": "+15550009", "transferee_name": "Ada"}
    assert one.call.retell_llm_dynamic_variables == given
    one.override(LiveFields(override_dynamic_variables={"tenant": "t8"}))
    one.override(LiveFields(override_dynamic_variables=None))
    assert one.call.retell_llm_dynamic_variables == given


def test_signalling_is_in_the_record_and_stays_as_it_was_at_the_end() -> None:
    one = record(agent())
    invite = SipEvent(event="INVITE", direction="received", timestamp=900)
    bye = SipEvent(event="BYE", direction="received", timestamp=4_000)
    one.signalled([invite])
    one.signalled([invite, bye], Hangup(who="caller", timestamp=4_000))
    one.ended(DisconnectionReason.USER_HANGUP, 4_001)
    one.signalled([invite])
    ended = json.loads(one.owed[-1].body)["call"]
    assert [entry["event"] for entry in ended["sip"]] == ["INVITE", "BYE"]
    assert one.call.sip == (invite, bye)
    assert one.call.hangup == Hangup(who="caller", timestamp=4_000)


def test_without_signalling_the_reason_says_who_hung_up() -> None:
    one = record(agent())
    one.ended(DisconnectionReason.MANUAL_STOPPED, 4_000, who="system", why="so")
    assert one.call.hangup == Hangup(who="system", timestamp=4_000, reason="so")
    assert one.call.sip is None


def test_a_call_tells_its_cost_once_it_has_ended() -> None:
    prices = PriceTable.model_validate(
        {
            "telephony": [{"cents_per_minute": 6}],
            "transfer_leg": [{"prefix": "+1415", "cents_per_minute": 60}],
            "text_to_speech": {"cents_per_1000_characters": 100},
        }
    )
    one = CallRecord(record(agent()).call, agent=agent(), account_webhook_url=ACCOUNT, prices=prices)
    one.answered(1_000)
    one.transfer_started(TO_SALES)
    answered = [SipEvent(event=event, leg="target", timestamp=3_000) for event in ("INVITE", "200")]
    one.signalled([*answered, SipEvent(event="BYE", leg="target", timestamp=5_500)])
    one.transfer_cancelled()
    one.measured(None, SpeechUsage(characters=10))
    one.ended(DisconnectionReason.USER_HANGUP, 11_000)
    cost = {
        product["product"]: product["cost"] for product in told(one)["call_ended"]["call"]["call_cost"]["product_costs"]
    }
    assert cost == {"telephony": 1.0, "transfer_leg": 3.0, "text_to_speech": 1.0}
    assert told(one)["call_analyzed"]["call"]["call_cost"]["combined_cost"] == 5.0
    assert "call_cost" not in told(one)["call_started"]["call"]


def test_without_prices_a_call_has_no_cost() -> None:
    one = record(agent())
    one.answered(1_000)
    one.ended(DisconnectionReason.USER_HANGUP, 11_000)
    assert one.call.call_cost is None


def test_the_record_of_an_earlier_run_goes_on_and_forgets_its_plan_at_the_end() -> None:
    one = record(agent())
    one.answered(1_000)
    one.said(said("Hello."))
    one.write_transcript()
    one.resumes_by(ResumePlan(agent=agent(), channel_id="17.4", app="ari_agent"))
    again = CallRecord(one.call, agent=None, account_webhook_url=ACCOUNT, recovery=one.recovery)
    again.resume(NO_LOG)
    again.answered(9_000)
    assert again.owed == []
    assert again.call.start_timestamp == 1_000
    again.said(said("Are you there?"))
    again.write_transcript()
    assert again.call.transcript == "Agent: Hello.\nAgent: Are you there?\n"
    assert again.recovery.resume_plan is not None
    again.ended(DisconnectionReason.USER_HANGUP, 4_000)
    assert again.recovery.resume_plan is None
