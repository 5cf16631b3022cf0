"""AGENTVAR_ variables: collected while the dialplan sets them, gone with their channel."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.asterisk import agent_variables
from ari_agent.asterisk.agent_variables import AgentVariables, read_agent_variables
from ari_agent.asterisk.ari import Ari
from ari_agent.asterisk.events import Channel, parse_event

EVENTS = Path(__file__).parents[1] / "data" / "ari" / "events"


def observe(variables: AgentVariables, name: str, value: str, channel_id: str = "c1") -> None:
    channel = {"id": channel_id, "name": "n", "state": "Ring"}
    event = parse_event(json.dumps({"type": "ChannelVarset", "variable": name, "value": value, "channel": channel}))
    assert event is not None
    variables.observe(event)


def destroy(variables: AgentVariables, channel_id: str) -> None:
    channel = {"id": channel_id, "name": "n", "state": "Up"}
    event = parse_event(json.dumps({"type": "ChannelDestroyed", "cause": 16, "channel": channel}))
    assert event is not None
    variables.observe(event)


def test_variables_are_known_by_the_name_without_its_prefix() -> None:
    variables = AgentVariables()
    for case in ("agentvar", "inherited", "transfer_busy"):
        event = parse_event((EVENTS / f"channel_varset_{case}.json").read_bytes())
        assert event is not None
        variables.observe(event)
        channel_id = event.channel_id
    assert variables.of("1795183368.0") == {"customer": 'Bob "B"', "plan": "gold"}
    assert variables.of(channel_id or "") == {}


def test_the_last_value_counts_and_case_is_kept() -> None:
    variables = AgentVariables()
    observe(variables, "AGENTVAR_Name", "1")
    observe(variables, "AGENTVAR_Name", "2")
    observe(variables, "AGENTVAR_name", "3")
    assert variables.of("c1") == {"Name": "2", "name": "3"}


@pytest.mark.parametrize("name", ["AGENTVAR_", "agentvar_x", "XAGENTVAR_x", "___AGENTVAR_x", "AGENTVAR_a b", "FOO"])
def test_other_variables_are_passed_over(name: str) -> None:
    variables = AgentVariables()
    observe(variables, name, "1")
    assert len(variables) == 0


def test_a_channel_that_is_gone_is_forgotten() -> None:
    variables = AgentVariables()
    observe(variables, "AGENTVAR_a", "1")
    destroy(variables, "c2")
    assert len(variables) == 1
    destroy(variables, "c1")
    assert len(variables) == 0


def test_what_never_ends_does_not_gather_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_variables, "_MAX_CHANNELS", 3)
    monkeypatch.setattr(agent_variables, "_MAX_VARIABLES", 2)
    variables = AgentVariables()
    for channel in range(5):
        for name in range(4):
            observe(variables, f"AGENTVAR_{name}", "1", f"c{channel}")
    assert len(variables) == 3
    assert variables.of("c0") == {}
    assert variables.of("c4") == {"0": "1", "1": "1"}


async def test_a_call_reads_its_own_and_what_the_event_itself_tells() -> None:
    ari = Ari(url="http://127.0.0.1:1/ari", username="u", password="p", app="a")
    observe(ari.agent_variables, "AGENTVAR_a", "1", "c1")
    observe(ari.agent_variables, "AGENTVAR_a", "other", "c2")
    told = {"AGENTVAR_a": "older", "AGENTVAR_b": "2", "AGENTVAR_c": "", "FOO": "x"}
    channel = Channel(id="c1", name="n", state="Ring", channelvars=told)
    assert await read_agent_variables(ari, channel) == {"a": "1", "b": "2"}


@given(st.text(), st.text())
def test_no_name_or_value_crashes_it(name: str, value: str) -> None:
    variables = AgentVariables()
    observe(variables, name, value)
    observe(variables, f"AGENTVAR_{name}", value)
    assert set(variables.of("c1").values()) <= {value}
