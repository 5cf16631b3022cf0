"""What the listening channel's events say of who picked up."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ari_agent.asterisk.ari import Ari
from ari_agent.asterisk.events import AriEvent, parse_event
from ari_agent.calls.transfer.machine_detector import MachineDetector, Verdict


def event(kind: str, detector: MachineDetector, **fields: Any) -> AriEvent:
    channel = {"id": detector.channel_id, "name": "Snoop/1", "state": "Up"}
    said = {"type": kind, "timestamp": "2026-08-01T00:00:00.000+0000", "channel": channel, **fields}
    parsed = parse_event(json.dumps(said))
    assert parsed is not None
    return parsed


@pytest.fixture
async def detector() -> AsyncIterator[MachineDetector]:
    ari = Ari(url="http://127.0.0.1:9/ari", username="nobody", password="none", app="ari_agent")
    yield MachineDetector(ari, app="ari_agent", call_id="call_1")
    await ari.close()


@pytest.mark.parametrize(
    ("variable", "value", "verdict", "is_over"),
    [
        ("AMDSTATUS", "MACHINE", Verdict.MACHINE, False),
        ("AMDSTATUS", "HUMAN", Verdict.HUMAN, False),
        ("AMDSTATUS", "NOTSURE", None, False),
        ("AMDSTATUS", "HANGUP", None, False),
        ("AMDCAUSE", "MACHINE", None, False),
        ("WAITSTATUS", "SILENCE", None, True),
        ("WAITSTATUS", "TIMEOUT", None, True),
        ("WAITSTATUS", "", None, False),
    ],
)
async def test_variables_tell_who_it_is_and_when_the_greeting_is_over(
    detector: MachineDetector, variable: str, value: str, verdict: Verdict | None, is_over: bool
) -> None:
    told = event("ChannelVarset", detector, variable=variable, value=value)
    assert detector.verdict(told) is verdict
    assert detector.greeting_is_over(told) is is_over


async def test_a_dialplan_that_does_not_wait_for_silence_ends_the_wait(detector: MachineDetector) -> None:
    gone = event("ChannelDestroyed", detector, cause=16, cause_txt="Normal Clearing")
    assert detector.greeting_is_over(gone)
    assert detector.verdict(gone) is None
