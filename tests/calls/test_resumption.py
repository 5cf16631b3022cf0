"""What becomes of calls whose controller has died: which go on, with whom, and why the others end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ari_agent.asterisk.events import Bridge, Channel, DialplanPosition
from ari_agent.asterisk.names import (
    bridge_id,
    consultation_bridge_id,
    detector_channel_id,
    media_channel_id,
    snoop_bridge_id,
    snoop_channel_id,
    target_channel_id,
)
from ari_agent.calls.resumption import InAsterisk, end_of, left_behind, resume_plan
from ari_agent.contract.agent import Agent
from ari_agent.contract.analysis_plan import AnalysisPlan
from ari_agent.contract.call import Call
from ari_agent.contract.call_control import TransferRequest
from ari_agent.contract.call_recovery import CallRecovery
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.contract.resume_plan import ResumePlan
from ari_agent.contract.transfer_event import TransferFacts

APP, DEAD, CALL_ID, CALLER = "ari_agent", "ari_agent_2", "call_1", "17.4"
AUDIO: dict[str, Any] = {"type": "audio-websocket", "audio_websocket_url": "wss://agent.example/talk"}
TEXT: dict[str, Any] = {"type": "custom-llm", "llm_websocket_url": "wss://agent.example/talk"}
PROMPT: dict[str, Any] = {"type": "retell-llm", "llm_id": "llm_1"}
FLOW: dict[str, Any] = {"type": "conversation-flow", "conversation_flow_id": "flow_1"}
NUMBERS = {"direction": "inbound", "from_number": "1", "to_number": "2"}
STATUS = {"call_status": "ongoing", "start_timestamp": 60_000}
CALL = Call.model_validate({"call_id": CALL_ID, "agent_id": "a", **STATUS, **NUMBERS})
ERROR, HANGUP = DisconnectionReason.ERROR_RETELL, DisconnectionReason.USER_HANGUP


def plan(engine: dict[str, Any] = AUDIO) -> ResumePlan:
    about = {"agent_id": "a", "version": 0, "last_modification_timestamp": 1, "voice_id": "v"}
    return ResumePlan(agent=Agent.model_validate({**about, "response_engine": engine}), channel_id=CALLER, app=APP)


def recovery(engine: dict[str, Any] = AUDIO) -> CallRecovery:
    return replace(CallRecovery.of(plan(engine).agent), resume_plan=plan(engine).as_text())


def channel(channel_id: str, *, app: str | None = None) -> Channel:
    dialplan = (
        DialplanPosition(app_name="Stasis", app_data=f"{app},x") if app else DialplanPosition(app_name="Transfer")
    )
    return Channel(id=channel_id, name="PJSIP/x", state="Up", dialplan=dialplan)


def there(*channel_ids: str, joined: tuple[str, ...] = (), app: str = APP, entered: bool = True) -> InAsterisk:
    """These channels, of which some are in the call's bridge."""
    main = Bridge(id=bridge_id(app, CALL_ID), channels=joined)
    others = [Bridge(id="somebody's", channels=(CALLER,)), Bridge(id=consultation_bridge_id(app, CALL_ID))]
    others.append(Bridge(id=snoop_bridge_id(app, CALL_ID, "caller")))
    channels = [channel(channel_id, app=app if entered else None) for channel_id in channel_ids]
    return InAsterisk(channels, [*others, main] if joined else others)


@pytest.mark.parametrize(("engine", "goes_on"), [(AUDIO, True), (TEXT, True), (PROMPT, True), (FLOW, False)])
def test_an_agent_that_keeps_its_conversation_is_dialled_again(engine: dict[str, Any], goes_on: bool) -> None:
    assert (resume_plan(CALL, recovery(engine)) is not None) is goes_on


def test_a_call_without_a_talk_does_not_go_on() -> None:
    assert resume_plan(CALL.model_copy(update={"start_timestamp": None}), recovery()) is None
    assert resume_plan(CALL, replace(recovery(), resume_plan=None)) is None
    assert resume_plan(CALL, replace(recovery(), analysis_plan=AnalysisPlan(in_voicemail=True))) is None
    assert resume_plan(CALL, replace(recovery(), analysis_plan=AnalysisPlan(model="m"))) is not None


MEDIA, TARGET = media_channel_id(APP, CALL_ID), target_channel_id(APP, CALL_ID, 0)


@pytest.mark.parametrize(
    ("found", "caller"),
    [
        (there(CALLER, MEDIA, joined=(MEDIA, CALLER)), CALLER),
        (there(CALLER, "18.1", MEDIA, joined=(MEDIA, "18.1", CALLER)), CALLER),
        (there("18.1", MEDIA, TARGET, joined=(MEDIA, TARGET, "18.1")), "18.1"),  # another has taken the caller's place
        (there(CALLER, MEDIA, joined=(MEDIA,)), CALLER),
        (there(CALLER), CALLER),  # the bridge is gone
        (there(CALLER, MEDIA, joined=(MEDIA,), entered=False), None),  # away, by REFER
        (there(MEDIA, TARGET, joined=(MEDIA, TARGET)), None),
        (there(), None),
    ],
)
def test_the_caller_is_who_is_in_the_bridge_or_waits_in_our_application(found: InAsterisk, caller: str | None) -> None:
    assert left_behind(found, CALL_ID, plan(), app=APP, into=APP).caller == caller


def test_a_target_that_has_become_the_caller_is_gone_on_with() -> None:
    found = there(TARGET, MEDIA, joined=(MEDIA, TARGET))
    left = left_behind(found, CALL_ID, plan().model_copy(update={"channel_id": TARGET}), app=APP, into=APP)
    assert left.caller == TARGET
    assert left.channels == [MEDIA]


@pytest.mark.parametrize("app", [APP, DEAD])
def test_what_the_dead_run_has_made_is_removed_and_nothing_else(app: str) -> None:
    media, target = media_channel_id(app, CALL_ID), target_channel_id(app, CALL_ID, 0)
    ours = [media, target, f"{target};2", detector_channel_id(app, CALL_ID), snoop_channel_id(app, CALL_ID, "caller")]
    others = [media_channel_id(app, "call_2"), media_channel_id("x", CALL_ID), "99.9"]
    left = left_behind(
        there(CALLER, *ours, *others, joined=(CALLER, media), app=app), CALL_ID, plan(), app=app, into=APP
    )
    assert left.caller == CALLER
    assert left.channels == ours
    bridges = [consultation_bridge_id(app, CALL_ID), snoop_bridge_id(app, CALL_ID, "caller")]
    assert left.bridges == (bridges if app == APP else [*bridges, bridge_id(app, CALL_ID)])


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (there("99.9"), HANGUP),
        (there(CALLER, entered=False), ERROR),
        (replace(there(), started_at="1970-01-01T00:00:59.000+0000"), HANGUP),
        (replace(there(), started_at="1970-01-01T00:01:01.000+0000"), ERROR),
        (replace(there(), started_at="1970-01-01T00:01:01"), HANGUP),
        (replace(there(), started_at="yesterday"), HANGUP),
    ],
)
def test_why_a_call_ends_whose_caller_is_not_to_be_had(found: InAsterisk, reason: DisconnectionReason) -> None:
    assert end_of(CALL, recovery(), plan(), found) is reason


def test_of_a_caller_who_left_while_a_transfer_ran_nobody_knows_what_became() -> None:
    kept = recovery()
    assert kept.webhook_plan is not None
    facts = TransferFacts.of(TransferRequest(to="+14155550199"))
    webhooks = kept.webhook_plan.model_copy(update={"transfer": facts})
    assert end_of(CALL, replace(kept, webhook_plan=webhooks), plan(), there()) is ERROR
    assert end_of(CALL, replace(kept, webhook_plan=None), plan(), there()) is HANGUP
